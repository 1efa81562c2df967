import { fewNames } from "../basics/few-names.ts";
import { InputError } from "../basics/input-error.ts";
import { fields } from "../basics/json-fields.ts";
import { shortHash } from "../basics/sha256.ts";
import type { Findings } from "../findings/finding.ts";
import type { Recorded } from "../findings/recorded.ts";
import {
  type ApplicationPlan,
  type ChartValues,
  applicationSpec,
} from "../plan/application-spec.ts";
import type { DeployableChartPlan, Plan } from "../plan/plan.ts";
import { RegistryClient } from "../registry/client.ts";
import { type Endpoints, pullFolder } from "../registry/references.ts";
import { KubectlError } from "../rollout/kubectl.ts";
import { type Cluster, editedPaths } from "../rollout/live-applications.ts";
import {
  type ReadApi,
  asksCluster,
  clusterReader,
  readCapabilities,
  schemaIndex,
} from "./capabilities.ts";
import { type ObjectFate, objectFates } from "./fate.ts";
import { HelmError } from "./helm.ts";
import { chartTexts, renderPlannedChart, withNamedDigests } from "./planned-chart.ts";
import { renderRecorded } from "./recorded-chart.ts";
import { schemaProblems } from "./schema-problems.ts";

/** What {@link forecastObjects} looks at. */
export interface ForecastArgs {
  readonly plan: Plan;
  readonly recorded: Recorded;
  readonly findings: Pick<Findings, "images" | "charts">;
  readonly endpoints: Endpoints;
  readonly applications: readonly ApplicationPlan[];
  /** Values by chart, where no Application takes them. */
  readonly chartValues: Readonly<Record<string, ChartValues>>;
  /** Where Argo CD runs; undefined where nothing is deployed. */
  readonly cluster: Cluster | undefined;
  /** Whether registry and cluster are left alone. */
  readonly offline: boolean;
  /** Whether charts are fetched that others depend on. @default false */
  readonly fetches?: boolean;
  /** `sha256:…` of images that were built already to see what they give, by name. @default - none was */
  readonly built?: ReadonlyMap<string, string> | undefined;
}

/** What becomes of the objects of one chart. */
export interface ObjectForecast {
  /** Objects that do not stay as they are; undefined where that cannot be told. */
  readonly objects?: readonly ObjectFate[];
  /** What was not known or not checked, and why; empty where all was. */
  readonly gaps: readonly string[];
}

/** What of forecasts wants a word before anything is done, with what to do. */
export function forecastWarnings(forecasts: ReadonlyMap<string, ObjectForecast>): string[] {
  const refusals = [...forecasts].flatMap(([chart, { objects = [] }]) =>
    objects.flatMap(({ fate, kind, name, fields, cure = "" }) => {
      if (fate !== "refused") return [];
      const what = fewNames(fields.map(({ path }) => path)) || "it";
      return [
        `chart "${chart}": the cluster will refuse ${kind} ${name}, since ${what} cannot change; ${cure}`,
      ];
    }),
  );
  const gaps = Map.groupBy(
    [...forecasts].flatMap(([chart, { gaps }]) => gaps.map((gap) => ({ chart, gap }))),
    ({ gap }) => gap,
  );
  const told = [...gaps].map(([gap, charts]) => {
    const names = charts.map(({ chart }) => `"${chart}"`).join(", ");
    return `chart${charts.length === 1 ? "" : "s"} ${names}: ${gap}`;
  });
  return [...refusals, ...told];
}

/** Argo CD's own name of the cluster that it runs in. */
const ownCluster = "https://kubernetes.default.svc";

/**
 * Renders the charts that change, before and after, and says what becomes of each object, by chart. Nothing is written but
 * renderings on this machine. Charts whose Applications stay as they are, are left out.
 *
 * @throws InputError with every template, value and object that is wrong.
 */
export async function forecastObjects(args: ForecastArgs): Promise<Map<string, ObjectForecast>> {
  const { plan, endpoints, cluster, offline } = args;
  const changed = plan.charts.filter((chart) => isChanged(chart, args));
  if (changed.length === 0) return new Map();
  const read = cluster && !offline ? clusterReader(cluster) : undefined;
  const client = new RegistryClient({ host: endpoints.push, tls: endpoints.pushTls });
  const look: Look = { ...args, read, client };
  try {
    const told = await Promise.all(
      changed.map(async (chart) => [chart.name, await orProblem(forecast(chart, look))] as const),
    );
    const problems = told.flatMap(([, one]) => (typeof one === "string" ? [one] : []));
    if (problems.length > 0) throw new InputError(problems.join("\n"));
    return new Map(told.flatMap(([name, one]) => (typeof one === "string" ? [] : [[name, one]])));
  } finally {
    client.close();
  }
}

