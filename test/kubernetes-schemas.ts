import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { platformModule } from "../platform/tools/catalog.ts";
import { filesPath } from "../platform/tools/find.ts";
import { provideFiles } from "../platform/tools/provide.ts";

/** The description of the API, in Kubernetes' own Go module. */
const description = {
  name: "kubernetes-api",
  module: platformModule,
  of: "k8s.io/kubernetes",
  folder: "api/openapi-spec",
};

interface Schema {
  type?: string;
  format?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  items?: Schema;
  "x-kubernetes-group-version-kind"?: { group: string; version: string; kind: string }[];
  [key: string]: unknown;
}

/**
 * Folder of JSON schemas for kubeconform, made from the API description in Kubernetes' own Go module, since the place
 * from which kubeconform would fetch them is not in every network's reach. Unknown fields are errors.
 */
export async function kubernetesSchemas(
  cache: string,
  log: (line: string) => void,
): Promise<string> {
  const folder = `${filesPath(description, cache)}-schemas`;
  if (existsSync(folder)) return folder;
  const source = await provideFiles(description, cache, log);
  // Swagger 2.0.
  const { definitions } = JSON.parse(readFileSync(join(source, "swagger.json"), "utf8")) as {
    definitions: Record<string, Schema>;
  };

  const draft = `${folder}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  for (const [name, schema] of Object.entries(definitions)) close(name, schema);
  writeFileSync(join(draft, "_definitions.json"), JSON.stringify({ definitions }));
  for (const [name, schema] of Object.entries(definitions)) {
    for (const { group, version: apiVersion, kind } of schema["x-kubernetes-group-version-kind"] ??
      []) {
      const suffix = group === "" ? apiVersion : `${group.split(".")[0] ?? ""}-${apiVersion}`;
      const file = `${kind}-${suffix}.json`.toLowerCase();
      writeFileSync(
        join(draft, file),
        JSON.stringify({ $ref: `_definitions.json#/definitions/${name}` }),
      );
    }
  }
  renameSync(draft, folder);
  return folder;
}

/** Refuses unknown fields, and lets numbers stand where the API takes them for text. */
function close(name: string, schema: Schema): void {
  if (name.endsWith(".Quantity") || schema.format === "int-or-string") {
    delete schema.type;
    delete schema.format;
    schema["oneOf"] = [{ type: "string" }, { type: "number" }];
  }
  if (schema.properties && schema.additionalProperties === undefined)
    schema.additionalProperties = false;
  for (const child of Object.values(schema.properties ?? {})) close("", child);
  if (schema.items) close("", schema.items);
}
