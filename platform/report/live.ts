import { clearScreenDown, cursorTo, moveCursor } from "node:readline";

let shown: readonly string[] = [];

/**
 * Shows lines at the end of a terminal, in the place of those before; nothing elsewhere. An empty text takes them away. Returns whether
 * there is a terminal.
 */
export function live(text: string): boolean {
  const { stderr } = process;
  if (!stderr.isTTY) return false;
  // Some terminals do not tell how large they are.
  const columns = stderr.columns > 0 ? stderr.columns : 80;
  const rows = stderr.rows > 0 ? stderr.rows : 24;
  const lines = text === "" ? [] : text.split("\n").slice(0, rows - 1);
  redraw(lines.map((line) => line.slice(0, columns - 1)));
  return true;
}

/** Writes a line that stays, above what {@link live} shows. */
export function say(line: string, stream: NodeJS.WritableStream = process.stderr): void {
  const below = shown;
  if (below.length > 0) redraw([]);
  stream.write(`${line}\n`);
  if (below.length > 0) redraw(below);
}

function redraw(lines: readonly string[]): void {
  const { stderr } = process;
  if (shown.length > 1) moveCursor(stderr, 0, 1 - shown.length);
  cursorTo(stderr, 0);
  clearScreenDown(stderr);
  stderr.write(lines.join("\n"));
  shown = lines;
}
