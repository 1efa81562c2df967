import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { copyProject } from "../commands/rehearse/stage.ts";
import { InputError } from "../delivery/basics/input-error.ts";
import { accepts } from "../platform/machine/http.ts";
import { unmountBelow } from "../platform/machine/mounts.ts";
import { startTime } from "../platform/machine/start-time.ts";
import { raisedPorts } from "../platform/settings.ts";
import type { Print, Programs } from "./programs.ts";
import { TestPlatform } from "./test-platform.ts";

const prefix = "tinyolly-test-";

/** Who made a folder; it is left behind where that process is gone. */
interface Owner {
  readonly pid: number;
  readonly startTime: string | undefined;
  /** Of the two platforms. */
  readonly portOffsets: readonly [main: number, spare: number];
}

/** A folder in which everything of one run of the tests is: sources, platforms, temporary files. */
export class TestRun {
  /** The sources as they are; nothing changes them. */
  public readonly sources: string;
  /** The platform of most suites. */
  public readonly main: TestPlatform;
  /** That of suites that stop servers, for which no other one has to wait. */
  public readonly spare: TestPlatform;
  readonly #folder: string;

  private constructor(folder: string, [main, spare]: Owner["portOffsets"]) {
    this.#folder = folder;
    this.sources = join(folder, "sources");
    const folders = { sources: this.sources, temporary: this.#temporary };
    this.main = new TestPlatform(join(folder, "checkout"), main, folders);
    this.spare = new TestPlatform(join(folder, "spare"), spare, folders);
  }

  /** Makes a folder, and copies the sources. */
  public static async make(): Promise<TestRun> {
    const portOffsets = await freeOffsets();
    const folder = mkdtempSync(join(tmpdir(), prefix));
    // Some tests are another user.
    chmodSync(folder, 0o711);
    const owner: Owner = { pid: process.pid, startTime: startTime(process.pid), portOffsets };
    writeFileSync(join(folder, "owner"), JSON.stringify(owner));
    const run = new TestRun(folder, portOffsets);
    mkdirSync(run.#temporary);
    chmodSync(run.#temporary, 0o1777);
    copyProject(run.sources);
    for (const platform of run.platforms) platform.make();
    return run;
  }

  /** Runs that ended without cleaning up. */
  public static leftBehind(): TestRun[] {
    return readdirSync(tmpdir())
      .filter((name) => name.startsWith(prefix))
      .flatMap((name) => {
        const folder = join(tmpdir(), name);
        const owner = readOwner(folder);
        const left = owner && startTime(owner.pid) !== owner.startTime;
        return left ? [new TestRun(folder, owner.portOffsets)] : [];
      });
  }

  /** Both platforms. */
  public get platforms(): readonly TestPlatform[] {
    return [this.main, this.spare];
  }

  /** Variables for what needs no platform. */
  public get basics(): NodeJS.ProcessEnv {
    return { ...process.env, TMPDIR: this.#temporary };
  }

  /** A new folder for a report. */
  public folder(name: string): string {
    return mkdtempSync(join(this.#folder, `${name}-`));
  }

  /** Copies the logs of the platforms to folders below `target`, in the place of those of earlier runs. */
  public saveLogs(target: string): void {
    this.main.saveLogs(join(target, "main"));
    this.spare.saveLogs(join(target, "spare"));
  }

  /** Stops the platforms and removes the folder. Resolves to whether nothing was left. */
  public async end(programs: Programs, print: Print): Promise<boolean> {
    const ends = await Promise.all(
      this.platforms.map((platform) => platform.reset(programs, print)),
    );
    await this.kill();
    // A builder that is killed leaves mounts in its folder for temporary files.
    unmountBelow(this.#folder);
    rmSync(this.#folder, { recursive: true, force: true });
    return ends.every(Boolean);
  }

  /** Kills all processes that this run has started. */
  public async kill(): Promise<void> {
    const marks = this.platforms.map(({ checkout }) => `TINYOLLY_TEST_CHECKOUT=${checkout}`);
    const marked = (): string[] =>
      readdirSync("/proc").filter(
        (name) =>
          /^\d+$/.test(name) &&
          Number(name) !== process.pid &&
          environmentOf(name).some((variable) => marks.includes(variable)),
      );
    for (let found = marked(); found.length > 0; found = marked()) {
      for (const pid of found) kill(Number(pid));
      await sleep(20);
    }
  }

  get #temporary(): string {
    return join(this.#folder, "tmp");
  }
}

function readOwner(folder: string): Owner | undefined {
  const file = join(folder, "owner");
  // Anybody may put a folder there, and what is in it says what is killed.
  const stats = lstatSync(folder);
  if (!stats.isDirectory() || stats.uid !== process.getuid?.()) return undefined;
  // TestRun.make writes exactly this type.
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Owner) : undefined;
}

/** The first two offsets at whose ports nobody listens; others may test as well. */
async function freeOffsets(): Promise<Owner["portOffsets"]> {
  const free: number[] = [];
  for (let offset = 1100; offset < 2200; offset += 100) {
    const ports = Object.values(raisedPorts(offset)).map(Number);
    const taken = await Promise.all(ports.map((port) => accepts({ host: "127.0.0.1", port })));
    if (!taken.includes(true)) free.push(offset);
    const [main, spare] = free;
    if (main !== undefined && spare !== undefined) return [main, spare];
  }
  throw new InputError("ten platforms of other tests run here; end some of them");
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended in the meantime.
  }
}

function environmentOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    // It ended in the meantime, or is another user's.
    return [];
  }
}
