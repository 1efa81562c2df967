import { lstatSync, mkdirSync, writeFileSync } from "node:fs";
import type * as fs from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import {
  FileStatuses,
  sameStatus,
  sizeAndMode,
  statusOf,
} from "../../../delivery/sources/file-status.ts";
import { folderWith } from "../../folders.ts";

vi.mock("node:fs", async (importOriginal) => {
  const real = await importOriginal<typeof fs>();
  return { ...real, lstatSync: vi.fn(real.lstatSync) };
});

test("a status is the same while nothing about the file changes", () => {
  const root = folderWith({ "a/one": "1", "a/two": "22" });
  const statuses = ask(root, "a/", ["one", "two"]);
  const again = ask(root, "a/", ["one", "two"]);
  expect(sameStatus(statuses, 0, again, 0)).toBe(true);
  expect(sameStatus(statuses, 0, again, 1)).toBe(false);
  expect(sameStatus(statusOf(lstatSync(join(root, "a/two"))), 0, again, 1)).toBe(true);
  expect(sizeAndMode(statuses, 1)).toEqual({ size: 2, mode: lstatSync(join(root, "a/two")).mode });
});

test("a file that is gone has a status that is the same as none", () => {
  const root = folderWith({ there: "" });
  const statuses = ask(root, "", ["gone", "there"]);
  expect(sameStatus(statuses, 0, statuses, 0)).toBe(false);
  expect(sameStatus(statuses, 1, statuses, 1)).toBe(true);
});

test("of many files the second thread asks for a part, and each status is that of its file", () => {
  const root = folderWith({});
  const names = Array.from({ length: 500 }, (_, i) => `${i}`);
  const prefixes = Array.from({ length: 30 }, (_, i) => `folder-${i}/`);
  for (const prefix of prefixes) {
    mkdirSync(join(root, prefix));
    for (const name of names) writeFileSync(join(root, prefix, name), "");
  }
  const expected = prefixes.flatMap((prefix) =>
    names.map((name) => lstatSync(join(root, prefix, name)).ino),
  );
  const { lstatSync: slow } = slowDown();
  const asked = new FileStatuses(root);
  for (const prefix of prefixes) asked.add({ prefix, names });
  const statuses = asked.read();
  asked.close();
  expect(expected.map((_, i) => statuses[i * 6 + 1])).toEqual(expected);
  expect(slow.mock.calls.length).toBeLessThan(expected.length);
});

/** Lets this thread take so long that the second one surely comes to its turn. */
function slowDown(): { lstatSync: { mock: { calls: unknown[] } } } {
  const mocked = vi.mocked(lstatSync);
  const real = mocked.getMockImplementation();
  mocked.mockClear();
  mocked.mockImplementation((path, options) => {
    const end = performance.now() + 0.1;
    while (performance.now() < end);
    return real?.(path, options);
  });
  return { lstatSync: mocked };
}

function ask(root: string, prefix: string, names: readonly string[]): Float64Array {
  const asked = new FileStatuses(root);
  asked.add({ prefix, names });
  return asked.read();
}
