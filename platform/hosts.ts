import { createHash } from "node:crypto";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { rehearsalHost } from "./rehearsal/settings";
import { PlatformError, type PlatformSettings, registryHosts } from "./settings";

const file = "/etc/hosts";

/** What a line is for, as its mark says. */
type Purpose = "platform" | "rehearsal";

/** Ends the lines of every platform; those of earlier versions do not say of which. */
const anyMark = /# TinyOlly (?:platform|rehearsal)(?<platform> [0-9a-f]{8})?$/;

/**
 * Makes the registry's names mean this machine: BuildKit, helm and Argo CD look them up here. Each platform has a line of its own, since
 * the others may be reset before it.
 *
 * @throws PlatformError with the line to add where this user may not.
 */
export function nameRegistry(settings: PlatformSettings): void {
  addNames(Object.values(registryHosts), markOf(settings, "platform"));
}

/**
 * Makes the name of the registry on which releases are rehearsed mean this machine.
 *
 * @throws PlatformError with the line to add where this user may not.
 */
export function nameRehearsal(settings: PlatformSettings): void {
  addNames([rehearsalHost], markOf(settings, "rehearsal"));
}

/** Takes the platform's names out again, and that of the rehearsal; those of other platforms stay. */
export function forgetRegistry(settings: PlatformSettings): void {
  removeLines(settings, ["platform", "rehearsal"]);
}

/** Takes the name of the rehearsal's registry out again; those of other platforms stay. */
export function forgetRehearsal(settings: PlatformSettings): void {
  removeLines(settings, ["rehearsal"]);
}

function markOf({ state }: PlatformSettings, purpose: Purpose): string {
  const platform = createHash("sha256").update(state).digest("hex").slice(0, 8);
  return `# TinyOlly ${purpose} ${platform}`;
}

function addNames(names: readonly string[], mark: string): void {
  const text = readFileSync(file, "utf8");
  const lines = text.split("\n");
  const lasting = lines.filter((line) => !anyMark.test(line) || line.endsWith(mark));
  const missing = names.filter((name) => !hasName(lasting, name));
  if (missing.length === 0) return;
  const line = `127.0.0.1 ${missing.join(" ")} ${mark}`;
  try {
    // Two platforms that start at a time do not overwrite each other's.
    appendFileSync(file, `${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`);
  } catch {
    if (names.every((name) => hasName(lines, name))) return;
    throw new PlatformError(`${file} cannot be written; as root, add this line to it: ${line}`);
  }
}

function removeLines(settings: PlatformSettings, purposes: readonly Purpose[]): void {
  const lines = readFileSync(file, "utf8").split("\n");
  const without = (marks: readonly string[], from: readonly string[]): readonly string[] =>
    from.filter((line) => !marks.some((mark) => line.endsWith(mark)));
  const others = without(
    purposes.map((purpose) => markOf(settings, purpose)),
    lines,
  );
  const last = !others.some((line) => anyMark.exec(line)?.groups?.["platform"] !== undefined);
  const unnamed = purposes.map((purpose) => `# TinyOlly ${purpose}`);
  const kept = last ? without(unnamed, others) : others;
  // Not by a rename: in a container the file is a mount, and a rename would take away what a builder has mounted upon it.
  if (kept.length !== lines.length) writeFileSync(file, kept.join("\n"));
}

function hasName(lines: readonly string[], name: string): boolean {
  return lines.some((line) => {
    const [address, ...names] = (line.split("#")[0] ?? "").trim().split(/\s+/);
    return address === "127.0.0.1" && names.includes(name);
  });
}
