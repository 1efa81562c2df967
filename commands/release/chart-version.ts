import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import lt from "semver/functions/lt.js";
import { parseDocument } from "yaml";
import { deliverables } from "../../deliverables.ts";
import { readOptions } from "../../delivery/basics/command-line.ts";
import { InputError } from "../../delivery/basics/input-error.ts";
import type { ChartDeliverable } from "../../delivery/plan/plan.ts";
import { chartVersionPattern } from "../../delivery/plan/version.ts";

const declared = {
  chart: { type: "string", default: "" },
  version: { type: "string", default: "" },
} as const;

/** `chart-version --chart tinyolly --version 0.3.1`: sets the version in a chart's `Chart.yaml`, and changes nothing else there. */
export function chartVersion(args: string[]): Promise<number> {
  const { chart: name, version } = readOptions(declared, args);
  const charts: Readonly<Record<string, ChartDeliverable>> = deliverables.charts;
  const chart = charts[name];
  if (!chart) {
    throw new InputError(
      `CHART is "${name}", but must be one of ${Object.keys(charts).join(", ")}`,
    );
  }
  if (!chartVersionPattern.test(version)) {
    throw new InputError(
      `VERSION is "${version}", but must be a semantic version without build metadata, such as 0.3.1`,
    );
  }
  const file = join(chart.path, "Chart.yaml");
  const text = readFileSync(file, "utf8");
  const old: unknown = parseDocument(text).get("version");
  const changed = text.replace(/^version:.*$/m, `version: ${version}`);
  writeFileSync(`${file}.draft`, changed);
  renameSync(`${file}.draft`, file);
  process.stdout.write(`${file}: version ${String(old)} → ${version}\n`);
  if (lt(version, String(old)))
    process.stderr.write(
      `${version} comes before ${String(old)}: helm and Argo CD take the highest version for the newest\n`,
    );
  return Promise.resolve(0);
}
