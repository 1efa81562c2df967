import { posix } from "node:path";
import { fewNames } from "../../delivery/basics/few-names.ts";
import type { BuildForecast } from "../../delivery/findings/build-forecast.ts";
import type { Solved } from "../build/solve.ts";

/** What the build of an image does. */
export interface ExplainedBuild extends BuildForecast {
  /** What it gave when it was tried. @default - it was not tried */
  readonly tried?: Solved;
}

/** Names files as people do, from the project's folder. */
export function fromProject(
  forecast: BuildForecast | undefined,
  path: string,
): BuildForecast | undefined {
  return (
    forecast && {
      ...forecast,
      steps: forecast.steps.map(({ files, ...step }) => ({
        ...step,
        files: files.map((file) => posix.join(path, file)),
      })),
    }
  );
}

/** Adds what a build gave that was tried, which knows better. */
export function withTrial(
  build: ExplainedBuild | undefined,
  tried: Solved | undefined,
  before: string | undefined,
): ExplainedBuild | undefined {
  if (!tried) return build;
  return { ...(build ?? { steps: [] }), sameDigest: tried.digest === before, tried };
}

function sized(bytes: number): string {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** One line about a build; none where nothing is known. */
export function buildLines(build: ExplainedBuild | undefined): string[] {
  if (!build) return [];
  const { steps, sameDigest, tried } = build;
  if (tried) {
    const digest = sameDigest ? "with the same digest" : `as ${tried.digest}`;
    return [
      `tried: it builds in ${tried.seconds} s, ${digest}`,
      ...tried.warnings.map((warning) => `check: ${warning}`),
    ];
  }
  if (sameDigest)
    return ["no step of the image runs: its digest stays, and no pod restarts for it"];
  const [runs, open] = (["runs", "open"] as const).map((fate) =>
    steps.filter((step) => step.fate === fate),
  );
  const [first] = runs ?? [];
  const pulls = build.openBytes === undefined ? "about" : "up to";
  const cost = [
    ...(build.seconds === undefined ? [] : [`about ${build.seconds} s`]),
    ...(build.bytes === undefined ? [] : [`nodes pull ${pulls} ${sized(build.bytes)}`]),
  ];
  const costs = cost.length > 0 ? [cost.join("; ")] : [];
  if (!first) return ["no step runs: the builder has all of it", ...costs];
  const why = first.files.length === 0 ? "" : `, because of ${fewNames(first.files)}`;
  const count = runs?.length ?? 0;
  const more =
    (open?.length ?? 0) === 0 ? "" : `; ${open?.length ?? 0} more, unless what they take stays`;
  return [
    `${count} of ${steps.length} step${steps.length === 1 ? "" : "s"} run${count === 1 ? "s" : ""}, from ${first.name}${why}${more}`,
    ...costs,
  ];
}
