import { readOptions } from "../../delivery/basics/command-line.ts";
import { requireStack } from "../../delivery/settings/stack-state.ts";
import { enterStack } from "../../platform/environment.ts";
import { runPulumi } from "../../platform/pulumi/shell.ts";
import { enterSigner } from "../../platform/tools/release-tools.ts";
import { list } from "./list.ts";

const declared = {
  stack: { type: "string", default: "prod" },
  platform: { type: "boolean", default: false },
  preview: { type: "boolean", default: false },
} as const;

/**
 * `up [--stack prod] [--preview]`: `pulumi up` of a stack with the credentials of the environment or of its configuration, and then the
 * list of its releases.
 */
export async function up(args: string[]): Promise<number> {
  const { stack, platform, preview } = readOptions(declared, args);
  if (platform) enterStack(stack);
  await requireStack(stack);
  // Where it must be built, that takes minutes.
  if (platform) await enterSigner(stack);
  if (preview) return runPulumi(["preview", "--diff", "--stack", stack]);
  const status = await runPulumi([
    "up",
    "--stack",
    stack,
    "--yes",
    "--skip-preview",
    "--suppress-outputs",
  ]);
  if (status !== 0) {
    process.stderr.write(
      `What was published is kept: mend the cause and run make release again, which does the rest; make releases lists whole ones.\n`,
    );
    return status;
  }
  process.stdout.write("\n");
  return list(["--stack", stack]);
}
