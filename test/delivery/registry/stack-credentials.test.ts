import { chmodSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import {
  hostsWithCredentials,
  registryCredentials,
} from "../../../delivery/registry/credentials.ts";
import { folderWith } from "../../folders.ts";

/** Environment of a stack whose configuration holds values by key, and of a `pulumi` that knows it. */
function environment(script: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const folder = folderWith({ pulumi: `#!/bin/sh\n${script}\n`, "config.json": "{}" });
  chmodSync(join(folder, "pulumi"), 0o755);
  return {
    PATH: `${folder}:/usr/bin:/bin`,
    DOCKER_CONFIG: folder,
    TINYOLLY_STACK: "prod",
    TINYOLLY_REGISTRY_HOST: "reg.test",
    ...more,
  };
}

const holds = (values: Readonly<Record<string, string>>): string =>
  [
    `[ "$1 $2 $4 $5 $6" = "config get --stack prod --non-interactive" ] || exit 9`,
    ...Object.entries(values).map(([key, value]) => `[ "$3" = ${key} ] && echo "${value}" && exit`),
    `echo "error: configuration key '$3' not found for stack 'prod'" >&2; exit 255`,
  ].join("\n");

test("the token of a stack's configuration is for its registry, and for no other", async () => {
  const env = environment(holds({ registryToken: "t0ken", registryUser: "olly" }));
  expect(await registryCredentials("reg.test", env)).toEqual({
    username: "olly",
    password: "t0ken",
    source: "registryToken of stack prod",
  });
  expect(await registryCredentials("other.test", env)).toBeUndefined();
  expect(await hostsWithCredentials(env)).toEqual(["reg.test"]);
});

test("without a user any name will do, and without a token there are none", async () => {
  const nameless = environment(holds({ registryToken: "t0ken" }));
  expect(await registryCredentials("reg.test", nameless)).toMatchObject({ username: "token" });
  expect(await registryCredentials("reg.test", environment(holds({})))).toBeUndefined();
  expect(
    await registryCredentials("reg.test", environment(holds({ registryToken: "" }))),
  ).toBeUndefined();
});

test("the environment goes first, and Pulumi is not asked where no stack is named", async () => {
  const env = environment("exit 1", { TINYOLLY_REGISTRY_TOKEN: "own" });
  expect(await registryCredentials("reg.test", env)).toMatchObject({ password: "own" });
  const nobody = environment("exit 1", { TINYOLLY_STACK: "" });
  expect(await registryCredentials("reg.test", nobody)).toBeUndefined();
});

test.each([
  ["echo 'error: incorrect passphrase' >&2; exit 255", "error: incorrect passphrase"],
  ["exit 127", "Command failed"],
])("a Pulumi that refuses (%s) is told in its own words, with what to do", async (script, why) => {
  const error: unknown = await registryCredentials("reg.test", environment(script)).catch(
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  expect(String(error)).toContain(`of stack "prod" cannot be read: ${why}`);
  expect(String(error)).toContain(
    "; set PULUMI_CONFIG_PASSPHRASE and PULUMI_BACKEND_URL as for pulumi up, or give the token as TINYOLLY_REGISTRY_TOKEN",
  );
});

test("a missing Pulumi is told", async () => {
  const env = { ...environment(""), PATH: "/nowhere" };
  await expect(registryCredentials("reg.test", env)).rejects.toThrow("pulumi is not on PATH");
});
