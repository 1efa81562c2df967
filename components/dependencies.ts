import * as pulumi from "@pulumi/pulumi";

/** A component's own `dependsOn`, which its children do not take over by themselves, and others beside it. */
export function dependencies(
  { dependsOn }: pulumi.ComponentResourceOptions = {},
  ...others: readonly (pulumi.Resource | false)[]
): pulumi.Output<pulumi.Resource[]> {
  const added = others.filter((other) => other !== false);
  return pulumi
    .output(dependsOn)
    .apply((own) => [...(own === undefined ? [] : [own].flat()), ...added]);
}