/** All that is wrong is told at once. */
function orProblem(forecast: Promise<ObjectForecast>): Promise<ObjectForecast | string> {
  return forecast.catch((error: unknown) => {
    if (error instanceof InputError) return error.message;
    throw error;
  });
}

interface Look extends ForecastArgs {
  readonly read: ReadApi | undefined;
  readonly client: RegistryClient;
}

function isChanged(chart: DeployableChartPlan, { recorded, applications }: ForecastArgs): boolean {
  const application = applications.find((one) => one.chart.name === chart.name);
  const { revision, spec } = recorded.applications.get(chart.name) ?? {};
  if (application) {
    if (revision !== chart.version) return true;
    const [now, before] = [applicationSpec(application), spec].map((one) => {
      const { source, destination } = fields(one);
      return { source, destination };
    });
    // Values that are gone count as well.
    return editedPaths(now, before).length + editedPaths(before, now).length > 0;
  }
  return !(recorded.charts.get(chart.name)?.reference.endsWith(`:${chart.version}`) ?? false);
}

async function forecast(chart: DeployableChartPlan, look: Look): Promise<ObjectForecast> {
  const { endpoints, findings, applications, chartValues } = look;
  const application = applications.find((one) => one.chart.name === chart.name);
  const { name: release } = application ?? chart;
  const { namespace } = application?.chart ?? chart;
  const values = application ? application.values : chartValues[chart.name];
  const texts = chartTexts(chart);
  const gaps: string[] = [];
  const isOwn = application?.argocd.destinationServer === ownCluster;
  if (application && !isOwn)
    gaps.push(`the cluster ${application.argocd.destinationServer} was not asked what it takes`);
  const read = isOwn ? look.read : undefined;
  // Wanted later; who reads it then is told of errors.
  read?.(schemaIndex).catch(() => undefined);
  const capabilities =
    read && asksCluster(texts)
      ? orSilence(readCapabilities(read, texts), gaps)
      : Promise.resolve(undefined);
  const how = { release, namespace, capabilities };
  const planned = {
    plan: chart,
    pullFolder: pullFolder(endpoints),
    digests: knownDigests(look),
    since: findings.charts.get(chart.name)?.since,
    fetches: look.fetches ?? false,
  };
  const [rendered, before] = await Promise.all([
    renderPlannedChart(planned, { ...how, values }, texts).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      if (!(error instanceof HelmError) || !error.missing)
        throw new InputError(
          `chart "${chart.name}" cannot be rendered: ${error.message}${schemaAdvice(chart.name, error.message)}`,
        );
      gaps.push(`not rendered: ${error.message}`);
      return undefined;
    }),
    application && orGap(renderRecorded(chart.name, release, capabilities, look), gaps),
  ]);
  if (!rendered) return { gaps };
  const { objects: after, other } = rendered;
  if (read) {
    const problems = (await orSilence(schemaProblems(read, after), gaps)) ?? [];
    if (problems.length > 0)
      throw new InputError(problems.map((one) => `chart "${chart.name}": ${one}`).join("\n"));
  }
  if (!application || (before === undefined && look.recorded.applications.has(chart.name)))
    return { gaps };
  const { keepSecrets } = application.chart;
  const objects = objectFates({ before, after, other, namespace, keepSecrets });
  return { objects: withNamedDigests(objects, [...chart.images.values()]), gaps };
}

/** What is there, or is taken from the registry, or will be pushed with the same bytes. */
function knownDigests({ plan, recorded, findings, built }: Look): ReadonlyMap<string, string> {
  return new Map(
    plan.images.flatMap(({ name, key, steps: { result } }) => {
      const finding = findings.images.get(name);
      const known = recorded.images.get(name);
      const isSame = known && (known.key === shortHash(key) || known.result === result);
      const mine = isSame ? known.digest : undefined;
      const digest = built?.get(name) ?? finding?.existing ?? finding?.lost ?? mine;
      return digest === undefined ? [] : [[name, digest] as const];
    }),
  );
}

/** Notes that it is not known what is deployed. */
async function orGap<T>(asked: Promise<T>, gaps: string[]): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    gaps.push(`what becomes of the objects is not known: ${error.message}`);
    return undefined;
  }
}

/** Notes that a cluster did not tell something; it may be still to come. */
async function orSilence<T>(asked: Promise<T>, gaps: string[]): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error;
    const gap = `the cluster was not asked what it takes: ${error.message}`;
    if (!gaps.includes(gap)) gaps.push(gap);
    return undefined;
  }
}

/** Where a value comes from that the chart's schema does not allow. */
function schemaAdvice(chart: string, message: string): string {
  return message.includes("schema")
    ? `; it is set in "chartValues" of the stack's file, below ${chart}, or in values.yaml of the chart`
    : "";
}
