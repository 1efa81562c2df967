import * as pulumi from "@pulumi/pulumi";
import { builderProblem } from "./builder";

/** Warns in an update when nothing can be built; no error, since a run that builds nothing needs no builder. */
export async function warnAboutBuilder(builder: string): Promise<void> {
  if (pulumi.runtime.isDryRun()) return;
  const problem = await builderProblem(builder);
  if (problem !== undefined) await pulumi.log.warn(`No image can be built: ${problem}`);
}
