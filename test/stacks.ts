import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";

const project = resolve(import.meta.dirname, "..");

/** Configuration of a stack by key without namespace: the defaults of Pulumi.yaml below those of its own file. */
export function stackConfig(stack: "local" | "prod"): Record<string, unknown> {
  // Pulumi itself checks the form of both files.
  const declared = readYaml("Pulumi.yaml") as { config: Record<string, { default?: unknown }> };
  const own = readYaml(`Pulumi.${stack}.yaml`) as { config?: Record<string, unknown> };
  return {
    ...Object.fromEntries(Object.entries(declared.config).map(([key, one]) => [key, one.default])),
    ...Object.fromEntries(
      Object.entries(own.config ?? {}).map(([key, value]) => [
        key.replace(/^tinyolly:/, ""),
        value,
      ]),
    ),
  };
}

/** Configuration as the CLI hands it over: with the namespace, and all but strings as JSON. */
export function handedOver(config: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      `tinyolly:${key}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}

function readYaml(file: string): unknown {
  return parse(readFileSync(join(project, file), "utf8"));
}
