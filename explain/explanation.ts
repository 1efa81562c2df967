import type { ApplicationPlan } from "../components/application-spec";
import type { Observation } from "../components/observation";
import type { Plan } from "../components/plan";
import {
  type Before,
  type Cause,
  type Reason,
  applicationReasons,
  chartReasons,
  imageReasons,
} from "../components/reasons";
import type { ApplicationRecord, ChartRecord, ImageRecord } from "../components/record";
import {
  type RecordedArtifact,
  type StateResource,
  readRecorded,
  resourceName,
} from "../components/recorded";
import type { SavedPlan } from "../components/saved-plan";

/** What the next `up` does to one image, chart or Application, and why. */
export interface ExplainedItem {
  readonly kind: "image" | "chart" | "application";
  readonly name: string;
  /** `push` makes nothing new: it pushes what is missing, or applies what was edited. */
  readonly action: "create" | "update" | "push" | "delete" | "none";
  /** Tag, version or revision that is deployed; left out where nothing is. */
  readonly from?: string;
  /** Tag, version or revision that `up` deploys; left out where it removes. */
  readonly to?: string;
  /** Empty where nothing is done. */
  readonly reasons: readonly Reason[];
}

/** What the next `up` of a stack does; docs/explain.schema.json describes it for machines. */
export interface Explanation {
  readonly version: 1;
  readonly stack: string;
  /** Images first, then charts, then Applications: each after what causes it. */
  readonly items: readonly ExplainedItem[];
  /** Whether registry and cluster were asked for what is published. */
  readonly checked: boolean;
}

/** What {@link explain} compares. */
export interface ExplainArgs {
  readonly stack: string;
  readonly plan: Plan;
  readonly applications: readonly ApplicationPlan[];
  /** Everything as it is planned now. */
  readonly now: SavedPlan;
  readonly state: readonly StateResource[];
  readonly observed: Observation;
  readonly checked: boolean;
}

/** Compares what is planned with what the state holds and what registry and cluster say. */
export function explain(args: ExplainArgs): Explanation {
  const { stack, plan, now, state, observed, checked } = args;
  const recorded = readRecorded(state);
  const images = notedBy<ImageRecord>(state, "tinyolly:index:Image", recorded.images);
  const charts = notedBy<ChartRecord>(state, "tinyolly:index:Chart", recorded.charts);
  const applications = notedBy<ApplicationRecord>(
    state,
    "tinyolly:index:Application",
    recorded.applications,
  );
  const versions = {
    image: mapValues(recorded.images, pushedVersion),
    chart: mapValues(recorded.charts, pushedVersion),
    application: mapValues(recorded.applications, ({ revision }) => revision || undefined),
  };
  const items = [
    ...plan.images.map(({ name, path, dockerfile }): Compared => {
      const [noted, after] = [images.get(name), required(now.images, name)];
      return {
        kind: "image",
        name,
        noted,
        from: versions.image.get(name),
        to: after.tag,
        reasons: imageReasons(noted?.record, after, { path, dockerfile: dockerfile.path }),
        drift: observed.images.get(name)?.absence,
      };
    }),
    ...plan.charts.map(({ name, path }): Compared => {
      const [noted, after] = [charts.get(name), required(now.charts, name)];
      return {
        kind: "chart",
        name,
        noted,
        from: versions.chart.get(name),
        to: after.version,
        reasons: chartReasons(noted?.record, after, { path }),
        drift: observed.charts.get(name)?.absence,
      };
    }),
    ...args.applications.map(({ chart: { name } }): Compared => {
      const [noted, after] = [applications.get(name), required(now.applications, name)];
      const from = versions.application.get(name);
      return {
        kind: "application",
        name,
        noted,
        from,
        to: after.revision,
        reasons: applicationReasons(withRevision(noted?.record, from), after),
        drift: observed.applications.get(name)?.drift,
      };
    }),
  ];
  return {
    version: 1,
    stack,
    checked,
    items: [
      ...items.map(explained),
      ...removed("image", versions.image, now.images),
      ...removed("chart", versions.chart, now.charts),
      ...removed("application", versions.application, now.applications),
    ],
  };
}

/** Whether `up` would do anything to an item. */
export function isChanged({ action }: ExplainedItem): boolean {
  return action !== "none";
}

interface Compared {
  readonly kind: ExplainedItem["kind"];
  readonly name: string;
  readonly noted: Noted<object> | undefined;
  readonly from: string | undefined;
  readonly to: string;
  readonly reasons: readonly Reason[];
  readonly drift: { readonly cause: Cause; readonly detail: string } | undefined;
}

/** What a component noted before its artifact was made. */
interface Noted<Record> {
  readonly record: Partial<Record>;
  /** Whether the artifact was made in the same run. */
  readonly finished: boolean;
}

function explained({ kind, name, noted, from, to, reasons, drift }: Compared): ExplainedItem {
  const changes = noted?.finished === false ? [...reasons, unfinished(kind, name)] : reasons;
  return {
    kind,
    name,
    action: !noted ? "create" : changes.length > 0 ? "update" : drift ? "push" : "none",
    ...(from === undefined ? {} : { from }),
    to,
    reasons: drift ? [...changes, { cause: drift.cause, subject: drift.detail }] : changes,
  };
}

/** What the components of a type noted, by name; of those whose artifact was made at least once. */
function notedBy<Record>(
  state: readonly StateResource[],
  type: string,
  made: ReadonlyMap<string, unknown>,
): Map<string, Noted<Record>> {
  return new Map(
    state
      .filter((resource) => resource.type === type && made.has(resourceName(resource)))
      .map((resource) => {
        // The components register these records; an older version may have left parts out.
        const record = (resource.inputs ?? {}) as Partial<Record>;
        // The engine keeps no outputs of a component that changed until it registers new ones at its end.
        return [resourceName(resource), { record, finished: resource.outputs !== undefined }];
      }),
  );
}

function unfinished(kind: ExplainedItem["kind"], name: string): Reason {
  const done = kind === "application" ? "applied" : "pushed";
  return { cause: `missing-${kind}`, subject: `the last run ended before ${name} was ${done}` };
}

/** Tag or version at the end of a reference. */
function pushedVersion({ reference }: RecordedArtifact): string | undefined {
  return /:([^:/]+)$/.exec(reference)?.[1];
}

function withRevision(
  before: Before<ApplicationRecord>,
  revision: string | undefined,
): Before<ApplicationRecord> {
  return before && revision !== undefined ? { ...before, revision } : before;
}

function required<T>(records: Readonly<Record<string, T>>, name: string): T {
  const record = records[name];
  if (record === undefined) throw new Error(`there is no record of ${name}`);
  return record;
}

function removed(
  kind: ExplainedItem["kind"],
  versions: ReadonlyMap<string, string | undefined>,
  now: Readonly<Record<string, unknown>>,
): ExplainedItem[] {
  const subject =
    kind === "application"
      ? "not in deliverables.ts any more, or the stack does not deploy"
      : "not in deliverables.ts any more";
  return [...versions]
    .filter(([name]) => !Object.hasOwn(now, name))
    .map(([name, from]) => ({
      kind,
      name,
      action: "delete",
      ...(from === undefined ? {} : { from }),
      reasons: [{ cause: "removed", subject }],
    }));
}

function mapValues<V, W>(map: ReadonlyMap<string, V>, change: (value: V) => W): Map<string, W> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}
