import * as pulumi from "@pulumi/pulumi";
import type { ChartArgs } from "../components/chart.ts";
import type { ImageArgs } from "../components/image.ts";
import type { RegistryArgs } from "../components/registry.ts";
import type { ReleaseArgs } from "../components/release.ts";
import { orRunError, refuse } from "../components/run-error.ts";
import { deliverables } from "../deliverables.ts";
import { InputError } from "../delivery/basics/input-error.ts";
import { noteTiming } from "../delivery/basics/timings.ts";
import { type FindArgs, findAll, startReading } from "../delivery/findings/find-all.ts";
import {
  type Findings,
  conflicts,
  driftMessages,
  foundToSave,
  warnings,
} from "../delivery/findings/finding.ts";
import { requirePushRight } from "../delivery/findings/push-right.ts";
import { readRecorded } from "../delivery/findings/recorded.ts";
import { forecastObjects, forecastWarnings } from "../delivery/objects/forecast.ts";
import { objectMarks } from "../delivery/objects/marks.ts";
import { fingerprints } from "../delivery/plan/fingerprints.ts";
import { keepSteps } from "../delivery/plan/kept-steps.ts";
import { type Plan, planDeliverables } from "../delivery/plan/plan.ts";
import { followPlan, planToSave } from "../delivery/plan/saved-plan.ts";
import { findUncommitted } from "../delivery/plan/uncommitted.ts";
import { type Origin, originOfSources } from "../delivery/releases/origin.ts";
import { ownerOf } from "../delivery/rollout/live-applications.ts";
import { encryptedKeys, openSecrets } from "../delivery/settings/open-secrets.ts";
import {
  type Settings,
  planApplications,
  planRelease,
  readSettings,
} from "../delivery/settings/settings.ts";
import type { Deployment } from "./applications.ts";
import { readStackState } from "./engine-state.ts";
import { ensureBuilder } from "./ensure-builder.ts";
import { namesOf } from "./pick.ts";
import { requireSigner, warn, warnAboutBases, warnAboutBuilder } from "./warnings.ts";

/** Arguments of all components of a stack, known to be right. Images and charts refer to images by their names. */
export interface Stack extends Deployment {
  readonly registry: RegistryArgs;
  /** By name, each after those that it needs. */
  readonly images: Readonly<Record<string, Named<ImageArgs, "needs">>>;
  /** By name. */
  readonly charts: Readonly<Record<string, Named<ChartArgs, "images">>>;
  /** Left out where content decides. */
  readonly release?: Omit<ReleaseArgs, "registry" | "images" | "charts">;
}

type Named<Args, Images extends string> = Omit<Args, "registry" | Images> &
  Readonly<Record<Images, Readonly<Record<string, string>>>>;

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
 * Plans everything, looks at what is there, and refuses what cannot be done while nothing is made yet. A preview refuses wrong
 * sources alone; of what stands in the way of an update, it warns.
 *
 * @throws pulumi.RunError that says what stands in the way, with what to do.
 */
export async function prepare(settings: Settings): Promise<Stack> {
  const state = readStackState();
  const { publishing, cluster, aliases, signing, offline, chartValues } = settings;
  const { endpoints } = publishing;
  const { release } = settings.plan.versions;
  requireNone(settings.releaseProblems);
  await requireSigner(signing);
  const live = startReading(settings);

  const { plan, origin, applications, findings, forecasts, marks } = await orRunError(async () => {
    const plan = planDeliverables(deliverables, settings.plan);
    // Before others are asked, since somebody may check out another commit meanwhile.
    const origin = release === undefined ? undefined : originOfSources();
    if (settings.releasesFromGit) requireNone(findUncommitted(plan));
    const applications = planApplications(plan.charts, settings);
    const owner = ownerOf(pulumi.getProject(), pulumi.getStack());
    const look = { plan, state, live, endpoints, release, aliases, signing, owner, applications };
    const findings = await findOrAssume({ ...look, cluster, offline });
    followPlan(settings.planFile, plan, () => {
      const now = fingerprints(plan, applications, publishing, planRelease(settings));
      return planToSave(now, applications, foundToSave(findings, now));
    });
    const recorded = readRecorded(await state);
    const told = { plan, recorded, findings, endpoints, applications, chartValues };
    const fetches = !pulumi.runtime.isDryRun() && !offline;
    const forecasts = await forecastObjects({ ...told, cluster, offline, fetches });
    const marks = applications.map((application) => {
      const { name } = application.chart;
      const before = recorded.applications.get(name)?.marks ?? {};
      return [name, objectMarks(application, before, forecasts.get(name))] as const;
    });
    return { plan, origin, applications, findings, forecasts, marks: new Map(marks) };
  });
  requireNone(conflicts(findings));
  const pushes = !offline && !pulumi.runtime.isDryRun();
  await orRunError(async () => {
    if (pushes) await requirePushRight({ plan, findings, endpoints, release });
    ensureBuilder(settings.builder);
  });
  if (!pulumi.runtime.isDryRun()) plan.images.forEach(keepSteps);

  noteTiming("plan", performance.timeOrigin);
  void warnAboutBases(plan, settings.baseLock);
  void warnAboutBuilder(publishing.builder);
  void warn([...driftMessages(findings), ...warnings(findings), ...forecastWarnings(forecasts)]);
  return {
    applications,
    cluster,
    findings: findings.applications,
    marks,
    ...argsOf(plan, findings, settings, origin),
  };
}

/** Ends an update for what stands in its way; a preview shows the chain all the same, and warns. */
function requireNone(problems: readonly string[]): void {
  if (!pulumi.runtime.isDryRun()) refuse(problems);
  void warn(problems.map((problem) => `up is refused: ${problem}`));
}

/** Where registry or cluster do not answer, an update ends, and a preview goes on by what is recorded. */
async function findOrAssume(args: FindArgs): Promise<Findings> {
  try {
    return await findAll(args);
  } catch (error) {
    if (!pulumi.runtime.isDryRun() || !(error instanceof InputError)) throw error;
    void warn([`this preview goes by what is recorded: ${error.message}`]);
    return findAll({ ...args, offline: true });
  }
}

function argsOf(
  { images, charts }: Plan,
  findings: Findings,
  { publishing, plan: { versions }, aliases, signing }: Settings,
  origin: Origin | undefined,
): Pick<Stack, "registry" | "images" | "charts" | "release"> {
  const { endpoints, builder, registryCache } = publishing;
  return {
    registry: endpoints,
    images: Object.fromEntries(
      images.map((plan) => {
        const { name, path, needs } = plan;
        const finding = findings.images.get(name);
        const args = { path, needs: namesOf(needs), builder, registryCache, plan, finding };
        return [name, args];
      }),
    ),
    charts: Object.fromEntries(
      charts.map((plan) => {
        const { name, path, images } = plan;
        const finding = findings.charts.get(name);
        return [name, { path, images: namesOf(images), plan, finding }];
      }),
    ),
    ...(versions.release === undefined
      ? {}
      : {
          release: {
            ...{ version: versions.release, origin, aliases, signing },
            pushes: findings.release.pushes,
          },
        }),
  };
}
