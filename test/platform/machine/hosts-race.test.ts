import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { folderWith } from "../../folders.ts";
import { mount } from "../../mounts.ts";

const project = resolve(import.meta.dirname, "../../..");

/** Names and forgets a platform's registry again and again, and ends with an error where its line is not as it left it. */
const program = `
  const { forgetRegistry, nameRegistry } = require(${JSON.stringify(join(project, "platform/machine/hosts.ts"))});
  const { readPlatformSettings } = require(${JSON.stringify(join(project, "platform/settings.ts"))});
  const { createHash } = require("node:crypto");
  const { readFileSync } = require("node:fs");
  const [path, lock, state, rounds] = process.argv.slice(1);
  const settings = readPlatformSettings({ TINYOLLY_STATE: state });
  const mark = "# TinyOlly platform " + createHash("sha256").update(state).digest("hex").slice(0, 8);
  const count = () => readFileSync(path, "utf8").split("\\n").filter((line) => line.endsWith(mark)).length;
  console.log("ready");
  for (let round = 0; round < Number(rounds); round++) {
    nameRegistry(settings, { path, lock });
    if (count() !== 1) process.exit(3);
    forgetRegistry(settings, { path, lock });
    if (count() !== 0) process.exit(4);
  }
  nameRegistry(settings, { path, lock });`;

/** More than a page, so that it is not written in one piece by chance. */
const others = Array.from({ length: 400 }, (_, i) => `192.0.2.${i % 250} host-${i}.example.test`);

let folder = "";
let path = "";
let writers: ChildProcess[] = [];

beforeEach(() => {
  folder = folderWith({ hosts: `${others.join("\n")}\n` });
  path = join(folder, "hosts");
  writers = [];
});

afterEach(() => {
  for (const writer of writers) writer.kill("SIGKILL");
});

function write(state: string, rounds: number): ChildProcess {
  const args = ["-e", program];
  const writer = spawn(
    process.execPath,
    [...args, path, join(folder, "run/hosts.lock"), state, String(rounds)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  writers.push(writer);
  return writer;
}

/** Lines of others that the file has now. */
function othersNow(): string[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.includes("# TinyOlly"));
}

const ways = [
  ["is replaced", false],
  ["is a mount", true],
] as const;

test.each(ways)(
  "platforms that start and stop at once lose nothing where the file %s",
  async (_, mounted) => {
    if (mounted) mount(["--bind", path], path);
    const states = ["/srv/a", "/srv/b", "/srv/c"];
    const ends = states.map((state) => once(write(state, 20), "exit"));
    expect(await Promise.all(ends)).toEqual(states.map(() => [0, null]));
    expect(othersNow()).toEqual(others);
    expect(readFileSync(path, "utf8").match(/# TinyOlly platform/g)).toHaveLength(3);
    expect(readdirSync(folder).sort()).toEqual(["hosts", "run"]);
  },
);

test.each(ways)(
  "a writer that is killed at any moment leaves all lines where the file %s",
  async (_, mounted) => {
    if (mounted) mount(["--bind", path], path);
    for (let round = 0; round < 12; round++) {
      const writer = write("/srv/a", 1_000_000);
      if (writer.stdout) await once(writer.stdout, "data");
      // A moment of the writer's work, not of the clock's.
      for (let reads = 0; reads < round * 7; reads++) expect(othersNow()).toEqual(others);
      writer.kill("SIGKILL");
      expect(await once(writer, "exit")).toEqual([null, "SIGKILL"]);
      expect(othersNow()).toEqual(others);
    }
    expect(await once(write("/srv/b", 1), "exit")).toEqual([0, null]);
    expect(othersNow()).toEqual(others);
    expect(existsSync(`${path}.tinyolly`)).toBe(false);
  },
);
