import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { makeOnce, replace } from "../../../platform/machine/draft.ts";
import { startTime } from "../../../platform/machine/start-time.ts";
import { folderWith, writeFiles } from "../../folders.ts";

let folder = "";
const lines: string[] = [];

beforeEach(() => {
  folder = folderWith({});
  lines.length = 0;
});

function shared(name: string) {
  return { path: join(folder, name), label: name, log: (line: string) => lines.push(line) };
}

/** Makes a file in a draft, and leaves another one there. */
function fileOf(text: string) {
  return (draft: string): string => {
    writeFiles(draft, { other: "", file: text });
    return join(draft, "file");
  };
}

test("a file is made once, and nothing is left beside it", async () => {
  expect(await makeOnce(shared("one"), fileOf("made"))).toBe(true);
  expect(await makeOnce(shared("one"), fileOf("made again"))).toBe(false);
  expect(readFileSync(join(folder, "one"), "utf8")).toBe("made");
  expect(readdirSync(folder)).toEqual(["one"]);
  expect(lines).toEqual([]);
});

test("what fails half way leaves nothing", async () => {
  const fails = makeOnce(shared("one"), (draft) => {
    writeFiles(draft, { file: "half" });
    throw new Error("no more");
  });
  await expect(fails).rejects.toThrow("no more");
  expect(readdirSync(folder)).toEqual([]);
});

test("where nothing comes of it, what is there stays", async () => {
  writeFiles(folder, { "one/file": "before" });
  expect(await replace(join(folder, "one"), () => undefined)).toBe(false);
  expect(readFileSync(join(folder, "one/file"), "utf8")).toBe("before");
  expect(readdirSync(folder)).toEqual(["one"]);
});

test("a folder takes the place of another one, whole, and others may read it", async () => {
  writeFiles(folder, { "one/file": "before", "one/stale": "" });
  const made = await replace(join(folder, "one"), async (draft) => {
    await Promise.resolve();
    writeFiles(draft, { file: "after", "below/file": "" });
    expect(readdirSync(join(folder, "one")).sort()).toEqual(["file", "stale"]);
    return draft;
  });
  expect(made).toBe(true);
  expect(readdirSync(join(folder, "one")).sort()).toEqual(["below", "file"]);
  expect(readdirSync(folder)).toEqual(["one"]);
});

test("what is incomplete is made again", async () => {
  mkdirSync(join(folder, "one"));
  const isThere = (): boolean => existsSync(join(folder, "one/file"));
  const fill = (draft: string): string => {
    writeFileSync(join(draft, "file"), "");
    return draft;
  };
  expect(await makeOnce(shared("one"), fill, isThere)).toBe(true);
  expect(await makeOnce(shared("one"), fill, isThere)).toBe(false);
});

test("drafts that ended processes left go, those of other things stay", async () => {
  writeFiles(folder, {
    ".draft-one-abcdef/new/file": "half",
    ".draft-one-1-abcdef/new/file": "of one-1",
    ".draft-abcdef": "of an earlier version",
  });
  await makeOnce(shared("one"), fileOf("made"));
  expect(readdirSync(folder).sort()).toEqual([".draft-abcdef", ".draft-one-1-abcdef", "one"]);
});

test("who waits says for whom, and takes what the other one made", async () => {
  const path = join(folder, "one");
  const own = `${process.pid}-${startTime(process.pid) ?? ""}`;
  const holder = { command: "the checkout /srv/other", user: "alice", since: "2026-11-23T00:04Z" };
  writeFiles(`${path}.lock`, { [own]: JSON.stringify(holder) });
  const log = (line: string): void => {
    lines.push(line);
    writeFiles(folder, { one: "made there" });
    rmSync(`${path}.lock`, { recursive: true });
  };
  expect(await makeOnce({ path, label: "helm 4.3.1", log }, fileOf("made here"))).toBe(false);
  expect(lines).toEqual([
    `helm 4.3.1: waiting for the checkout /srv/other (process ${process.pid}), which makes it`,
  ]);
  expect(readdirSync(folder)).toEqual(["one"]);
});
