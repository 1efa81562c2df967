import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import {
  type IgnoreRules,
  dockerIgnore,
  ignoreNothing,
} from "../../../delivery/sources/ignore-file.ts";
import { type SourceFile, readSourceTree } from "../../../delivery/sources/source-tree.ts";
import { folderWith, writeFiles } from "../../folders.ts";
import { seededRandom } from "../../random.ts";

test("files come in byte order with the digest of their content", () => {
  const root = folderWith({ "b.txt": "b", "a/z.txt": "z", "a.txt": "a", "C.txt": "C" });
  expect(readSourceTree(root, ignoreNothing)).toEqual([
    { path: "C.txt", kind: "file", digest: sha256("C") },
    { path: "a.txt", kind: "file", digest: sha256("a") },
    { path: "a/z.txt", kind: "file", digest: sha256("z") },
    { path: "b.txt", kind: "file", digest: sha256("b") },
  ]);
});

test("times and permission bits other than executable change nothing", () => {
  const files = { "run.sh": "run", "data.txt": "data" };
  const [one, other] = [folderWith(files), folderWith(files)];
  chmodSync(join(one, "run.sh"), 0o755);
  chmodSync(join(other, "run.sh"), 0o700);
  chmodSync(join(other, "data.txt"), 0o600);
  utimesSync(join(other, "data.txt"), 1, 1);
  expect(readSourceTree(other, ignoreNothing)).toEqual(readSourceTree(one, ignoreNothing));
});

test("the executable bit is content", () => {
  const root = folderWith({ "run.sh": "run" });
  const before = readSourceTree(root, ignoreNothing);
  chmodSync(join(root, "run.sh"), 0o755);
  expect(readSourceTree(root, ignoreNothing)).not.toEqual(before);
});

test("ignored files are left out, and pruned folders are not even opened", () => {
  const root = folderWith({ "keep.txt": "", "node_modules/x/y.js": "", "src/a.ts": "" });
  symlinkSync("nowhere", join(root, "node_modules/dangling"));
  const paths = readSourceTree(root, dockerIgnore("node_modules")).map(({ path }) => path);
  expect(paths).toEqual(["keep.txt", "src/a.ts"]);
});

test("a link counts by its text, and may point to a file or folder of the tree", () => {
  const root = folderWith({ "a/file.txt": "x" });
  symlinkSync("a/file.txt", join(root, "link"));
  symlinkSync("a", join(root, "folder"));
  symlinkSync("link", join(root, "chain"));
  expect(readSourceTree(root, ignoreNothing)).toContainEqual({
    path: "link",
    kind: "link",
    digest: sha256("a/file.txt"),
  });
});

test.each([
  ["nothing", "missing.txt"],
  ["something outside", "../outside"],
  ["an absolute path", "/etc/hosts"],
  ["itself", "link"],
])("a link to %s is refused with its path", (_, text) => {
  const root = folderWith({ "a.txt": "" });
  symlinkSync(text, join(root, "link"));
  expect(() => readSourceTree(root, ignoreNothing)).toThrow(
    new InputError(
      `${root}/link is a link to "${text}", which is not among the files of ${root}; ` +
        `mend the link, remove it or list it in the ignore file`,
    ),
  );
});

test("a link to an ignored file dangles in the build, so it is refused", () => {
  const root = folderWith({ "secret.txt": "" });
  symlinkSync("secret.txt", join(root, "link"));
  expect(() => readSourceTree(root, dockerIgnore("secret.txt"))).toThrow(InputError);
});

test("a socket is refused with its path", async () => {
  const root = folderWith({});
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(root, "s.sock"), resolve));
  try {
    expect(() => readSourceTree(root, ignoreNothing)).toThrow(
      "s.sock is neither a file, a folder nor a link",
    );
  } finally {
    server.close();
  }
});

test("a named pipe is refused with its path, and not opened", () => {
  const root = folderWith({});
  execFileSync("mkfifo", [join(root, "pipe")]);
  expect(() => readSourceTree(root, ignoreNothing)).toThrow(
    new InputError(
      `${root}/pipe is neither a file, a folder nor a link; remove it or list it in the ignore file`,
    ),
  );
});

test("a loop of links is refused with the path of one of them", () => {
  const root = folderWith({});
  symlinkSync("b", join(root, "a"));
  symlinkSync("a", join(root, "b"));
  expect(() => readSourceTree(root, ignoreNothing)).toThrow(`${root}/a is a link to "b"`);
});

