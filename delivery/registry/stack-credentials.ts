import { execFile } from "node:child_process";
import { InputError } from "../basics/input-error.ts";
import type { EnvironmentCredentials } from "./types.ts";

const patienceMs = 30_000;

/**
 * Credentials that the encrypted configuration of a stack holds as `registryToken` and `registryUser`, for the host in
 * `TINYOLLY_REGISTRY_HOST`; none where `TINYOLLY_STACK` names no stack. Pulumi decrypts them each time, so they are in no file.
 *
 * @throws InputError with Pulumi's own words when it cannot decrypt them.
 */
export async function stackCredentials(
  env: NodeJS.ProcessEnv,
): Promise<EnvironmentCredentials | undefined> {
  const { TINYOLLY_STACK: stack = "", TINYOLLY_REGISTRY_HOST: host = "" } = env;
  if (stack === "" || host === "") return undefined;
  const [token, user] = await Promise.all([
    configured("registryToken", stack, env),
    configured("registryUser", stack, env),
  ]);
  if (token === "") return undefined;
  const source = `registryToken of stack ${stack}`;
  return { host, credentials: { username: user || "token", password: token, source } };
}

/** Value of a key; empty where it is not set. */
function configured(key: string, stack: string, env: NodeJS.ProcessEnv): Promise<string> {
  const args = ["config", "get", key, "--stack", stack, "--non-interactive"];
  return new Promise((resolve, reject) => {
    const options = { env, timeout: patienceMs };
    const child = execFile("pulumi", args, options, (error, stdout, stderr) => {
      if (!error) resolve(stdout.trim());
      // Pulumi fails with this for a key that is not declared.
      else if (/configuration key '[^']*' not found/.test(stderr)) resolve("");
      else {
        const why = error.code === "ENOENT" ? "pulumi is not on PATH" : stderr.trim();
        reject(
          new InputError(
            `"${key}" of stack "${stack}" cannot be read: ${why || error.message}; set PULUMI_CONFIG_PASSPHRASE and ` +
              `PULUMI_BACKEND_URL as for pulumi up, or give the token as TINYOLLY_REGISTRY_TOKEN`,
          ),
        );
      }
    });
    child.stdin?.end();
  });
}
