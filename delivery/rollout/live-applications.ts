import { isDeepStrictEqual } from "node:util";
import { InputError } from "../basics/input-error.ts";
import { fields, isMap, parseJson } from "../basics/json-fields.ts";
import {
  type ClusterAccess,
  KubectlError,
  accessFlags,
  installKubectl,
  kubectl,
} from "./kubectl.ts";

/** Cluster in which Argo CD runs. */
export interface Cluster extends ClusterAccess {
  readonly kubeconfig?: string;
  readonly context: string;
  /** Keeps resources when only the kubeconfig changes. */
  readonly clusterIdentifier: string;
}

/** Annotation of an Application that names the stack that makes it; see {@link ownerOf}. */
export const ownerAnnotation = "tinyolly/owner";

/** Name of a stack among all that share a cluster: `project/stack`. */
export function ownerOf(project: string, stack: string): string {
  return `${project}/${stack}`;
}

/** An Application as the cluster has it. */
export interface LiveApplication {
  readonly spec: unknown;
  /** Stack that made it; left out where no stack says so. */
  readonly owner?: string;
}

/**
 * Reads every Argo CD Application of a namespace, by name.
 *
 * @throws InputError when kubectl is missing or the cluster does not answer.
 */
export async function readLiveApplications(
  cluster: Cluster,
  namespace: string,
): Promise<Map<string, LiveApplication>> {
  const instead = ", or set TINYOLLY_OFFLINE=1 to go without";
  const applications = await listApplications(cluster, namespace, instead);
  return new Map(applications.map((one) => [nameOf(one), liveApplication(one)]));
}

/**
 * Reads every Argo CD Application of a namespace, whole, with kubectl, which knows every way to log in.
 *
 * @param instead What errors offer besides an answer, such as `, or …`.
 * @throws InputError when kubectl is missing or the cluster does not answer.
 */
export async function listApplications(
  cluster: ClusterAccess,
  namespace: string,
  instead = "",
): Promise<unknown[]> {
  // By their path, since kubectl would look for the kind first, and keep what it finds in the user's folders.
  const path = `/apis/argoproj.io/v1alpha1/namespaces/${encodeURIComponent(namespace)}/applications`;
  const where = `the Applications in the cluster "${cluster.context}"`;
  const json = await kubectl(["get", `--raw=${path}`, ...accessFlags(cluster)]).catch(
    (error: unknown) => {
      if (!(error instanceof KubectlError)) throw error;
      throw new InputError(
        error.missing
          ? `${error.message}, so ${where} cannot be read; ${installKubectl}${instead}`
          : `${where} cannot be read: ${error.message}; start it (make platform-up starts the platform's)${instead}`,
      );
    },
  );
  const { items } = fields(parseJson(Buffer.from(json)));
  if (Array.isArray(items)) return items as unknown[];
  throw new InputError(`${where} cannot be read: kubectl printed no list; run it by hand`);
}

function liveApplication(application: unknown): LiveApplication {
  const { spec, metadata } = fields(application);
  const owner = fields(fields(metadata)["annotations"])[ownerAnnotation];
  return { spec, ...(typeof owner === "string" ? { owner } : {}) };
}

/** Name of an Application as Kubernetes prints it. */
export function nameOf(application: unknown): string {
  return String(fields(fields(application)["metadata"])["name"]);
}

/**
 * Paths below `spec` at which a live Application does not hold what was planned. A null is as good as nothing: the API
 * server, Argo CD and the state each keep some and drop others.
 */
export function editedPaths(planned: unknown, live: unknown, path = "spec"): string[] {
  if (isMap(planned) && isMap(live)) {
    return Object.keys(planned)
      .sort()
      .flatMap((key) => editedPaths(planned[key], live[key], `${path}.${key}`));
  }
  return isDeepStrictEqual(withoutNulls(planned), withoutNulls(live)) ? [] : [path];
}

/** A null, also one in a list or in an entry of a list, becomes nothing. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(withoutNulls);
  if (!isMap(value)) return value ?? undefined;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) =>
      one === null || one === undefined ? [] : [[key, withoutNulls(one)]],
    ),
  );
}
