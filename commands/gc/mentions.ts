import { fields } from "../../delivery/basics/json-fields.ts";
import type { Root } from "./garbage.ts";

const digestPattern = /sha256:[0-9a-f]{64}/g;
const referencePattern =
  /^(?:oci:\/\/)?((?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d+)?(?:\/[a-z0-9._-]+)+):(\w[\w.-]{0,127})(?:@sha256:[0-9a-f]{64})?$/i;

/**
 * Finds all images and charts that some JSON names: each `sha256:…` anywhere in a text, which is kept wherever it is;
 * each text `host/repository:tag`; and each map with `repository` and `tag`, as charts' values and the stack's outputs have
 * them. Hosts do not count, since one registry has several names.
 */
export function mentions(value: unknown, by: string): Root[] {
  const digests = new Set((JSON.stringify(value) as string | undefined)?.match(digestPattern));
  return [...[...digests].map((reference) => ({ reference, by })), ...tagged(value, by)];
}

/** Path of a repository, without the host and `oci://`. */
export function repositoryPath(name: string): string {
  const path = name.replace(/^oci:\/\//, "").replace(/\/+$/, "");
  const [first = "", ...rest] = path.split("/");
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? rest.join("/") : path;
}

function tagged(value: unknown, by: string): Root[] {
  if (typeof value === "string") {
    const [, name, reference] = referencePattern.exec(value) ?? [];
    if (name === undefined || reference === undefined) return [];
    return [{ repository: repositoryPath(name), reference, by }];
  }
  if (typeof value !== "object" || value === null) return [];
  const { repository, tag } = fields(value);
  const own =
    typeof repository === "string" && ["string", "number"].includes(typeof tag) && tag !== ""
      ? [{ repository: repositoryPath(repository), reference: String(tag), by }]
      : [];
  return [...own, ...Object.values(value).flatMap((part) => tagged(part, by))];
}
