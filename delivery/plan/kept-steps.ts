import { join } from "node:path";
import { keep, readKept } from "../basics/kept-file.ts";
import { shortHash } from "../basics/sha256.ts";
import type { ImagePlan } from "./image-plan.ts";

const folder = ".tinyolly/steps";

/** Keeps what decides each step of a build that begins, so that what the builder tells of it can be understood later. */
export function keepSteps({ key, steps: { steps } }: Pick<ImagePlan, "key" | "steps">): void {
  const file = fileOf(shortHash(key));
  if (!steps || readKept(file) !== undefined) return;
  keep(file, Object.fromEntries(steps.map(({ name, own, chain }) => [name, [own, chain]])));
}

/** `own` and `chain` of each step of an earlier build, by name; empty where nobody knows. */
export function keptSteps(key: string): Readonly<Record<string, readonly [string, string]>> {
  // Only keepSteps writes there.
  return (readKept(fileOf(key)) ?? {}) as Readonly<Record<string, readonly [string, string]>>;
}

function fileOf(key: string): string {
  return join(folder, `${key}.json`);
}
