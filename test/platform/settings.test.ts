import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import {
  PlatformError,
  hostPlatform,
  portVariables,
  project,
  raisedPorts,
  readPlatformSettings,
} from "../../platform/settings";
import {
  airgapRegistryHost,
  rehearsalPortVariables,
  rehearsalRegistryHost,
} from "../../platform/rehearsal/settings";
import { enterFolderWith } from "../folders";

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
    expect(rehearsalPorts).toEqual({ registry: 49453, tokens: 49454, airgap: 30600 });
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

test("a platform beside another one shares no port with it", () => {
  const portsOf = (env: NodeJS.ProcessEnv): number[] => {
    const { ports, rehearsalPorts } = readPlatformSettings(env);
    return Object.values<number>({ ...ports }).concat(Object.values<number>({ ...rehearsalPorts }));
  };
  const usual = portsOf({});
  expect(portsOf(raisedPorts(1100))).toEqual(usual.map((port) => port + 1100));
  const all = [{}, raisedPorts(1100), raisedPorts(2200)].flatMap(portsOf);
  expect(new Set(all).size).toBe(3 * usual.length);
});

test("both registries have a name with a port", () => {
  const settings = readPlatformSettings({ TINYOLLY_PORT_AIRGAP: "30601" });
  expect(rehearsalRegistryHost(settings)).toBe("ghcr.tinyolly.test:49453");
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
