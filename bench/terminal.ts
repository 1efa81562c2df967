/**
 * Records a terminal in which a file of the demo is edited, `make explain` tells what follows and `make watch` ships it, and writes
 * docs/terminal.svg: `node bench/terminal.ts`. The platform has to be up, and the machine idle; the edits are taken back.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { runMain } from "../delivery/basics/command-line.ts";
import { InputError } from "../delivery/basics/input-error.ts";
import { project } from "../platform/settings.ts";
import { type ShownLine, terminalSvg } from "./terminal-svg.ts";

const edited = join(project, "apps/demo/backend.py");

/** Seconds that a reader gets before the next screen. */
const pause = 4;

async function main(): Promise<number> {
  const before = readFileSync(edited);
  // What is recorded begins where all that the sources say is deployed.
  const { status, stderr } = spawnSync("make", ["--silent", "up"], { cwd: project });
  if (status !== 0) throw new InputError(`make up failed: ${String(stderr)}`);
  const recording = new Recording();
  try {
    await recording.run("date '+# %c' >> apps/demo/backend.py; make explain");
    // Its first round ships the edit.
    await recording.run("make watch", /^watching .* Ctrl-C ends/);
  } finally {
    writeFileSync(edited, before);
  }
  writeFileSync(join(project, "docs/terminal.svg"), terminalSvg(recording.lines));
  return 0;
}

/** What stands in a terminal, and when each line came. */
class Recording {
  readonly lines: ShownLine[] = [];
  #now = 0;
  #screen = -1;

  /** Types a command on an empty screen, and runs it to its end or until it prints a line that matches, after which Ctrl-C ends it. */
  async run(command: string, until?: RegExp): Promise<void> {
    if (this.#screen >= 0) this.#now += pause;
    this.#screen++;
    this.#show(`$ ${command}`);
    const env = { ...process.env, FORCE_COLOR: "1" };
    const child = spawn("sh", ["-c", command], {
      ...{ cwd: project, env, stdio: ["ignore", "pipe", "pipe"] as const },
      // As on a terminal, Ctrl-C goes to make and to what it runs.
      detached: true,
    });
    const [started, begin] = [Date.now(), this.#now];
    for (const input of [child.stdout, child.stderr])
      createInterface({ input }).on("line", (text) => {
        this.#now = begin + (Date.now() - started) / 1000;
        this.#show(text);
        if (until?.test(text) === true && child.pid !== undefined)
          process.kill(-child.pid, "SIGINT");
      });
    const [status] = (await once(child, "close")) as [number | null];
    if (status !== 0 && until === undefined)
      throw new InputError(`${command} ended with ${String(status)}`);
  }

  #show(text: string): void {
    this.lines.push({ screen: this.#screen, seconds: this.#now, text });
  }
}

runMain("terminal", main);
