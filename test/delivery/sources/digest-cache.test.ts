import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import * as fs from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { dockerIgnore, ignoreNothing } from "../../../delivery/sources/ignore-file.ts";
import { type SourceFile, readSourceTree } from "../../../delivery/sources/source-tree.ts";
import { folderWith, writeFiles } from "../../folders.ts";
import { seededRandom } from "../../random.ts";

vi.mock("node:fs", async (importOriginal) => {
  const real = await importOriginal<typeof fs>();
  return { ...real, openSync: vi.fn(real.openSync) };
});

const oneMinute = 60_000;
let root: string;
let cacheFile: string;

beforeEach(() => {
  root = folderWith({ "a.txt": "one", "b/c.txt": "two", "d.txt": "three" });
  cacheFile = join(folderWith({}), "cache/digests");
  // What was written just now is as old as a minute for the cache.
  vi.spyOn(Date, "now").mockImplementation(
    () => performance.timeOrigin + performance.now() + oneMinute,
  );
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe("saves reading", () => {
  test("files that did not change are not opened", () => {
    const first = read();
    expect(read()).toEqual(first);
    expect(opened()).toEqual([]);
  });

  test("of files that changed, came or went, only those that changed or came are opened", () => {
    read();
    writeFiles(root, { "a.txt": "new", "b/a.txt": "came" });
    renameSync(join(root, "d.txt"), join(root, "e.txt"));
    const changed = read();
    expect(opened()).toEqual(["a.txt", "b/a.txt", "e.txt"]);
    expect(changed).toEqual(readSourceTree(root, ignoreNothing));
    read();
    expect(opened()).toEqual([]);
  });

  test("a file that is too large is refused, though it is known", () => {
    read();
    expect(() => readSourceTree(root, ignoreNothing, { cacheFile, largestFile: 4 })).toThrow(
      "d.txt has 5 bytes",
    );
  });

  test("nothing is written unless that is asked for", () => {
    readSourceTree(root, ignoreNothing, { cacheFile });
    expect(existsSync(cacheFile)).toBe(false);
  });

  test("nothing is written where nothing changed", () => {
    read();
    const before = statSync(cacheFile).ino;
    read();
    expect(statSync(cacheFile).ino).toBe(before);
  });

  test("names beyond ASCII are found again", () => {
    writeFiles(root, { "caf\u00e9/\u{1f600}.txt": "x", "caf\u00e9/z.txt": "y" });
    const first = read();
    expect(read()).toEqual(first);
    expect(opened()).toEqual([]);
  });

  test("many files are shared with a second thread, and come out the same", () => {
    for (let folder = 0; folder < 120; folder++) {
      mkdirSync(join(root, `many-${folder}`));
      for (let i = 0; i < 100; i++)
        writeFileSync(join(root, `many-${folder}`, `${i}`), `${folder}.${i}`);
    }
    const first = read();
    expect(first).toEqual(readSourceTree(root, ignoreNothing));
    opened();
    expect(read()).toEqual(first);
    expect(opened()).toEqual([]);
  });
});

describe("cannot hide a change", () => {
  test.each<[string, () => void]>([
    [
      "other content of the same size with the time put back",
      () => {
        keepTime("a.txt", () => {
          writeFileSync(join(root, "a.txt"), "eno");
        });
      },
    ],
    [
      "another file of the same size and time moved into its place",
      () => {
        const { atime, mtime } = statSync(join(root, "a.txt"));
        const other = join(folderWith({ other: "eno" }), "other");
        utimesSync(other, atime, mtime);
        renameSync(other, join(root, "a.txt"));
      },
    ],
    [
      "two files that change places",
      () => {
        renameSync(join(root, "a.txt"), join(root, "x"));
        renameSync(join(root, "d.txt"), join(root, "a.txt"));
        renameSync(join(root, "x"), join(root, "d.txt"));
      },
    ],
    [
      "a folder that another one of the same names replaces",
      () => {
        const other = folderWith({ "new/c.txt": "owt" });
        renameSync(join(root, "b"), join(other, "old"));
        renameSync(join(other, "new"), join(root, "b"));
      },
    ],
    [
      "an executable bit",
      () => {
        chmodSync(join(root, "a.txt"), 0o755);
      },
    ],
    [
      "a link in the place of a file",
      () => {
        const { atime, mtime } = statSync(join(root, "a.txt"));
        renameSync(join(root, "a.txt"), join(root, "z.txt"));
        symlinkSync("z.txt", join(root, "a.txt"));
        lutimesSync(join(root, "a.txt"), atime, mtime);
      },
    ],
  ])("%s", (_, change) => {
    const before = read();
    waitForTick();
    change();
    const after = read();
    expect(after).toEqual(readSourceTree(root, ignoreNothing));
    expect(after).not.toEqual(before);
  });

  test("a file that changed within seconds before it was hashed is hashed again, since the next change may have the same time", () => {
    vi.mocked(Date.now).mockRestore();
    read();
    opened();
    read();
    expect(opened()).toEqual(["a.txt", "b/c.txt", "d.txt"]);
  });

  test("a file from the future is hashed each time", () => {
    const future = new Date(Date.now() + 60 * oneMinute);
    utimesSync(join(root, "a.txt"), future, future);
    read();
    opened();
    read();
    expect(opened()).toEqual(["a.txt"]);
  });

  test("any edits, with and without times put back", () => {
    const random = seededRandom(5);
    const names = ["p", "q", "c/p", "c/q", "d.txt"];
    for (let round = 0; round < 100; round++) {
      const name = random.pick(names);
      const other = random.pick(names);
      mkdirSync(join(root, "c"), { recursive: true });
      waitForTick();
      const write = (): void => {
        writeFileSync(join(root, name), random.pick(["x", "y", "zz"]));
      };
      if (existsSync(join(root, name)) && random.below(2) === 0) keepTime(name, write);
      else if (existsSync(join(root, other))) renameSync(join(root, other), join(root, name));
      else write();
      expect(read()).toEqual(readSourceTree(root, ignoreNothing));
    }
  });

  /** The clock of a file system may stand still for up to 10 ms, and the mocked clock makes the cache believe it is minutes. */
  function waitForTick(): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 12);
  }

  function keepTime(name: string, change: () => void): void {
    const { atime, mtime } = statSync(join(root, name));
    change();
    utimesSync(join(root, name), atime, mtime);
  }
});

