import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { rehearsalPortVariables } from "../../platform/ghcr/ports.ts";
import { airgapRegistryHost, rehearsalRegistryHost } from "../../platform/ghcr/settings.ts";
import {
  PlatformError,
  hostPlatform,
  portVariables,
  project,
  raisedPorts,
  readPlatformSettings,
} from "../../platform/settings.ts";
import { enterFolderWith } from "../folders.ts";

describe("where nothing is set", () => {
  test("state is in the checkout and tools are in the user's cache", () => {
    const settings = readPlatformSettings({});
    expect(settings.state).toBe(join(project, ".tinyolly/platform"));
    expect(settings.cache).toBe(join(homedir(), ".cache/tinyolly"));
  });

  test("the ports are the declared ones, and no two are alike", () => {
    const { ports } = readPlatformSettings({});
    expect(ports).toEqual(
      Object.fromEntries(Object.entries(portVariables).map(([name, [, port]]) => [name, port])),
    );
    expect(new Set(Object.values(ports)).size).toBe(Object.keys(portVariables).length);
  });

  test("nothing is rehearsed, and the ports for it are the declared ones", () => {
    const { rehearsal, rehearsalPorts } = readPlatformSettings({});
    expect(rehearsal).toBe(false);
    expect(rehearsalPorts).toEqual({ registry: 30510, tokens: 30511, airgap: 30512 });
  });
});

test("a relative state folder is one of the checkout, wherever the command runs", () => {
  enterFolderWith({});
  expect(readPlatformSettings({ TINYOLLY_STATE: "other" }).state).toBe(join(project, "other"));
  expect(readPlatformSettings({ TINYOLLY_STATE: "/srv/state" }).state).toBe("/srv/state");
});

test("an empty variable is one that is not set", () => {
  const names = ["TINYOLLY_STATE", "TINYOLLY_CACHE", "XDG_CACHE_HOME"];
  expect(readPlatformSettings(Object.fromEntries(names.map((name) => [name, ""])))).toEqual(
    readPlatformSettings({}),
  );
});

test.each([".", "..", "/"])("a state folder %s, which holds the checkout, is refused", (folder) => {
  expect(() => readPlatformSettings({ TINYOLLY_STATE: folder })).toThrow(
    new PlatformError(
      `TINYOLLY_STATE is "${resolve(project, folder)}", which holds this checkout; name a folder that make platform-reset may delete`,
    ),
  );
});

test("the cache is TINYOLLY_CACHE, else below XDG_CACHE_HOME", () => {
  const env = { XDG_CACHE_HOME: "/xdg" };
  expect(readPlatformSettings(env).cache).toBe("/xdg/tinyolly");
  expect(readPlatformSettings({ ...env, TINYOLLY_CACHE: "/tools" }).cache).toBe("/tools");
});

test.each(Object.entries(portVariables))("the port %s has its own variable", (name, [variable]) => {
  const ports = readPlatformSettings({ [variable]: "40123" }).ports;
  expect(ports).toEqual({ ...readPlatformSettings({}).ports, [name]: 40123 });
});

test.each(Object.entries(rehearsalPortVariables))(
  "the rehearsal's port %s has its own variable, and moves no other",
  (name, [variable]) => {
    const { ports, rehearsalPorts } = readPlatformSettings({ [variable]: "40123" });
    const usual = readPlatformSettings({});
    expect(rehearsalPorts).toEqual({ ...usual.rehearsalPorts, [name]: 40123 });
    expect(ports).toEqual(usual.ports);
  },
);

/** Every port of a platform, the specification's first. */
function portsOf(env: NodeJS.ProcessEnv): number[] {
  const { ports, rehearsalPorts } = readPlatformSettings(env);
  return Object.values<number>({ ...ports }).concat(Object.values<number>({ ...rehearsalPorts }));
}

test("an offset moves every port, and the specification's to a place below those of connections", () => {
  const [, ...usual] = portsOf({});
  const moved = portsOf({ TINYOLLY_PORT_OFFSET: "1100" });
  expect(moved).toEqual([30543, ...usual.map((port) => port + 1100)]);
});

test.each(["", "0"])("the offset %j moves nothing", (offset) => {
  expect(portsOf({ TINYOLLY_PORT_OFFSET: offset })).toEqual(portsOf({}));
});

test("a port with a variable of its own is where that says, whatever the offset", () => {
  const offset = { TINYOLLY_PORT_OFFSET: "-300" };
  const env = { ...offset, TINYOLLY_PORT_UI: "5002", TINYOLLY_PORT_REGISTRY_TLS: "49443" };
  const expected = { ...readPlatformSettings(offset).ports, ui: 5002, registryTls: 49443 };
  expect(readPlatformSettings(env).ports).toEqual(expected);
});

