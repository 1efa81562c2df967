import { execFile } from "node:child_process";
import { InputError } from "../components/input-error";
import type { StateResource } from "../components/recorded";

/**
 * Reads the resources of a stack's state with the Pulumi CLI, whatever the backend; none where the stack was never
 * made.
 *
 * @throws InputError when the CLI is missing, cannot read the state or prints something else.
 */
export async function readStackState(stack: string): Promise<StateResource[]> {
  const { error, stdout, stderr } = await pulumi(["stack", "export", "--stack", stack]);
  if (error === undefined) return readExport(stack, stdout);
  if (/no stack named/i.test(stderr)) return [];
  throw new InputError(`the state of stack "${stack}" cannot be read: ${stderr.trim() || error}`);
}

function readExport(stack: string, text: string): StateResource[] {
  try {
    // The documented form of an exported deployment; a new stack has no resources.
    const { deployment } = JSON.parse(text) as { deployment: { resources?: ExportedResource[] } };
    // What a replacement left behind has the URN of what replaced it.
    return deployment.resources?.filter((resource) => resource.delete !== true) ?? [];
  } catch {
    throw new InputError(
      `pulumi stack export --stack ${stack} printed no state; run it by hand to see what it says instead`,
    );
  }
}

interface ExportedResource extends StateResource {
  readonly delete?: boolean;
}

function pulumi(
  args: readonly string[],
): Promise<{ error: string | undefined; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 1 << 30 };
    const child = execFile(
      "pulumi",
      [...args, "--non-interactive"],
      options,
      (error, stdout, stderr) => {
        if (error?.code === "ENOENT") {
          reject(
            new InputError(
              `pulumi is not on PATH; run eval "$(make -s env)" to use the platform's, or install it`,
            ),
          );
        } else {
          resolve({ error: error?.message, stdout, stderr });
        }
      },
    );
    child.stdin?.end();
  });
}
