/** The first names of many, and how many more there are: `a, b, c and 2 more`. */
export function fewNames(names: readonly string[], most = 3): string {
  const named = names.slice(0, most).join(", ");
  return names.length > most ? `${named} and ${names.length - most} more` : named;
}
