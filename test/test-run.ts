import {
  chmodSync,
  cpSync,
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
import { environment } from "../platform/environment.ts";
import { accepts } from "../platform/machine/http.ts";
import { unmountBelow } from "../platform/machine/mounts.ts";
import { startTime } from "../platform/machine/start-time.ts";
import { raisedPorts, readPlatformSettings } from "../platform/settings.ts";
import type { Print, Programs } from "./programs.ts";

const prefix = "tinyolly-test-";

/** Who made a folder; it is left behind where that process is gone. */
interface Owner {
  readonly pid: number;
  readonly startTime: string | undefined;
  readonly portOffset: number;
}

/** A folder in which everything of one run of the tests is: sources, platform, temporary files. */
export class TestRun {
  /** The sources as they are; nothing changes them. */
  public readonly sources: string;
  /** A copy of the sources in which tests edit files, with the platform's data. */
  public readonly checkout: string;
  readonly #folder: string;
  readonly #portOffset: number;

  private constructor(folder: string, portOffset: number) {
    this.#folder = folder;
    this.#portOffset = portOffset;
    this.sources = join(folder, "sources");
    this.checkout = join(folder, "checkout");
  }

  /** Makes a folder, and copies the sources. */
  public static async make(): Promise<TestRun> {
    const portOffset = await freeOffset();
    const folder = mkdtempSync(join(tmpdir(), prefix));
    // Some tests are another user.
    chmodSync(folder, 0o711);
    const owner: Owner = { pid: process.pid, startTime: startTime(process.pid), portOffset };
    writeFileSync(join(folder, "owner"), JSON.stringify(owner));
    const run = new TestRun(folder, portOffset);
    mkdirSync(join(folder, "tmp"));
    chmodSync(join(folder, "tmp"), 0o1777);
    for (const copy of [run.sources, run.checkout]) copyProject(copy);
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
        return left ? [new TestRun(folder, owner.portOffset)] : [];
      });
  }

  /** Variables for what needs no platform. */
  public get basics(): NodeJS.ProcessEnv {
    return { ...process.env, TMPDIR: join(this.#folder, "tmp") };
  }

  /** Variables that choose the platform of the tests. */
  public get platform(): NodeJS.ProcessEnv {
    return {
      ...this.basics,
      ...raisedPorts(this.#portOffset),
      TINYOLLY_STATE: join(this.checkout, ".tinyolly/platform"),
      TINYOLLY_TEST_CHECKOUT: this.checkout,
      TINYOLLY_TEST_SOURCES: this.sources,
      // Registries on which releases are made.
      TINYOLLY_REHEARSAL: "1",
      CONTRACT_KUBECONFIG: join(this.checkout, ".tinyolly/platform/kubeconfig"),
    };
  }

  /** The same with what the platform offers once it is up. */
  public get served(): NodeJS.ProcessEnv {
    return { ...this.platform, ...environment(readPlatformSettings(this.platform)) };
  }

  /** A new folder for a report. */
  public folder(name: string): string {
    return mkdtempSync(join(this.#folder, `${name}-`));
  }

  /** Copies the logs of the platform and of its pods to a folder, in the place of those of earlier runs. */
  public saveLogs(target: string): void {
    rmSync(target, { recursive: true, force: true });
    for (const logs of ["logs", "node/logs"]) {
      const from = join(this.checkout, ".tinyolly/platform", logs);
      if (existsSync(from)) cpSync(from, join(target, logs), { recursive: true });
    }
  }

  /** Stops the platform and removes the folder. Resolves to whether nothing was left. */
  public async end(programs: Programs, print: Print): Promise<boolean> {
    const reset = ["platform/cli.ts", "reset"];
    const status = await programs.finish("node", reset, process.cwd(), this.platform, print);
    await this.kill();
    // A builder that is killed leaves mounts in its folder for temporary files.
    unmountBelow(this.#folder);
    rmSync(this.#folder, { recursive: true, force: true });
    return status === 0;
  }

  /** Kills all processes that this run has started. */
  public async kill(): Promise<void> {
    const mark = `TINYOLLY_TEST_CHECKOUT=${this.checkout}`;
    const marked = (): string[] =>
      readdirSync("/proc").filter(
        (name) =>
          /^\d+$/.test(name) && Number(name) !== process.pid && environmentOf(name).includes(mark),
      );
    for (let found = marked(); found.length > 0; found = marked()) {
      for (const pid of found) kill(Number(pid));
      await sleep(20);
    }
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

/** The first offset at whose ports nobody listens; others may test as well. */
async function freeOffset(): Promise<number> {
  for (let offset = 1100; offset < 2200; offset += 100) {
    const ports = Object.values(raisedPorts(offset)).map(Number);
    const taken = await Promise.all(ports.map((port) => accepts({ host: "127.0.0.1", port })));
    if (!taken.includes(true)) return offset;
  }
  throw new InputError("eleven platforms of other tests run here; end one of them");
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
