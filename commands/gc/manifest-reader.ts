import type { Descriptor, Manifest } from "../../delivery/registry/types.ts";
import type { Registry } from "./registry.ts";

/** Reads manifests with all that belongs to them, each digest once. */
export class ManifestReader {
  private readonly known = new Map<string, Promise<Manifest | undefined>>();
  private readonly referrers = new Map<string, Promise<readonly Descriptor[]>>();
  private readonly registry: Registry;
  private readonly asksReferrers: boolean;

  /** @param asksReferrers whether the registry is asked what refers to a manifest; it need not be where all are known. */
  public constructor(registry: Registry, asksReferrers: boolean) {
    this.registry = registry;
    this.asksReferrers = asksReferrers;
  }

  /** Digest that each tag of a repository has now; without those whose manifest is gone. */
  public async tags(repository: string): Promise<Map<string, string>> {
    const tags = await this.registry.listTags(repository);
    const found = await Promise.all(
      [...tags].sort().map(async (tag) => {
        const manifest = await this.registry.getManifest(repository, tag);
        if (!manifest) return [];
        this.known.set(`${repository}@${manifest.digest}`, Promise.resolve(manifest));
        return [[tag, manifest.digest] as const];
      }),
    );
    return new Map(found.flat());
  }

  /**
   * Reads manifests and all that these list, are about, or are described by, by digest; without those that are not there. What
   * a cache of layers lists are no manifests.
   */
  public async withRelatives(
    repository: string,
    digests: Iterable<string>,
  ): Promise<Map<string, Manifest>> {
    const found = new Map<string, Manifest>();
    const asked = new Set<string>();
    const read = async (digest: string): Promise<void> => {
      if (asked.has(digest)) return;
      asked.add(digest);
      const manifest = await this.manifest(repository, digest);
      if (!manifest) return;
      found.set(digest, manifest);
      const { children, subject } = manifest;
      const relatives = [...children, ...(await this.about(repository, digest))];
      const digests = [...relatives.map((relative) => relative.digest), subject ?? []].flat();
      await Promise.all(digests.map(read));
    };
    await Promise.all([...digests].map(read));
    return found;
  }

  /** What refers to a manifest. */
  private about(repository: string, digest: string): Promise<readonly Descriptor[]> {
    if (!this.asksReferrers) return Promise.resolve([]);
    const key = `${repository}@${digest}`;
    const known = this.referrers.get(key) ?? this.registry.listReferrers(repository, digest);
    this.referrers.set(key, known);
    return known;
  }

  /** The manifest with a digest, which never changes; undefined where it is not there. */
  private manifest(repository: string, digest: string): Promise<Manifest | undefined> {
    const key = `${repository}@${digest}`;
    const known = this.known.get(key) ?? this.registry.getManifest(repository, digest);
    this.known.set(key, known);
    return known;
  }
}
