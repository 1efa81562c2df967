/**
 * Says what the registry of a stack holds that no stack, no newer release and no live Application uses, and deletes it:
 * `node commands/gc/cli.ts [--stack local] [--delete] [--keep N] [--json] [--platform]`.
 *
 * Exits with 0 when it could tell (and delete), with 1 on an error.
 */
import { join } from "node:path";
import { readOptions, runMain } from "../../delivery/basics/command-line.ts";
import { InputError } from "../../delivery/basics/input-error.ts";
import { enterStack } from "../../platform/environment.ts";
import { readKindSettings } from "../../platform/kind/settings.ts";
import { withLock } from "../../platform/machine/lock.ts";
import { localStack, readPlatformSettings } from "../../platform/settings.ts";
import { type GcOptions, gc } from "./gc.ts";

const declared = {
  stack: { type: "string", default: "local" },
  delete: { type: "boolean", default: false },
  keep: { type: "string" },
  json: { type: "boolean", default: false },
  platform: { type: "boolean", default: false },
} as const;

async function main(): Promise<number> {
  const { stack, delete: deletes, keep, json, platform } = readOptions(declared);
  const options = { stack, delete: deletes, keep: readKeep(keep), json };
  if (platform) enterStack(stack);
  return platform && stack === localStack ? onPlatform(options) : gc(options);
}

/** Cleans the platform's own registry, while nobody else changes the platform. */
function onPlatform(options: GcOptions): Promise<number> {
  const kind = process.env["PLATFORM"] === "kind";
  const { state } = kind ? readKindSettings() : readPlatformSettings();
  const program = `${join(state, "bin/registry")} garbage-collect ${join(state, "config/registry.json")}`;
  const afterwards = kind ? undefined : `make platform-down, then ${program} frees the space`;
  const body = (): Promise<number> => gc({ ...options, afterwards });
  return options.delete ? withLock(state, "make gc DELETE=1", body) : body();
}

function readKeep(text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d{0,8}$/.test(text))
    return text === undefined ? undefined : Number(text);
  throw new InputError(`KEEP is "${text}", but must be a whole number of releases above 0`);
}

runMain("gc", main);
