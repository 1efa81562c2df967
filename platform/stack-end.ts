import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fields, parseJson } from "../components/json-fields";
import { type PlatformSettings, localStack } from "./settings";

/** Whether the local stack has made anything, or was about to. */
export function hasResources(settings: PlatformSettings): boolean {
  const { resources, pending } = readStack(settings);
  return resources.length + pending.length > 0;
}

interface StackResources {
  readonly resources: readonly unknown[];
  /** Operations that were cut off. */
  readonly pending: readonly unknown[];
}

/** What Pulumi's folder of states has for the local stack. */
function readStack({ state }: PlatformSettings): StackResources {
  const file = join(state, `pulumi/.pulumi/stacks/tinyolly/${localStack}.json`);
  if (!existsSync(file)) return { resources: [], pending: [] };
  const { checkpoint } = fields(parseJson(readFileSync(file)));
  const latest = fields(fields(checkpoint)["latest"]);
  const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
  return { resources: list(latest["resources"]), pending: list(latest["pending_operations"]) };
}