test("no two platforms with different offsets share a port, and none has one of a connection's or of root's", () => {
  const offsets = Array.from({ length: 55 }, (_, i) => String(-3200 + 100 * i));
  expect(offsets.at(-1)).toBe("2200");
  const all = offsets.flatMap((offset) => portsOf({ TINYOLLY_PORT_OFFSET: offset }));
  expect(new Set(all).size).toBe(55 * portsOf({}).length);
  const others = all.filter((port) => port !== 49443);
  expect(others).toHaveLength(all.length - 1);
  expect(Math.min(...others)).toBeGreaterThanOrEqual(1024);
  expect(Math.max(...others)).toBeLessThan(32768);
});

test("the variables of a platform beside the user's say what an offset does, whatever the user has set", () => {
  const users = { TINYOLLY_PORT_OFFSET: "300", TINYOLLY_PORT_UI: "5003" };
  expect(portsOf({ ...users, ...raisedPorts(1100) })).toEqual(
    portsOf({ TINYOLLY_PORT_OFFSET: "1100" }),
  );
});

test("both registries have a name with a port", () => {
  const settings = readPlatformSettings({ TINYOLLY_PORT_AIRGAP: "30601" });
  expect(rehearsalRegistryHost(settings)).toBe("ghcr.tinyolly.test:30510");
  expect(airgapRegistryHost(settings)).toBe("localhost:30601");
});

test.each([
  ["1", true],
  ["0", false],
  ["", false],
])("TINYOLLY_REHEARSAL %j is %j", (given, expected) => {
  expect(readPlatformSettings({ TINYOLLY_REHEARSAL: given }).rehearsal).toBe(expected);
});

test.each([
  [undefined, [hostPlatform]],
  ["", [hostPlatform]],
  [hostPlatform, [hostPlatform]],
  [
    "linux/arm64,linux/amd64",
    [hostPlatform, hostPlatform === "linux/amd64" ? "linux/arm64" : "linux/amd64"],
  ],
])("with TINYOLLY_PLATFORMS=%s images can be built for %j", (given, platforms) => {
  expect(readPlatformSettings({ TINYOLLY_PLATFORMS: given }).platforms).toEqual(platforms);
});

const tooLong = `/${"x".repeat(100)}`;

test.each<[string, NodeJS.ProcessEnv, string]>([
  ...["http", "0", "-1", "65536", "1.5", ""].map((value): [string, NodeJS.ProcessEnv, string] => [
    `the port ${JSON.stringify(value)}`,
    { TINYOLLY_PORT_ETCD: value },
    `TINYOLLY_PORT_ETCD is "${value}", but must be a port from 1 to 65535`,
  ]),
  ...["50", "abc", "2300", "-4000", "100.5"].map((value): [string, NodeJS.ProcessEnv, string] => [
    `the offset ${value}`,
    { TINYOLLY_PORT_OFFSET: value },
    `TINYOLLY_PORT_OFFSET is "${value}", but must be a multiple of 100 from -3200 to 2200, so that platforms side by side share no port`,
  ]),
  [
    "a port that an offset moves to another",
    { TINYOLLY_PORT_OFFSET: "100", TINYOLLY_PORT_ETCD: "6543" },
    "TINYOLLY_PORT_ETCD and TINYOLLY_PORT_API_SERVER are both 6543; give each its own port",
  ],
  [
    "one port for two servers",
    { TINYOLLY_PORT_ETCD: "6443" },
    "TINYOLLY_PORT_ETCD and TINYOLLY_PORT_API_SERVER are both 6443; give each its own port",
  ],
  [
    "one port for a server and for the rehearsal",
    { TINYOLLY_PORT_AIRGAP: "30500" },
    "TINYOLLY_PORT_AIRGAP and TINYOLLY_PORT_REGISTRY are both 30500; give each its own port",
  ],
  [
    "a rehearsal that is neither on nor off",
    { TINYOLLY_REHEARSAL: "yes" },
    'TINYOLLY_REHEARSAL is "yes", but must be 1 for a platform that rehearses releases, or 0',
  ],
  [
    "a platform that bases cannot be made for",
    { TINYOLLY_PLATFORMS: "linux/amd64,linux/s390x" },
    'TINYOLLY_PLATFORMS is "linux/amd64,linux/s390x", but must be one or more of linux/amd64, linux/arm64, with commas between them',
  ],
  [
    "a state folder too deep for sockets",
    { TINYOLLY_STATE: tooLong },
    `the path ${tooLong} is too long for a socket; set TINYOLLY_STATE to a shorter one`,
  ],
])("%s is refused", (_, env, message) => {
  expect(() => readPlatformSettings(env)).toThrow(new PlatformError(message));
});

test("a message names the variable that the user has for the folder", () => {
  expect(() => readPlatformSettings({ TINYOLLY_STATE: tooLong }, "OWN_STATE")).toThrow(
    new PlatformError(
      `the path ${tooLong} is too long for a socket; set OWN_STATE to a shorter one`,
    ),
  );
});
