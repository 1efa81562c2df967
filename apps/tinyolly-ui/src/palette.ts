const colours = 10;
const given = new Map<string, number>();

/** Gives each name a colour of its own, as long as there are some left. A name keeps the one that it has. */
export function giveColours(names: Iterable<string>): void {
  for (const name of [...names].sort()) {
    if (!given.has(name)) given.set(name, freeColour(name));
  }
}

/** Colour number of a name, the same on every page. */
export function colourOf(name: string): number {
  return given.get(name) ?? preferred(name);
}

/** Colour number of the n-th line of a chart. */
export function colourAt(index: number): number {
  return index % colours;
}

/** The first that no other name has, from the preferred one on. */
function freeColour(name: string): number {
  const first = preferred(name);
  const taken = new Set(given.values());
  for (let step = 0; step < colours; step++) {
    const colour = (first + step) % colours;
    if (!taken.has(colour)) return colour;
  }
  return first;
}

/** The same in every session, so that other names seldom change it. */
function preferred(name: string): number {
  let hash = 0x811c9dc5;
  for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0) % colours;
}
