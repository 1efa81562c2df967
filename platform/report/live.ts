import { cursorTo, clearLine } from "node:readline";

let shown = "";

/**
 * Shows a line at the end of a terminal, in the place of the one before; nothing elsewhere. An empty one takes it away. Returns whether
 * there is a terminal.
 */
export function live(line: string): boolean {
  const { stderr } = process;
  if (!stderr.isTTY) return false;
  // Some terminals do not tell how wide they are.
  const columns = stderr.columns > 0 ? stderr.columns : 80;
  shown = line.slice(0, columns - 1);
  redraw(shown);
  return true;
}

/** Writes a line that stays, above what {@link live} shows. */
export function say(line: string, stream: NodeJS.WritableStream = process.stderr): void {
  if (shown !== "") redraw("");
  stream.write(`${line}\n`);
  if (shown !== "") redraw(shown);
}

function redraw(text: string): void {
  cursorTo(process.stderr, 0);
  clearLine(process.stderr, 0);
  process.stderr.write(text);
}
