import type { BuildStep } from "./build-steps.ts";

/**
 * Whether a step of a build runs: `runs`, since it or one before it is another one than in the build before; `unchanged`; or `open`,
 * since it takes what another step gives, which only the build tells.
 */
export type StepFate = "runs" | "unchanged" | "open";

/** A step of a build that is to come. */
export interface ForetoldStep {
  readonly name: string;
  readonly fate: StepFate;
  /** Changed files that it reads. */
  readonly files: readonly string[];
}

/** Instructions that leave files, so that they count as steps. */
const isInstruction = ({ name }: Pick<BuildStep, "name">): boolean => !name.startsWith("FROM ");

/**
 * Says of each step whether it runs.
 *
 * @param before What decided each step of the last build, by name.
 * @param changed Files of the context that are not as they were then.
 */
export function stepFates(
  steps: readonly BuildStep[],
  before: Readonly<Record<string, string>>,
  changed: ReadonlySet<string>,
): ForetoldStep[] {
  const fates = new Map<string, StepFate>();
  for (const { name, own, after, takes, open } of steps) {
    const parent = after === undefined ? "unchanged" : (fates.get(after) ?? "unchanged");
    const isOther = !Object.hasOwn(before, name) || before[name] !== own;
    const isOpen = open || parent === "open" || takes.some((one) => fates.get(one) !== "unchanged");
    const runs = isOther || parent === "runs";
    fates.set(name, runs ? "runs" : isOpen ? "open" : "unchanged");
  }
  return steps.filter(isInstruction).map(({ name, files }) => ({
    name,
    fate: fates.get(name) ?? "unchanged",
    files: files.filter((file) => changed.has(file)),
  }));
}
