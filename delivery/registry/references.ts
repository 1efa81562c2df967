declare const endpoint: unique symbol;

/** `host/repository:tag` at the endpoint to which builds push. No pod or Application may hold one. */
export type PushRef = string & { readonly [endpoint]: "push" };

/** `host/repository` at the endpoint from which nodes pull. */
export type PullRef = string & { readonly [endpoint]: "pull" };

/** `oci://host/repository` of a chart at the endpoint from which Argo CD pulls. */
export type ChartRef = string & { readonly [endpoint]: "chart" };

/** Encryption of the connection to a registry. */
export type Tls = (typeof tlsModes)[number];

/** Each {@link Tls}. */
export const tlsModes = ["verify", "skip-verify", "plain-http"] as const;

/** One registry as its three kinds of clients reach it. */
export interface Endpoints {
  /** Host and port for builds, from outside the cluster. */
  readonly push: string;
  /** Encryption between builds and {@link push}. */
  readonly pushTls: Tls;
  /** Host and port for the nodes. */
  readonly pull: string;
  /** Host and port for Argo CD. */
  readonly inCluster: string;
  /** Whether Argo CD speaks plain HTTP to {@link inCluster}. */
  readonly inClusterPlainHttp: boolean;
  /** Path before image and chart names, without slashes at its ends. */
  readonly namespace: string;
}

const host =
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])(?::(?<port>\d{1,5}))?$/i;
const namespace = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;

/** Says what is wrong with a registry host such as `ghcr.io` or `localhost:30500`; undefined when it is right. */
export function hostProblem(value: string): string | undefined {
  const match = host.exec(value);
  if (!match)
    return `a host name with an optional port, such as ghcr.io or localhost:30500, without scheme or path`;
  const port = match.groups?.["port"];
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535))
    return "a port from 1 to 65535";
  return undefined;
}

/** Says what is wrong with a registry path such as `owner/tinyolly`; undefined when it is right. */
export function namespaceProblem(value: string): string | undefined {
  return namespace.test(value)
    ? undefined
    : "lower-case path segments, such as tinyolly or owner/tinyolly";
}

/** Name of the repository that holds all release records, beside those of the images. */
export const releaseRepository = "releases";

const imageName = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const chartName = /^[a-z0-9]+(?:(?:\.|-+)[a-z0-9]+)*$/;

/** Says what is wrong with the name of an image, which is that of its repository; undefined when it is right. */
export function imageNameProblem(name: string): string | undefined {
  if (name === releaseRepository) return "a name other than that of the release records";
  return imageName.test(name)
    ? undefined
    : 'lower-case letters and digits, with ".", "_" or "-" between them';
}

/** Says what is wrong with the name of a chart, which its repository and its Application have; undefined when it is right. */
export function chartNameProblem(name: string): string | undefined {
  return chartName.test(name)
    ? undefined
    : 'lower-case letters and digits, with "." or "-" between them';
}

/** Folder of the registry into which builds push: `host/namespace`. */
export function imageFolder(at: Endpoints): string {
  return `${at.push}/${at.namespace}`;
}

/** Reference under which builds push `image`. */
export function pushRef(at: Endpoints, image: string, tag: string): PushRef {
  // No other place makes push references.
  return `${imageFolder(at)}/${image}:${tag}` as PushRef;
}

/** Folder of the registry from which nodes pull images: `host/namespace`. */
export function pullFolder(at: Endpoints): string {
  return `${at.pull}/${at.namespace}`;
}

/** Reference under which nodes pull `image`. */
export function pullRef(at: Endpoints, image: string): PullRef {
  // No other place makes pull references.
  return `${pullFolder(at)}/${image}` as PullRef;
}

/** Reference under which Argo CD pulls `chart`. */
export function chartRef(at: Endpoints, chart: string): ChartRef {
  // No other place makes chart references.
  return `oci://${at.inCluster}/${at.namespace}/charts/${chart}` as ChartRef;
}

/** Folder of the registry into which helm pushes charts: `oci://host/namespace/charts`. */
export function chartPushFolder(at: Endpoints): PushRef {
  // Helm appends the chart's name and version itself.
  return `oci://${at.push}/${at.namespace}/charts` as PushRef;
}

/** Reference under which helm pushes `chart`, with its version. */
export function chartPushRef(at: Endpoints, chart: string, version: string): string {
  return `${chartPushFolder(at)}/${chart}:${version}`;
}

/** Path of a chart below the namespace. */
export function chartPath(chart: string): string {
  return `charts/${chart}`;
}

/** Path of an image in the registry, without its host. */
export function imageRepository({ namespace }: Endpoints, image: string): string {
  return `${namespace}/${image}`;
}

/** Path of a chart in the registry, without its host. */
export function chartRepository({ namespace }: Endpoints, chart: string): string {
  return `${namespace}/${chartPath(chart)}`;
}

/** Whether `text` is a SHA-256 digest as registries write it. */
export function isDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/** Whether `text` is a tag as registries take it. */
export function isTag(text: string): boolean {
  return /^\w[\w.-]{0,127}$/.test(text);
}

/** Start of a digest: `sha256:` and twelve characters, for people. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 19);
}

/**
 * Tag under which the referrers of a `sha256:…` are listed where the registry does not list them.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
 */
export function referrersTag(digest: string): string {
  return digest.replace(":", "-");
}

/** Whether a host is this machine, to which builders speak plain HTTP unasked. */
export function isThisMachine(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3})(?::\d+)?$/.test(host);
}
