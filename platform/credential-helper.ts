/**
 * Credential helper of Docker, BuildKit's client, helm, cosign and syft: `docker-credential-tinyolly get|list|store|erase`, by
 * the protocol of docker-credential-helpers. It answers with what {@link registryCredentials} finds, so that credentials of
 * the environment need to be in no file.
 */
import { readFileSync } from "node:fs";
import { InputError } from "../delivery/basics/input-error.ts";
import { hostsWithCredentials, registryCredentials } from "../delivery/registry/credentials.ts";
import type { FoundCredentials } from "../delivery/registry/types.ts";

/** What a run of the helper ends with. */
interface Outcome {
  readonly status: 0 | 1;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** By this text, and by no exit code, callers know that there are none. */
const notFound: Outcome = { status: 1, stdout: "credentials not found in native keychain\n" };

async function main(verb: string | undefined, env: NodeJS.ProcessEnv): Promise<Outcome> {
  switch (verb) {
    case "get":
      return get(readFileSync(0, "utf8").trim(), env);
    case "list":
      return list(env);
    case "store":
    case "erase":
      return {
        status: 1,
        stderr:
          "docker-credential-tinyolly stores nothing; run docker login without the DOCKER_CONFIG that names it\n",
      };
    default:
      return { status: 1, stderr: "usage: docker-credential-tinyolly get|list|store|erase\n" };
  }
}

async function get(server: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  if (server === "") return { status: 1, stdout: "no credentials server URL\n" };
  try {
    const found = await registryCredentials(hostOf(server), userEnvironment(env));
    if (!found) return notFound;
    const answer = { ServerURL: server, Username: userOf(found), Secret: secretOf(found) };
    return { status: 0, stdout: `${JSON.stringify(answer)}\n` };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    // Callers show what was printed here, and nothing else.
    return { status: 1, stdout: `${error.message}\n` };
  }
}

/** docker-build asks for nothing that is not listed here. */
async function list(env: NodeJS.ProcessEnv): Promise<Outcome> {
  const users: Record<string, string> = {};
  let stderr = "";
  const note = (error: unknown): [] => {
    if (!(error instanceof InputError)) throw error;
    stderr += `${error.message}\n`;
    return [];
  };
  const user = userEnvironment(env);
  for (const host of await hostsWithCredentials(user).catch(note)) {
    const found = await registryCredentials(hostOf(host), user).catch(note);
    if (found && !Array.isArray(found)) users[host] = userOf(found);
  }
  return { status: 0, stdout: `${JSON.stringify(users)}\n`, stderr };
}

/** Without a folder of the user's, DOCKER_CONFIG would lead back to this helper. */
function userEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return (env["TINYOLLY_DOCKER_CONFIG"] ?? "") === "" ? { ...env, DOCKER_CONFIG: "" } : env;
}

/** Callers name a server by its host or by a URL. */
function hostOf(server: string): string {
  return server.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

function userOf(found: FoundCredentials): string {
  // The name that the protocol gives to identity tokens.
  return "identityToken" in found ? "<token>" : found.username;
}

function secretOf(found: FoundCredentials): string {
  return "identityToken" in found ? found.identityToken : found.password;
}

void main(process.argv[2], process.env).then(({ status, stdout = "", stderr = "" }) => {
  process.exitCode = status;
  process.stdout.write(stdout);
  process.stderr.write(stderr);
});
