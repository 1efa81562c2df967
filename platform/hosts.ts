import { readFileSync, writeFileSync } from "node:fs";
import { rehearsalHost } from "./rehearsal/settings";
import { PlatformError, registryHosts } from "./settings";

const file = "/etc/hosts";
const mark = "# TinyOlly platform";
const rehearsalMark = "# TinyOlly rehearsal";

/**
 * Makes the registry's names mean this machine: BuildKit, helm and Argo CD look them up here.
 *
 * @throws PlatformError with the line to add where this user may not.
 */
export function nameRegistry(): void {
  addNames(Object.values(registryHosts), mark);
}

/**
 * Makes the name of the registry on which releases are rehearsed mean this machine.
 *
 * @throws PlatformError with the line to add where this user may not.
 */
export function nameRehearsal(): void {
  addNames([rehearsalHost], rehearsalMark);
}

/** Takes the platform's names out again, and that of the rehearsal. */
export function forgetRegistry(): void {
  removeLines([mark, rehearsalMark]);
}

/** Takes the name of the rehearsal's registry out again. */
export function forgetRehearsal(): void {
  removeLines([rehearsalMark]);
}

function addNames(names: readonly string[], mark: string): void {
  const text = readFileSync(file, "utf8");
  const missing = names.filter((name) => !hasName(text, name));
  if (missing.length === 0) return;
  const line = `127.0.0.1 ${missing.join(" ")} ${mark}`;
  try {
    writeFileSync(file, `${text.trimEnd()}\n${line}\n`);
  } catch {
    throw new PlatformError(`${file} cannot be written; as root, add this line to it: ${line}`);
  }
}

function removeLines(marks: readonly string[]): void {
  const text = readFileSync(file, "utf8");
  const kept = text.split("\n").filter((line) => !marks.some((mark) => line.endsWith(mark)));
  if (kept.length !== text.split("\n").length) writeFileSync(file, kept.join("\n"));
}

function hasName(text: string, name: string): boolean {
  return text.split("\n").some((line) => {
    const [address, ...names] = (line.split("#")[0] ?? "").trim().split(/\s+/);
    return address === "127.0.0.1" && names.includes(name);
  });
}
