/** How something is not as it was recorded. */
export interface Drift {
  readonly cause: "missing" | "tag-moved" | "edited" | "image-of-chart";
  /** What there is instead, as a clause for people. */
  readonly detail: string;
}
