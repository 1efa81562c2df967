import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockFolder } from "../../../platform/machine/lock.ts";
import { startTime } from "../../../platform/machine/start-time.ts";
import { folderWith, writeFiles } from "../../folders.ts";

const project = resolve(import.meta.dirname, "../../..");
const program = `
  const { withLock } = require(${JSON.stringify(join(project, "platform/machine/lock.ts"))});
  const { once } = require("node:events");
  const say = (line) => process.stdout.write(line + "\\n");
  (async () => {
    say("ready");
    for (;;) {
      const [moment] = await once(process.stdin, "data");
      while (Date.now() < Number(moment)); // So that all begin at once.
      try {
        await withLock(process.argv[1], "make up", async () => {
          say("won");
          await once(process.stdin, "data");
        });
        say("released");
      } catch (error) {
        say(error.name + " " + error.message);
      }
    }
  })();`;

let state = "";
let contenders: Contender[] = [];

beforeEach(() => {
  state = join(folderWith({}), "state");
  contenders = [];
});

afterEach(() => {
  for (const { child } of contenders) child.kill("SIGKILL");
});

/** A process that takes the lock when it is told to. */
class Contender {
  public readonly child: ChildProcess;
  readonly #lines: string[] = [];
  #wake: () => void = () => undefined;

  public constructor() {
    this.child = spawn(process.execPath, ["-e", program, state], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    let rest = "";
    this.child.stdout?.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      this.#lines.push(...lines);
      this.#wake();
    });
    contenders.push(this);
  }

  /** Tells it to take the lock at a moment, in milliseconds since 1970. */
  public take(moment: number): void {
    this.child.stdin?.write(String(moment));
  }

  public release(): void {
    this.child.stdin?.write("release");
  }

  public async line(): Promise<string> {
    while (this.#lines.length === 0) await new Promise<void>((done) => (this.#wake = done));
    return this.#lines.shift() ?? "";
  }
}

async function start(count: number): Promise<Contender[]> {
  const started = Array.from({ length: count }, () => new Contender());
  for (const contender of started) expect(await contender.line()).toBe("ready");
  return started;
}

test("of processes that start at once exactly one wins, also where they take over from an ended one", async () => {
  const started = await start(2);
  for (let round = 0; round < 200; round++) {
    if (round % 2 === 1) writeFiles(lockFolder(state), { "999999999-1": "{}" });
    const moment = Date.now() + 10;
    for (const contender of started) contender.take(moment);
    const lines = await Promise.all(started.map((contender) => contender.line()));
    const [winner, ...others] = started.filter((_, index) => lines[index] === "won");
    expect(others).toEqual([]);
    const pid = winner?.child.pid ?? 0;
    for (const line of lines.filter((text) => text !== "won"))
      expect(line).toMatch(
        new RegExp(`^PlatformError make up \\(process ${pid}, since 20\\S+Z\\) works on `),
      );
    winner?.release();
    expect(await winner?.line()).toBe("released");
    expect(readdirSync(dirname(state))).toEqual([]);
  }
});

test("the lock of a killed process is taken over", async () => {
  const [first, second] = await start(2);
  first?.take(0);
  expect(await first?.line()).toBe("won");
  const pid = first?.child.pid ?? 0;
  const left = `${pid}-${startTime(pid) ?? ""}`;
  first?.child.kill("SIGKILL");
  if (first) await once(first.child, "exit");
  expect(readdirSync(lockFolder(state))).toEqual([left]);

  second?.take(0);
  expect(await second?.line()).toBe("won");
  const next = second?.child.pid ?? 0;
  expect(readdirSync(lockFolder(state))).toEqual([`${next}-${startTime(next) ?? ""}`]);
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "a process that %s ends gives the lock back, and ends by that signal",
  async (signal) => {
    const [holder] = await start(1);
    holder?.take(0);
    expect(await holder?.line()).toBe("won");
    holder?.child.kill(signal);
    expect(holder && (await once(holder.child, "exit"))).toEqual([null, signal]);
    expect(existsSync(lockFolder(state))).toBe(false);
  },
);

test("a process that ends in the middle of its work gives the lock back", async () => {
  const leaves = `
    const { withLock } = require(${JSON.stringify(join(project, "platform/machine/lock.ts"))});
    void withLock(process.argv[1], "make up", async () => process.exit(3));`;
  const child = spawn(process.execPath, ["-e", leaves, state]);
  expect(await once(child, "exit")).toEqual([3, null]);
  expect(readdirSync(dirname(state))).toEqual([]);
});
