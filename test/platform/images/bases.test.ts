import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { readBaseLock } from "../../../delivery/sources/base-lock.ts";
import { npmPackage, provideBases, requiredBases } from "../../../platform/images/bases.ts";
import { mirrorLock } from "../../../platform/images/mirror-lock.ts";
import { type PlatformSettings, readPlatformSettings } from "../../../platform/settings.ts";
import { enterCheckout } from "../../checkout.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "../../fake-registry.ts";
import { folderWith, writeFiles } from "../../folders.ts";

const ownDigest = `sha256:${"1".repeat(64)}`;

let registry: FakeRegistry;
let settings: PlatformSettings;

beforeEach(async () => {
  enterCheckout();
  writeFiles(".", {
    "apps/tinyolly-ui/Dockerfile": [
      "# syntax=docker/dockerfile:1",
      "FROM docker.io/library/nginx",
      `FROM node:24@${ownDigest}`,
      "FROM ghcr.io/someone/tool:2",
    ].join("\n"),
  });
  registry = await startRegistry();
  const [, port = ""] = registry.host.split(":");
  settings = readPlatformSettings({
    TINYOLLY_STATE: folderWith({}),
    TINYOLLY_PORT_REGISTRY: port,
  });
  return () => registry.close();
});

const bases = {
  "docker.io/library/nginx": "library/nginx:latest",
  "docker/dockerfile:1": "docker/dockerfile:1",
  "golang:1.26-alpine": "library/golang:1.26-alpine",
  "python:3.14-slim": "library/python:3.14-slim",
};

/** Puts an image into the mirror and returns its digest. */
function mirror(name: string): string {
  const [repository = "", tag = ""] = name.split(":");
  return registry.setManifest(`mirror/${repository}`, tag, manifestOf(name));
}

test("what Dockerfiles take from elsewhere is required, and no image of ours", () => {
  expect(requiredBases(["linux/amd64"])).toEqual(
    [...Object.keys(bases), "ghcr.io/someone/tool:2", `node:24@${ownDigest}`].sort(),
  );
});

test("bases that the mirror has are bound to what it has, with reads only", async () => {
  const lines: string[] = [];
  const digests = Object.entries(bases).map(([base, name]): [string, string] => [
    base,
    mirror(name),
  ]);
  mirror("library/node:24");
  await provideBases(settings, (line) => lines.push(line));
  expect(lines).toEqual([]);
  const lock = readBaseLock(mirrorLock(settings));
  for (const [base, digest] of digests) expect(lock.get(base), base).toBe(digest);
  expect(lock.has("ghcr.io/someone/tool:2")).toBe(false);
  const paths = registry.requests.map(({ path }) => path);
  expect(paths.filter((path) => !path.startsWith("/v2/mirror/library/"))).toEqual(
    paths.filter((path) => path.startsWith("/v2/mirror/docker/dockerfile/")),
  );
  expect(new Set(registry.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
});

test("a base that was made anew gets its new digest", async () => {
  for (const name of [...Object.values(bases), "library/node:24"]) mirror(name);
  await provideBases(settings, () => undefined);
  const before = readFileSync(join(settings.state, "bases.lock.yaml"), "utf8");
  const moved = registry.setManifest("mirror/library/python", "3.14-slim", manifestOf("anew"));
  await provideBases(settings, () => undefined);
  expect(before).not.toContain(moved);
  expect(readBaseLock(mirrorLock(settings)).get("python:3.14-slim")).toBe(moved);
});

test("half of npm's package is not taken for it", async () => {
  const bin = folderWith({});
  const cache = folderWith({});
  const pack = (end: string): void => {
    const script = `#!/bin/sh\nfor word; do folder=$word; done\necho half > "$folder/npm-11.6.2.tgz"\n${end}\n`;
    writeFileSync(join(bin, "npm"), script, { mode: 0o755 });
  };
  vi.stubEnv("PATH", `${bin}:${process.env["PATH"] ?? ""}`);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const provide = (): Promise<string> => npmPackage({ ...settings, cache }, () => undefined);
  pack("kill -9 $$");
  await expect(provide()).rejects.toThrow("npm failed");
  expect(readdirSync(join(cache, "base-images"))).toEqual([]);
  pack('echo whole > "$folder/npm-11.6.2.tgz"');
  const file = await provide();
  expect(readFileSync(file, "utf8")).toBe("whole\n");
  pack("exit 1");
  expect(await provide()).toBe(file);
});
