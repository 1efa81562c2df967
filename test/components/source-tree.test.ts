import { chmodSync, mkdirSync, symlinkSync, utimesSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dockerIgnore, ignoreNothing } from "../../components/ignore-file";
import { InputError } from "../../components/input-error";
import { readSourceTree, sha256 } from "../../components/source-tree";
import { folderWith } from "../folders";

test("files come in byte order with the digest of their content", () => {
  const root = folderWith({ "b.txt": "b", "a/z.txt": "z", "a.txt": "a", "B.txt": "B" });
  expect(readSourceTree(root, ignoreNothing)).toEqual([
    { path: "B.txt", kind: "file", digest: sha256("B") },
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
