import { sha256 } from "../delivery/basics/sha256.ts";

/** A manifest as it was stored. */
export interface StoredManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/** A blob, without its bytes where they are too many to be kept. */
export interface StoredBlob {
  readonly digest: string;
  readonly size: number;
  readonly bytes: Buffer | undefined;
}

/** What a fake registry holds. */
export class FakeRegistryStore {
  private readonly manifests = new Map<string, Map<string, StoredManifest>>();
  private readonly taggedDigests = new Map<string, Map<string, string>>();
  private readonly blobs = new Map<string, Map<string, StoredBlob>>();

  /** Whether anything was put into a repository. */
  public knows(repository: string): boolean {
    return this.manifests.has(repository);
  }

  public manifest(
    repository: string,
    reference: string,
  ): (StoredManifest & { readonly digest: string }) | undefined {
    const digest = this.taggedDigests.get(repository)?.get(reference) ?? reference;
    const found = this.manifests.get(repository)?.get(digest);
    return found && { ...found, digest };
  }

  /** Stores a manifest under its digest, and under a tag where the reference is one. Returns the digest. */
  public putManifest(repository: string, reference: string, manifest: StoredManifest): string {
    const digest = `sha256:${sha256(manifest.bytes)}`;
    of(this.manifests, repository).set(digest, manifest);
    if (reference !== digest) of(this.taggedDigests, repository).set(reference, digest);
    return digest;
  }

  /** Removes a tag, or a manifest with all its tags; false when it is not there. */
  public deleteManifest(repository: string, reference: string): boolean {
    const tags = of(this.taggedDigests, repository);
    if (tags.delete(reference)) return true;
    for (const [tag, digest] of tags) if (digest === reference) tags.delete(tag);
    return this.manifests.get(repository)?.delete(reference) ?? false;
  }

  public tags(repository: string): string[] {
    return [...(this.taggedDigests.get(repository)?.keys() ?? [])].sort();
  }

  /** All manifests of a repository, by digest. */
  public allManifests(repository: string): ReadonlyMap<string, StoredManifest> {
    return this.manifests.get(repository) ?? new Map<string, StoredManifest>();
  }

  public blob(repository: string, digest: string): StoredBlob | undefined {
    return this.blobs.get(repository)?.get(digest);
  }

  public putBlob(repository: string, blob: StoredBlob): void {
    of(this.blobs, repository).set(blob.digest, blob);
  }
}

function of<T>(all: Map<string, Map<string, T>>, repository: string): Map<string, T> {
  const known = all.get(repository) ?? new Map<string, T>();
  all.set(repository, known);
  return known;
}
