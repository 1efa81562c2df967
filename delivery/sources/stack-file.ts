import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
import { fields, isMap } from "../basics/json-fields.ts";

/** What `pulumi stack init` writes into a stack's file, besides its configuration. */
const ownKeys = new Set(["encryptionsalt", "secretsprovider", "encryptedkey"]);

/** Whether a path is that of a stack's own file. */
export function isStackFile(path: string): boolean {
  return /(?:^|\/)Pulumi\.[\w.-]+\.yaml$/.test(path);
}

/**
 * Whether two texts of a stack's file say the same but for salts and keys that Pulumi writes itself; it also turns switches and
 * numbers into texts.
 */
export function isSameStack(before: string, after: string): boolean {
  const [old, now] = [before, after].map(settingsOf);
  return old !== undefined && isDeepStrictEqual(old, now);
}

function settingsOf(text: string): unknown {
  try {
    const { config, ...rest } = fields(parse(text));
    const own = Object.entries(rest).filter(([key]) => !ownKeys.has(key));
    return [Object.fromEntries(own), isMap(config) ? asTexts(config) : config];
  } catch {
    return undefined;
  }
}

function asTexts(config: Readonly<Record<string, unknown>>): unknown {
  const texts = Object.entries(config).map(([key, value]) => [
    key,
    typeof value === "boolean" || typeof value === "number" ? String(value) : value,
  ]);
  return Object.fromEntries(texts);
}
