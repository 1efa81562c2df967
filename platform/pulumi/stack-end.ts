import { InputError } from "../../delivery/basics/input-error.ts";
import { fields } from "../../delivery/basics/json-fields.ts";
import { PlatformError, type PlatformSettings, localStack } from "../settings.ts";
import { readLocalState } from "./local-state.ts";

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
  const { resources, pending } = readLocalState(settings);
  return resources.length + pending.length > 0;
}

function remainder(settings: PlatformSettings): string {
  const { resources } = readLocalState(settings);
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
