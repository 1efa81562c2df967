import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { InputError } from "./input-error";
import { fields } from "./json-fields";

/** What `docker login` left for a registry: a password, or an identity token to trade for access tokens. */
export type Credentials =
  { readonly username: string; readonly password: string } | { readonly identityToken: string };

const dockerHub = "https://index.docker.io/v1/";
const dockerHubHosts = ["docker.io", "index.docker.io", "registry-1.docker.io"];
const helperTimeoutMs = 10_000;

/**
 * Finds the credentials of a registry host such as `ghcr.io` in Docker's configuration, asking its credential helpers;
 * undefined when it has none.
 *
 * @throws InputError that names the file or the helper that cannot be read, and shows nothing of its content.
 */
export async function dockerCredentials(
  host: string,
  env: NodeJS.ProcessEnv,
  timeoutMs = helperTimeoutMs,
): Promise<Credentials | undefined> {
  const named = env["DOCKER_CONFIG"] ?? "";
  const folder = named === "" ? join(env["HOME"] ?? homedir(), ".docker") : named;
  const file = join(folder, "config.json");
  const { credHelpers, credsStore, auths } = readConfiguration(file);
  const server = dockerHubHosts.includes(host) ? dockerHub : host;

  const helper = fields(credHelpers)[server] ?? fields(credHelpers)[host] ?? credsStore;
  if (typeof helper === "string" && helper !== "") {
    const found = await askHelper(`docker-credential-${helper}`, server, file, env, timeoutMs);
    if (found) return found;
  }
  const entry = Object.entries(fields(auths)).find(([key]) => hostOf(key) === hostOf(server));
  return entry && readEntry(fields(entry[1]), entry[0], file);
}

function readConfiguration(file: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw new InputError(`${file} cannot be read; make it readable, or set DOCKER_CONFIG`);
  }
  try {
    return fields(JSON.parse(text));
  } catch {
    // The parser's own message quotes the text.
    throw new InputError(`${file} is not valid JSON; mend it, or delete it and run docker login`);
  }
}

/** A host of `auths`, which may be written as `https://host/v2/`. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

function readEntry(
  { auth, identitytoken }: Readonly<Record<string, unknown>>,
  key: string,
  file: string,
): Credentials | undefined {
  if (typeof identitytoken === "string" && identitytoken !== "")
    return { identityToken: identitytoken };
  if (auth === undefined || auth === "") return undefined;
  const text = typeof auth === "string" ? Buffer.from(auth, "base64").toString() : "";
  const colon = text.indexOf(":");
  if (colon < 1) {
    throw new InputError(
      `"auth" of "${key}" in ${file} is not user:password in base64; run docker login ${hostOf(key)}`,
    );
  }
  // Docker pads some passwords with NUL.
  const password = text.slice(colon + 1).replace(/\0+$/, "");
  return { username: text.slice(0, colon), password };
}

/** Runs a credential helper; undefined when it does not know the server. */
function askHelper(
  helper: string,
  server: string,
  file: string,
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<Credentials | undefined> {
  return new Promise((resolve, reject) => {
    const refuse = (problem: string): void => {
      reject(
        new InputError(
          `${helper}, which ${file} names for ${server}, ${problem}; mend it, or remove it from that file and run docker login`,
        ),
      );
    };
    const options = { env, timeout: timeoutMs, killSignal: "SIGKILL" } as const;
    const child = execFile(helper, ["get"], options, (error, output) => {
      if (error === null) {
        const found = readHelperAnswer(output);
        if (found) resolve(found);
        else refuse("did not print a user name and a secret");
      } else if (error.code === "ENOENT") refuse("is not on PATH");
      else if (error.killed) refuse(`did not answer within ${timeoutMs / 1000} s`);
      else if (/credentials not found/i.test(output)) resolve(undefined);
      else refuse(`failed (${error.code === undefined ? "killed" : `exit code ${error.code}`})`);
    });
    // A helper may end without reading; its exit code says more than the broken pipe.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(server);
  });
}

function readHelperAnswer(output: string): Credentials | undefined {
  try {
    const { Username, Secret } = fields(JSON.parse(output));
    if (typeof Username !== "string" || typeof Secret !== "string") return undefined;
    // The name that helpers give to identity tokens.
    if (Username === "<token>") return { identityToken: Secret };
    return { username: Username, password: Secret };
  } catch {
    return undefined;
  }
}
