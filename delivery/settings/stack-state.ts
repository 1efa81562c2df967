import { execFile } from "node:child_process";
import { InputError } from "../basics/input-error.ts";
import { fields, parseJson } from "../basics/json-fields.ts";
import type { StateResource } from "../findings/recorded.ts";

/**
 * Reads the resources of a stack's state with the Pulumi CLI, whatever the backend; none where the stack was never
 * made.
 *
 * @throws InputError when the CLI is missing, cannot read the state or prints something else.
 */
export async function readStackState(stack: string): Promise<StateResource[]> {
  const { error, stdout, stderr } = await pulumi(["stack", "export", "--stack", stack]);
  if (error === undefined) {
    // What a replacement left behind has the URN of what replaced it.
    return readExport(stack, stdout).resources.filter((resource) => resource.delete !== true);
  }
  if (missing.test(stderr)) return [];
  throw unreadable(stack, stderr.trim() || error);
}

/** A resource as the CLI exports it. */
export interface ExportedResource extends StateResource {
  /** Whether a replacement left it behind. */
  readonly delete?: boolean;
  /** `<URN>::<id>` of its provider. */
  readonly provider?: string;
}

/**
 * Reads all that a stack's state knows: its resources, what replacements left behind, and what operations that were cut off
 * were about to make.
 *
 * @throws InputError as {@link readStackState}, and where there is no such stack.
 */
export async function readWholeState(stack: string): Promise<ExportedResource[]> {
  const { error, stdout, stderr } = await pulumi(["stack", "export", "--stack", stack]);
  if (error !== undefined) throw unreadable(stack, stderr.trim() || error);
  const { resources, pending } = readExport(stack, stdout);
  return [...resources, ...pending];
}

/**
 * Names all stacks of this project in the current backend.
 *
 * @throws InputError when the CLI is missing or cannot tell, and while one of them is being updated.
 */
export async function listStacks(): Promise<string[]> {
  const { error, stdout, stderr } = await pulumi(["stack", "ls", "--json"]);
  if (error !== undefined)
    throw new InputError(`the stacks cannot be listed: ${stderr.trim() || error}`);
  const stacks = readList(stdout);
  const busy = stacks.find(({ updateInProgress }) => updateInProgress === true);
  if (busy) {
    throw new InputError(
      `stack "${busy.name}" is being updated now; wait until pulumi up has ended, or run pulumi cancel where none runs`,
    );
  }
  return stacks.map(({ name }) => name);
}

function readList(text: string): { name: string; updateInProgress?: boolean }[] {
  const list = parseJson(Buffer.from(text));
  if (Array.isArray(list) && list.every((one) => typeof fields(one)["name"] === "string")) {
    // The documented form of the list, whose names were looked at.
    return list as { name: string; updateInProgress?: boolean }[];
  }
  throw new InputError(
    "pulumi stack ls --json printed no list; run it by hand to see what it says instead",
  );
}

function readExport(
  stack: string,
  text: string,
): { resources: ExportedResource[]; pending: ExportedResource[] } {
  try {
    // The documented form of an exported deployment; a new stack has no resources.
    const { deployment } = JSON.parse(text) as {
      deployment: {
        resources?: ExportedResource[];
        pending_operations?: { resource: ExportedResource }[];
      };
    };
    const pending = deployment.pending_operations?.map(({ resource }) => resource) ?? [];
    return { resources: deployment.resources ?? [], pending };
  } catch {
    throw new InputError(
      `pulumi stack export --stack ${stack} printed no state; run it by hand to see what it says instead`,
    );
  }
}

/**
 * Makes sure that a stack can be worked with, whatever its backend.
 *
 * @throws InputError that says how to log in, or how the stack is made.
 */
export async function requireStack(stack: string): Promise<void> {
  const { error, stderr } = await pulumi(["stack", "--stack", stack]);
  if (error === undefined) return;
  if (missing.test(stderr))
    throw new InputError(`there is no stack "${stack}"; make it with: pulumi stack init ${stack}`);
  throw unreadable(stack, stderr.trim() || error);
}

const missing = /no stack named/i;

const logIn =
  "nobody is logged in to a backend; set PULUMI_BACKEND_URL, or run pulumi login (docs/releasing.md says where a state can be)";

const noBackend =
  "the folder of its backend is not there; start the platform with make platform-up, or set PULUMI_BACKEND_URL";

/** A state that cannot be read, since nobody is logged in to a backend. */
export class LoggedOutError extends InputError {}

function unreadable(stack: string, problem: string): InputError {
  const what = `the state of stack "${stack}" cannot be read`;
  if (problem.includes("PULUMI_ACCESS_TOKEN must be set"))
    return new LoggedOutError(`${what}: ${logIn}`);
  const reason = problem.includes("unable to open state directory") ? noBackend : problem;
  return new InputError(`${what}: ${reason}`);
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
