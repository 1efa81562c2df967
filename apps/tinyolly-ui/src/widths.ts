/** Widths that were chosen earlier, as parts of a hundred. */
export function storedWidth(name: string, standard: number): number {
  const stored = Number(localStorage.getItem(storageKey(name)));
  return stored > 0 && stored < 100 ? stored : standard;
}

export function storeWidth(name: string, width: number): void {
  localStorage.setItem(storageKey(name), String(width));
}

function storageKey(name: string): string {
  return `tinyolly-width-${name}`;
}
