import { copyFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { stringify } from "yaml";
import { openStack } from "../../../commands/release/stack.ts";
import { startRegistry } from "../../fake-registry.ts";
import { enterFolderWith } from "../../folders.ts";
import { stackConfig } from "../../stacks.ts";

const project = resolve(import.meta.dirname, "../../..");

afterEach(() => {
  vi.unstubAllEnvs();
});

test("a stack's registry gets the credentials of that stack, whatever is entered later", async () => {
  const registry = await startRegistry({ auth: { login: "token:s3cret" } });
  onTestFinished(() => registry.close());
  enterFolderWith({ "package.json": '{"version": "2.1.0"}' });
  copyFileSync(join(project, "Pulumi.yaml"), "Pulumi.yaml");
  const { host } = registry;
  const config = Object.entries({
    ...stackConfig("prod"),
    ...{ registryPush: host, registryPushTls: "plain-http", registryPull: host, signing: "none" },
  }).map(([key, value]): [string, unknown] => [`tinyolly:${key}`, value]);
  writeFileSync("Pulumi.prod.yaml", stringify({ config: Object.fromEntries(config) }));
  vi.stubEnv("TINYOLLY_REGISTRY_HOST", host);
  vi.stubEnv("TINYOLLY_REGISTRY_TOKEN", "s3cret");
  const { client, namespace } = openStack({ stack: "prod", platform: false });
  vi.stubEnv("TINYOLLY_REGISTRY_HOST", "other.test");
  vi.stubEnv("TINYOLLY_REGISTRY_TOKEN", "an0ther");
  expect(await client.listTags(`${namespace}/web`)).toEqual([]);
  client.close();
});
