import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";

/**
 * Puts a program of `bench/programs` in the place of index.ts in a clone. It runs as anybody's does: without what this program loads
 * before the SDK, and Pulumi.yaml loses its configuration.
 *
 * @returns the name of its Pulumi project.
 */
export function replaceProgram(checkout: string, program: string): string {
  const name = `tinyolly-bench-${program}`;
  copyFileSync(join(checkout, "bench/programs", `${program}.ts`), join(checkout, "index.ts"));
  const file = join(checkout, "Pulumi.yaml");
  const document = parseDocument(readFileSync(file, "utf8"));
  document.set("name", name);
  document.delete("config");
  document.deleteIn(["runtime", "options", "nodeargs"]);
  rmSync(join(checkout, "program/preload.ts"));
  writeFileSync(file, document.toString());
  return name;
}
