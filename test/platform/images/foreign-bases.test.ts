import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  completeBase,
  configuration,
  foreignDockerfile,
} from "../../../platform/images/foreign-bases.ts";
import {
  type PlatformSettings,
  hostPlatform,
  project,
  readPlatformSettings,
} from "../../../platform/settings.ts";
import { mediaTypes } from "../../fake-registry-answers.ts";
import { type FakeRegistry, indexOf, manifestOf, startRegistry } from "../../fake-registry.ts";
import { folderWith } from "../../folders.ts";

let registry: FakeRegistry;
let settings: PlatformSettings;

beforeEach(async () => {
  registry = await startRegistry();
  const [, port = ""] = registry.host.split(":");
  settings = readPlatformSettings({
    TINYOLLY_STATE: folderWith({}),
    TINYOLLY_PORT_REGISTRY: port,
  });
});

afterEach(() => registry.close());

const base = { name: "library/python:3.14-slim", recipes: [], suite: "forky" };
const silent = (line: string): void => {
  throw new Error(line);
};

/** Puts an index of these platforms into the mirror. */
function mirrorIndex(...platforms: readonly string[]): void {
  const digests = platforms.map((platform): [string, string] => [
    platform,
    registry.setManifest("mirror/library/python", platform.slice(6), manifestOf(platform)),
  ]);
  const index = indexOf(Object.fromEntries(digests));
  registry.setManifest("mirror/library/python", "3.14-slim", index, mediaTypes.index);
}

test("a base that has every platform stays as it is, with reads only", async () => {
  mirrorIndex("linux/amd64", "linux/arm64");
  expect(await completeBase(settings, base, ["linux/amd64", "linux/arm64"], silent)).toBe(false);
  expect(new Set(registry.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
});

test("an image without an index is this machine's", async () => {
  registry.setManifest("mirror/library/python", "3.14-slim", manifestOf("native"));
  expect(await completeBase(settings, base, [hostPlatform], silent)).toBe(false);
});

test("a base without this machine's platform cannot be completed", async () => {
  mirrorIndex("linux/s390x");
  await expect(completeBase(settings, base, ["linux/arm64"], silent)).rejects.toThrow(
    `library/python:3.14-slim in the mirror has linux/s390x, but not this machine's ${hostPlatform}; push one that has it to ` +
      `localhost:${settings.ports.registry}/mirror/library/python:3.14-slim`,
  );
});

test("an image is run for every architecture as for this one", () => {
  const recipe = [
    "# The official one.",
    "FROM debian:forky-slim",
    "ARG VERSION",
    "RUN groupadd x \\",
    " && CMD y",
    "ENV A=b",
    "WORKDIR /data",
    "USER redis",
    "EXPOSE 80",
    "STOPSIGNAL SIGQUIT",
    'CMD ["nginx"]',
  ].join("\n");
  const lines = ["ENV A=b", "WORKDIR /data", "USER redis", "EXPOSE 80"];
  expect(configuration(recipe)).toEqual([...lines, "STOPSIGNAL SIGQUIT", 'CMD ["nginx"]']);
});

test("a base for another architecture takes programs from its packages and all else from this machine's image", () => {
  const text = foreignDockerfile("host/native@sha256:1", ["ENV A=b\n", 'CMD ["x"]\n']).split("\n");
  expect(text.filter((line) => line.startsWith("COPY"))).toEqual([
    "COPY --from=native --exclude=bin --exclude=sbin --exclude=lib --exclude=lib64 --exclude=usr --exclude=links " +
      "--exclude=var/lib/dpkg --exclude=etc/ld.so.cache / /",
    "COPY --from=native /usr/share /usr/share",
    "COPY --from=native /usr/local /usr/local",
    "COPY --from=foreign --exclude=dev --exclude=etc --exclude=usr/share --exclude=usr/local --exclude=var / /",
    "COPY --from=foreign /var/lib/dpkg /var/lib/dpkg",
    "COPY --from=native /links /",
  ]);
  // Only the stage of this machine runs anything.
  const stages = text.join("\n").split(/^FROM /m);
  expect(stages.filter((stage) => stage.includes("\nRUN "))).toEqual([
    expect.stringMatching(/^--platform=\$BUILDPLATFORM host\/native@sha256:1 AS native\n/),
  ]);
  expect(stages.at(-1)).toMatch(/^scratch\n[^]*\nENV A=b\nCMD \["x"\]\n$/);
});

test.each(["python", "nginx", "redis"])("the recipe of %s has its settings one a line", (name) => {
  const recipe = readFileSync(join(project, `platform/images/recipes/${name}.Dockerfile`), "utf8");
  const lines = configuration(recipe);
  expect(lines.at(-1)).toMatch(/^CMD \[.*\]$/);
  for (const line of lines) expect(line).not.toMatch(/\\$|\$/);
});
