/**
 * Numbers of the ways in which this program makes artifacts. One is raised when the same sources shall be built or
 * packaged anew, since the program makes something else of them.
 */
export const recipes = { image: 3, chart: 3 } as const;
