import { fields, isMap } from "../basics/json-fields.ts";

/** What Pulumi.yaml says of a key. */
interface Declaration {
  readonly type?: unknown;
  /** Declaration of each item of a list. */
  readonly items?: unknown;
}

/** The text as which Pulumi hands a value of a stack's file to the program; nothing is an empty one. */
export function handedOver(value: unknown): string {
  return typeof value === "string" ? value : value === null ? "" : JSON.stringify(value);
}

/**
 * Says what a value in a stack's file must be, and how to set that; undefined where it is what Pulumi.yaml declares, in Pulumi's
 * own eyes, and where that declares no type.
 */
export function typeProblem(key: string, declared: unknown, value: unknown): string | undefined {
  // Pulumi checks anything but lists and maps as the text that it hands over.
  const checked = Array.isArray(value) || isMap(value) ? value : handedOver(value);
  if (fits(declared, checked)) return undefined;
  const path = settingPath(declared, key);
  const set = path === key ? key : `--path '${path}'`;
  return `must be ${allowed(declared)}; set it with: pulumi config set ${set} …`;
}

/** As Pulumi's `ValidateConfigValue`, but for the size of integers. */
function fits(declared: unknown, value: unknown): boolean {
  const { type, items }: Declaration = fields(declared);
  switch (type) {
    case "string":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean" || value === "true" || value === "false";
    case "integer":
      return Number.isInteger(value) || (typeof value === "string" && /^[+-]?\d+$/.test(value));
    case "object":
      return isMap(value);
    case "array":
      return Array.isArray(value) && value.every((item) => fits(items, item));
    default:
      return true;
  }
}

const single = new Map<unknown, string>([
  ["string", "a text"],
  ["boolean", "true or false"],
  ["integer", "a whole number"],
  ["object", "a map"],
]);
const plural = new Map<unknown, string>([
  ["string", "texts"],
  ["boolean", "true or false"],
  ["integer", "whole numbers"],
  ["object", "maps"],
]);

function allowed(declared: unknown): string {
  const { type, items }: Declaration = fields(declared);
  return single.get(type) ?? `a list of ${plural.get(fields(items)["type"]) ?? "lists"}`;
}

/** Path of the first single value below a key; without one, Pulumi would keep a list or a map as text. */
function settingPath(declared: unknown, path: string): string {
  const { type, items }: Declaration = fields(declared);
  if (type === "array") return settingPath(items, `${path}[0]`);
  return type === "object" ? `${path}.…` : path;
}
