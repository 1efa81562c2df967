import { readFileSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { InputError } from "../basics/input-error.ts";
import { fields, isMap, parseJson } from "../basics/json-fields.ts";
import { requireOwnFile } from "../basics/own-file.ts";
import type { ApplicationPlan } from "./application-spec.ts";
import type { Fingerprints } from "./fingerprints.ts";
import type { Plan } from "./plan.ts";
import {
  type Cause,
  applicationReasons,
  chartReasons,
  imageReasons,
  releaseReasons,
} from "./reasons.ts";

/** Everything that decides an `up`: what one that follows it must find unchanged. */
export interface SavedPlan extends Fingerprints {
  /** Version of this form. */
  readonly form: 2;
  /** How long each Application is waited for, by name. */
  readonly waitSeconds: Readonly<Record<string, number>>;
  /** What is done besides, because of what registry and cluster hold, by kind and name such as `image web`. */
  readonly found: Found;
}

/** What is done to things that do not change, by kind and name; nothing of those to which nothing is done. */
export type Found = Readonly<Record<string, object>>;

/** A plan to save. */
export function planToSave(
  fingerprints: Fingerprints,
  applications: readonly ApplicationPlan[],
  found: Found,
): SavedPlan {
  const waits = applications.map(({ chart, argocd }) => [chart.name, argocd.waitSeconds] as const);
  return { form: 2, ...fingerprints, waitSeconds: Object.fromEntries(waits), found };
}

/**
 * Writes a plan for {@link followPlan} into a file, in the place of an earlier one.
 *
 * @throws InputError when the file holds something else.
 */
export function savePlan(file: string, plan: SavedPlan): void {
  requireOwnFile(file, "plan", () => isPlan(readFileSync(file)));
  writeFileSync(file, `${JSON.stringify(plan, undefined, 2)}\n`);
}

/**
 * Refuses to go on when anything differs from a saved plan; without one there is nothing to follow.
 *
 * @throws InputError that names what changed since, files first.
 */
export function followPlan(file: string | undefined, plan: Plan, planned: () => SavedPlan): void {
  if (file === undefined) return;
  const saved = readPlan(file);
  // What is saved is JSON.
  const now = JSON.parse(JSON.stringify(planned())) as SavedPlan;
  const changed = [
    ...new Set([
      ...changedContent(saved, now, plan),
      ...changedWaits(saved, now),
      ...changedFindings(saved, now),
    ]),
  ];
  if (changed.length === 0) return;
  throw new InputError(
    `not as planned in ${file}: ${changed.join(", ")} changed since; ` +
      `look at make explain again and save a new plan, or leave PLAN out`,
  );
}

function changedContent(saved: SavedPlan, now: SavedPlan, plan: Plan): string[] {
  const reasons = [
    ...plan.images.flatMap(({ name, path, dockerfile }) => {
      const after = now.images[name];
      return after
        ? imageReasons(saved.images[name], after, { path, dockerfile: dockerfile.path })
        : [];
    }),
    ...plan.charts.flatMap(({ name, path }) => {
      const after = now.charts[name];
      return after ? chartReasons(saved.charts[name], after, { path }) : [];
    }),
    ...(saved.release && now.release ? releaseReasons(saved.release, now.release) : []),
    ...Object.entries(now.applications).flatMap(([name, after]) =>
      applicationReasons(saved.applications[name], after),
    ),
  ];
  // What follows from these would only repeat them, and what is new is named below.
  const following: readonly Cause[] = [
    "image-of-chart",
    "chart-of-application",
    "part-of-release",
    "first-time",
  ];
  const causing = reasons.filter(
    ({ cause, subject }) =>
      !following.includes(cause) && !(cause === "base-moved" && Object.hasOwn(now.images, subject)),
  );
  const newOrGone = [
    ...(["images", "charts", "applications"] as const).flatMap((kind) =>
      namesOf(saved[kind], now[kind]).filter(
        (name) => !(Object.hasOwn(saved[kind], name) && Object.hasOwn(now[kind], name)),
      ),
    ),
    ...((saved.release === undefined) === (now.release === undefined) ? [] : ["release"]),
  ];
  const first = causing.length + newOrGone.length > 0 ? causing : reasons;
  return [...first.map(({ subject }) => subject), ...newOrGone];
}

function changedWaits(
  { waitSeconds: saved }: SavedPlan,
  { waitSeconds: now }: SavedPlan,
): string[] {
  // An Application that came or went is named anyway.
  const both = namesOf(saved, now).filter((name) => name in saved && name in now);
  return both.some((name) => saved[name] !== now[name]) ? ["waitSeconds"] : [];
}

function changedFindings({ found: saved }: SavedPlan, { found: now }: SavedPlan): string[] {
  return namesOf(saved, now)
    .filter((name) => !isDeepStrictEqual(saved[name], now[name]))
    .map((name) => `${name} in the ${name.startsWith("application ") ? "cluster" : "registry"}`);
}

function namesOf(
  one: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])];
}

/**
 * Reads what {@link savePlan} wrote.
 *
 * @throws InputError when it is missing, of another form, or something else.
 */
export function readPlan(file: string): SavedPlan {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw new InputError(`there is no plan ${file}; save one with make explain SAVE=${file}`);
  }
  const plan = fields(parseJson(Buffer.from(text)));
  const { form, waitSeconds, found } = plan;
  if (!isPlan(Buffer.from(text)))
    throw new InputError(`${file} is not a plan; name the file that make explain SAVE=… wrote`);
  if (form !== 2 || !isMap(waitSeconds) || !isMap(found)) {
    throw new InputError(
      `${file} was saved by another version of this project and does not hold everything that is compared; ` +
        `save it again with make explain SAVE=${file}`,
    );
  }
  // Its form says what it is.
  return plan as unknown as SavedPlan;
}

/** Whether a text is that of a plan, be it of this version or not. */
function isPlan(text: Buffer): boolean {
  const { images, charts, applications } = fields(parseJson(text));
  return [images, charts, applications].every(isMap);
}
