import { InputError } from "../../components/input-error";
import { fields, parseJson } from "../../components/json-fields";
import {
  type ClusterAccess,
  KubectlError,
  accessFlags,
  installKubectl,
  kubectl,
} from "../../components/kubectl";
import type { ExportedResource } from "../../explain/stack-state";

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

/**
 * Reads the Applications of an Argo CD, with what became of them.
 *
 * @throws InputError when kubectl is missing or the cluster does not answer.
 */
export async function readApplications({ cluster, namespace }: ArgoCdLocation): Promise<unknown[]> {
  const args = ["get", "applications.argoproj.io", `--namespace=${namespace}`, "--output=json"];
  const where = `the Applications in the cluster "${cluster.context}"`;
  const json = await kubectl([...args, ...accessFlags(cluster)]).catch((error: unknown) => {
    if (!(error instanceof KubectlError)) throw error;
    throw new InputError(
      error.missing
        ? `${error.message}, so ${where} cannot be read; ${installKubectl}`
        : `${where} cannot be read: ${error.message}; start it (make platform-up starts the platform's)`,
    );
  });
  const { items } = fields(parseJson(Buffer.from(json)));
  if (Array.isArray(items)) return items as unknown[];
  throw new InputError(`${where} cannot be read: kubectl printed no list; run it by hand`);
}

/** Name of an Application, and its cluster. */
export function applicationName(application: unknown, { cluster }: ArgoCdLocation): string {
  const { name } = fields(fields(application)["metadata"]);
  return `Application ${String(name)} in ${cluster.context}`;
}
