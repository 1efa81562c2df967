import { existsSync, readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { InputError } from "../basics/input-error.ts";
import { variable } from "../basics/variable.ts";
import { openSecrets, secretKeys } from "./open-secrets.ts";
import type { StackConfiguration } from "./settings.ts";
import { handedOver, typeProblem } from "./stack-values.ts";

/**
 * Reads a stack's configuration from Pulumi.yaml and the stack's own file, as Pulumi hands it to the program; without
 * Pulumi, since its start takes longer than all the rest. Own values must have the declared types, as for Pulumi.
 *
 * @throws InputError for a missing stack file, for an encrypted value, which only Pulumi can read, and for values of wrong types.
 */
export function readStackConfiguration(
  stack: string,
  env: NodeJS.ProcessEnv = process.env,
): StackConfiguration {
  const file = requireStackFile(stack, env);
  const declared = readMap(readMap(readYaml("Pulumi.yaml"))["config"]);
  const defaults = Object.entries(declared).map(([key, declaration]): [string, unknown] => [
    `tinyolly:${key}`,
    readMap(declaration)["default"],
  ]);
  // Pulumi takes a key without a namespace for one of the project.
  const held = Object.fromEntries(
    Object.entries(readMap(readMap(readYaml(file))["config"])).map(
      ([key, value]) => [key.includes(":") ? key : `tinyolly:${key}`, value] as const,
    ),
  );
  const isSecret = (key: string): boolean => Object.hasOwn(readMap(held[key]), "secure");
  const [open] = openSecrets(held, isSecret);
  if (open !== undefined) throw new InputError(`${file}: ${open}`);
  // Nothing here depends on a secret.
  const own = Object.entries(held).filter(
    ([key]) => !secretKeys.includes(key.replace(/^tinyolly:/, "")),
  );
  for (const [key] of own) {
    if (isSecret(key)) {
      throw new InputError(
        `"${key}" in ${file} is encrypted, which explain cannot read; use pulumi preview --diff, or set it without --secret`,
      );
    }
  }
  const problems = own.flatMap(([key, value]) => {
    const name = key.replace(/^tinyolly:/, "");
    const problem = typeProblem(name, declared[name], value);
    if (problem === undefined) return [];
    return [`"${name}" in ${file} is ${JSON.stringify(value)}, but ${problem}`];
  });
  if (problems.length > 0) throw new InputError(problems.join("\n"));
  return Object.fromEntries([...defaults, ...own].map(([key, value]) => [key, handedOver(value)]));
}

/** Whether a stack's own file holds an encrypted value for a key. */
export function hasSecret(
  stack: string,
  key: string,
  env: NodeJS.ProcessEnv = process.env,
): boolean {
  const own = readMap(readMap(readYaml(requireStackFile(stack, env)))["config"]);
  return Object.hasOwn(readMap(own[`tinyolly:${key}`]), "secure");
}

function requireStackFile(stack: string, env: NodeJS.ProcessEnv): string {
  // Pulumi takes an empty one for none.
  const file = variable(env, "PULUMI_OPTION_CONFIG_FILE") ?? `Pulumi.${stack}.yaml`;
  if (existsSync(file)) return file;
  throw new InputError(
    `there is no ${file}; make the stack with pulumi stack init ${stack}, or name another one with STACK=…`,
  );
}

function readYaml(file: string): unknown {
  const document = parseDocument(readFileSync(file, "utf8"));
  const [error] = document.errors;
  if (error) throw new InputError(`${file} is not valid YAML: ${error.message}`);
  return document.toJS();
}

/** Anything but a map counts as an empty one. */
function readMap(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? // Keys of YAML maps are strings here.
      (value as Record<string, unknown>)
    : {};
}
