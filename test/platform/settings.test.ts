import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  PlatformError,
  portVariables,
  project,
  readPlatformSettings,
} from "../../platform/settings";
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
});

test("a relative state folder is one of the checkout, wherever the command runs", () => {
  enterFolderWith({});
  expect(readPlatformSettings({ TINYOLLY_STATE: "other" }).state).toBe(join(project, "other"));
  expect(readPlatformSettings({ TINYOLLY_STATE: "/srv/state" }).state).toBe("/srv/state");
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
    "a state folder too deep for sockets",
    { TINYOLLY_STATE: tooLong },
    `the path ${tooLong} is too long for a socket; set TINYOLLY_STATE to a shorter one`,
  ],
])("%s is refused", (_, env, message) => {
  expect(() => readPlatformSettings(env)).toThrow(new PlatformError(message));
});
