const colours = 10;

/** Colour number of a name: the same on every page, in every session. */
export function colourOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0) % colours;
}

/** Colour number of the n-th line of a chart. */
export function colourAt(index: number): number {
  return index % colours;
}
