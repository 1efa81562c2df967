import { run } from "./command.ts";
import type { Workplace } from "./workplace.ts";

/**
 * A namespace for the Applications of one contender. Argo CD does not watch it, so nothing is synced while others are
 * timed, and the Applications in use are not touched.
 */
export class Namespace {
  public readonly name: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #cwd: string;

  public constructor(name: string, { env, folder }: Workplace) {
    this.name = name;
    this.#env = env;
    this.#cwd = folder;
  }

  /** Makes it, empty. */
  public async make(): Promise<void> {
    await this.remove();
    await this.#kubectl("create", "namespace", this.name);
  }

  /** Deletes what is in it. */
  public async clear(): Promise<void> {
    const kinds = "applications.argoproj.io";
    const found = await this.#kubectl("get", kinds, `--namespace=${this.name}`, "--output=name");
    // No Argo CD is there to take its finalizer away.
    for (const application of found.split("\n").filter((line) => line !== "")) {
      await this.#kubectl(
        "patch",
        application,
        `--namespace=${this.name}`,
        "--type=merge",
        `--patch={"metadata":{"finalizers":null}}`,
      );
    }
    await this.#kubectl("delete", `${kinds},secrets`, "--all", `--namespace=${this.name}`);
  }

  /** Deletes it and what is in it. */
  public async remove(): Promise<void> {
    await this.clear();
    await this.#kubectl("delete", "namespace", this.name, "--ignore-not-found");
  }

  async #kubectl(...args: string[]): Promise<string> {
    const { stdout } = await run({ program: "kubectl", args, cwd: this.#cwd, env: this.#env });
    return stdout;
  }
}
