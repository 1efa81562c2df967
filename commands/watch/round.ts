import type { Finished } from "./foreground.ts";

/** What a round does; {@link runRound} decides which of it. */
export interface Steps {
  /** Explains what `up` would do; exit code 2 means something, 0 nothing, and all else that it could not tell. */
  readonly explain: () => Promise<Finished>;
  /** Brings the stack up to date and returns the exit code. */
  readonly up: () => Promise<number>;
  readonly print: (text: string) => void;
  /** Whether the round shall end before its next step. */
  readonly stopped: () => boolean;
}

const somethingChanges = 2;

/** Explains, and where something would change, does it. Ends with a line that says how long it took. */
export async function runRound({ explain, up, print, stopped }: Steps): Promise<void> {
  const explaining = await timed(explain);
  if (stopped()) return;
  const { status, output } = explaining.result;
  if (status === 0) {
    print(roundLine(`nothing to do, explained in ${explaining.time}`));
    return;
  }
  print(output);
  if (status !== somethingChanges) {
    print(roundLine(`explanation failed after ${explaining.time}`));
    return;
  }
  const updating = await timed(up);
  const failure = stopped() ? "up cancelled after" : "up failed after";
  const outcome = updating.result === 0 ? "up in" : failure;
  print(roundLine(`explained in ${explaining.time}, ${outcome} ${updating.time}`));
}

async function timed<T>(action: () => Promise<T>): Promise<{ result: T; time: string }> {
  const start = Date.now();
  const result = await action();
  return { result, time: `${((Date.now() - start) / 1000).toFixed(1)} s` };
}

function roundLine(text: string): string {
  return `${text}; ${new Date().toTimeString().slice(0, 8)}\n`;
}
