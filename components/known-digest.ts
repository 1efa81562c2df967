import * as pulumi from "@pulumi/pulumi";

/**
 * Digest of an artifact that is only pushed again: known in a preview, since the same sources give the same digest, so
 * that nothing that depends on it is shown as changed. Undefined where the plugin tells the digest.
 *
 * @param lost `sha256:…` that the registry lost; undefined where it lost none.
 */
export function knownDigest(lost: string | undefined): pulumi.Output<string> | undefined {
  return pulumi.runtime.isDryRun() && lost !== undefined ? pulumi.output(lost) : undefined;
}
