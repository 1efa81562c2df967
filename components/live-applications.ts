import { isDeepStrictEqual } from "node:util";
import { InputError } from "./input-error";
import { isMap } from "./json-fields";
import { type ClusterAccess, KubectlError, accessFlags, installKubectl, kubectl } from "./kubectl";

/** Cluster in which Argo CD runs. */
export interface Cluster extends ClusterAccess {
  readonly kubeconfig?: string;
  /** Keeps resources when only the kubeconfig changes. */
  readonly clusterIdentifier: string;
}

/**
 * Reads the `spec` of every Argo CD Application of a namespace, by name, with kubectl, which knows every way to log in.
 *
 * @throws InputError when kubectl is missing or the cluster does not answer.
 */
export async function readLiveApplications(
  cluster: Cluster,
  namespace: string,
): Promise<Map<string, unknown>> {
  const args = [
    "get",
    "applications.argoproj.io",
    `--namespace=${namespace}`,
    "--output=json",
    ...accessFlags(cluster),
  ];
  const json = await kubectl(args).catch((error: unknown) => {
    throw error instanceof KubectlError ? unreadable(error) : error;
  });
  // The shape of a Kubernetes list.
  const { items } = JSON.parse(json) as {
    items: readonly { metadata: { name: string }; spec: unknown }[];
  };
  return new Map(items.map(({ metadata, spec }) => [metadata.name, spec]));
}

function unreadable({ missing, message }: KubectlError): InputError {
  return new InputError(
    missing
      ? `${message}, so the Applications cannot be compared with what was applied; ${installKubectl}, ` +
          `or set TINYOLLY_OFFLINE=1 to go without`
      : `the Applications in the cluster cannot be read: ${message}; start the cluster ` +
          `(make platform-up starts the platform's), or set TINYOLLY_OFFLINE=1 to go without`,
  );
}

/** Paths below `spec` at which a live Application does not hold what was planned. */
export function editedPaths(planned: unknown, live: unknown, path = "spec"): string[] {
  if (isMap(planned) && isMap(live)) {
    return Object.keys(planned)
      .sort()
      .flatMap((key) => editedPaths(planned[key], live[key], `${path}.${key}`));
  }
  return isDeepStrictEqual(planned, live) ? [] : [path];
}
