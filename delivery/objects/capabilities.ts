import { InputError } from "../basics/input-error.ts";
import { fields, parseJson } from "../basics/json-fields.ts";
import { type ClusterAccess, accessFlags, kubectl } from "../rollout/kubectl.ts";

/** What a cluster tells charts of itself. */
export interface Capabilities {
  /** Such as `1.36.3`. */
  readonly kubeVersion: string;
  /** Such as `apps/v1`, and `gateway.networking.k8s.io/v1/HTTPRoute` of what the chart asks for. */
  readonly apiVersions: readonly string[];
}

/** Reads a path of a cluster's API as JSON. */
export type ReadApi = (path: string) => Promise<unknown>;

/** Reads with kubectl, which knows every way to log in; each path once. */
export function clusterReader(cluster: ClusterAccess): ReadApi {
  const answers = new Map<string, Promise<unknown>>();
  return (path) => {
    const known = answers.get(path);
    if (known) return known;
    const asked = kubectl(["get", `--raw=${path}`, ...accessFlags(cluster)]).then((json) =>
      parseJson(Buffer.from(json)),
    );
    answers.set(path, asked);
    return asked;
  };
}

/** Whether a chart may render otherwise in another cluster. */
export function asksCluster(texts: string): boolean {
  return /\.Capabilities\b|^kubeVersion:/m.test(texts);
}

/** Where an API server lists its group versions, and the schemas of each. */
export const schemaIndex = "/openapi/v3";

/** Group versions that a cluster serves, with the address of their schemas. */
export async function readGroupVersions(read: ReadApi): Promise<ReadonlyMap<string, string>> {
  const { paths } = fields(await read(schemaIndex));
  return new Map(
    Object.entries(fields(paths)).flatMap(([path, entry]) => {
      const [, version] = /^apis?\/((?:[^/]+\/)?v\d\w*)$/.exec(path) ?? [];
      const { serverRelativeURL: url } = fields(entry);
      return version !== undefined && typeof url === "string" ? [[version, url] as const] : [];
    }),
  );
}

/**
 * Asks a cluster for what Argo CD tells charts of it. Of kinds only those are asked for that the chart names, since each group
 * version is a request.
 *
 * @param texts Templates of the chart.
 * @throws KubectlError when the cluster does not answer, InputError when it tells no version.
 */
export async function readCapabilities(read: ReadApi, texts: string): Promise<Capabilities> {
  const [version, groups] = await Promise.all([read("/version"), readGroupVersions(read)]);
  const kubeVersion = /^v(\d+\.\d+\.\d+)/.exec(String(fields(version)["gitVersion"]))?.[1];
  if (kubeVersion === undefined) throw new InputError("the cluster tells no version of its own");
  const served = [...groups.keys()];
  const named = served.filter((one) => texts.includes(`"${one}/`));
  const kinds = await Promise.all(named.map((one) => kindsOf(read, one)));
  return { kubeVersion, apiVersions: [...served, ...kinds.flat()].sort() };
}

/** Kinds of a group version that can be listed and watched, which Argo CD counts. */
async function kindsOf(read: ReadApi, groupVersion: string): Promise<string[]> {
  const path = groupVersion.includes("/") ? `/apis/${groupVersion}` : `/api/${groupVersion}`;
  return list(await read(path), "resources").flatMap((resource) => {
    const { kind, verbs } = fields(resource);
    const isWatched = Array.isArray(verbs) && verbs.includes("list") && verbs.includes("watch");
    return isWatched ? [`${groupVersion}/${String(kind)}`] : [];
  });
}

function list(value: unknown, field: string): readonly unknown[] {
  const found = fields(value)[field];
  return Array.isArray(found) ? found : [];
}