describe("without permission", () => {
  test("a file that cannot be read is refused with its path", () => {
    const root = folderWith({ "secret.txt": "x" });
    expect(() => readLocked(root, "secret.txt", ignoreNothing)).toThrow(
      new InputError(
        `${root}/secret.txt cannot be read (EACCES: permission denied, open '${root}/secret.txt'); ` +
          `make it readable or list it in the ignore file`,
      ),
    );
  });

  test("a folder that cannot be read is refused with its path", () => {
    const root = folderWith({ "a.txt": "", "node_modules/x.js": "" });
    expect(() => readLocked(root, "node_modules", ignoreNothing)).toThrow(
      `${root}/node_modules cannot be read (EACCES: permission denied, scandir`,
    );
  });

  test("an ignored folder is not opened, so it need not be readable", () => {
    const root = folderWith({ "a.txt": "", "node_modules/x.js": "" });
    const files = readLocked(root, "node_modules", dockerIgnore("node_modules"));
    expect(files.map(({ path }) => path)).toEqual(["a.txt"]);
  });

  /** Reads the tree while nobody may open `locked`; as another user in place of root, who may open everything. */
  function readLocked(root: string, locked: string, rules: IgnoreRules): SourceFile[] {
    const isRoot = process.geteuid?.() === 0;
    chmodSync(root, 0o755);
    chmodSync(join(root, locked), 0);
    if (isRoot) process.seteuid?.(65534);
    try {
      return readSourceTree(root, rules);
    } finally {
      if (isRoot) process.seteuid?.(0);
      chmodSync(join(root, locked), 0o700);
    }
  }
});

