import { fields } from "../../delivery/basics/json-fields.ts";
import { shortDigest } from "../../delivery/registry/references.ts";
import { get } from "../machine/http.ts";
import { readLocalState } from "../pulumi/local-state.ts";
import type { PlatformSettings } from "../settings.ts";
import { formatBytes, table } from "./table.ts";

/** The local stack's outputs, and the sizes that the registry tells. */
export interface Deployment {
  readonly images: Readonly<Record<string, { repository: string; tag: string; digest: string }>>;
  readonly charts: Readonly<Record<string, { source: string; version: string; digest: string }>>;
  readonly applications: Readonly<Record<string, { name: string; revision: string }>>;
  /** Compressed bytes of each image, by digest. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Names of the images and charts that the registry had already. */
  readonly found: { readonly images: readonly string[]; readonly charts: readonly string[] };
}

/** What a run did itself. */
export interface Done {
  /** Names of the images that were built. */
  readonly built: ReadonlySet<string>;
  /** Names of those of whose builds no step ran. */
  readonly cached: ReadonlySet<string>;
  /** Whether a chart was packaged. */
  readonly packaged: boolean;
}

/** Reads what is deployed; empty where nothing is. */
export async function readDeployment(settings: PlatformSettings): Promise<Deployment> {
  const resources = readLocalState(settings).resources.map(fields);
  const stack = resources.find(({ type }) => type === "pulumi:pulumi:Stack");
  // The outputs of index.ts.
  const outputs = fields(stack?.["outputs"]) as Partial<Deployment>;
  const { images = {}, charts = {}, applications = {} } = outputs;
  const adopted = (type: string): string[] =>
    resources
      .filter((one) => one["type"] === type && fields(one["outputs"])["adopted"] !== undefined)
      .map(({ urn }) => String(urn).split("::").at(-1) ?? "");
  const found = {
    images: adopted("tinyolly:index:Image"),
    charts: adopted("tinyolly:index:Chart"),
  };
  const sizes: Record<string, number> = {};
  for (const { repository, digest } of Object.values(images))
    sizes[digest] = await imageSize(settings, repository, digest);
  return { images, charts, applications, sizes, found };
}

/**
 * The end of `make up`: what there is now, what is new since `before`, and what to type next.
 *
 * @param done What this run did itself. @default - all that is new
 */
export function deploymentTable(now: Deployment, before: Deployment, done?: Done): string {
  const images = Object.entries(now.images).map(([name, { tag, digest }]) => [
    name,
    tag,
    shortDigest(digest),
    formatBytes(now.sizes[digest] ?? 0),
    before.images[name]?.digest === digest
      ? "unchanged"
      : now.found.images.includes(name)
        ? "was in the registry"
        : done?.cached.has(name)
          ? "from the builder's cache"
          : done?.built.has(name) === false
            ? "from an earlier run"
            : "built",
  ]);
  const charts = Object.entries(now.charts).map(([name, { version, digest }]) => [
    name,
    version,
    shortDigest(digest),
    before.charts[name]?.digest === digest
      ? "unchanged"
      : now.found.charts.includes(name)
        ? "was in the registry"
        : done?.packaged === false
          ? "from an earlier run"
          : "published",
  ]);
  const applications = Object.entries(now.applications).map(([name, { revision }]) => [
    name,
    revision,
    before.applications[name]?.revision === revision ? "unchanged" : "updated",
  ]);
  return [
    `\n${table(["image", "tag", "digest", "size", ""], images)}`,
    `\n${table(["chart", "version", "digest", ""], charts)}`,
    `\n${table(["application", "revision", ""], applications)}`,
    `\nNext: edit a file below apps/ or charts/, then make preview shows what would change and why, and make up ships it.`,
    `\n      eval "$(make -s env)" lets you use pulumi, helm and kubectl with this platform yourself.\n`,
  ].join("");
}

async function imageSize(
  { ports }: PlatformSettings,
  repository: string,
  digest: string,
): Promise<number> {
  const path = repository.slice(repository.indexOf("/") + 1);
  const accept = ["manifest", "index"]
    .map((kind) => `application/vnd.oci.image.${kind}.v1+json`)
    .concat([
      "application/vnd.docker.distribution.manifest.v2+json",
      "application/vnd.docker.distribution.manifest.list.v2+json",
    ]);
  const read = async (reference: string): Promise<number> => {
    const url = `http://localhost:${ports.registry}/v2/${path}/manifests/${reference}`;
    const { status, body } = await get(url, { accept: accept.join(", ") });
    if (status !== 200) return 0;
    // An OCI manifest or index.
    const manifest = JSON.parse(body) as Manifest;
    const children = await Promise.all(
      (manifest.manifests ?? []).map((child) => read(child.digest)),
    );
    const own = [...(manifest.layers ?? []), ...(manifest.config ? [manifest.config] : [])];
    return (
      own.reduce((sum, { size }) => sum + size, 0) + children.reduce((sum, size) => sum + size, 0)
    );
  };
  return read(digest);
}

interface Manifest {
  readonly config?: { readonly size: number };
  readonly layers?: readonly { readonly size: number }[];
  readonly manifests?: readonly { readonly digest: string }[];
}
