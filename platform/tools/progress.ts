import { live } from "../report/live.ts";
import type { BuildState } from "./go-build.ts";

/** Milliseconds between two lines where there is no terminal. */
const lineEvery = 60_000;

/** Tells how far builds are: one line in a terminal, else a line a minute; and a line for each program that is ready. */
export class BuildProgress {
  private readonly started = Date.now();
  private said = this.started;
  private done = 0;
  private readonly programs: number;
  private readonly log: (line: string) => void;

  constructor(programs: number, log: (line: string) => void) {
    this.programs = programs;
    this.log = log;

    log(`tools: building ${programs} from source; what is done stays when it is ended`);
  }

  /** Programs that come from one file. */
  ready(names: readonly string[]): void {
    for (const name of names)
      this.log(`[${++this.done}/${this.programs}] ${name}: ready after ${clock(this.elapsed())}`);
  }

  update(state: BuildState): void {
    const line = `tools: ${this.done} of ${this.programs} programs, ${this.describe(state)}`;
    live(line);
    if (Date.now() - this.said < lineEvery) return;
    this.said = Date.now();
    if (!process.stderr.isTTY) this.log(line);
  }

  end(): void {
    live("");
  }

  private describe({ compiled, packages, doing }: BuildState): string {
    if (doing !== undefined) return doing;
    if (packages === undefined || compiled === 0) return clock(this.elapsed());
    return `${compiled} of ${packages} packages, ${clock(this.elapsed())}; about ${clock(this.left(compiled, packages))} left`;
  }

  private left(compiled: number, packages: number): number {
    return (this.elapsed() * Math.max(0, packages - compiled)) / compiled;
  }

  private elapsed(): number {
    return Date.now() - this.started;
  }
}

/** Minutes and seconds, such as `7:05`. */
export function clock(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
