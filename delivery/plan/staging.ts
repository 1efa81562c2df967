import {
  chmodSync,
  copyFileSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { InputError } from "../basics/input-error.ts";
import { sha256, shortHash } from "../basics/sha256.ts";
import type { SourceFile } from "../sources/source-tree.ts";
import type { ImagePlan } from "./image-plan.ts";

/** Second of every staged file's time; the earliest that zip archives can hold. Unix seconds. */
export const sourceDateEpoch = 315532800;

const stagingFolder = ".tinyolly/contexts";
const completeMark = "complete";
const oneDay = 24 * 60 * 60 * 1000;

/**
 * Copies an image's files to a folder named by their key, with normal modes and times, since BuildKit copies modes and
 * times into layers, so builds of the sources themselves would differ between checkouts. A folder that is there already
 * is used as it is. Returns its path, relative to the project.
 *
 * @throws InputError when a file changed since it was planned.
 */
export function stageContext(plan: ImagePlan): string {
  const folder = contextFolder(plan);
  const context = join(folder, contextName(plan));
  if (existsSync(join(folder, completeMark))) {
    utimesSync(folder, new Date(), new Date());
    return context;
  }
  mkdirSync(stagingFolder, { recursive: true });
  removeOldContexts(plan.name);
  const draft = mkdtempSync(join(stagingFolder, ".draft-"));
  try {
    stageFiles(plan.path, plan.files, join(draft, contextName(plan)), timeOf);
    writeFileSync(join(draft, completeMark), "");
    chmodSync(draft, 0o755);
    removeEmpty(context);
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Another run staged the same content in the meantime.
    if (!existsSync(join(folder, completeMark))) throw error;
  }
  return context;
}

const reserved = new Set<string>();

/**
 * Path that {@link stageContext} would give. The docker-build plugin asks in a preview that the folder exists, so an
 * empty one stands in for it until the program ends.
 */
export function reserveContext(plan: ImagePlan): string {
  const context = join(contextFolder(plan), contextName(plan));
  mkdirSync(context, { recursive: true });
  if (reserved.size === 0) {
    process.once("exit", () => {
      for (const folder of reserved) removeEmpty(folder);
      reserved.clear();
    });
  }
  reserved.add(context);
  return context;
}

function contextFolder({ name, key }: ImagePlan): string {
  return join(stagingFolder, `${name}-${shortHash(key)}`);
}

/**
 * The last part of the path, by which buildx and BuildKit know a context again: of one that they know they ask for those
 * files only whose size or time differs.
 */
function contextName({ key }: ImagePlan): string {
  return shortHash(key);
}

/** Removes a folder of the staging area, and those above it, as far as they are empty. */
function removeEmpty(folder: string): void {
  try {
    for (let at = folder; at !== "."; at = dirname(at)) rmdirSync(at);
  } catch {
    // It holds something, or is not there.
  }
}

/**
 * Copies `files` of the folder `from` to the new folder `to`, with normal modes and times.
 *
 * @param timeOf Time of a file in Unix seconds, by the digest of its content.
 */
export function stageFiles(
  from: string,
  files: readonly SourceFile[],
  to: string,
  timeOf: (digest: string) => number = () => sourceDateEpoch,
): void {
  const folders = new Set([to]);
  mkdirSync(to, { recursive: true });
  for (const { path, kind, digest } of files) {
    const target = join(to, path);
    for (let folder = dirname(target); !folders.has(folder); folder = dirname(folder))
      folders.add(folder);
    mkdirSync(dirname(target), { recursive: true });
    stageFile(join(from, path), { kind, digest }, target, timeOf(digest));
  }
  // Deepest first: writing below a folder changes its time.
  for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
    chmodSync(folder, 0o755);
    utimesSync(folder, sourceDateEpoch, sourceDateEpoch);
  }
}

function stageFile(
  from: string,
  { kind, digest }: Pick<SourceFile, "kind" | "digest">,
  to: string,
  time: number,
): void {
  if (kind === "link") {
    const text = readlinkSync(from);
    if (sha256(text) !== digest) throw changed(from);
    symlinkSync(text, to);
    lutimesSync(to, sourceDateEpoch, sourceDateEpoch);
    return;
  }
  copyFileSync(from, to);
  if (sha256(readFileSync(to)) !== digest) {
    throw changed(from);
  }
  chmodSync(to, kind === "executable" ? 0o755 : 0o644);
  utimesSync(to, time, time);
}

/**
 * Time of a file with this content: BuildKit takes one of the same name, size and time for what it got before. Only the fraction of the
 * second differs, which images do not have: later times than their SOURCE_DATE_EPOCH are made equal to it.
 */
function timeOf(digest: string): number {
  return sourceDateEpoch + (Number.parseInt(digest.slice(0, 8), 16) % 1_000_000) / 1_000_000;
}

function changed(path: string): InputError {
  return new InputError(
    `${path} changed since it was planned; run the command again when it is at rest`,
  );
}

/** Contexts of the last day stay, for runs that are still under way. */
function removeOldContexts(name: string): void {
  for (const entry of readdirSync(stagingFolder)) {
    if (!entry.startsWith(`${name}-`) && !entry.startsWith(".draft-")) continue;
    const folder = join(stagingFolder, entry);
    const age = Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > oneDay) rmSync(folder, { recursive: true, force: true });
  }
}
