import { InputError } from "../basics/input-error.ts";
import { hostProblem } from "./references.ts";
import type { FoundCredentials, EnvironmentCredentials } from "./types.ts";

/**
 * Credentials in the environment, in the order in which they count: `TINYOLLY_REGISTRY_TOKEN` of `TINYOLLY_REGISTRY_USER` for the
 * host that `TINYOLLY_REGISTRY_HOST` names, and `GITHUB_TOKEN` of `GITHUB_ACTOR` for GHCR.
 *
 * @throws InputError when no host, or no valid one, is named for a token.
 */
export function environmentCredentials(env: NodeJS.ProcessEnv): EnvironmentCredentials[] {
  const host = valueOf(env, "TINYOLLY_REGISTRY_HOST");
  const problem = host === "" ? undefined : hostProblem(host);
  if (problem !== undefined)
    throw new InputError(`TINYOLLY_REGISTRY_HOST is "${host}", but must be ${problem}`);
  const own = tokenOf(env, "TINYOLLY_REGISTRY_TOKEN", "TINYOLLY_REGISTRY_USER");
  if (own && host === "") {
    throw new InputError(
      "TINYOLLY_REGISTRY_TOKEN is set, but not what it is for; set TINYOLLY_REGISTRY_HOST to the host of its registry, such as ghcr.io",
    );
  }
  const github = tokenOf(env, "GITHUB_TOKEN", "GITHUB_ACTOR");
  return [
    ...(own ? [{ host, credentials: own }] : []),
    ...(github ? [{ host: "ghcr.io", credentials: github }] : []),
  ];
}

function tokenOf(
  env: NodeJS.ProcessEnv,
  variable: string,
  userVariable: string,
): FoundCredentials | undefined {
  const password = valueOf(env, variable);
  // Registries check the token alone, but require some name.
  const username = valueOf(env, userVariable) || "token";
  return password === "" ? undefined : { username, password, source: variable };
}

/** Reads a variable without the line break with which secrets from files often end. */
function valueOf(env: NodeJS.ProcessEnv, name: string): string {
  return (env[name] ?? "").trim();
}
