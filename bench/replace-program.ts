import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";

/**
 * Puts a program of `bench/programs` in the place of index.ts in a clone. It runs as the real one does: Pulumi.yaml keeps
 * its runtime options and loses its configuration.
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
  writeFileSync(file, document.toString());
  return name;
}
