import { type Explanation, explain } from "../commands/explain/explanation.ts";
import { deliverables as ownDeliverables } from "../deliverables.ts";
import { sha256 } from "../delivery/basics/sha256.ts";
import { findAll } from "../delivery/findings/find-all.ts";
import type { Finding, Findings } from "../delivery/findings/finding.ts";
import type { StateResource } from "../delivery/findings/recorded.ts";
import { type ApplicationPlan, applicationSpec } from "../delivery/plan/application-spec.ts";
import type { Publishing, ReleaseSettings } from "../delivery/plan/fingerprint.ts";
import {
  type Fingerprints,
  type PlannedRelease,
  fingerprints,
} from "../delivery/plan/fingerprints.ts";
import { type Deliverables, type Plan, planDeliverables } from "../delivery/plan/plan.ts";
import { chartRef } from "../delivery/registry/references.ts";
import { planApplications, planRelease, readSettings } from "../delivery/settings/settings.ts";
import { shop, shopOptions, shopPublishing } from "./shop.ts";
import { handedOver, stackConfig } from "./stacks.ts";

/** All of a stack as it is planned at one time. */
export interface Planned {
  readonly plan: Plan;
  readonly applications: readonly ApplicationPlan[];
  readonly publishing: Publishing;
  readonly now: Fingerprints;
  /** Undefined where content decides. */
  readonly release: PlannedRelease | undefined;
}

/** The shop of the current folder, with an Application for each chart. */
export function plannedShop({
  deliverables = shop,
  options = {},
  publishing = shopPublishing,
  application = {},
  releasing = {},
}: {
  readonly deliverables?: Deliverables;
  readonly options?: Partial<typeof shopOptions>;
  readonly publishing?: Publishing;
  readonly application?: Partial<ApplicationPlan>;
  /** What is done to a release besides its record. */
  readonly releasing?: Partial<ReleaseSettings>;
} = {}): Planned {
  const plan = planDeliverables(deliverables, { ...shopOptions, ...options });
  const applications = plan.charts.map((chart) => ({
    name: chart.name,
    chart,
    source: chartRef(publishing.endpoints, chart.name),
    plainHttp: true,
    context: "town",
    values: undefined,
    argocd: {
      namespace: "argocd",
      project: "default",
      destinationServer: "https://kubernetes.default.svc",
      waitSeconds: 0,
    },
    ...application,
  }));
  const version = options.versions?.release;
  const release = version === undefined ? undefined : { version, aliases: [], ...releasing };
  const now = fingerprints(plan, applications, publishing, release);
  return { plan, applications, publishing, now, release };
}

/** This project in the current folder, with the settings of the local stack and changes to them. */
export function plannedProject(changes: Readonly<Record<string, unknown>> = {}): Planned {
  const settings = readSettings(handedOver({ ...stackConfig("local"), ...changes }), {});
  const plan = planDeliverables(ownDeliverables, settings.plan);
  const applications = planApplications(plan.charts, settings);
  const { publishing } = settings;
  const release = planRelease(settings);
  const now = fingerprints(plan, applications, publishing, release);
  return { plan, applications, publishing, now, release };
}

/** The state that a good `up` leaves, as far as explanations read it. */
export function stateAfter({
  plan,
  applications,
  publishing,
  now,
  release,
}: Planned): StateResource[] {
  const resources = [
    ...(release === undefined
      ? []
      : [
          component("Release", "release", { version: release.version }),
          made("Release", "command:local:Command", "release", {
            stdin: JSON.stringify(releaseRequest(plan, publishing, release)),
            stdout: "{}",
          }),
        ]),
    ...plan.images.flatMap(({ name, key, contentTag, steps: { result } }) => {
      const fingerprint = now.images[name];
      const digest = digestOf(fingerprint);
      return [
        component("Image", name, fingerprint, { digest, result }),
        made("Image", "docker-build:index:Image", name, {
          tags: [`${String(fingerprint?.settings["pushTo"])}:${contentTag}`],
          digest,
          context: {
            location: `.tinyolly/contexts/${name}-${key.slice(0, 12)}/${key.slice(0, 12)}`,
          },
        }),
      ];
    }),
    ...plan.charts.flatMap(({ name, version, key }) => {
      const fingerprint = now.charts[name];
      const pushFolder = fingerprint?.settings["pushTo"]?.replace(/\/[^/]+$/, "");
      return [
        component("Chart", name, fingerprint),
        made("Chart", "command:local:Command", name, {
          stdin: JSON.stringify({ pushFolder, version, key }),
          stdout: JSON.stringify({ digest: digestOf(fingerprint) }),
        }),
      ];
    }),
    ...applications.flatMap((application) => {
      const { name } = application.chart;
      return [
        component("Application", name, now.applications[name]),
        made("Application", "kubernetes:argoproj.io/v1alpha1:Application", name, {
          metadata: { name, annotations: {} },
          spec: applicationSpec(application),
        }),
        ...(application.argocd.waitSeconds > 0
          ? [made("Application", "command:local:Command", `${name}-rollout`, { stdout: "" })]
          : []),
      ];
    }),
  ];
  // States are JSON.
  return JSON.parse(JSON.stringify(resources)) as StateResource[];
}

/** What the command of a release is given, as far as it is read again. */
function releaseRequest(
  { images, charts }: Plan,
  { endpoints: { push, pushTls, namespace } }: Publishing,
  { version, aliases, signing }: PlannedRelease,
): object {
  const keys = (parts: readonly { readonly name: string; readonly key: string }[]) =>
    Object.fromEntries(parts.map(({ name, key }) => [name, { key }]));
  return {
    release: version,
    registry: { host: push, tls: pushTls, namespace },
    ...{ images: keys(images), charts: keys(charts), aliases, signing },
  };
}

/** What `up` would do now to what a state holds, without a look at registry and cluster. */
export async function explained(
  state: readonly StateResource[],
  planned: Planned,
  found: Partial<Findings> = {},
): Promise<Explanation> {
  const { plan, applications, publishing, now, release } = planned;
  const { endpoints } = publishing;
  const args = { plan, state, endpoints, applications, cluster: undefined, offline: true };
  const findings = {
    ...(await findAll({ owner: "tinyolly/test", ...args, release: release?.version })),
    ...found,
  };
  const told = { stack: "test", plan, applications, now, state, findings, checked: true };
  return explain(told);
}

/** A finding of what is not in the registry; what is not given does not matter. */
export function findingOf(finding: Partial<Finding>): Finding {
  return { pushes: 0, stays: false, released: false, ...finding };
}

/** Digest of whatever follows from a fingerprint. */
export function digestOf(fingerprint: unknown): string {
  return `sha256:${sha256(JSON.stringify(fingerprint))}`;
}

function component(type: string, name: string, inputs: unknown, outputs: object = {}): unknown {
  return {
    urn: `urn:pulumi:test::tinyolly::tinyolly:index:${type}::${name}`,
    type: `tinyolly:index:${type}`,
    inputs,
    outputs: { name, ...outputs },
  };
}

function made(parent: string, type: string, name: string, outputs: unknown): unknown {
  const types = `tinyolly:index:${parent}$${type}`;
  return { urn: `urn:pulumi:test::tinyolly::${types}::${name}`, type, outputs };
}
