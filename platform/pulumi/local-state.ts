import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { fields, parseJson } from "../../delivery/basics/json-fields.ts";
import { type PlatformSettings, localStack } from "../settings.ts";

/** What the state of the local stack holds. */
export interface LocalState {
  readonly resources: readonly unknown[];
  /** Operations that a run began and did not end. */
  readonly pending: readonly unknown[];
}

/**
 * Backend in which Pulumi keeps the states of the platform. A file of attributes beside each of its own, which nothing needs, would be
 * written in place: a run that is killed at that moment would leave a state that cannot be read.
 */
export function stateUrl({ state }: PlatformSettings): string {
  return `${pathToFileURL(join(state, "pulumi")).href}?metadata=skip`;
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
