import { type FieldChange, openChanges } from "./field-changes.ts";
import { isRecreated, refusedObject, refusedUpdate } from "./immutable-fields.ts";
import { restartsPods } from "./pod-template.ts";
import {
  type Manifest,
  type ObjectName,
  type RenderedObject,
  annotation,
  keyOfObject,
  nameOfObject,
  syncOptions,
} from "./rendered-object.ts";

/**
 * What becomes of an object, by what Argo CD does with it: `restart` replaces its pods, `replace` deletes and makes it anew, `prune`
 * deletes it, `leave` keeps it although the chart has it no more, `refused` is what the API server will not take, `hook` is made
 * once more with every sync, `labels` changes its version labels alone.
 */
export const fates = [
  "refused",
  "restart",
  "replace",
  "create",
  "patch",
  "prune",
  "leave",
  "hook",
  "labels",
] as const;

/** One of {@link fates}. */
export type Fate = (typeof fates)[number];

/** An object of an Application that does not stay as it is. */
export interface ObjectFate extends ObjectName {
  readonly fate: Fate;
  /** Whether the end of the name follows from what a build gives; `name` is its beginning then. @default false */
  readonly openName?: true;
  /** Template that it comes from, relative to the chart's folder. */
  readonly template: string;
  /** Fields that change; none of what is made or deleted. */
  readonly fields: readonly FieldChange[];
  /** What to do about a refusal. @default - nothing is refused */
  readonly cure?: string;
}

/** A chart's objects before and after. */
export interface Renderings {
  /** Undefined where nothing was deployed. */
  readonly before: readonly RenderedObject[] | undefined;
  readonly after: readonly RenderedObject[];
  /** The same with other digests, where only builds will tell them, and other chance. @default - all is known */
  readonly other?: readonly RenderedObject[] | undefined;
  /** Namespace of objects that name none. */
  readonly namespace: string;
  /** Secrets whose content is left as it is. */
  readonly keepSecrets: readonly string[];
}

/** Labels of the chart's version, which every object has and no pod. */
const versionLabels = new Set([
  'metadata.labels["helm.sh/chart"]',
  'metadata.labels["app.kubernetes.io/version"]',
]);

/** Says of each object that does not stay as it is what becomes of it; hooks count where anything else is applied. */
export function objectFates({
  before = [],
  after,
  other = after,
  namespace,
  keepSecrets,
}: Renderings): ObjectFate[] {
  const [old, now, or] = [before, after, other].map((objects) => byKey(objects, namespace));
  if (!old || !now || !or) return [];
  const found: ObjectFate[] = [];
  for (const [key, one] of now) {
    const [was, may] = [old.get(key), or.get(key)];
    const hook = hookOf(one.manifest);
    if (hook === "never") continue;
    if (hook === "sync") found.push({ ...describe(one), fate: "hook" });
    else if (!may) found.push({ ...openlyNamed(one, or, now), fate: "create" });
    else if (!was) found.push(created(one));
    else {
      const fate = updated(one, kept(was.manifest), kept(one.manifest), kept(may.manifest));
      if (fate) found.push(fate);
    }
  }
  for (const [key, one] of old) {
    if (now.has(key) || hookOf(one.manifest) !== "none") continue;
    found.push({ ...describe(one), fate: staysUnrendered(one.manifest) ? "leave" : "prune" });
  }
  const isSynced = found.some(({ fate }) => fate !== "hook" && fate !== "leave");
  return found
    .filter(({ fate }) => isSynced || fate !== "hook")
    .sort((a, b) => fates.indexOf(a.fate) - fates.indexOf(b.fate));

  /** Argo CD takes the content of such Secrets from the cluster. */
  function kept(manifest: Manifest): Manifest {
    const { kind, group, name } = nameOfObject(manifest, namespace);
    if (kind !== "Secret" || group !== "" || !keepSecrets.includes(name)) return manifest;
    return { ...manifest, data: undefined };
  }
}

