import { dockerCredentials, dockerHosts, serverOf } from "./docker-credentials.ts";
import { environmentCredentials } from "./environment-credentials.ts";
import { stackCredentials } from "./stack-credentials.ts";
import type { EnvironmentCredentials, FoundCredentials } from "./types.ts";

/**
 * Finds the credentials of a registry host such as `ghcr.io` in the environment, else in the stack's configuration, else in
 * the user's Docker configuration; undefined when there are none.
 *
 * @throws InputError that names what cannot be read or used, and shows nothing of its content.
 */
export async function registryCredentials(
  host: string,
  env: NodeJS.ProcessEnv,
): Promise<FoundCredentials | undefined> {
  const server = serverOf(host).toLowerCase();
  const isFor = (entry: EnvironmentCredentials): boolean =>
    serverOf(entry.host).toLowerCase() === server;
  const found = environmentCredentials(env).find(isFor);
  if (found) return found.credentials;
  const configured = await stackCredentials(env);
  if (configured && isFor(configured)) return configured.credentials;
  return dockerCredentials(host, env);
}

/**
 * Lists the hosts for which {@link registryCredentials} may find some, by their names in Docker's configuration.
 *
 * @throws InputError that names what cannot be read or used, and shows nothing of its content.
 */
export async function hostsWithCredentials(env: NodeJS.ProcessEnv): Promise<string[]> {
  const ofEnvironment = environmentCredentials(env).map(({ host }) => serverOf(host));
  const configured = await stackCredentials(env);
  const stored = await dockerHosts(env);
  return [...new Set([...ofEnvironment, ...(configured ? [configured.host] : []), ...stored])];
}
