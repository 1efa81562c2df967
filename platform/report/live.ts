import { cursorTo, clearLine } from "node:readline";

let shown = "";

/** Shows a line at the end of a terminal, in the place of the one before; nothing elsewhere. An empty one takes it away. */
export function live(line: string): void {
  const { stderr } = process;
  if (!stderr.isTTY) return;
  shown = line.slice(0, stderr.columns - 1);
  redraw(shown);
}

/** Writes a line that stays, above what {@link live} shows. */
export function say(line: string): void {
  if (shown !== "") redraw("");
  process.stderr.write(`${line}\n`);
  if (shown !== "") redraw(shown);
}

function redraw(text: string): void {
  cursorTo(process.stderr, 0);
  clearLine(process.stderr, 0);
  process.stderr.write(text);
}
