import { type Explanation, explain } from "../commands/explain/explanation.ts";
import { deliverables as ownDeliverables } from "../deliverables.ts";
import { sha256 } from "../delivery/basics/sha256.ts";
import { findAll } from "../delivery/findings/find-all.ts";
import type { Finding, Findings } from "../delivery/findings/finding.ts";
import type { StateResource } from "../delivery/findings/recorded.ts";
import { type ApplicationPlan, applicationSpec } from "../delivery/plan/application-spec.ts";
import type { Publishing } from "../delivery/plan/fingerprint.ts";
import { type Deliverables, type Plan, planDeliverables } from "../delivery/plan/plan.ts";
import { type SavedPlan, fingerprints } from "../delivery/plan/saved-plan.ts";
import { chartRef } from "../delivery/registry/references.ts";
import { planApplications, readSettings } from "../delivery/settings/settings.ts";
import { shop, shopOptions, shopPublishing } from "./shop.ts";
import { handedOver, stackConfig } from "./stacks.ts";

/** All of a stack as it is planned at one time. */
export interface Planned {
  readonly plan: Plan;
  readonly applications: readonly ApplicationPlan[];
  readonly publishing: Publishing;
  readonly now: SavedPlan;
  /** Release that is made; undefined where content decides. */
  readonly release: string | undefined;
}

/** The shop of the current folder, with an Application for each chart. */
export function plannedShop({
  deliverables = shop,
  options = {},
  publishing = shopPublishing,
  application = {},
}: {
  readonly deliverables?: Deliverables;
  readonly options?: Partial<typeof shopOptions>;
  readonly publishing?: Publishing;
  readonly application?: Partial<ApplicationPlan>;
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
  const now = fingerprints(plan, applications, publishing);
  return { plan, applications, publishing, now, release: options.versions?.release };
}

/** This project in the current folder, with the settings of the local stack and changes to them. */
export function plannedProject(changes: Readonly<Record<string, unknown>> = {}): Planned {
  const settings = readSettings(handedOver({ ...stackConfig("local"), ...changes }), {});
  const plan = planDeliverables(ownDeliverables, settings.plan);
  const applications = planApplications(plan.charts, settings);
  const { publishing } = settings;
  const now = fingerprints(plan, applications, publishing);
  return { plan, applications, publishing, now, release: settings.plan.versions.release };
}

/** The state that a good `up` leaves, as far as explanations read it. */
export function stateAfter({ plan, applications, now, release }: Planned): StateResource[] {
  const resources = [
    ...(release === undefined
      ? []
      : [
          component("Release", "release", { version: release }),
          made("Release", "command:local:Command", "release", {
            stdin: JSON.stringify({ release }),
            stdout: "{}",
          }),
        ]),
    ...plan.images.flatMap(({ name, key, contentTag }) => {
      const fingerprint = now.images[name];
      return [
        component("Image", name, fingerprint),
        made("Image", "docker-build:index:Image", name, {
          tags: [`${String(fingerprint?.settings["pushTo"])}:${contentTag}`],
          digest: digestOf(fingerprint),
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
      ];
    }),
  ];
  // States are JSON.
  return JSON.parse(JSON.stringify(resources)) as StateResource[];
}

/** What `up` would do now to what a state holds, without a look at registry and cluster. */
export async function explained(
  state: readonly StateResource[],
  planned: Planned,
  found: Partial<Findings> = {},
): Promise<Explanation> {
  const { plan, applications, publishing, now, release } = planned;
  const { endpoints } = publishing;
  const args = { plan, state, endpoints, release, applications, cluster: undefined, offline: true };
  const findings = { ...(await findAll(args)), ...found };
  const told = { stack: "test", plan, applications, now, state, findings, checked: true };
  return explain({ ...told, release });
}

/** A finding of what is not in the registry; what is not given does not matter. */
export function findingOf(finding: Partial<Finding>): Finding {
  return { pushes: 0, stays: false, released: false, ...finding };
}

/** Digest of whatever follows from a fingerprint. */
export function digestOf(fingerprint: unknown): string {
  return `sha256:${sha256(JSON.stringify(fingerprint))}`;
}

function component(type: string, name: string, inputs: unknown): unknown {
  return {
    urn: `urn:pulumi:test::tinyolly::tinyolly:index:${type}::${name}`,
    type: `tinyolly:index:${type}`,
    inputs,
    outputs: { name },
  };
}

function made(parent: string, type: string, name: string, outputs: unknown): unknown {
  const types = `tinyolly:index:${parent}$${type}`;
  return { urn: `urn:pulumi:test::tinyolly::${types}::${name}`, type, outputs };
}
