import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { dockerIgnore } from "../../../delivery/sources/ignore-file.ts";
import { toolchain } from "../../../platform/tools/go-module.ts";
import { folderWith } from "../../folders.ts";
import { type Random, seededRandom } from "../../random.ts";

interface IgnoreFile {
  readonly text: string;
  readonly paths: readonly string[];
}

let program: string;

beforeAll(() => {
  program = join(folderWith({}), "ignored");
  execFileSync("go", ["build", "-o", program, "./tools/cmd/ignored"], {
    cwd: resolve("platform"),
    env: {
      ...process.env,
      ...{ GOTOOLCHAIN: toolchain, GOFLAGS: "", GOWORK: "off", CGO_ENABLED: "0" },
    },
  });
  // Go may have to fetch itself and the matcher first.
}, 300_000);

/** What BuildKit's own matcher ignores of each file's paths; null where it refuses the file. */
function ignoredByMoby(files: readonly IgnoreFile[]): (boolean[] | null)[] {
  const output = execFileSync(program, { input: JSON.stringify(files), maxBuffer: 2 ** 28 });
  return JSON.parse(output.toString()) as (boolean[] | null)[];
}

const pieces = [
  "a",
  "b",
  "*",
  "**",
  "?",
  "[ab]",
  "[^b]",
  "[a-c]",
  "\\*",
  "\\[",
  "^",
  ".",
  "+",
  "(",
  "é",
];
const names = [
  "a",
  "b",
  "ab",
  "ba",
  "aab",
  "c",
  ".a",
  "a.b",
  "a*",
  "a+",
  "(",
  "é",
  "!a",
  "^a",
  "[",
  "a b",
];

/** Some lines as people might write them, and paths that they could match. */
function randomIgnoreFile(random: Random): IgnoreFile {
  const some = <T>(least: number, most: number, one: () => T): T[] =>
    Array.from({ length: least + random.below(most - least + 1) }, one);
  const segment = (): string =>
    random.below(12) === 0 ? ".." : some(1, 3, () => random.pick(pieces)).join("");
  const line = (): string =>
    [
      random.pick(["", "", "", "", "!", "!", "! ", " ", "#"]),
      random.pick(["", "", "", "/", "./", "**/"]),
      some(1, 3, segment).join("/"),
      random.pick(["", "", "", "/", "/**", " ", "//", "/."]),
    ].join("");
  const path = (): string => some(1, 4, () => random.pick(names)).join("/");
  return { text: some(1, 4, line).join("\n"), paths: some(5, 15, path) };
}

test("a .dockerignore leaves out what BuildKit's matcher leaves out", () => {
  for (const seed of [1, Date.now() % 100_000]) {
    const random = seededRandom(seed);
    const files = Array.from({ length: 5_000 }, () => randomIgnoreFile(random));
    const theirs = ignoredByMoby(files);
    // BuildKit refuses classes without an end and the like, which are nothing to compare with.
    const compared = files.flatMap((file, i) => {
      const ignored = theirs[i];
      return ignored ? [{ file, ignored }] : [];
    });
    expect(compared.length).toBeGreaterThan(3_000);
    for (const {
      file: { text, paths },
      ignored,
    } of compared) {
      const rules = dockerIgnore(text);
      const told = (what: (path: string, i: number) => boolean | undefined): unknown => ({
        ...{ seed, text },
        ignored: paths.filter((path, i) => what(path, i)),
      });
      expect(told((path) => rules.ignores(path, "file"))).toEqual(told((_, i) => ignored[i]));
    }
  }
});
