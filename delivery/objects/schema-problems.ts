import { join } from "node:path";
import { type OutputUnit, type Schema, dereference, validate } from "@cfworker/json-schema";
import { fields, isMap } from "../basics/json-fields.ts";
import { sha256 } from "../basics/sha256.ts";
import { type ReadApi, readGroupVersions } from "./capabilities.ts";
import { keep, readKept } from "../basics/kept-file.ts";
import { type Manifest, type RenderedObject, syncOptions } from "./rendered-object.ts";

/**
 * Says which objects a cluster would not take as they are, by the schemas that it publishes itself; unknown fields count, since the
 * API server drops them.
 *
 * @throws KubectlError when it does not answer.
 */
export async function schemaProblems(
  read: ReadApi,
  objects: readonly RenderedObject[],
): Promise<string[]> {
  const groups = await readGroupVersions(read);
  const defined = new Set(objects.map(({ manifest }) => definedKind(manifest)));
  const kinds = new Map(objects.map(({ manifest }) => [kindOf(manifest), manifest] as const));
  const judges = new Map(
    await Promise.all(
      [...kinds].map(async ([name, { apiVersion, kind }]) => {
        const url = groups.get(String(apiVersion));
        const schema = url === undefined ? undefined : await readSchema(read, url, String(kind));
        return [name, schema && judgeOf(schema)] as const;
      }),
    ),
  );
  return objects.flatMap(({ template, manifest }) => {
    const { apiVersion, kind, metadata } = manifest;
    const judge = judges.get(kindOf(manifest));
    const what = `${String(kind)} "${String(fields(metadata)["name"])}" (${template})`;
    // Argo CD does not validate it either.
    if (syncOptions(manifest).includes("Validate=false")) return [];
    if (judge)
      return fieldProblems(judge(withoutNulls(manifest) as Manifest)).map(
        (problem) => `${what}: ${problem}`,
      );
    const comes = defined.has(`${groupOf(String(apiVersion))}/${String(kind)}`);
    if (comes || syncOptions(manifest).includes("SkipDryRunOnMissingResource=true")) return [];
    return [
      `${what}: the cluster has no ${String(kind)} of ${String(apiVersion)}; install what defines it, or leave it out by the chart's values`,
    ];
  });
}

function kindOf({ apiVersion, kind }: Manifest): string {
  return `${String(apiVersion)} ${String(kind)}`;
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
}

/** Kind with group that a CustomResourceDefinition brings; `""` of everything else. */
function definedKind({ kind, spec }: Manifest): string {
  if (kind !== "CustomResourceDefinition") return "";
  const { group, names } = fields(spec);
  return `${String(group)}/${String(fields(names)["kind"])}`;
}

const folder = ".tinyolly/schemas";

/** A schema, and all that it refers to. */
interface KindSchema {
  readonly name: string;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

/** Reads the schema of a kind; undefined where its group version has none. The address holds a hash over all of them. */
async function readSchema(
  read: ReadApi,
  url: string,
  kind: string,
): Promise<KindSchema | undefined> {
  const file = join(folder, `${sha256(`${url} ${kind}`)}.json`);
  // Only this function writes there.
  const kept = /[?&]hash=/.test(url) ? (readKept(file) as KindSchema | undefined) : undefined;
  if (kept) return kept;
  const all = fields(fields(fields(await read(url))["components"])["schemas"]);
  const name = Object.keys(all).find((one) => {
    const kinds = fields(all[one])["x-kubernetes-group-version-kind"];
    return Array.isArray(kinds) && kinds.some((known) => fields(known)["kind"] === kind);
  });
  if (name === undefined) return undefined;
  const schema = { name, components: { schemas: reachable(all, name) } };
  keep(file, schema);
  return schema;
}

/** A schema and those that it refers to, by name. */
function reachable(all: Readonly<Record<string, unknown>>, name: string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const open = [name];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (Object.hasOwn(found, one)) continue;
    found[one] = all[one];
    const text = JSON.stringify(all[one] ?? {});
    for (const [, other = ""] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      open.push(other);
  }
  return found;
}

/** Says what is wrong with an object. */
type Judge = (manifest: Manifest) => readonly OutputUnit[];

/** A judge for which unknown fields are errors. */
function judgeOf({ name, components }: KindSchema): Judge {
  for (const schema of Object.values(components.schemas)) close(schema);
  const lookup = dereference({ components });
  // A JSON schema, as far as it is read.
  const schema = components.schemas[name] as Schema;
  return (manifest) => validate(manifest, schema, "2020-12", lookup, false).errors;
}

function close(schema: unknown): void {
  if (!isMap(schema)) return;
  const open =
    schema["x-kubernetes-preserve-unknown-fields"] === true ||
    schema["x-kubernetes-embedded-resource"] === true;
  if (isMap(schema["properties"]) && !open) schema["additionalProperties"] ??= false;
  for (const child of Object.values(fields(schema["properties"]))) close(child);
  close(schema["items"]);
  close(schema["additionalProperties"]);
}

function fieldProblems(errors: readonly OutputUnit[]): string[] {
  // Each cause comes with one error for every schema around it.
  const causes = errors.filter(
    ({ keyword }) =>
      !["$ref", "properties", "items", "allOf", "additionalProperties"].includes(keyword),
  );
  return [...new Set(causes.map(problemOf))];
}

function problemOf({ keyword, instanceLocation, error }: OutputUnit): string {
  const path = instanceLocation.replace(/^#\/?/, "").replaceAll("/", ".").replaceAll("~1", "/");
  return keyword === "false"
    ? `there is no field ${path}; correct its name`
    : `${path || "the object"}: ${error.replace(/\.$/, "")}`;
}

/** A null is as good as nothing to the API server. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isMap(value)) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== null && one !== undefined);
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutNulls(one)]));
}
