import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "../../delivery/basics/input-error.ts";
import type { RegistryClient } from "../../delivery/registry/client.ts";
import { attachReferrer } from "../../delivery/registry/referrers.ts";
import type { Descriptor, Manifest } from "../../delivery/registry/types.ts";

/** What artifacts are copied from: a registry, or a folder that a bundle was unpacked to. */
export interface ArtifactSource extends Pick<
  RegistryClient,
  "getManifest" | "listReferrers" | "downloadBlob"
> {
  /** Where it is, for messages. */
  readonly host: string;
}

/** What artifacts are copied to. */
export interface ArtifactTarget extends Pick<
  RegistryClient,
  "hasManifest" | "hasBlob" | "listReferrers" | "uploadBlob" | "putManifest"
> {
  readonly host: string;
  /** Puts a manifest that says something about another one, so that it is found from there. */
  attachReferrer(repository: string, manifest: Manifest): Promise<string>;
}

/** What {@link ArtifactCopier.copy} copies. */
export interface CopiedArtifact {
  /** Repository in the source. */
  readonly from: string;
  /** Repository in the target. */
  readonly to: string;
  /** `sha256:…` of its manifest or index. */
  readonly digest: string;
}

/** What was copied. */
export interface CopyResult {
  /** Blobs and manifests that the target did not have. */
  readonly sent: number;
  /** Bytes of them. */
  readonly bytes: number;
}

/**
 * Copies artifacts by digest, with the manifests of all platforms and with all that says something about them, such as
 * signatures. What the target has already is not sent. Tags are left to whoever calls. Close it when done.
 */
export class ArtifactCopier {
  readonly #source: ArtifactSource;
  readonly #target: ArtifactTarget;
  readonly #folder = mkdtempSync(join(tmpdir(), "tinyolly-copy-"));
  /** Repository of the target that has a blob, by its digest. */
  readonly #repositories = new Map<string, string>();
  #files = 0;
  #sent = 0;
  #bytes = 0;

  public constructor(source: ArtifactSource, target: ArtifactTarget) {
    this.#source = source;
    this.#target = target;
  }

  /**
   * Copies one artifact; what it consists of goes first, so that the target never has a manifest without its parts.
   *
   * @throws RegistryError, InputError when one does not give or take it, or when the source does not have all of it.
   */
  public async copy(artifact: CopiedArtifact): Promise<CopyResult> {
    const [sent, bytes] = [this.#sent, this.#bytes];
    await this.#copyWithReferrers(artifact);
    return { sent: this.#sent - sent, bytes: this.#bytes - bytes };
  }

  /** Removes what was kept on the way. */
  public close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #copyWithReferrers(artifact: CopiedArtifact): Promise<void> {
    const manifest = await this.#copyManifest(artifact);
    for (const child of manifest.children)
      await this.#copyWithReferrers({ ...artifact, digest: child.digest });
    // An index is put after its children, and what refers to it after itself.
    if (manifest.children.length > 0) await this.#put(artifact, manifest);
    for (const { digest } of await this.#source.listReferrers(artifact.from, artifact.digest))
      await this.#copyReferrer({ ...artifact, digest });
  }

  async #copyReferrer(artifact: CopiedArtifact): Promise<void> {
    const { from, to, digest } = artifact;
    const manifest = await this.#copyBlobs(artifact);
    // A manifest that is there may still be missing among those of its subject.
    const listed = await this.#target.listReferrers(to, manifest.subject ?? "");
    if (!listed.some((other) => other.digest === digest)) {
      await this.#target.attachReferrer(to, manifest);
      this.#count(manifest.bytes.length);
    }
    for (const { digest: next } of await this.#source.listReferrers(from, digest))
      await this.#copyReferrer({ ...artifact, digest: next });
  }

  async #copyManifest(artifact: CopiedArtifact): Promise<Manifest> {
    const manifest = await this.#copyBlobs(artifact);
    if (manifest.children.length === 0) await this.#put(artifact, manifest);
    return manifest;
  }

  async #copyBlobs(artifact: CopiedArtifact): Promise<Manifest> {
    const { from, to, digest } = artifact;
    const manifest = await this.#source.getManifest(from, digest);
    if (!manifest)
      throw new InputError(
        `${this.#source.host}/${from}@${digest} is missing, so nothing can be copied from it`,
      );
    await Promise.all(manifest.blobs.map((blob) => this.#copyBlob(from, to, blob)));
    return manifest;
  }

  async #copyBlob(from: string, to: string, blob: Descriptor): Promise<void> {
    const { digest, size } = blob;
    if (await this.#target.hasBlob(to, digest)) {
      this.#repositories.set(digest, to);
      return;
    }
    const file = join(this.#folder, String(this.#files++));
    try {
      await this.#source.downloadBlob(from, blob, file);
      const pushed = await this.#target.uploadBlob(to, blob, file, this.#repositories.get(digest));
      if (pushed === "pushed") this.#count(size);
      this.#repositories.set(digest, to);
    } finally {
      rmSync(file, { force: true });
    }
  }

  async #put({ to, digest }: CopiedArtifact, manifest: Manifest): Promise<void> {
    if (await this.#target.hasManifest(to, digest)) return;
    await this.#target.putManifest(to, digest, manifest);
    this.#count(manifest.bytes.length);
  }

  #count(bytes: number): void {
    this.#sent++;
    this.#bytes += bytes;
  }
}

/** A registry as the target of copies. */
export function registryTarget(client: RegistryClient): ArtifactTarget {
  return {
    host: client.host,
    hasManifest: (repository, digest) => client.hasManifest(repository, digest),
    hasBlob: (repository, digest) => client.hasBlob(repository, digest),
    listReferrers: (repository, digest) => client.listReferrers(repository, digest),
    uploadBlob: (...args) => client.uploadBlob(...args),
    putManifest: (...args) => client.putManifest(...args),
    attachReferrer: (repository, manifest) => attachReferrer(client, repository, manifest),
  };
}
