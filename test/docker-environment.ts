import { chmodSync } from "node:fs";
import { join } from "node:path";
import { folderWith } from "./folders.ts";

export const base64 = (text: string): string => Buffer.from(text).toString("base64");
export const olly = { auth: base64("olly:s3cret") };
export const ollyCredentials = { username: "olly", password: "s3cret" };

/** Environment of a Docker configuration and of credential helpers, which are shell scripts, by name. */
export function environment(
  configuration: unknown,
  helpers: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  const text = typeof configuration === "string" ? configuration : JSON.stringify(configuration);
  const scripts = Object.entries(helpers).map(([name, script]): [string, string] => [
    `docker-credential-${name}`,
    `#!/bin/sh\n${script}\n`,
  ]);
  const folder = folderWith({ "config.json": text, ...Object.fromEntries(scripts) });
  for (const [name] of scripts) chmodSync(join(folder, name), 0o755);
  return { DOCKER_CONFIG: folder, PATH: `${folder}:/usr/bin:/bin` };
}