describe("names", () => {
  test.each([
    ["a line break", "a\nb", '"a\\nb"'],
    ["an escape character", "a\u001b[31m", '"a\\u001b[31m"'],
    ["a control character beyond ASCII", "a\u0085", '"a\u0085"'],
  ])("%s is refused", (_, name, shown) => {
    const root = folderWith({ [`folder/${name}`]: "" });
    expect(() => readSourceTree(root, ignoreNothing)).toThrow(
      new InputError(
        `${root}/folder has a file whose name holds a control character: ${shown}; ` +
          `rename it, or list it in the ignore file`,
      ),
    );
  });

  test("one that is not UTF-8 is refused with its bytes", () => {
    const root = folderWith({});
    writeFileSync(Buffer.concat([Buffer.from(`${root}/caf`), Buffer.of(0xe9)]), "");
    expect(() => readSourceTree(root, ignoreNothing)).toThrow(
      new InputError(
        `${root} has a file whose name is not UTF-8: "caf\\xe9"; rename it, or list it in the ignore file`,
      ),
    );
  });

  test("one that holds U+FFFD itself is taken", () => {
    const root = folderWith({ "a\uFFFD.txt": "" });
    expect(readSourceTree(root, ignoreNothing)).toMatchObject([{ path: "a\uFFFD.txt" }]);
  });

  test.each([
    ["case", "README", "readme"],
    ["case beyond ASCII", "\u00c9t\u00e9", "\u00e9t\u00e9"],
    ["Unicode normalisation", "caf\u00e9", "cafe\u0301"],
  ])("two that differ only in %s are refused together", (_, one, other) => {
    const root = folderWith({ [`docs/${one}`]: "", [`docs/${other}`]: "" });
    const [first, second] = [one, other].sort((a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
    expect(() => readSourceTree(root, ignoreNothing)).toThrow(
      new InputError(
        `${root}/docs/${first} and ${root}/docs/${second} differ only in case or Unicode normalisation, so macOS ` +
          `and Windows cannot hold both; rename one, or list it in the ignore file`,
      ),
    );
  });

  test("two folders with files that differ only in case are refused, too", () => {
    const root = folderWith({ "Docs/a.txt": "", "docs/b.txt": "" });
    expect(() => readSourceTree(root, ignoreNothing)).toThrow(
      `${root}/Docs and ${root}/docs differ only in case`,
    );
  });

  test("names count only where they are not ignored", () => {
    const root = folderWith({
      README: "",
      readme: "",
      "Docs/a.log": "",
      "docs/b.txt": "",
      "x\ny": "",
    });
    const rules = dockerIgnore("readme\n**/*.log\nx*");
    expect(readSourceTree(root, rules).map(({ path }) => path)).toEqual(["README", "docs/b.txt"]);
  });

  test("names with characters of four bytes come in byte order, too", () => {
    const root = folderWith({});
    writeFiles(root, { "\u{1f600}/x": "", "\uff5e": "", z: "", "a/\u{1f600}": "", "a/\uff5e": "" });
    const paths = readSourceTree(root, ignoreNothing).map(({ path }) => path);
    expect(paths).toEqual(paths.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    expect(paths).toHaveLength(5);
  });
});

test("any tree comes in byte order, with links among files and folders among their neighbours", () => {
  const random = seededRandom(7);
  const parts = ["a", "b", "a.txt", "a-b", "a b", "a0", "\u00e9", "\uffee", "\u{10000}"];
  for (let round = 0; round < 50; round++) {
    const root = folderWith({});
    const expected = new Set<string>();
    for (let i = 0; i < 12; i++) {
      const path = Array.from({ length: 1 + random.below(3) }, () => random.pick(parts)).join("/");
      const taken = [...expected].some(
        (other) => path === other || path.startsWith(`${other}/`) || other.startsWith(`${path}/`),
      );
      if (taken) continue;
      writeFiles(root, { [path]: "" });
      expected.add(path);
    }
    expect(readSourceTree(root, ignoreNothing).map(({ path }) => path)).toEqual(
      [...expected].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
  }
});

describe("large files", () => {
  test("one of 5 GiB is refused with its size and the limit, without being read", () => {
    const root = folderWith({ "dump.bin": "" });
    truncateSync(join(root, "dump.bin"), 5 * 2 ** 30);
    expect(() => readSourceTree(root, ignoreNothing)).toThrow(
      new InputError(
        `${root}/dump.bin has 5368709120 bytes (5120.0 MiB), and files up to 1073741824 bytes (1024.0 MiB) are taken; ` +
          `list it in the ignore file, or raise the limit with the configuration key "largestFile"`,
      ),
    );
  });

  test("the limit is settable", () => {
    const root = folderWith({ "a.txt": "four" });
    expect(readSourceTree(root, ignoreNothing, { largestFile: 4 })).toHaveLength(1);
    expect(() => readSourceTree(root, ignoreNothing, { largestFile: 3 })).toThrow(
      "a.txt has 4 bytes",
    );
  });
});

describe("git", () => {
  test(".git is left out at any depth, be it a folder or a file", () => {
    const root = folderWith({
      "a.txt": "",
      ".git/HEAD": "",
      "module/.git": "gitdir: ../x",
      "module/b": "",
    });
    const paths = readSourceTree(root, ignoreNothing).map(({ path }) => path);
    expect(paths).toEqual(["a.txt", "module/b"]);
  });

  test("a submodule that was not fetched is refused with the command that fetches it", () => {
    const root = folderWith({
      ".git/HEAD": "",
      ".gitmodules": '[submodule "m"]\n\tpath = app/lib/m\n',
    });
    mkdirSync(join(root, "app/lib/m"), { recursive: true });
    expect(() => readSourceTree(join(root, "app"), ignoreNothing)).toThrow(
      new InputError(
        `${root}/app/lib/m is a git submodule that is not checked out; ` +
          `run git submodule update --init --recursive, or list it in the ignore file`,
      ),
    );
    expect(readSourceTree(join(root, "app"), dockerIgnore("lib/m"))).toEqual([]);
    expect(readSourceTree(join(root, "app"), dockerIgnore("lib/m\n!lib/m/x"))).toEqual([]);
  });
});

test("empty folders are not content", () => {
  const root = folderWith({ "a.txt": "" });
  const before = readSourceTree(root, ignoreNothing);
  mkdirSync(join(root, "empty"));
  expect(readSourceTree(root, ignoreNothing)).toEqual(before);
});

test("a link through a linked folder leads somewhere", () => {
  const root = folderWith({ "d/f.txt": "x" });
  symlinkSync("d", join(root, "e"));
  symlinkSync("e/f.txt", join(root, "g"));
  symlinkSync("../e/../d/f.txt", join(root, "d/h"));
  expect(readSourceTree(root, ignoreNothing).map(({ path }) => path)).toEqual([
    "d/f.txt",
    "d/h",
    "e",
    "g",
  ]);
});
