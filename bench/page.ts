import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Section, markdownTable } from "./report.ts";

/** Text of docs/benchmark.md: the results, the machine that they come from, and `method.md`. */
export function benchmarkPage(shown: readonly Section[], facts: readonly string[]): string {
  const method = readFileSync(join(import.meta.dirname, "method.md"), "utf8");
  return `# Benchmark

\`make bench\` measures and writes this page. Seconds are those of whole commands, from start to exit; the ratio is to the
first contender of the case.

![Median seconds of each contender, by case](benchmark.svg)

${markdownTable(shown)}
## Machine

${facts.map((fact) => `- ${fact}\n`).join("")}
${method}`;
}
