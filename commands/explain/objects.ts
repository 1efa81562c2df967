import { fewNames } from "../../delivery/basics/few-names.ts";
import type { Fate, ObjectFate } from "../../delivery/objects/fate.ts";
import type { ObjectForecast } from "../../delivery/objects/forecast.ts";
import type { Plan } from "../../delivery/plan/plan.ts";
import type { Reason } from "../../delivery/plan/reasons.ts";

/** What becomes of an object of an Application, and after what. */
export interface ExplainedObject extends ObjectFate {
  /** Files, settings and images that change it. */
  readonly because: readonly string[];
}

/** What becomes of the objects of an Application. */
export interface ExplainedObjects {
  /** Left out where that cannot be told. */
  readonly objects?: readonly ExplainedObject[];
  /** What was not known or not checked, and why; left out where all was. */
  readonly gaps?: readonly string[];
}

/** Reasons of what an Application stands on. */
export interface Causes {
  readonly application: readonly Reason[];
  readonly chart: readonly Reason[];
  /** By name of the image. */
  readonly images: ReadonlyMap<string, readonly Reason[]>;
}

/** Adds to each object of a forecast what changes it. */
export function explainObjects(
  { objects, gaps }: ObjectForecast,
  chart: Plan["charts"][number],
  causes: Causes,
): ExplainedObjects {
  const told = objects?.map((object): ExplainedObject => {
    const because = new Set(
      object.fields.length === 0
        ? chartCauses(object, chart.path, causes)
        : object.fields.flatMap((field) => fieldCauses(object, field, chart, causes)),
    );
    return { ...object, because: object.fate === "labels" ? [] : [...because] };
  });
  return { ...(told ? { objects: told } : {}), ...(gaps.length > 0 ? { gaps } : {}) };
}

function fieldCauses(
  object: ObjectFate,
  { to, open, path }: ObjectFate["fields"][number],
  { images, path: folder }: Plan["charts"][number],
  causes: Causes,
): string[] {
  if (path.startsWith('metadata.labels["')) return [];
  const text = JSON.stringify(to ?? "");
  const names = [...new Set([...images.values()].map(({ name }) => name))];
  const named = names.filter((name) => text.includes(`/${name}@`) || text.includes(`/${name}:`));
  const built = names.filter((name) => (causes.images.get(name)?.length ?? 0) > 0);
  const decisive = named.length > 0 || open !== true ? named : built;
  if (decisive.length === 0) return chartCauses(object, folder, causes);
  return decisive.flatMap((name) => {
    const reasons = causes.images.get(name) ?? [];
    return reasons.length === 0 ? [`image ${name}`] : reasons.map(({ subject }) => subject);
  });
}

/** Changed files of the chart that the object's template reads, and changed values. */
function chartCauses(
  { template }: ObjectFate,
  folder: string,
  { application, chart }: Causes,
): string[] {
  const values = application.flatMap(({ cause, subject }) =>
    cause === "settings" ? [subject === "values" ? "chartValues" : subject] : [],
  );
  const files = chart.filter(({ cause }) => cause === "chart-source");
  const read = files.filter(({ subject }) => {
    const file = subject.slice(folder.length + 1);
    return file === template || !/^templates\/(?:.*\/)?[^_/][^/]*\.(?:ya?ml|txt)$/.test(file);
  });
  const other = chart.filter(({ cause }) => cause === "tool-version" || cause === "settings");
  const found = [...values, ...[...read, ...other].map(({ subject }) => subject)];
  return found.length > 0 ? found : files.map(({ subject }) => subject);
}

/** Above that, new objects are counted. */
const mostCreated = 5;

/** Words for what becomes of objects, as long as each other. */
const words: Readonly<Record<Fate, string>> = {
  refused: "refused",
  restart: "restart",
  replace: "replace",
  create: "create ",
  patch: "patch  ",
  prune: "prune  ",
  leave: "leave  ",
  hook: "hook   ",
  labels: "labels ",
};

/** Kind and name of an object. */
export function objectLabel({ kind, name, openName }: ObjectFate): string {
  return `${kind} ${name}${openName ? "…" : ""}`;
}

/** Lines that tell what becomes of objects: one each, and one for all of which only the labels change. */
export function objectLines(
  { objects = [], gaps = [] }: ExplainedObjects,
  show: { readonly detail: boolean; readonly value: (value: string) => string },
): string[] {
  // Of a first Application, all of them are.
  const isNew = objects.length > mostCreated && objects.every(({ fate }) => fate === "create");
  if (isNew && !show.detail) return [`${words.create}  ${countKinds(objects)}`, ...gaps];
  const single = objects.filter(({ fate }) => fate !== "labels");
  const labelled = objects.length - single.length;
  const width = Math.max(...single.map((object) => objectLabel(object).length), 0);
  return [
    ...single.flatMap((object) => [objectLine(object, width), ...details(object)]),
    ...(labelled > 0
      ? [
          `${words.labels}  ${labelled}${single.length > 0 ? " more" : ""} get${labelled === 1 ? "s" : ""} the version of the chart as a label`,
        ]
      : []),
    ...gaps,
  ];

  function details({ fields }: ExplainedObject): string[] {
    if (!show.detail) return [];
    return fields.map(({ path, from, to, open }) => {
      const values = [from, to].map((value) =>
        value === undefined
          ? undefined
          : show.value(typeof value === "string" ? value : JSON.stringify(value)),
      );
      const [was, becomes = open ? "what only the build tells" : undefined] = values;
      const change = [was, becomes].filter((value) => value !== undefined).join(" → ");
      const sign = was === undefined ? "+" : becomes === undefined ? "-" : "~";
      return `  ${sign} ${show.value(path)}  (${change})`;
    });
  }
}

/** Such as `3 × Deployment, ServiceAccount`. */
function countKinds(objects: readonly ExplainedObject[]): string {
  const kinds = Map.groupBy(objects, ({ kind }) => kind);
  return [...kinds]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([kind, { length }]) => (length === 1 ? kind : `${length} × ${kind}`))
    .join(", ");
}

function objectLine(object: ExplainedObject, width: number): string {
  const { fate, because, cure, fields } = object;
  const paths = fields.map(({ path }) => path);
  const notes = [
    ...(fate === "refused" ? [`${fewNames(paths)} cannot change: ${cure ?? ""}`] : []),
    ...(fate === "leave" ? ["the chart has it no more, and it stays"] : []),
    ...(because.length > 0 ? [fewNames(because)] : []),
  ];
  return `${words[fate]}  ${objectLabel(object).padEnd(width)}  ${notes.join("; ")}`.trimEnd();
}
