import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { rehearsalHost } from "../ghcr/settings.ts";
import { quoted } from "../pulumi/shell.ts";
import { PlatformError, type PlatformSettings, registryHosts } from "../settings.ts";
import { isMountedAnywhere } from "./mounts.ts";
import { codeOf, whileLocked } from "./process-lock.ts";

/** A file of names and addresses. */
export interface HostsFile {
  readonly path: string;
  /** Lock of all platforms of the machine. */
  readonly lock: string;
}

const machine: HostsFile = { path: "/etc/hosts", lock: "/run/tinyolly/hosts.lock" };

/** What a line is for, as its mark says. */
type Purpose = "platform" | "rehearsal";

/** Ends the lines of every platform; those of earlier versions do not say of which. */
const anyMark = /# TinyOlly (?:platform|rehearsal)(?<platform> [0-9a-f]{8})?$/;

/**
 * Makes the registry's names mean this machine: BuildKit, helm and Argo CD look them up here. Each platform has a line of its own, since
 * the others may be reset before it.
 *
 * @throws PlatformError with the line to add, and the command, where this user may not.
 */
export function nameRegistry(settings: PlatformSettings, hosts: HostsFile = machine): void {
  addNames(hosts, Object.values(registryHosts), markOf(settings, "platform"));
}

/**
 * Makes the name of the registry on which releases are rehearsed mean this machine.
 *
 * @throws PlatformError with the line to add, and the command, where this user may not.
 */
export function nameRehearsal(settings: PlatformSettings, hosts: HostsFile = machine): void {
  addNames(hosts, [rehearsalHost], markOf(settings, "rehearsal"));
}

/**
 * Takes the platform's names out again, and that of the rehearsal; those of other platforms stay.
 *
 * @throws PlatformError with the command where this user may not.
 */
export function forgetRegistry(settings: PlatformSettings, hosts: HostsFile = machine): void {
  removeLines(hosts, settings, ["platform", "rehearsal"]);
}

/** Takes the name of the rehearsal's registry out again, as {@link forgetRegistry} does. */
export function forgetRehearsal(settings: PlatformSettings, hosts: HostsFile = machine): void {
  removeLines(hosts, settings, ["rehearsal"]);
}

function markOf({ state }: PlatformSettings, purpose: Purpose): string {
  const platform = createHash("sha256").update(state).digest("hex").slice(0, 8);
  return `# TinyOlly ${purpose} ${platform}`;
}

function addNames(hosts: HostsFile, names: readonly string[], mark: string): void {
  const missing = (text: string): readonly string[] => {
    const lasting = text.split("\n").filter((line) => !anyMark.test(line) || line.endsWith(mark));
    return names.filter((name) => !hasName(lasting, name));
  };
  const lineOf = (text: string): string => `127.0.0.1 ${missing(text).join(" ")} ${mark}`;
  const add = (text: string): string => {
    if (missing(text).length === 0) return text;
    return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${lineOf(text)}\n`;
  };
  if (edit(hosts, add)) return;
  const text = readFileSync(hosts.path, "utf8");
  const lines = text.split("\n");
  if (names.every((name) => hasName(lines, name))) return;
  const line = lineOf(text);
  throw new PlatformError(
    `${hosts.path} cannot be written; as root, add this line to it: ${line}, such as by ` +
      `echo ${quoted(line)} | sudo tee -a ${hosts.path}`,
  );
}

function removeLines(
  hosts: HostsFile,
  settings: PlatformSettings,
  purposes: readonly Purpose[],
): void {
  const marks = purposes.map((purpose) => markOf(settings, purpose));
  const without = (ends: readonly string[], lines: readonly string[]): readonly string[] =>
    lines.filter((line) => !ends.some((end) => line.endsWith(end)));
  const remove = (text: string): string => {
    const others = without(marks, text.split("\n"));
    const last = !others.some((line) => anyMark.exec(line)?.groups?.["platform"] !== undefined);
    const unnamed = purposes.map((purpose) => `# TinyOlly ${purpose}`);
    return (last ? without(unnamed, others) : others).join("\n");
  };
  if (edit(hosts, remove)) return;
  const commands = marks.map((mark) => `-e ${quoted(`/${mark}$/d`)}`).join(" ");
  throw new PlatformError(
    `${hosts.path} cannot be written; take this platform's names out of it: sudo sed -i ${commands} ${hosts.path}`,
  );
}

/** Changes the file, which needs no right where there is nothing to change. Returns whether this user may. */
function edit({ path, lock }: HostsFile, change: (text: string) => string): boolean {
  const changed = (): string | undefined => {
    const text = readFileSync(path, "utf8");
    const after = change(text);
    return after === text ? undefined : after;
  };
  if (changed() === undefined) return true;
  try {
    whileLocked(lock, `the names in ${path}`, () => {
      const text = changed();
      if (text === undefined) return;
      const file = realpathSync(path);
      if (!replaced(file, text)) overwrite(file, text);
    });
    return true;
  } catch (error) {
    if (isRefused(error)) return false;
    throw error;
  }
}

function isRefused(error: unknown): boolean {
  return ["EACCES", "EPERM", "EROFS"].includes(codeOf(error));
}

/** Puts a new file in the place of another one, of the same mode, owner and attributes; false where that cannot be. */
function replaced(file: string, text: string): boolean {
  // In a container the file is a mount, which nothing replaces. Where it is one in another namespace, such as that of a
  // builder, a rename succeeds, and takes away what was mounted there.
  if (isMountedAnywhere(file)) return false;
  // Of this process alone: should the lock ever fail, nobody puts another's half file in place.
  const draft = `${file}.tinyolly-${process.pid}`;
  try {
    removeDrafts(file);
    writeFileSync(draft, text, { flag: "wx", flush: true });
    const attributes = ["--attributes-only", "--preserve=all", "--", file, draft];
    // Other systems have another cp.
    if (spawnSync("cp", attributes).status !== 0) return false;
    const now = new Date();
    utimesSync(draft, now, now);
    renameSync(draft, file);
    return true;
  } catch (error) {
    // Some may write the file but not its folder.
    if (isRefused(error) || codeOf(error) === "EBUSY") return false;
    throw error;
  } finally {
    removeDrafts(file);
  }
}

/** Also those of processes that were killed. */
function removeDrafts(file: string): void {
  const prefix = `${basename(file)}.tinyolly`;
  try {
    for (const name of readdirSync(dirname(file)))
      if (name.startsWith(prefix)) rmSync(join(dirname(file), name), { force: true });
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
}

/**
 * Writes the file in its place. Killed at any moment, it leaves all lines of others: they are written at once, and what
 * is to be cut off then is empty lines.
 */
function overwrite(file: string, text: string): void {
  const descriptor = openSync(file, "r+");
  try {
    const { size } = fstatSync(descriptor);
    const content = Buffer.from(text);
    const padding = Buffer.alloc(Math.max(0, size - content.length), "\n");
    const written = writeSync(descriptor, Buffer.concat([content, padding]), 0, undefined, 0);
    const complete = written === content.length + padding.length;
    // A full disk takes a part of what is longer, which begins as it was.
    ftruncateSync(descriptor, complete ? content.length : size);
    fsyncSync(descriptor);
    if (!complete)
      throw new PlatformError(`${file} cannot be written; free some space on its file system`);
  } finally {
    closeSync(descriptor);
  }
}

function hasName(lines: readonly string[], name: string): boolean {
  return lines.some((line) => {
    const [address, ...names] = (line.split("#")[0] ?? "").trim().split(/\s+/);
    return address === "127.0.0.1" && names.includes(name);
  });
}
