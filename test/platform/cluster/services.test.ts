import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildkitd } from "../../../platform/cluster/services.ts";
import type { Service } from "../../../platform/machine/processes.ts";
import { readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

/** Configures the builder of a platform whose state is in the folder. */
function configureBuilder(state: string): Service {
  return buildkitd(
    readPlatformSettings({
      TINYOLLY_STATE: state,
      TINYOLLY_PORT_REGISTRY: "30501",
      TINYOLLY_PORT_REGISTRY_TLS: "49444",
    }),
  );
}

test("the builder knows how to speak to the mirror and to the registry to which images are pushed", () => {
  const state = folderWith({});
  const { command } = configureBuilder(state);
  const file = join(state, "config/buildkitd.toml");
  expect(command).toEqual(["buildkitd", "--config", file]);
  const registries = readFileSync(file, "utf8")
    .split(/^(?=\[registry\.)/m)
    .slice(1);
  expect(registries.map((text) => text.trim().split(/\n\s*/))).toEqual([
    ['[registry."docker.io"]', 'mirrors = ["localhost:30501/mirror"]'],
    ['[registry."localhost:30501"]', "http = true"],
    ['[registry."registry.tinyolly.test:49444"]', "insecure = true"],
  ]);
});

test("buildx finds the builder at its socket", () => {
  const state = folderWith({});
  configureBuilder(state);
  expect(JSON.parse(readFileSync(join(state, "buildx/instances/tinyolly"), "utf8"))).toMatchObject({
    Name: "tinyolly",
    Driver: "remote",
    Nodes: [{ Endpoint: `unix://${state}/buildkitd.sock` }],
  });
});
