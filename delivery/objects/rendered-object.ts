import { type Tags, parse } from "yaml";
import { InputError } from "../basics/input-error.ts";
import { fields, isMap } from "../basics/json-fields.ts";

/** An object of Kubernetes, as a chart renders it. */
export interface RenderedObject {
  /** Template that it comes from, relative to the chart's folder. */
  readonly template: string;
  readonly manifest: Manifest;
}

/** Fields of an object as JSON. */
export type Manifest = Readonly<Record<string, unknown>>;

/** What tells an object from all others of a cluster. */
export interface ObjectName {
  /** API group; `""` is the core's. */
  readonly group: string;
  readonly kind: string;
  /** Left out where the object belongs to no namespace. */
  readonly namespace?: string;
  readonly name: string;
}

/** Kinds that belong to no namespace, as far as charts make them; of others the chart says it, or nobody asks. */
const clusterWide = new Set([
  ...["APIService", "ClusterRole", "ClusterRoleBinding", "CSIDriver", "CustomResourceDefinition"],
  ...["IngressClass", "MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume"],
  ...["PriorityClass", "RuntimeClass", "StorageClass", "ValidatingAdmissionPolicy"],
  ...["ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration", "ClusterIssuer"],
  ...["GatewayClass", "VolumeAttributesClass", "VolumeSnapshotClass"],
]);

/** Reads what `helm template` prints, in its order; lists are taken apart. */
export function readObjects(text: string): RenderedObject[] {
  // Helm puts its comment before every object; a text in an object is indented.
  const [, ...parts] = `\n${text}`.split(/\n---\n# Source: /);
  return parts.flatMap((part) => {
    const end = part.indexOf("\n");
    const template = part.slice(part.indexOf("/") + 1, end);
    return unpacked(parseObject(part.slice(end), template)).map((manifest) => ({
      template,
      manifest,
    }));
  });
}

/** Of two fields with one name the last counts, as with Kubernetes. */
function parseObject(text: string, template: string): unknown {
  try {
    return parse(text, { version: "1.1", customTags, uniqueKeys: false });
  } catch (error) {
    throw new InputError(
      `${template} gives no YAML: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Kubernetes knows no times: what looks like one is a text. */
function customTags(tags: Tags): Tags {
  return tags.filter(
    (tag) =>
      typeof tag === "string" ||
      (tag.tag !== "tag:yaml.org,2002:timestamp" && !("format" in tag && tag.format === "TIME")),
  );
}

function unpacked(manifest: unknown): Manifest[] {
  if (!isMap(manifest)) return [];
  const { kind, items } = manifest;
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items))
    return [manifest];
  return items.flatMap((item: unknown) => unpacked(item));
}

/**
 * Tells what an object is called.
 *
 * @param destination Namespace of objects that name none.
 */
export function nameOfObject(manifest: Manifest, destination: string): ObjectName {
  const { apiVersion, kind, metadata } = manifest;
  const { name, namespace } = fields(metadata);
  const [group = "", version] = text(apiVersion).split("/");
  return {
    group: version === undefined ? "" : group,
    kind: text(kind),
    name: text(name),
    ...(clusterWide.has(text(kind)) ? {} : { namespace: text(namespace) || destination }),
  };
}

/** The name as one text. */
export function keyOfObject({ group, kind, namespace = "", name }: ObjectName): string {
  return [group, kind, namespace, name].join("/");
}

/** An annotation of an object; `""` where it has none. */
export function annotation({ metadata }: Manifest, name: string): string {
  return text(fields(fields(metadata)["annotations"])[name]);
}

/** What Argo CD is told of one object, such as `Prune=false`. */
export function syncOptions(manifest: Manifest): readonly string[] {
  return annotation(manifest, "argocd.argoproj.io/sync-options").split(/\s*,\s*/);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
