import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fields, parseJson } from "../../delivery/basics/json-fields.ts";
import { type PlatformSettings, localStack } from "../settings.ts";

/** What the state of the local stack holds. */
export interface LocalState {
  readonly resources: readonly unknown[];
  /** Operations that a run began and did not end. */
  readonly pending: readonly unknown[];
}

/** Reads the state of the local stack from Pulumi's folder, without the CLI; nothing is in it before the first run. */
export function readLocalState({ state }: PlatformSettings): LocalState {
  const file = join(state, `pulumi/.pulumi/stacks/tinyolly/${localStack}.json`);
  const { checkpoint } = fields(existsSync(file) ? parseJson(readFileSync(file)) : undefined);
  const { resources, pending_operations: pending } = fields(fields(checkpoint)["latest"]);
  return { resources: listOf(resources), pending: listOf(pending) };
}

/** A JSON list; an empty one of any other value. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