describe("a cache file is read only where it can be believed", () => {
  test.each<[string, () => void]>([
    [
      "is empty",
      () => {
        writeFileSync(cacheFile, "");
      },
    ],
    [
      "is cut off",
      () => {
        truncateSync(cacheFile, statSync(cacheFile).size - 1);
      },
    ],
    [
      "has another version",
      () => {
        flipByte(7);
      },
    ],
    [
      "has a changed count",
      () => {
        flipByte(22);
      },
    ],
    [
      "has a changed digest",
      () => {
        flipByte(-60);
      },
    ],
    [
      "is a folder's worth of noise",
      () => {
        writeFileSync(cacheFile, "noise ".repeat(1000));
      },
    ],
    [
      "may be written by others",
      () => {
        chmodSync(cacheFile, 0o602);
      },
    ],
    [
      "is a link",
      () => {
        renameSync(cacheFile, `${cacheFile}.real`);
        symlinkSync(`${cacheFile}.real`, cacheFile);
      },
    ],
  ])("one that %s is ignored and replaced", (_, spoil) => {
    const first = read();
    spoil();
    opened();
    expect(read()).toEqual(first);
    expect(opened()).toEqual(["a.txt", "b/c.txt", "d.txt"]);
    expect(read()).toEqual(first);
    expect(opened()).toEqual([]);
  });

  test.runIf(process.getuid?.() === 0)("one of another user is ignored and replaced", () => {
    read();
    chownSync(cacheFile, 65534, 65534);
    opened();
    read();
    expect(opened()).toEqual(["a.txt", "b/c.txt", "d.txt"]);
    expect(statSync(cacheFile).uid).toBe(0);
  });

  test("it can be read by its owner alone, and leaves nothing beside it", () => {
    read();
    expect(statSync(cacheFile).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(cacheFile, ".."))).toEqual(["digests"]);
  });

  test("where it cannot be written, sources are read all the same", () => {
    mkdirSync(cacheFile, { recursive: true });
    expect(read()).toEqual(readSourceTree(root, ignoreNothing));
    expect(readdirSync(join(cacheFile, ".."))).toEqual(["digests"]);
  });

  test("processes that write it at once leave one that is whole", async () => {
    const script = join(folderWith({}), "read.ts");
    const [tree, ignore] = ["source-tree", "ignore-file"].map((name) =>
      JSON.stringify(resolve("delivery/sources", `${name}.ts`)),
    );
    writeFileSync(
      script,
      `import { readSourceTree } from ${tree};
       import { ignoreNothing } from ${ignore};
       const now = Date.now;
       Date.now = () => now() + ${oneMinute};
       const [root, cacheFile] = process.argv.slice(2);
       for (let i = 0; i < 50; i++) {
         fs.rmSync(cacheFile, { force: true });
         readSourceTree(root, ignoreNothing, { cacheFile, writeCache: true });
       }`.replace("import", 'import fs from "node:fs";\nimport'),
    );
    const exits = [1, 2].map(() =>
      once(
        spawn(process.execPath, [script, root, cacheFile], {
          stdio: "inherit",
        }),
        "exit",
      ),
    );
    expect(await Promise.all(exits)).toEqual([
      [0, null],
      [0, null],
    ]);
    expect(readdirSync(join(cacheFile, ".."))).toEqual(["digests"]);
    opened();
    read();
    expect(opened()).toEqual([]);
  });

  function flipByte(at: number): void {
    const content = readFileSync(cacheFile);
    const index = at < 0 ? content.length + at : at;
    content.writeUInt8(content.readUInt8(index) ^ 1, index);
    writeFileSync(cacheFile, content);
  }
});

test("folders that are ignored are not asked for their status", () => {
  writeFiles(root, { "node_modules/x/y.js": "" });
  const rules = dockerIgnore("node_modules");
  const options = { cacheFile, writeCache: true };
  expect(readSourceTree(root, rules, options)).toHaveLength(3);
  expect(readFileSync(cacheFile, "latin1")).not.toContain("node_modules");
});

function read(): SourceFile[] {
  opened();
  return readSourceTree(root, ignoreNothing, { cacheFile, writeCache: true });
}

/** Sources that were opened since it was asked last, relative to their folder. */
function opened(): string[] {
  const calls = vi.mocked(fs.openSync).mock.calls;
  const paths = calls.map(([path]) => String(path)).filter((path) => path.startsWith(`${root}/`));
  vi.mocked(fs.openSync).mockClear();
  return paths.map((path) => path.slice(root.length + 1));
}
