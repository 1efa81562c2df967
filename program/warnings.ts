import * as pulumi from "@pulumi/pulumi";
import { type Plan, unlockedProblem } from "../delivery/plan/plan.ts";
import { signingProblem } from "../delivery/signing/signing-problem.ts";
import type { Signing } from "../delivery/signing/signing.ts";
import { builderProblem } from "./builder-problem.ts";

/** Warns in an update when nothing can be built; no error, since a run that builds nothing needs no builder. */
export async function warnAboutBuilder(builder: string): Promise<void> {
  if (pulumi.runtime.isDryRun()) return;
  const problem = await builderProblem(builder);
  if (problem !== undefined) await pulumi.log.warn(`No image can be built: ${problem}`);
}

/** Warns of base images that a tag alone names, since nobody notices when such a tag moves. */
export async function warnAboutBases(plan: Plan, lock: string): Promise<void> {
  const problem = unlockedProblem(plan, lock, pulumi.getStack());
  if (problem !== undefined) await pulumi.log.warn(problem);
}

/** Ends an update that could not sign what it publishes, before anything is made; a preview warns of it. */
export async function requireSigner(signing: Signing | undefined): Promise<void> {
  const problem = signingProblem(signing, process.env);
  if (problem === undefined) return;
  if (!pulumi.runtime.isDryRun()) throw new pulumi.RunError(problem);
  await pulumi.log.warn(`Nothing could be signed: ${problem}`);
}

/** Warns of each, one after another. */
export async function warn(messages: readonly string[]): Promise<void> {
  for (const message of messages) await pulumi.log.warn(message);
}
