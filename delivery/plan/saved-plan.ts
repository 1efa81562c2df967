import { readFileSync, writeFileSync } from "node:fs";
import { InputError } from "../basics/input-error.ts";
import { type ApplicationPlan, applicationFingerprint } from "./application-spec.ts";
import {
  type ApplicationFingerprint,
  type ChartFingerprint,
  type ImageFingerprint,
  type Publishing,
  chartFingerprint,
  imageFingerprint,
} from "./fingerprint.ts";
import type { Plan } from "./plan.ts";
import { type Cause, applicationReasons, chartReasons, imageReasons } from "./reasons.ts";

/** All fingerprints of a stack, by name: what an `up` that follows it must find unchanged. */
export interface SavedPlan {
  readonly images: Readonly<Record<string, ImageFingerprint>>;
  readonly charts: Readonly<Record<string, ChartFingerprint>>;
  readonly applications: Readonly<Record<string, ApplicationFingerprint>>;
}

/** Fingerprints of everything as it is planned now. */
export function fingerprints(
  { images, charts }: Plan,
  applications: readonly ApplicationPlan[],
  publishing: Publishing,
): SavedPlan {
  return {
    images: Object.fromEntries(
      images.map((plan) => [plan.name, imageFingerprint(plan, publishing)]),
    ),
    charts: Object.fromEntries(
      charts.map((plan) => [plan.name, chartFingerprint(plan, publishing)]),
    ),
    applications: Object.fromEntries(
      applications.map((plan) => [plan.chart.name, applicationFingerprint(plan)]),
    ),
  };
}

/** Writes a plan for {@link followPlan}. */
export function savePlan(file: string, plan: SavedPlan): void {
  writeFileSync(file, `${JSON.stringify(plan, undefined, 2)}\n`);
}

/**
 * Refuses to go on when anything differs from a saved plan; without one there is nothing to follow.
 *
 * @throws InputError that names what changed since, files first.
 */
export function followPlan(file: string | undefined, plan: Plan, planned: () => SavedPlan): void {
  if (file === undefined) return;
  const now = planned();
  const saved = readPlan(file);
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
    ...Object.entries(now.applications).flatMap(([name, after]) =>
      applicationReasons(saved.applications[name], after),
    ),
  ];
  // What follows from these would only repeat them, and what is new is named below.
  const following: readonly Cause[] = ["image-of-chart", "chart-of-application", "first-time"];
  const causing = reasons.filter(
    ({ cause, subject }) =>
      !following.includes(cause) && !(cause === "base-moved" && Object.hasOwn(now.images, subject)),
  );
  const newOrGone = (["images", "charts", "applications"] as const).flatMap((kind) =>
    [...Object.keys(saved[kind]), ...Object.keys(now[kind])].filter(
      (name) => !(Object.hasOwn(saved[kind], name) && Object.hasOwn(now[kind], name)),
    ),
  );
  const first = causing.length + newOrGone.length > 0 ? causing : reasons;
  const changed = [...new Set([...first.map(({ subject }) => subject), ...newOrGone])];
  if (changed.length === 0) return;
  throw new InputError(
    `not as planned in ${file}: ${changed.join(", ")} changed since; ` +
      `look at make explain again and save a new plan, or leave PLAN out`,
  );
}

/**
 * Reads what {@link savePlan} wrote.
 *
 * @throws InputError when it is missing, or something else.
 */
export function readPlan(file: string): SavedPlan {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw new InputError(`there is no plan ${file}; save one with make explain SAVE=${file}`);
  }
  try {
    // Checked below.
    const plan = JSON.parse(text) as Partial<SavedPlan>;
    if (plan.images && plan.charts && plan.applications) {
      return { images: plan.images, charts: plan.charts, applications: plan.applications };
    }
  } catch {
    // Said below.
  }
  throw new InputError(`${file} is not a plan; save one with make explain SAVE=${file}`);
}
