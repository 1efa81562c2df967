import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { isMap, isScalar, parseDocument } from "yaml";

/** A value that values.yaml describes, such as `frontend.replicas`. */
interface Value {
  readonly path: string;
  readonly description: string;
  readonly fallback: unknown;
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly items?: Schema;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

const project = resolve(import.meta.dirname, "../..");

/** Maps whose keys Kubernetes, the collector or a parent chart decides. */
const open = {
  common: [
    "global",
    "serviceAccount.annotations",
    "service.annotations",
    "ingress.annotations",
    "httpRoute.annotations",
    "podLabels",
    "podAnnotations",
    "nodeSelector",
    "quantities",
    "affinity.nodeAffinity",
    "affinity.podAffinity",
    "affinity.podAntiAffinity",
    "labelSelector.matchLabels",
  ],
  tinyolly: ["opampServer.service.annotations", "otelCollector.config", "instrumentation.spec"],
  "tinyolly-demos": [],
};

describe.each(["tinyolly", "tinyolly-demos"] as const)("chart %s", (chart) => {
  const folder = join(project, "charts", chart);
  const values = readValues(join(folder, "values.yaml"));
  // The file is JSON Schema; helm lint checks that it is one.
  const schema = JSON.parse(readFileSync(join(folder, "values.schema.json"), "utf8")) as Schema;

  test("describes every value in values.yaml", () => {
    expect(values.filter(({ description }) => description === "")).toEqual([]);
  });

  test("lists every value in its README, as `vitest --update` writes it", async () => {
    const file = join(folder, "README.md");
    const [prose = ""] = readFileSync(file, "utf8").split(/^## Values$/m);
    await expect(`${prose}## Values\n\n${table(values)}`).toMatchFileSnapshot(file);
  });

  test("has a schema that knows exactly the values of values.yaml", () => {
    const described = values.map(({ path }) => path);
    expect(leaves(schema, schema, described)).toEqual(["global", ...described].sort());
  });

  test("has a schema that is closed, but for maps whose keys others decide", () => {
    expect(openMaps(schema).sort()).toEqual([...open.common, ...open[chart]].sort());
  });

  test("has a schema that describes every field", () => {
    expect(undescribed(schema, "")).toEqual([]);
  });
});

function readValues(file: string): Value[] {
  const values: Value[] = [];
  collect(parseDocument(readFileSync(file, "utf8")).contents, "");
  return values;

  function collect(map: unknown, prefix: string): void {
    if (!isMap(map)) return;
    map.items.forEach(({ key, value }, i) => {
      if (!isScalar(key)) return;
      // The comment above a map's first key belongs to the map.
      const comment = key.commentBefore ?? (i === 0 ? map.commentBefore : undefined) ?? "";
      const path = `${prefix}${String(key.value)}`;
      if (hasComments(value)) collect(value, `${path}.`);
      else {
        const description = comment.replace(/\s*\n\s*/g, " ").trim();
        values.push({ path, description, fallback: toJson(value) });
      }
    });
  }
}

function hasComments(map: unknown): boolean {
  if (!isMap(map)) return false;
  return (
    Boolean(map.commentBefore) ||
    map.items.some(
      ({ key, value }) => (isScalar(key) && Boolean(key.commentBefore)) || hasComments(value),
    )
  );
}

function toJson(node: unknown): unknown {
  return isScalar(node) ? node.value : JSON.parse(JSON.stringify(node));
}

function table(values: readonly Value[]): string {
  const rows = values.map(
    ({ path, description, fallback }) =>
      `| \`${path}\` | \`${JSON.stringify(fallback)}\` | ${description.replaceAll("|", "\\|")} |`,
  );
  return ["| Value | Default | Meaning |", "| --- | --- | --- |", ...rows, ""].join("\n");
}

function resolved(schema: Schema, root: Schema): Schema {
  const name = schema.$ref?.replace("#/definitions/", "");
  if (name === undefined) return schema;
  const definition = root.definitions?.[name];
  if (!definition) throw new Error(`the schema has no definition "${name}"`);
  return definition;
}

/** Paths of the schema down to what values.yaml describes as one value. */
function leaves(schema: Schema, root: Schema, described: readonly string[], prefix = ""): string[] {
  return Object.entries(resolved(schema, root).properties ?? {})
    .flatMap(([key, child]) => {
      const path = `${prefix}${key}`;
      const { properties } = resolved(child, root);
      return properties === undefined || described.includes(path)
        ? [path]
        : leaves(child, root, described, `${path}.`);
    })
    .sort();
}

/** Paths of the object schemas that take unknown keys. */
function openMaps(root: Schema): string[] {
  const found: string[] = [];
  visit(root, "", (schema, path) => {
    const isObject = schema.type === "object" || schema.properties !== undefined;
    if (isObject && schema.additionalProperties !== false) found.push(path);
  });
  return found;
}

function undescribed(root: Schema, prefix: string): string[] {
  const found: string[] = [];
  visit(root, prefix, (schema, path) => {
    if (path !== "" && schema.$ref === undefined && !schema.description) found.push(path);
  });
  return found;
}

function visit(schema: Schema, path: string, each: (schema: Schema, path: string) => void): void {
  each(schema, path);
  const children = { ...schema.definitions, ...schema.properties };
  for (const [key, child] of Object.entries(children))
    visit(child, path === "" ? key : `${path}.${key}`, each);
  // Items of plain types need no words beyond those of their list.
  if (schema.items?.type === "object") visit(schema.items, path, each);
}
