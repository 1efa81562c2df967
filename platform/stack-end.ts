import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../components/input-error";
import { fields, parseJson } from "../components/json-fields";
import { PlatformError, type PlatformSettings, localStack } from "./settings";

type Log = (line: string) => void;

/** What ends a platform with what was deployed to it. */
interface Ending {
  /** Removes what the local stack has made; resolves to an exit code. */
  readonly destroy: () => Promise<number>;
  /** Ends the servers. */
  readonly stop: (log: Log) => Promise<void>;
  readonly log: Log;
}

/**
 * Removes what was deployed and ends the servers, these also where the former fails. What says why it failed stays the last that is
 * said, but for what is left and what to do.
 *
 * @returns exit code.
 */
export async function endStack(
  settings: PlatformSettings,
  { destroy, stop, log }: Ending,
): Promise<number> {
  let status: number;
  try {
    status = await destroy();
  } catch (error) {
    await stop(() => undefined);
    if (!(error instanceof InputError)) throw error;
    throw new PlatformError(`${error.message}\n${remainder(settings)}`);
  }
  await stop(status === 0 ? log : () => undefined);
  if (status !== 0) log(remainder(settings));
  return status;
}

/** Whether the local stack has made anything, or was about to. */
export function hasResources(settings: PlatformSettings): boolean {
  const { resources, pending } = readStack(settings);
  return resources.length + pending.length > 0;
}

function remainder(settings: PlatformSettings): string {
  const { resources } = readStack(settings);
  const names = resources.flatMap((resource) => {
    const [, type, name] =
      /::tinyolly:index:(\w+)::(.+)$/.exec(String(fields(resource)["urn"])) ?? [];
    return type === undefined || name === undefined ? [] : [`${type} ${name}`];
  });
  const among = names.length === 0 ? "" : `, with ${names.join(", ")}`;
  return (
    `The servers are stopped all the same. The state of the stack ${localStack} still has ${resources.length} resources${among}: ` +
    `make down tries again, make up brings back what is missing, and make platform-reset deletes it all with its data.`
  );
}

interface StackResources {
  readonly resources: readonly unknown[];
  /** Operations that were cut off. */
  readonly pending: readonly unknown[];
}

/** What Pulumi's folder of states has for the local stack. */
function readStack({ state }: PlatformSettings): StackResources {
  const file = join(state, `pulumi/.pulumi/stacks/tinyolly/${localStack}.json`);
  if (!existsSync(file)) return { resources: [], pending: [] };
  const { checkpoint } = fields(parseJson(readFileSync(file)));
  const latest = fields(fields(checkpoint)["latest"]);
  const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
  return { resources: list(latest["resources"]), pending: list(latest["pending_operations"]) };
}
