import { readOptions } from "../../delivery/basics/command-line.ts";
import { InputError } from "../../delivery/basics/input-error.ts";
import { requireRelease } from "../../delivery/releases/store.ts";
import { requireStack } from "../../delivery/settings/stack-state.ts";
import { runPulumi } from "../../platform/pulumi/shell.ts";
import { openStack, stackOptions } from "./stack.ts";

const declared = {
  ...stackOptions,
  to: { type: "string", default: "" },
  preview: { type: "boolean", default: false },
} as const;

/** Everything of the Applications, and nothing else: what was published stays in the state. */
const applications = "**tinyolly:index:Application**";

/**
 * `rollback --to v2.1.7 [--stack prod] [--preview]`: points the Applications at a recorded release and waits until the
 * cluster runs it. Needs neither sources nor a builder. `--preview` shows what would change.
 */
export async function rollback(args: string[]): Promise<number> {
  const options = readOptions(declared, args);
  const { stack, to, preview } = options;
  if (to === "") {
    throw new InputError(
      `name the release to go to, such as make rollback TO=v2.1.7; make releases lists them`,
    );
  }
  const { client, namespace } = openStack(options);
  try {
    // A wrong name is told without the engine.
    await requireRelease(client, namespace, to);
  } finally {
    client.close();
  }
  await requireStack(stack);
  const command = preview
    ? ["preview", "--diff"]
    : ["up", "--yes", "--skip-preview", "--suppress-outputs"];
  const status = await runPulumi([...command, "--stack", stack, "--target", applications], {
    TINYOLLY_RELEASE: to,
  });
  if (status === 0 && !preview) {
    process.stdout.write(
      `\nThe Applications of stack ${stack} are at ${to}. The next pulumi up takes them to what it publishes.\n`,
    );
  }
  return status;
}
