import * as pulumi from "@pulumi/pulumi";
import type { StateResource } from "../delivery/findings/recorded.ts";

/** Reads the outputs of every resource of this stack as the last run left them; nothing before the first run. */
export async function readStackState(): Promise<StateResource[]> {
  const stackName = [pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack()].join("/");
  // The engine's own answer, with outputs by URN.
  const { outputs } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {
    stackName,
  })) as { outputs: Record<string, Omit<StateResource, "urn">> };
  return Object.entries(outputs).map(([urn, resource]) => ({ urn, ...resource }));
}
