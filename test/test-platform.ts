import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { copyProject } from "../commands/rehearse/stage.ts";
import { environment } from "../platform/environment.ts";
import { raisedPorts, readPlatformSettings } from "../platform/settings.ts";
import type { Print, Programs } from "./programs.ts";

/** Where the platforms of a run of the tests are. */
export interface TestFolders {
  /** Sources as they are; nothing changes them. */
  readonly sources: string;
  /** Folder for temporary files. */
  readonly temporary: string;
}

/** A platform of the tests, in a copy of the sources of its own in which tests edit files. */
export class TestPlatform {
  public readonly checkout: string;
  readonly #folders: TestFolders;
  readonly #portOffset: number;

  public constructor(checkout: string, portOffset: number, folders: TestFolders) {
    this.checkout = checkout;
    this.#portOffset = portOffset;
    this.#folders = folders;
  }

  /** Copies the sources. */
  public make(): void {
    copyProject(this.checkout);
  }

  /** Variables that choose this platform. */
  public get chosen(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      ...raisedPorts(this.#portOffset),
      TMPDIR: this.#folders.temporary,
      TINYOLLY_STATE: this.#state,
      TINYOLLY_TEST_CHECKOUT: this.checkout,
      TINYOLLY_TEST_SOURCES: this.#folders.sources,
      // Registries on which releases are made.
      TINYOLLY_REHEARSAL: "1",
      CONTRACT_KUBECONFIG: join(this.#state, "kubeconfig"),
    };
  }

  /** The same with what the platform offers once it is up. */
  public get served(): NodeJS.ProcessEnv {
    return { ...this.chosen, ...environment(readPlatformSettings(this.chosen)) };
  }

  /** Copies the logs of the platform and of its pods to a folder, in the place of those of earlier runs. */
  public saveLogs(target: string): void {
    rmSync(target, { recursive: true, force: true });
    for (const logs of ["logs", "node/logs"]) {
      const from = join(this.#state, logs);
      if (existsSync(from)) cpSync(from, join(target, logs), { recursive: true });
    }
  }

  /** Stops the platform and deletes its data. Resolves to whether nothing was left. */
  public async reset(programs: Programs, print: Print): Promise<boolean> {
    const args = ["platform/cli.ts", "reset"];
    return (await programs.finish("node", args, process.cwd(), this.chosen, print)) === 0;
  }

  get #state(): string {
    return join(this.checkout, ".tinyolly/platform");
  }
}
