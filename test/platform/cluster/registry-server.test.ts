import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { registryServer } from "../../../platform/cluster/registry-server.ts";
import { readPlatformSettings } from "../../../platform/settings.ts";
import { startRegistry } from "../../fake-registry.ts";
import { folderWith } from "../../folders.ts";

const secret = expect.stringMatching(/^[0-9a-f]{48}$/) as unknown;

test("a registry needs a port and a folder, and lets everybody push and delete", () => {
  const state = folderWith({});
  const settings = readPlatformSettings({ TINYOLLY_STATE: state });
  const folder = join(state, "images");
  const service = registryServer(settings, { name: "some-registry", port: 4711, folder });
  const file = join(state, "config/some-registry.json");
  expect(service).toMatchObject({
    name: "some-registry",
    command: ["registry", "serve", file],
    address: "127.0.0.1:4711",
  });
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: folder },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: true, age: "24h", interval: "24h", dryrun: false } },
    },
    http: { addr: "127.0.0.1:4711", secret },
  });
});

test.each([
  [undefined, 200],
  [{ realm: "https://localhost/token" }, 401],
])("with the tokens %j it is ready once it answers %d", async (tokens, ready) => {
  let status = 0;
  const registry = await startRegistry({
    behaviour: (_, response) => {
      response.writeHead(status).end();
      return true;
    },
  });
  const state = folderWith({});
  const service = registryServer(readPlatformSettings({ TINYOLLY_STATE: state }), {
    name: "some-registry",
    port: Number(registry.host.split(":")[1]),
    folder: join(state, "images"),
    ...(tokens ? { tokens } : {}),
  });
  for (status of [200, 401, 503]) expect(await service.ready()).toBe(status === ready);
  expect(registry.requests[0]?.path).toBe("/v2/");
  await registry.close();
});
