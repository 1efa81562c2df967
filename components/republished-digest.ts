import * as pulumi from "@pulumi/pulumi";
import type { Republication } from "../delivery/findings/republication.ts";

/**
 * Digest of an artifact that is only pushed again: known in a preview, since the same sources give the same digest, so
 * that nothing that depends on it is shown as changed. Undefined where the plugin tells the digest.
 */
export function republishedDigest(
  republication: Republication | undefined,
): pulumi.Output<string> | undefined {
  const { absence, digest } = republication ?? {};
  if (!pulumi.runtime.isDryRun() || absence === undefined || digest === undefined) return undefined;
  return pulumi.output(digest);
}
