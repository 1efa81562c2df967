import { posix } from "node:path";
import { fewNames } from "../../delivery/basics/few-names.ts";
import type { Solved } from "../build/solve.ts";
import type { ImagePlan } from "../../delivery/plan/image-plan.ts";
import { type ForetoldStep, stepFates } from "../../delivery/plan/step-fates.ts";

/** What the build of an image does. */
export interface ExplainedBuild {
  /** Steps for the first platform, each after those that it stands on. */
  readonly steps: readonly ForetoldStep[];
  /** Whether nothing changes that decides the image, so that its digest stays, and no pod restarts for it. */
  readonly sameDigest: boolean;
  /** Seconds that it takes, by the median of earlier builds on the same builder. @default - unknown */
  readonly seconds?: number;
  /** Bytes that a node pulls which has the image of before, by the layers of that. @default - unknown */
  readonly bytes?: number;
  /** What it gave when it was tried. @default - it was not tried */
  readonly tried?: Solved;
}

/**
 * Compares the steps of a build with those of the last one; undefined where these are not known.
 *
 * @param before What the last build of the stack noted of its steps and of the image.
 * @param changed Files of the context that are not as they were then.
 */
export function explainBuild(
  { path, steps: { steps, result } }: ImagePlan,
  before: {
    readonly steps: Readonly<Record<string, string>> | undefined;
    readonly result: string | undefined;
  },
  changed: ReadonlySet<string>,
): ExplainedBuild | undefined {
  if (!steps || !before.steps) return undefined;
  return {
    steps: stepFates(steps, before.steps, changed).map(({ files, ...step }) => ({
      ...step,
      files: files.map((file) => posix.join(path, file)),
    })),
    sameDigest: before.result === result,
  };
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
  if (!first) return ["no step runs; only what the image says of itself changes"];
  const why = first.files.length === 0 ? "" : `, because of ${fewNames(first.files)}`;
  const count = runs?.length ?? 0;
  const more =
    (open?.length ?? 0) === 0 ? "" : `; ${open?.length ?? 0} more, unless what they take stays`;
  const cost = [
    ...(build.seconds === undefined ? [] : [`about ${build.seconds} s`]),
    ...(build.bytes === undefined ? [] : [`nodes pull about ${sized(build.bytes)}`]),
  ];
  return [
    `${count} of ${steps.length} step${steps.length === 1 ? "" : "s"} run${count === 1 ? "s" : ""}, from ${first.name}${why}${more}`,
    ...(cost.length > 0 ? [cost.join("; ")] : []),
  ];
}
