import { InputError } from "../../delivery/basics/input-error.ts";
import { fields } from "../../delivery/basics/json-fields.ts";
import type { ClusterAccess } from "../../delivery/rollout/kubectl.ts";
import { nameOf } from "../../delivery/rollout/live-applications.ts";
import type { ExportedResource } from "../../delivery/settings/stack-state.ts";

/** An Argo CD that deploys what stacks publish. */
export interface ArgoCdLocation {
  readonly cluster: ClusterAccess;
  /** Namespace of its Applications. */
  readonly namespace: string;
}

const applicationType = "kubernetes:argoproj.io/v1alpha1:Application";

/**
 * Where the Applications of a stack's state are.
 *
 * @throws InputError where the state does not say in which cluster.
 */
export function recordedLocations(
  stack: string,
  resources: readonly ExportedResource[],
): ArgoCdLocation[] {
  return resources
    .filter(({ type }) => type === applicationType)
    .map(({ inputs, outputs, provider = "" }) => {
      const { namespace } = fields(fields({ ...inputs, ...outputs })["metadata"]);
      const made = resources.find(({ urn }) => provider.startsWith(`${urn}::`));
      const { context, kubeconfig } = fields(made?.inputs);
      if (
        typeof namespace !== "string" ||
        typeof context !== "string" ||
        !["undefined", "string"].includes(typeof kubeconfig)
      ) {
        throw new InputError(
          `the state of stack "${stack}" does not say in which cluster its Applications are; run pulumi up on it once more`,
        );
      }
      return { namespace, cluster: { context, kubeconfig: kubeconfig as string | undefined } };
    });
}

/** Name of an Application, and its cluster. */
export function applicationName(application: unknown, { cluster }: ArgoCdLocation): string {
  return `Application ${nameOf(application)} in ${cluster.context}`;
}
