import type { Drift } from "../../delivery/basics/drift.ts";
import { shortHash } from "../../delivery/basics/sha256.ts";
import { type EarlierBuilds, forecastBuild } from "../../delivery/findings/build-forecast.ts";
import {
  type Finding,
  type Findings,
  type ReleaseFinding,
  causeOf,
  warnings,
} from "../../delivery/findings/finding.ts";
import {
  type RecordedArtifact,
  type RecordedRelease,
  type StateResource,
  isRollout,
  readRecorded,
  resourceName,
  rolledOut,
} from "../../delivery/findings/recorded.ts";
import type { ObjectForecast } from "../../delivery/objects/forecast.ts";
import type { ApplicationPlan } from "../../delivery/plan/application-spec.ts";
import type {
  ApplicationFingerprint,
  ChartFingerprint,
  ImageFingerprint,
  ReleaseFingerprint,
} from "../../delivery/plan/fingerprint.ts";
import type { Fingerprints } from "../../delivery/plan/fingerprints.ts";
import type { Plan } from "../../delivery/plan/plan.ts";
import {
  type Before,
  type Reason,
  applicationReasons,
  chartReasons,
  imageReasons,
  releaseReasons,
  waitReasons,
} from "../../delivery/plan/reasons.ts";
import type { Solved } from "../build/solve.ts";
import { type ExplainedBuild, fromProject, withTrial } from "./build.ts";
import { type ExplainedObjects, explainObjects } from "./objects.ts";

/** What the next `up` does to one image, chart, release or Application, and why. */
export interface ExplainedItem extends ExplainedObjects {
  readonly kind: "image" | "chart" | "release" | "application";
  readonly name: string;
  /**
   * `push` makes nothing new: it pushes what is missing, or applies what was edited. `adopt` takes what the registry has
   * already, and `tag` gives an image that stays as it is the version of another release.
   */
  readonly action: "create" | "update" | "adopt" | "tag" | "push" | "delete" | "none";
  /** Tag, version or revision that is deployed; left out where nothing is. */
  readonly from?: string;
  /** Tag, version or revision that `up` deploys; left out where it removes. */
  readonly to?: string;
  /** Empty where nothing is done. */
  readonly reasons: readonly Reason[];
  /** What the build of an image does; left out where nothing is built, or nothing is known of the build before. */
  readonly build?: ExplainedBuild;
}

/** What the next `up` of a stack does; docs/explain.schema.json describes it for machines. */
export interface Explanation {
  readonly version: 4;
  readonly stack: string;
  /** Images first, then charts, then the release, then Applications: each after what causes it. */
  readonly items: readonly ExplainedItem[];
  /** Whether registry and cluster were asked for what is published. */
  readonly checked: boolean;
  /** Why `up` would refuse to make a release, and what to do; without an item `release`, versions are those of development. */
  readonly problems: readonly string[];
  /** What may still end `up`, which nobody knows before, each with what to do then. */
  readonly warnings: readonly string[];
}

/** What {@link explain} compares. */
export interface ExplainArgs {
  readonly stack: string;
  readonly plan: Plan;
  readonly applications: readonly ApplicationPlan[];
  /** Everything as it is planned now. */
  readonly now: Fingerprints;
  readonly state: readonly StateResource[];
  readonly findings: Findings;
  /** What becomes of objects, by chart. @default - nothing is told */
  readonly forecasts?: ReadonlyMap<string, ObjectForecast>;
  /** What is known of earlier builds, by name of the image. @default - nothing is */
  readonly earlier?: ReadonlyMap<string, EarlierBuilds> | undefined;
  /** What images gave that were built to see whether they can be, by name. @default - nothing was */
  readonly tried?: ReadonlyMap<string, Solved> | undefined;
  readonly checked: boolean;
  /** What else people should know, each with what to do. @default - nothing */
  readonly told?: readonly string[];
  /** Why none can be made. @default - nothing is in the way */
  readonly problems?: readonly string[];
}

