import { beforeEach, expect, test, vi } from "vitest";
import { forgetRegistry, forgetRehearsal, nameRegistry, nameRehearsal } from "../../platform/hosts";
import { PlatformError } from "../../platform/settings";

const hosts = vi.hoisted(() => ({ text: "", writes: 0, readOnly: false }));

// The machine's own /etc/hosts is nothing to try things on.
vi.mock("node:fs", () => ({
  readFileSync: () => hosts.text,
  writeFileSync: (_: string, text: string) => {
    if (hosts.readOnly) throw new Error("EACCES");
    hosts.text = text;
    hosts.writes++;
  },
}));

const localhost = "127.0.0.1 localhost\n";
const names = "registry.tinyolly.test docker-registry.registry.svc.cluster.local";

beforeEach(() => {
  Object.assign(hosts, { text: localhost, writes: 0, readOnly: false });
});

test("both names are added in one marked line", () => {
  nameRegistry();
  expect(hosts.text).toBe(`${localhost}127.0.0.1 ${names} # TinyOlly platform\n`);
});

test("names that are there are not written again", () => {
  hosts.text = `${localhost}127.0.0.1\tother ${names} # by hand\n`;
  nameRegistry();
  expect(hosts.writes).toBe(0);
});

test.each([
  ["in a comment", `127.0.0.1 localhost # ${names}`],
  ["of another machine", `192.0.2.1 ${names}`],
])("names %s do not count", (_, line) => {
  hosts.text = `${line}\n`;
  nameRegistry();
  expect(hosts.text).toBe(`${line}\n127.0.0.1 ${names} # TinyOlly platform\n`);
});

test("only the missing name is added", () => {
  hosts.text = "127.0.0.1 registry.tinyolly.test";
  nameRegistry();
  expect(hosts.text).toBe(
    "127.0.0.1 registry.tinyolly.test\n" +
      "127.0.0.1 docker-registry.registry.svc.cluster.local # TinyOlly platform\n",
  );
});

test("who may not write is told the line to add", () => {
  hosts.readOnly = true;
  expect(nameRegistry).toThrow(
    new PlatformError(
      `/etc/hosts cannot be written; as root, add this line to it: 127.0.0.1 ${names} # TinyOlly platform`,
    ),
  );
});

test("to forget takes the marked lines out and leaves the rest as it was", () => {
  nameRegistry();
  forgetRegistry();
  expect(hosts.text).toBe(localhost);
});

test("the rehearsal's name has a line of its own, which can be forgotten alone", () => {
  nameRegistry();
  const before = hosts.text;
  expect(before).not.toContain("ghcr.tinyolly.test");
  nameRehearsal();
  nameRehearsal();
  expect(hosts.text).toBe(`${before}127.0.0.1 ghcr.tinyolly.test # TinyOlly rehearsal\n`);
  expect(hosts.writes).toBe(2);
  forgetRehearsal();
  expect(hosts.text).toBe(before);
});

test("the platform forgets the rehearsal's name as well", () => {
  nameRegistry();
  nameRehearsal();
  forgetRegistry();
  expect(hosts.text).toBe(localhost);
});

test("to forget what is not there writes nothing", () => {
  forgetRegistry();
  expect(hosts.writes).toBe(0);
});