interface NamedObject extends RenderedObject, ObjectName {}

/** Of two objects with one name, the last counts, as with Argo CD. */
function byKey(
  objects: readonly RenderedObject[],
  namespace: string,
): ReadonlyMap<string, NamedObject> {
  return new Map(
    objects.map((one) => {
      const name = nameOfObject(one.manifest, namespace);
      return [keyOfObject(name), { ...one, ...name }];
    }),
  );
}

function describe(one: NamedObject): Omit<ObjectFate, "fate"> {
  const { group, kind, namespace, name, template } = one;
  return {
    ...{ group, kind, ...(namespace === undefined ? {} : { namespace }), name, template },
    fields: [],
  };
}

function created(one: NamedObject): ObjectFate {
  const refusal = refusedObject(one.manifest);
  if (!refusal) return { ...describe(one), fate: "create" };
  return { ...describe(one), fate: "refused", cure: refusal.cure };
}

function updated(
  one: NamedObject,
  was: Manifest,
  now: Manifest,
  may: Manifest,
): ObjectFate | undefined {
  const kind = `${one.group}/${one.kind}`;
  const found = openChanges(was, now, may);
  const changes = kind === "/Secret" ? found.map(hidden) : found;
  if (changes.length === 0) return undefined;
  const object = { ...describe(one), fields: changes };
  const refusal = refusedUpdate(kind, was, now);
  if (refusal) {
    const refused = changes.filter(({ path }) =>
      refusal.paths.some((fixed) => path.startsWith(fixed) || fixed.startsWith(path)),
    );
    return { ...object, fields: refused, fate: "refused", cure: refusal.cure };
  }
  if (isRecreated(kind, was, now)) return { ...object, fate: "replace" };
  if (restartsPods(one.kind, was, now)) return { ...object, fate: "restart" };
  const onlyLabels = changes.every(({ path }) => versionLabels.has(path));
  return { ...object, fate: onlyLabels ? "labels" : "patch" };
}

/** Explanations are printed, and posted on pull requests. */
function hidden(change: FieldChange): FieldChange {
  const { path, from, to } = change;
  if (!/^(?:data|stringData)\b/.test(path)) return change;
  return {
    ...change,
    ...(from === undefined ? {} : { from: "(hidden)" }),
    ...(to === undefined ? {} : { to: "(hidden)" }),
  };
}

/** Objects whose names follow from digests: the beginning that all that may come have in common. */
function openlyNamed(
  one: NamedObject,
  or: ReadonlyMap<string, NamedObject>,
  now: ReadonlyMap<string, NamedObject>,
): Omit<ObjectFate, "fate"> {
  const twin = [...or].find(
    ([key, may]) => !now.has(key) && may.kind === one.kind && may.template === one.template,
  );
  if (!twin) return describe(one);
  let end = 0;
  while (end < one.name.length && one.name[end] === twin[1].name[end]) end++;
  return { ...describe(one), name: one.name.slice(0, end), openName: true };
}

/** When Argo CD makes a hook; `none` is an ordinary object. */
function hookOf(manifest: Manifest): "none" | "sync" | "never" {
  const own = annotation(manifest, "argocd.argoproj.io/hook");
  const phases = (own || annotation(manifest, "helm.sh/hook")).split(/\s*,\s*/).filter(Boolean);
  if (phases.length === 0 || phases.includes("crd-install")) return "none";
  const synced = own === "" ? /^(?:pre|post)-(?:install|upgrade)$/ : /^(?:PreSync|Sync|PostSync)$/;
  return phases.some((phase) => synced.test(phase)) ? "sync" : "never";
}

/** What Argo CD keeps although no chart has it. */
function staysUnrendered(manifest: Manifest): boolean {
  return (
    syncOptions(manifest).some((option) => /^Prune=(?:false|confirm)$/.test(option)) ||
    manifest["kind"] === "CustomResourceDefinition"
  );
}
