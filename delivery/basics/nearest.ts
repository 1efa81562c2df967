import { closest, distance } from "fastest-levenshtein";

/** ` (did you mean "registryPush"?)` where one of the names is written almost like the one given; `""` where none is. */
export function didYouMean(given: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const nearest = closest(given, names);
  const isNear =
    distance(given.toLowerCase(), nearest.toLowerCase()) <= Math.max(2, given.length / 3);
  return isNear ? ` (did you mean ${nearest}?)` : "";
}
