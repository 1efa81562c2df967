import type { BuildStep } from "./build-steps.ts";

/**
 * Whether a step of a build runs: `runs`; `unchanged`, since the builder has what it gives, or nothing asks for it; or `open`, since
 * it takes what another step gives, which only the build tells.
 */
export type StepFate = "runs" | "unchanged" | "open";

/** A step of a build that is to come. */
export interface ForetoldStep {
  readonly name: string;
  readonly fate: StepFate;
  /** Changed files that it reads. */
  readonly files: readonly string[];
}

/** What was built before. */
export interface StepsBefore {
  /** What decided each step of the last build, by name. */
  readonly last: Readonly<Record<string, string>>;
  /** What the builder tells. @default - it cannot be asked */
  readonly builder?: StepMemory | undefined;
}

/** What a builder tells of steps. */
export interface StepMemory {
  /** Whether any build had a step with this hash, its `own` or its `chain`, as far as anybody noted. */
  readonly knows: (hash: string) => boolean;
  /**
   * Whether the builder still has what a step gave: `perhaps` where it may have it under another name, undefined where nothing speaks
   * against it.
   *
   * @param byContent Whether what it takes counts by content.
   */
  readonly holds: (step: BuildStep, byContent: boolean) => boolean | "perhaps" | undefined;
}

/** Instructions that leave files, so that they count as steps. */
const isInstruction = ({ name }: Pick<BuildStep, "name">): boolean => !name.startsWith("FROM ");

/**
 * Says of each step whether it runs.
 *
 * @param changed Files of the context that are not as they were in the last build.
 */
export function stepFates(
  steps: readonly BuildStep[],
  before: StepsBefore,
  changed: ReadonlySet<string>,
): ForetoldStep[] {
  const fates = withoutUnasked(steps, fatesIfAsked(steps, before), before.builder);
  return steps.filter(isInstruction).map(({ name, files }) => ({
    name,
    fate: fates.get(name) ?? "unchanged",
    files: files.filter((file) => changed.has(file)),
  }));
}

/** Names of the steps that are as they were in the last build, and stand on and take what they did then. */
export function sameSteps(
  steps: readonly BuildStep[],
  last: StepsBefore["last"],
): ReadonlySet<string> {
  const same = new Set<string>();
  for (const { name, own, after = "", takes, open } of steps) {
    const before = after === "" ? takes : [after, ...takes];
    if (isOwnSame(name, own, last) && !open && before.every((one) => same.has(one))) same.add(name);
  }
  return same;
}

/** Whether what decides a step by itself is as it was in the last build. */
export function isOwnSame(name: string, own: string, last: StepsBefore["last"]): boolean {
  return Object.hasOwn(last, name) && last[name] === own;
}

/** What becomes of each step if another one asks for what it gives. */
function fatesIfAsked(
  steps: readonly BuildStep[],
  { last, builder }: StepsBefore,
): ReadonlyMap<string, StepFate> {
  const fates = new Map<string, StepFate>();
  // Be what they gave there still or not.
  const same = sameSteps(steps, last);
  // Those that nobody ever ran, nor what stands on them.
  const fresh = new Set<string>();
  const byContent = new Set<string>();
  for (const step of steps) {
    const { name, own, after = "", takes, open } = step;
    const isOther = !isOwnSame(name, own, last);
    if (open || takes.length > 0 || byContent.has(after)) byContent.add(name);
    const held = isInstruction(step) ? builder?.holds(step, byContent.has(name)) : undefined;
    if (held === true || (same.has(name) && held === undefined)) {
      fates.set(name, "unchanged");
    } else if (!builder) {
      fates.set(name, isOther || fates.get(after) === "runs" ? "runs" : "open");
    } else {
      const isKnown = byContent.has(name)
        ? !isOther || builder.knows(own)
        : builder.knows(step.chain);
      if (isInstruction(step) && (fresh.has(after) || !isKnown)) fresh.add(name);
      fates.set(name, held === false || !isKnown || fresh.has(name) ? "runs" : "open");
    }
  }
  return fates;
}

/** The builder goes from the end of the image back to what it has, and no further. */
function withoutUnasked(
  steps: readonly BuildStep[],
  fates: ReadonlyMap<string, StepFate>,
  builder: StepMemory | undefined,
): ReadonlyMap<string, StepFate> {
  const asked = new Map<string, StepFate>();
  const byName = new Map(steps.map((step) => [step.name, step]));
  const ask = (name: string | undefined, isOpen: boolean): void => {
    const step = byName.get(name ?? "");
    if (!step) return;
    const fate = fates.get(step.name) ?? "unchanged";
    if (fate === "unchanged") {
      // What stands on it runs: the builder may look again at what it takes, even though it has what it gave.
      if (asked.size > 0) for (const taken of step.takes) ask(taken, true);
      return;
    }
    if (asked.has(step.name) && (isOpen || asked.get(step.name) !== "open")) return;
    asked.set(step.name, isOpen ? "open" : fate);
    // Where it may be there under another name, nothing before it is needed.
    const mayBeHeld = fate === "open" && builder?.knows(step.chain) === true;
    for (const before of [step.after, ...step.takes]) ask(before, isOpen || mayBeHeld);
  };
  ask(steps.at(-1)?.name, false);
  return asked;
}
