import { RegistryClient } from "../../delivery/registry/client.ts";
import { type Settings, readSettings } from "../../delivery/settings/settings.ts";
import { readStackConfiguration } from "../../delivery/settings/stack-configuration.ts";
import type { GitFacts } from "../../delivery/sources/git-facts.ts";
import { enterStack } from "../../platform/environment.ts";

/** Options of every command that looks at a stack's registry. */
export const stackOptions = {
  stack: { type: "string", default: "prod" },
  platform: { type: "boolean", default: false },
} as const;

/** A stack's settings, and a client for the registry to which it publishes; close it when done. */
export interface OpenStack {
  readonly settings: Settings;
  readonly client: RegistryClient;
  /** Path in the registry before image and chart names. */
  readonly namespace: string;
  /** Takes the stack's variables out of the environment of this process again; the client keeps them. */
  readonly leave: () => void;
}

/**
 * Reads the settings of a stack and reaches for its registry. Its cluster is not needed, and taken to be none.
 *
 * @param readGit Where its release comes from; by default it has none.
 * @param asked Release that it must be; `""` asks for none.
 * @throws InputError for wrong settings.
 */
export function openStack(
  { stack, platform }: { stack: string; platform: boolean },
  readGit: () => GitFacts | undefined = () => undefined,
  asked = "",
): OpenStack {
  const leave = platform ? enterStack(stack) : () => undefined;
  const configuration = { ...readStackConfiguration(stack), "tinyolly:deploy": "false" };
  const settings = readSettings(configuration, process.env, readGit, asked);
  const { push, pushTls, namespace } = settings.publishing.endpoints;
  // Credentials are looked up later, when another stack may have been entered.
  const client = new RegistryClient({ host: push, tls: pushTls }, { env: { ...process.env } });
  return { settings, client, namespace, leave };
}
