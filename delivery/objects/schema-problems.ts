import { type OutputUnit, type Schema, Validator } from "@cfworker/json-schema";
import { fields, isMap } from "../basics/json-fields.ts";
import type { ReadApi } from "./capabilities.ts";
import { type Manifest, type RenderedObject, annotation } from "./rendered-object.ts";

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
  const paths = fields(fields(await read("/openapi/v3"))["paths"]);
  const defined = new Set(objects.map(({ manifest }) => definedKind(manifest)));
  const versions = [...new Set(objects.map(({ manifest }) => String(manifest["apiVersion"])))];
  const schemas = new Map(
    await Promise.all(
      versions.map(async (version) => {
        const { serverRelativeURL: url } = fields(paths[pathOf(version)]);
        const document = typeof url === "string" ? await read(url) : undefined;
        return [version, closedSchemas(document)] as const;
      }),
    ),
  );
  return objects.flatMap(({ template, manifest }) => {
    const { apiVersion, kind, metadata } = manifest;
    const schema = schemas.get(String(apiVersion))?.get(String(kind));
    const what = `${String(kind)} "${String(fields(metadata)["name"])}" (${template})`;
    if (schema) return fieldProblems(schema, manifest).map((problem) => `${what}: ${problem}`);
    const comes = defined.has(`${groupOf(String(apiVersion))}/${String(kind)}`);
    if (comes || isSkippedWhenMissing(manifest)) return [];
    return [
      `${what}: the cluster has no ${String(kind)} of ${String(apiVersion)}; install what defines it, or leave it out by the chart's values`,
    ];
  });
}

/** Where a group version's schemas are listed. */
function pathOf(version: string): string {
  return version.includes("/") ? `apis/${version}` : `api/${version}`;
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

function isSkippedWhenMissing(manifest: Manifest): boolean {
  return annotation(manifest, "argocd.argoproj.io/sync-options").includes(
    "SkipDryRunOnMissingResource=true",
  );
}

/** Schemas of a group version by kind, in which unknown fields are errors. */
function closedSchemas(document: unknown): ReadonlyMap<string, Schema> {
  const { components } = fields(document);
  const { schemas } = fields(components);
  const found = new Map<string, Schema>();
  for (const [name, schema] of Object.entries(fields(schemas))) {
    close(schema);
    const kinds = fields(schema)["x-kubernetes-group-version-kind"];
    for (const kind of Array.isArray(kinds) ? kinds : [])
      found.set(String(fields(kind)["kind"]), {
        // A JSON schema, as far as it is read.
        components: components as object,
        $ref: `#/components/schemas/${name}`,
      });
  }
  return found;
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

function fieldProblems(schema: Schema, manifest: Manifest): string[] {
  const { errors } = new Validator(schema, "2020-12", false).validate(withoutNulls(manifest));
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
