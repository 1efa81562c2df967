import * as pulumi from "@pulumi/pulumi";
import { deliverables } from "../deliverables.ts";
import { noteTiming } from "../delivery/basics/timings.ts";
import {
  type Observation,
  conflicts,
  driftMessages,
  observe,
} from "../delivery/findings/observation.ts";
import { requirePushRight } from "../delivery/findings/push-right.ts";
import type { StateResource } from "../delivery/findings/recorded.ts";
import type { ApplicationPlan } from "../delivery/plan/application-spec.ts";
import { type Plan, planDeliverables } from "../delivery/plan/plan.ts";
import { followPlan, planRecords } from "../delivery/plan/saved-plan.ts";
import { findUncommitted } from "../delivery/plan/uncommitted.ts";
import { encryptedKeys, openSecrets } from "../delivery/settings/open-secrets.ts";
import { type Settings, planApplications, readSettings } from "../delivery/settings/settings.ts";
import { ensureBuilder } from "./builder-instance.ts";
import { orRunError, refuse } from "./run-error.ts";
import { requireSigner, warnAboutBases, warnAboutBuilder, warnAboutDrift } from "./warnings.ts";

/** What is to be made, and what is there of it. */
export interface Prepared {
  readonly plan: Plan;
  readonly applications: readonly ApplicationPlan[];
  readonly observed: Observation;
}

/**
 * Reads the configuration of the stack that runs.
 *
 * @throws pulumi.RunError that names each wrong key, and each secret that is not encrypted.
 */
export async function readStackSettings(): Promise<Settings> {
  const configuration = pulumi.runtime.allConfig();
  refuse(openSecrets(configuration, encryptedKeys(process.env)));
  return orRunError(() => readSettings(configuration));
}

/**
 * Plans everything, looks at what is there, and refuses what cannot be done while nothing is made yet. An update also needs
 * somebody who signs and the right to push; a preview only says what would be missing.
 *
 * @throws pulumi.RunError that says what stands in the way, with what to do.
 */
export async function prepare(
  settings: Settings,
  state: Promise<readonly StateResource[]>,
): Promise<Prepared> {
  const { publishing, cluster, offline } = settings;
  const { endpoints } = publishing;
  const { release } = settings.plan.versions;
  refuse(settings.releaseProblems);
  await requireSigner(settings.signing);

  const prepared = await orRunError(async () => {
    const plan = planDeliverables(deliverables, settings.plan);
    if (settings.releasesFromGit) refuse(findUncommitted(plan));
    const applications = planApplications(plan.charts, settings);
    followPlan(settings.planFile, plan, () => planRecords(plan, applications, publishing));
    const look = { plan, state, endpoints, release, applications, cluster, offline };
    return { plan, applications, observed: await observe(look) };
  });
  const { plan, observed } = prepared;
  refuse(conflicts(observed));
  const pushes = !offline && !pulumi.runtime.isDryRun();
  await orRunError(async () => {
    const { presences } = observed;
    if (pushes) await requirePushRight({ plan, presences, endpoints, release });
    ensureBuilder(settings.builder);
  });

  noteTiming("plan", performance.timeOrigin);
  void warnAboutBases(plan, settings.baseLock);
  void warnAboutBuilder(publishing.builder);
  void warnAboutDrift(driftMessages(observed));
  return prepared;
}
