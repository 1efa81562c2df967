import { sha256, shortHash } from "../basics/sha256.ts";
import type { ObjectMarks } from "../findings/recorded.ts";
import type { ApplicationPlan } from "../plan/application-spec.ts";
import type { Fate } from "./fate.ts";
import type { ObjectForecast } from "./forecast.ts";

const kept: readonly Fate[] = ["hook", "labels", "leave"];

/**
 * What an Application notes of its objects, so that the engine's own diff names those that change: each one's last fate, and the
 * version and values that it came with.
 */
export function objectMarks(
  { chart, values }: Pick<ApplicationPlan, "chart" | "values">,
  before: ObjectMarks,
  { objects = [] }: Pick<ObjectForecast, "objects"> = {},
): ObjectMarks {
  const marks = new Map(Object.entries(before));
  const suffix = values === undefined ? "" : ` with ${shortHash(sha256(JSON.stringify(values)))}`;
  for (const { kind, namespace, name, fate } of objects) {
    // The destination's namespace goes without saying.
    const place = namespace === undefined || namespace === chart.namespace ? "" : `${namespace}/`;
    const key = `${kind} ${place}${name}`;
    if (fate === "prune") marks.delete(key);
    else if (!kept.includes(fate)) marks.set(key, `${fate} at ${chart.version}${suffix}`);
  }
  return Object.fromEntries([...marks].sort(([a], [b]) => (a < b ? -1 : 1)));
}
