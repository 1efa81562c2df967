import {
  appendFileSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { run } from "./command.ts";

/** Makes `folder` a clone of `project` as it is now: with uncommitted files, and with its packages linked. */
export async function copyCheckout(project: string, folder: string): Promise<void> {
  const git = (cwd: string, ...args: string[]): Promise<{ stdout: string }> =>
    run({ program: "git", args, cwd, env: process.env });
  await git(project, "clone", "--quiet", "--no-checkout", project, folder);
  const listed = await git(project, "ls-files", "-z", "--cached", "--others", "--exclude-standard");
  for (const path of listed.stdout.split("\0").filter((name) => name !== ""))
    copyEntry(join(project, path), join(folder, path));
  await git(folder, "reset", "--quiet");
  symlinkSync(join(project, "node_modules"), join(folder, "node_modules"));
}

/** Leaves out what is deleted but not yet committed. */
function copyEntry(from: string, to: string): void {
  const entry = lstatSync(from, { throwIfNoEntry: false });
  if (!entry) return;
  mkdirSync(dirname(to), { recursive: true });
  if (entry.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
  else copyFileSync(from, to);
}

/** Appends a line to a file of a checkout. */
export function appendLine(checkout: string, path: string, line: string): void {
  appendFileSync(join(checkout, path), `${line}\n`);
}

/**
 * Makes BuildKit run every command of every app again: a variable at the top of each stage changes what each command
 * is given. Files, base images and cache mounts stay as they are.
 */
export function renewLayers(checkout: string, mark: string): void {
  const apps = join(checkout, "apps");
  for (const app of readdirSync(apps)) {
    const file = join(apps, app, "Dockerfile");
    if (existsSync(file)) writeFileSync(file, withMark(readFileSync(file, "utf8"), mark));
  }
}

/** A Dockerfile whose stages all begin with the mark, in place of one from before. */
export function withMark(dockerfile: string, mark: string): string {
  return dockerfile
    .replaceAll(/^ENV TINYOLLY_BENCH=.*\n/gm, "")
    .replaceAll(/^FROM .*\n/gm, (from) => `${from}ENV TINYOLLY_BENCH=${mark}\n`);
}
