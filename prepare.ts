import * as pulumi from "@pulumi/pulumi";
import type { ApplicationPlan } from "./components/application-spec";
import { ensureBuilder } from "./components/builder-instance";
import { type Observation, conflicts, driftMessages, observe } from "./components/observation";
import { encryptedKeys, openSecrets } from "./components/open-secrets";
import { type Plan, planDeliverables } from "./components/plan";
import { requirePushRight } from "./components/push-right";
import type { StateResource } from "./components/recorded";
import { orRunError, refuse } from "./components/run-error";
import { followPlan, planRecords } from "./components/saved-plan";
import { noteTiming } from "./components/timings";
import { findUncommitted } from "./components/uncommitted";
import {
  requireSigner,
  warnAboutBases,
  warnAboutBuilder,
  warnAboutDrift,
} from "./components/warnings";
import { type Settings, planApplications, readSettings } from "./config";
import { deliverables } from "./deliverables";

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
