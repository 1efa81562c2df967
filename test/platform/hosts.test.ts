import { beforeEach, expect, test, vi } from "vitest";
import { forgetRegistry, forgetRehearsal, nameRegistry, nameRehearsal } from "../../platform/hosts";
import { PlatformError, readPlatformSettings } from "../../platform/settings";

const hosts = vi.hoisted(() => ({ text: "", writes: 0, readOnly: false }));

// The machine's own /etc/hosts is nothing to try things on.
vi.mock("node:fs", () => ({
  readFileSync: () => hosts.text,
  writeFileSync: (_: string, text: string) => {
    if (hosts.readOnly) throw new Error("EACCES");
    hosts.text = text;
    hosts.writes++;
  },
  appendFileSync: (_: string, text: string) => {
    if (hosts.readOnly) throw new Error("EACCES");
    hosts.text += text;
    hosts.writes++;
  },
}));

const localhost = "127.0.0.1 localhost\n";
const settings = readPlatformSettings({ TINYOLLY_STATE: "/srv/one" });
const other = readPlatformSettings({ TINYOLLY_STATE: "/srv/other" });
const names = "registry.tinyolly.test docker-registry.registry.svc.cluster.local";

beforeEach(() => {
  Object.assign(hosts, { text: localhost, writes: 0, readOnly: false });
});

test("both names are added in one marked line", () => {
  nameRegistry(settings);
  expect(hosts.text).toBe(`${localhost}127.0.0.1 ${names} # TinyOlly platform 875fb59d\n`);
});

test("names that are there are not written again", () => {
  hosts.text = `${localhost}127.0.0.1\tother ${names} # by hand\n`;
  nameRegistry(settings);
  expect(hosts.writes).toBe(0);
});

test.each([
  ["in a comment", `127.0.0.1 localhost # ${names}`],
  ["of another machine", `192.0.2.1 ${names}`],
])("names %s do not count", (_, line) => {
  hosts.text = `${line}\n`;
  nameRegistry(settings);
  expect(hosts.text).toBe(`${line}\n127.0.0.1 ${names} # TinyOlly platform 875fb59d\n`);
});

test("only the missing name is added", () => {
  hosts.text = "127.0.0.1 registry.tinyolly.test";
  nameRegistry(settings);
  expect(hosts.text).toBe(
    "127.0.0.1 registry.tinyolly.test\n" +
      "127.0.0.1 docker-registry.registry.svc.cluster.local # TinyOlly platform 875fb59d\n",
  );
});

test("who may not write is told the line to add", () => {
  hosts.readOnly = true;
  expect(() => {
    nameRegistry(settings);
  }).toThrow(
    new PlatformError(
      `/etc/hosts cannot be written; as root, add this line to it: 127.0.0.1 ${names} # TinyOlly platform 875fb59d`,
    ),
  );
});

test("to forget takes the marked lines out and leaves the rest as it was", () => {
  nameRegistry(settings);
  forgetRegistry(settings);
  expect(hosts.text).toBe(localhost);
});

test("the rehearsal's name has a line of its own, which can be forgotten alone", () => {
  nameRegistry(settings);
  const before = hosts.text;
  expect(before).not.toContain("ghcr.tinyolly.test");
  nameRehearsal(settings);
  nameRehearsal(settings);
  expect(hosts.text).toBe(`${before}127.0.0.1 ghcr.tinyolly.test # TinyOlly rehearsal 875fb59d\n`);
  expect(hosts.writes).toBe(2);
  forgetRehearsal(settings);
  expect(hosts.text).toBe(before);
});

test("the platform forgets the rehearsal's name as well", () => {
  nameRegistry(settings);
  nameRehearsal(settings);
  forgetRegistry(settings);
  expect(hosts.text).toBe(localhost);
});

test("each platform has lines of its own, which outlive the reset of another", () => {
  nameRegistry(settings);
  nameRehearsal(settings);
  const before = hosts.text;
  nameRegistry(other);
  nameRehearsal(other);
  expect(hosts.text).toBe(
    `${before}127.0.0.1 ${names} # TinyOlly platform 1c8a9161\n` +
      "127.0.0.1 ghcr.tinyolly.test # TinyOlly rehearsal 1c8a9161\n",
  );
  forgetRegistry(other);
  expect(hosts.text).toBe(before);
});

test("who may not write can use the names of another platform", () => {
  nameRegistry(other);
  hosts.readOnly = true;
  nameRegistry(settings);
  expect(hosts.writes).toBe(1);
});

test("lines of earlier versions, which name no platform, go with the last platform", () => {
  const unnamed = `127.0.0.1 ${names} # TinyOlly platform\n127.0.0.1 ghcr.tinyolly.test # TinyOlly rehearsal\n`;
  hosts.text = `${localhost}${unnamed}`;
  nameRegistry(settings);
  nameRegistry(other);
  forgetRegistry(settings);
  expect(hosts.text).toBe(
    `${localhost}${unnamed}127.0.0.1 ${names} # TinyOlly platform 1c8a9161\n`,
  );
  forgetRegistry(other);
  expect(hosts.text).toBe(localhost);
});

test("to forget what is not there writes nothing", () => {
  forgetRegistry(settings);
  expect(hosts.writes).toBe(0);
});
