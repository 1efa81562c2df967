// Builds nothing: the tool cache has a script in the place of each program.
import { chmodSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { providePulumi } from "../platform/pulumi/provide.ts";
import { readPlatformSettings } from "../platform/settings.ts";
import { officialKubernetes, pulumiPlugins, pulumiTools } from "../platform/tools/catalog.ts";
import { cachedPath } from "../platform/tools/find.ts";
import { folderWith, writeFiles } from "./folders.ts";
import { officialEnvironment } from "./official.ts";

let cache = "";

beforeEach(() => {
  cache = folderWith({});
  for (const tool of [
    ...pulumiTools,
    ...pulumiPlugins.map(({ substitute }) => substitute),
    officialKubernetes,
  ]) {
    const file = cachedPath(tool, cache);
    writeFiles("/", { [relative("/", file)]: `#!/bin/sh\n# ${tool.name} ${tool.version}\n` });
    chmodSync(file, 0o755);
  }
  vi.stubEnv("HOME", folderWith({}));
  vi.stubEnv("PATH", "/usr/bin:/bin");
  vi.stubEnv("TINYOLLY_CACHE", cache);
  vi.stubGlobal("fetch", () => Promise.reject(new Error("offline")));
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

test("the platform's start takes the official kubernetes plugin in the place of the stand-in", async () => {
  const home = join(folderWith({}), "pulumi");
  const environment = await officialEnvironment(home);
  expect(environment).toEqual({ PULUMI_HOME: home, CONTRACT_KUBERNETES_PLUGIN: "4.25.0" });

  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const plugins = await providePulumi(readPlatformSettings(), () => undefined);
  expect(plugins.map(({ plugin, origin }) => `${plugin.name}: ${origin}`)).toEqual([
    "docker-build: built from its sources",
    "command: stand-in",
    "kubernetes: official",
  ]);
  const program = "plugins/resource-kubernetes-v4.34.2/pulumi-resource-kubernetes";
  expect(readFileSync(join(home, program), "utf8")).toContain("pulumi-resource-kubernetes 4.25.0");
});
