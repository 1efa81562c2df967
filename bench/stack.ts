import { mkdirSync, rmSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { type Command, run } from "./command.ts";

/** Name of every stack that the benchmark makes. */
export const stackName = "bench";

/** A Pulumi stack in a state folder of its own. */
export class Stack {
  readonly #program: string;
  readonly #state: string;
  readonly #env: NodeJS.ProcessEnv;

  /** `program` is the folder with Pulumi.yaml; `state` is made, and removed by {@link renew}. */
  public constructor(program: string, state: string, env: NodeJS.ProcessEnv) {
    this.#program = program;
    this.#state = state;
    this.#env = { ...env, PULUMI_BACKEND_URL: pathToFileURL(state).href };
    // The platform's configuration is that of its own stack.
    delete this.#env["PULUMI_OPTION_CONFIG_FILE"];
  }

  /** Makes the stack anew, without any resource. */
  public async renew(): Promise<void> {
    rmSync(this.#state, { recursive: true, force: true });
    mkdirSync(this.#state, { recursive: true });
    await run(this.#pulumi("stack", "init", stackName, "--no-select"));
  }

  public get preview(): Command {
    return this.#pulumi("preview");
  }

  public get up(): Command {
    return this.#pulumi("up", "--skip-preview", "--yes");
  }

  /** Any other command about the stack, which finds its name in PULUMI_STACK. */
  public command([program = "", ...args]: readonly string[]): Command {
    return { program, args, cwd: this.#program, env: { ...this.#env, PULUMI_STACK: stackName } };
  }

  #pulumi(...args: string[]): Command {
    return this.command(["pulumi", ...args, "--non-interactive", "--color=never"]);
  }
}
