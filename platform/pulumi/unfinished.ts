import { spawnSync } from "node:child_process";
import { fields, parseJson } from "../../delivery/basics/json-fields.ts";
import { type PlatformSettings, localStack, project } from "../settings.ts";
import { listOf, readLocalState } from "./local-state.ts";

/**
 * Takes from the local stack's state what a killed run had begun to create, and says so. Pulumi warns of that in every later run until
 * somebody has looked; here nobody needs to, since all that is created can be created again: images, charts and Applications are named by
 * what they hold. Where it cannot be done, Pulumi's own message follows.
 */
export function forgetUnfinished(
  settings: PlatformSettings,
  log: (line: string) => void,
  env: NodeJS.ProcessEnv = process.env,
): void {
  const unfinished = readLocalState(settings).pending.filter(isCreation);
  if (unfinished.length === 0) return;
  const options = { cwd: project, env, encoding: "utf8", maxBuffer: 1 << 28 } as const;
  const stack = ["--stack", localStack];
  const { status, stdout } = spawnSync("pulumi", ["stack", "export", ...stack], options);
  if (status !== 0) return;
  const exported = parseJson(Buffer.from(stdout));
  const deployment = fields(fields(exported)["deployment"]);
  const kept = listOf(deployment["pending_operations"]).filter((one) => !isCreation(one));
  const state = { ...fields(exported), deployment: { ...deployment, pending_operations: kept } };
  const input = JSON.stringify(state);
  const imported = spawnSync("pulumi", ["stack", "import", ...stack], { ...options, input });
  if (imported.status !== 0) return;
  log(
    `a run was cut off while it created ${unfinished.map(nameOf).join(", ")}; that is begun anew`,
  );
}

function isCreation(operation: unknown): boolean {
  return fields(operation)["type"] === "creating";
}

/** Kind and name, such as `Image demo`. */
function nameOf(operation: unknown): string {
  const { urn } = fields(fields(operation)["resource"]);
  const [, , types = "", name = ""] = String(urn).split("::");
  return `${types.split(":").at(-1) ?? ""} ${name}`;
}