/** Compares what is planned with what the state holds and what registry and cluster say. */
export function explain(args: ExplainArgs): Explanation {
  const { stack, plan, now, state, findings, checked, problems = [] } = args;
  const recorded = readRecorded(state);
  const images = notedBy<ImageFingerprint>(state, "tinyolly:index:Image", recorded.images);
  const charts = notedBy<ChartFingerprint>(state, "tinyolly:index:Chart", recorded.charts);
  const applications = notedBy<ApplicationFingerprint>(
    state,
    "tinyolly:index:Application",
    recorded.applications,
  );
  const versions = {
    image: mapValues(recorded.images, pushedVersion),
    chart: mapValues(recorded.charts, pushedVersion),
    application: mapValues(recorded.applications, ({ revision }) => revision || undefined),
  };
  const made = [
    ...plan.images.map((image): Compared => {
      const { name, path, dockerfile } = image;
      const [noted, after] = [images.get(name), required(now.images, name)];
      const reasons = imageReasons(noted?.fingerprint, after, {
        path,
        dockerfile: dockerfile.path,
      });
      const changed = reasons.flatMap(({ cause, subject }) =>
        cause === "source" ? [subject.slice(path.length + 1)] : [],
      );
      const before = recorded.images.get(name);
      const earlier = args.earlier?.get(name);
      return {
        kind: "image",
        name,
        noted,
        from:
          (noted?.finished === true ? noted.fingerprint.tag : undefined) ??
          versions.image.get(name),
        to: after.tag,
        reasons,
        build: withTrial(
          fromProject(forecastBuild(image, before, earlier, new Set(changed)), path),
          args.tried?.get(name),
          before?.digest,
        ),
        retagged: noted?.fingerprint.key === after.key,
        isThere: isPushed(before, image.key, `${pushTo(after)}:${after.tag}`),
        adopted: adoptedAs(before, findings.images.get(name)),
        drift: findings.images.get(name)?.drift,
      };
    }),
    ...plan.charts.map(({ name, path, key, version }): Compared => {
      const [noted, after] = [charts.get(name), required(now.charts, name)];
      return {
        kind: "chart",
        name,
        noted,
        from: versions.chart.get(name),
        to: after.version,
        reasons: chartReasons(noted?.fingerprint, after, { path }),
        isThere: isPushed(recorded.charts.get(name), key, `${pushTo(after)}:${version}`),
        adopted: adoptedAs(recorded.charts.get(name), findings.charts.get(name)),
        drift: findings.charts.get(name)?.drift,
      };
    }),
  ];
  const [madeImages, madeCharts] = (["image", "chart"] as const).map(
    (kind) =>
      new Map(made.filter((one) => one.kind === kind).map(({ name, reasons }) => [name, reasons])),
  );
  const waits = new Set(state.filter(isRollout).map(rolledOut));
  const applied = args.applications.map(({ chart: { name }, argocd }): Compared => {
    const [noted, after] = [applications.get(name), required(now.applications, name)];
    const from = versions.application.get(name);
    const reasons = [
      ...applicationReasons(withRevision(noted?.fingerprint, from), after),
      // A wait in vain is gone from the state, and is made again with what it waits for.
      ...(noted?.finished === true ? waitReasons(waits.has(name), argocd.waitSeconds) : []),
    ];
    const forecast = args.forecasts?.get(name);
    const chart = plan.charts.find((one) => one.name === name);
    const causes = {
      application: reasons,
      chart: madeCharts?.get(name) ?? [],
      images: madeImages ?? new Map<string, readonly Reason[]>(),
    };
    return {
      kind: "application",
      name,
      noted,
      from,
      to: after.revision,
      reasons,
      isThere:
        reasons.length === 0 &&
        from === after.revision &&
        (argocd.waitSeconds === 0 || waits.has(name)),
      objects: forecast && chart && explainObjects(forecast, chart, causes),
      drift: findings.applications.get(name)?.drift,
    };
  });
  return {
    version: 4,
    stack,
    checked,
    problems,
    warnings: [...(args.told ?? []), ...warnings(findings)],
    items: [
      ...made.map(explained),
      ...releaseItems(now.release, recorded.release, findings.release, problems.length > 0),
      ...applied.map(explained),
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
  readonly kind: "image" | "chart" | "application";
  readonly name: string;
  readonly noted: Noted<object> | undefined;
  readonly from: string | undefined;
  readonly to: string;
  readonly reasons: readonly Reason[];
  /** Whether its content stays as it is. @default false */
  readonly retagged?: boolean;
  /** Whether just what is wanted was made, whatever a run noted that ended early. */
  readonly isThere: boolean;
  /** `sha256:…` that is taken from the registry now. @default - none */
  readonly adopted?: string | undefined;
  readonly drift: Drift | undefined;
  /** What becomes of the objects of an Application. @default - nothing is told */
  readonly objects?: ExplainedObjects | undefined;
  /** What the build of an image would do. @default - nothing is told */
  readonly build?: ExplainedBuild | undefined;
}

/** What a component noted before its artifact was made. */
interface Noted<Fingerprint> {
  readonly fingerprint: Partial<Fingerprint>;
  /** Whether the artifact was made in the same run. */
  readonly finished: boolean;
}

function explained(compared: Compared): ExplainedItem {
  const { kind, name, noted, from, to, adopted, drift, objects, build } = compared;
  // Where what a failed run was about to make was taken back, only its note is put right.
  const isTakenBack = noted?.finished === false && compared.isThere && adopted === undefined;
  const reasons = isTakenBack
    ? []
    : [
        ...compared.reasons,
        ...(noted?.finished === false && adopted === undefined ? [unfinished(kind, name)] : []),
      ];
  const action = actionOf(compared, reasons);
  return {
    kind,
    name,
    action,
    ...(from === undefined ? {} : { from }),
    to,
    reasons: [
      ...reasons,
      ...(adopted === undefined ? [] : [alreadyPublished(adopted)]),
      ...(drift ? [{ cause: causeOf(kind, drift), subject: drift.detail }] : []),
    ],
    ...(build && (action === "update" || build.tried) ? { build } : {}),
    ...objects,
  };
}

/** Whether an artifact was pushed of just this content, and to just this place. */
function isPushed(recorded: RecordedArtifact | undefined, key: string, reference: string): boolean {
  return recorded?.key === shortHash(key) && recorded.reference === reference;
}

/** Place without tag to which an image or a chart goes. */
function pushTo({ settings }: Pick<ImageFingerprint | ChartFingerprint, "settings">): string {
  return String(settings["pushTo"]);
}

function actionOf(
  { noted, retagged = false, adopted, drift }: Compared,
  reasons: readonly Reason[],
): ExplainedItem["action"] {
  if (adopted !== undefined) return "adopt";
  if (!noted) return "create";
  if (reasons.length === 0) return drift ? "push" : "none";
  return retagged && noted.finished && !drift && onlySettings(reasons) ? "tag" : "update";
}

/** A release alone changes no content. */
function onlySettings(reasons: readonly Reason[]): boolean {
  return reasons.every(({ cause, subject }) => cause === "settings" && subject === "release");
}

/** Digest that is taken from the registry, where the state has not recorded just that. */
function adoptedAs(
  recorded: RecordedArtifact | undefined,
  finding: Finding | undefined,
): string | undefined {
  const existing = finding?.existing;
  return recorded?.adopted === true && recorded.digest === existing ? undefined : existing;
}

function alreadyPublished(digest: string): Reason {
  return { cause: "already-published", subject: `the registry has the same content as ${digest}` };
}

/** What is done to the release as a whole; nothing where content decides and no release was made. */
function releaseItems(
  after: ReleaseFingerprint | undefined,
  recorded: RecordedRelease | undefined,
  { missing }: ReleaseFinding,
  refused: boolean,
): ExplainedItem[] {
  const item = { kind: "release", name: "release" } as const;
  const from = recorded?.version;
  if (!after) {
    // Without the release that was asked for, nobody makes anything.
    if (from === undefined || refused) return [];
    const subject = "the stack publishes by content now";
    return [{ ...item, action: "delete", from, reasons: [{ cause: "removed", subject }] }];
  }
  const changes = releaseReasons(recorded?.fingerprint, after);
  const reasons: Reason[] = [
    ...changes,
    ...(missing === undefined ? [] : [{ cause: "missing-release", subject: missing } as const]),
  ];
  const to = after.version;
  if (from === undefined) return [{ ...item, action: "create", to, reasons }];
  const repair = missing === undefined ? "none" : "push";
  return [{ ...item, action: changes.length > 0 ? "update" : repair, from, to, reasons }];
}

/** What the components of a type noted, by name; of those whose artifact was made at least once. */
function notedBy<Fingerprint>(
  state: readonly StateResource[],
  type: string,
  made: ReadonlyMap<string, unknown>,
): Map<string, Noted<Fingerprint>> {
  return new Map(
    state
      .filter((resource) => resource.type === type && made.has(resourceName(resource)))
      .map((resource) => {
        // The components register these fingerprints; an older version may have left parts out.
        const fingerprint = (resource.inputs ?? {}) as Partial<Fingerprint>;
        // The engine keeps no outputs of a component that changed until it registers new ones at its end.
        return [resourceName(resource), { fingerprint, finished: resource.outputs !== undefined }];
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
  before: Before<ApplicationFingerprint>,
  revision: string | undefined,
): Before<ApplicationFingerprint> {
  return before && revision !== undefined ? { ...before, revision } : before;
}

function required<T>(fingerprints: Readonly<Record<string, T>>, name: string): T {
  const fingerprint = fingerprints[name];
  if (fingerprint === undefined) throw new Error(`there is no fingerprint of ${name}`);
  return fingerprint;
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
