import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { provideFiles } from "../../platform/tools/provide.ts";

/** The definitions of what the charts make besides Kubernetes' own objects, as their projects' Go modules hold them. */
const definitions = [
  {
    name: "gateway-api",
    of: "sigs.k8s.io/gateway-api",
    folder: "config/crd/standard",
    file: "gateway.networking.k8s.io_httproutes.yaml",
  },
  {
    name: "opentelemetry-operator",
    of: "github.com/open-telemetry/opentelemetry-operator",
    folder: "config/crd/bases",
    file: "opentelemetry.io_instrumentations.yaml",
  },
];

const modules = join(import.meta.dirname, "crds");

interface Schema {
  readonly properties?: Record<string, Schema>;
  readonly items?: Schema;
  additionalProperties?: unknown;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

interface CustomResourceDefinition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

/** Folder of JSON schemas for kubeconform, beside those of Kubernetes itself. Unknown fields are errors. */
export async function customResourceSchemas(
  cache: string,
  log: (line: string) => void,
): Promise<string> {
  const sums = readFileSync(join(modules, "go.sum"));
  const key = createHash("sha256").update(sums).digest("hex").slice(0, 12);
  const folder = join(cache, `custom-resource-schemas-${key}`);
  if (existsSync(folder)) return folder;
  const draft = `${folder}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  const module = { folder: "../test/chart/crds" };
  for (const { file, ...files } of definitions) {
    const source = await provideFiles({ ...files, module }, cache, log);
    const text = readFileSync(join(source, file), "utf8");
    // The module is pinned, and its file is what its path says.
    const { spec } = parse(text) as CustomResourceDefinition;
    for (const { name, schema } of spec.versions) {
      const suffix = `${spec.group.split(".")[0] ?? ""}-${name}`;
      close(schema.openAPIV3Schema);
      writeFileSync(
        join(draft, `${spec.names.kind}-${suffix}.json`.toLowerCase()),
        JSON.stringify(schema.openAPIV3Schema),
      );
    }
  }
  renameSync(draft, folder);
  return folder;
}

function close(schema: Schema): void {
  if (
    schema.properties &&
    schema.additionalProperties === undefined &&
    schema["x-kubernetes-preserve-unknown-fields"] !== true
  )
    schema.additionalProperties = false;
  for (const child of Object.values(schema.properties ?? {})) close(child);
  if (schema.items) close(schema.items);
}
