import { readFileSync, writeFileSync } from "node:fs";
import { PlatformError, registryHosts } from "./settings";

const file = "/etc/hosts";
const mark = "# TinyOlly platform";

/**
 * Makes the registry's names mean this machine: BuildKit, helm and Argo CD look them up here.
 *
 * @throws PlatformError with the line to add where this user may not.
 */
export function nameRegistry(): void {
  const text = readFileSync(file, "utf8");
  const missing = Object.values(registryHosts).filter((name) => !hasName(text, name));
  if (missing.length === 0) return;
  const line = `127.0.0.1 ${missing.join(" ")} ${mark}`;
  try {
    writeFileSync(file, `${text.trimEnd()}\n${line}\n`);
  } catch {
    throw new PlatformError(`${file} cannot be written; as root, add this line to it: ${line}`);
  }
}

/** Takes the platform's names out again. */
export function forgetRegistry(): void {
  const text = readFileSync(file, "utf8");
  const kept = text.split("\n").filter((line) => !line.endsWith(mark));
  if (kept.length !== text.split("\n").length) writeFileSync(file, kept.join("\n"));
}

function hasName(text: string, name: string): boolean {
  return text.split("\n").some((line) => {
    const [address, ...names] = (line.split("#")[0] ?? "").trim().split(/\s+/);
    return address === "127.0.0.1" && names.includes(name);
  });
}
