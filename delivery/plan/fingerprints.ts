import { type ApplicationPlan, applicationFingerprint } from "./application-spec.ts";
import {
  type ApplicationFingerprint,
  type ChartFingerprint,
  type ImageFingerprint,
  type Publishing,
  type ReleaseFingerprint,
  type ReleaseSettings,
  chartFingerprint,
  imageFingerprint,
  releaseFingerprint,
} from "./fingerprint.ts";
import type { Plan } from "./plan.ts";

/** All fingerprints of a stack, by name. */
export interface Fingerprints {
  readonly images: Readonly<Record<string, ImageFingerprint>>;
  readonly charts: Readonly<Record<string, ChartFingerprint>>;
  readonly applications: Readonly<Record<string, ApplicationFingerprint>>;
  /** Left out where content decides. */
  readonly release?: ReleaseFingerprint;
}

/** The release that is made, and what decides it besides its parts. */
export interface PlannedRelease extends ReleaseSettings {
  readonly version: string;
}

/** Fingerprints of everything as it is planned now. */
export function fingerprints(
  plan: Plan,
  applications: readonly ApplicationPlan[],
  publishing: Publishing,
  release: PlannedRelease | undefined,
): Fingerprints {
  const { images, charts } = plan;
  return {
    images: Object.fromEntries(images.map((one) => [one.name, imageFingerprint(one, publishing)])),
    charts: Object.fromEntries(charts.map((one) => [one.name, chartFingerprint(one, publishing)])),
    applications: Object.fromEntries(
      applications.map((one) => [one.chart.name, applicationFingerprint(one)]),
    ),
    ...(release && {
      release: releaseFingerprint(release.version, plan, publishing.endpoints, release),
    }),
  };
}
