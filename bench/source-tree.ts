/**
 * Compares reading a folder of 200,000 files with `git status` on the same files:
 * `node bench/source-tree.ts [--json] [--rounds=7] [--files=200000] [--drop-page-cache]`.
 *
 * Prints a table, or with --json one object `{cases: [{name, seconds, ratio}]}` whose ratios are to git status in the
 * same case. Seconds are medians of rounds that take turns. Each reading has a process of its own, as in use, and counts
 * without the start of Node. Beside the sources is an ignored node_modules with a quarter as many files.
 */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dockerIgnore } from "../delivery/sources/ignore-file.ts";
import { readSourceTree } from "../delivery/sources/source-tree.ts";
import { median } from "./measure.ts";

interface Measured {
  readonly name: string;
  readonly seconds: number;
  /** Seconds by those of git status. */
  readonly ratio: number;
}

const filesInFolder = 25;
const ignored = [
  "node_modules",
  "**/*.log",
  "**/__pycache__",
  "**/.venv",
  "dist",
  "*.md",
  "!README.md",
].join("\n");

function main(): void {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      rounds: { type: "string", default: "7" },
      files: { type: "string", default: "200000" },
      "drop-page-cache": { type: "boolean", default: false },
      // What the processes of the readings get.
      read: { type: "string" },
      cache: { type: "string" },
    },
  });
  if (values.read !== undefined) {
    process.stdout.write(String(readTree(values.read, values.cache)));
    return;
  }
  const work = mkdtempSync(join(tmpdir(), "tinyolly-bench-"));
  try {
    const tree = new Tree(join(work, "tree"), Number(values.files));
    const measured = compare(
      tree,
      join(work, "digests"),
      Number(values.rounds),
      values["drop-page-cache"],
    );
    process.stdout.write(
      values.json ? `${JSON.stringify({ cases: measured })}\n` : table(measured),
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function compare(tree: Tree, cache: string, rounds: number, dropPageCache: boolean): Measured[] {
  // Digests of files that changed a moment ago are not kept.
  sleep(4_000);
  tree.read(cache);
  tree.status();
  const warm = (): void => undefined;
  const measured = [
    ...takeTurns("warm", rounds, tree, cache, warm),
    ...takeTurns("one file changed", rounds, tree, cache, () => {
      tree.change();
    }),
    ...takeTurns("nothing known, all read", Math.ceil(rounds / 3), tree, undefined, () => {
      tree.forget();
    }),
  ];
  if (!dropPageCache) return measured;
  tree.status();
  return [
    ...measured,
    ...takeTurns("page cache empty", Math.ceil(rounds / 3), tree, cache, emptyPageCache),
  ];
}

/** Times git status and reading in turns, each after `prepare`. */
function takeTurns(
  name: string,
  rounds: number,
  tree: Tree,
  cache: string | undefined,
  prepare: () => void,
): Measured[] {
  const statuses: number[] = [];
  const readings: number[] = [];
  for (let round = 0; round < rounds; round++) {
    prepare();
    statuses.push(tree.status());
    prepare();
    readings.push(tree.read(cache));
  }
  const [status, reading] = [median(statuses), median(readings)];
  return [
    { name: `${name}: git status`, seconds: status, ratio: 1 },
    { name: `${name}: readSourceTree`, seconds: reading, ratio: reading / status },
  ];
}

/** A repository of small files in folders of folders, all committed but for node_modules. */
class Tree {
  readonly #root: string;

  public constructor(root: string, files: number) {
    this.#root = root;
    for (let i = 0; i < files / filesInFolder; i++) this.#fill(folderOf(i), "ts", i);
    for (let i = 0; i < files / filesInFolder / 4; i++)
      this.#fill(`node_modules/package-${i}/lib`, "js", i);
    writeFileSync(join(root, ".gitignore"), "node_modules\n");
    this.#git("init", "--quiet");
    this.#git("add", "--all");
    const author = ["-c", "gc.auto=0", "-c", "user.name=bench", "-c", "user.email=bench@localhost"];
    this.#git(...author, "commit", "--quiet", "--message", "bench");
  }

  /** Seconds that git status takes. */
  public status(): number {
    return secondsOf(() => {
      this.#git("status", "--porcelain");
    });
  }

  /** Seconds that reading takes in a new process. */
  public read(cache: string | undefined): number {
    const args = [...process.execArgv, import.meta.filename, "--read", this.#root];
    if (cache !== undefined) args.push("--cache", cache);
    return Number(execFileSync(process.execPath, args, { encoding: "utf8" }));
  }

  public change(): void {
    appendFileSync(join(this.#root, folderOf(0), "file-0.ts"), "\n");
  }

  /** Makes git read all files again, by an index that does not have their status. */
  public forget(): void {
    this.#git("read-tree", "HEAD");
  }

  #fill(folder: string, ending: string, seed: number): void {
    mkdirSync(join(this.#root, folder), { recursive: true });
    for (let i = 0; i < filesInFolder; i++) {
      const line = `export const value${i} = "${folder}";\n`;
      writeFileSync(
        join(this.#root, folder, `file-${i}.${ending}`),
        line.repeat(1 + ((seed + i) % 20)),
      );
    }
  }

  #git(...args: readonly string[]): void {
    execFileSync("git", ["-C", this.#root, ...args], { stdio: ["ignore", "ignore", "inherit"] });
  }
}

function folderOf(index: number): string {
  return `src/area-${Math.floor(index / 400)}/module-${Math.floor(index / 20) % 20}/part-${index % 20}`;
}

function readTree(root: string, cacheFile: string | undefined): number {
  const rules = dockerIgnore(ignored);
  return secondsOf(() =>
    readSourceTree(root, rules, cacheFile === undefined ? {} : { cacheFile, writeCache: true }),
  );
}

function secondsOf(work: () => unknown): number {
  const started = performance.now();
  work();
  return (performance.now() - started) / 1000;
}

/** Needs root. */
function emptyPageCache(): void {
  execFileSync("sync");
  writeFileSync("/proc/sys/vm/drop_caches", "3");
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function table(measured: readonly Measured[]): string {
  return measured
    .map(
      ({ name, seconds, ratio }) =>
        `${name.padEnd(44)}${seconds.toFixed(3)} s ${ratio.toFixed(2).padStart(6)} x\n`,
    )
    .join("");
}

main();
