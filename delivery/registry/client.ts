import { fewNames } from "../basics/few-names.ts";
import { InputError } from "../basics/input-error.ts";
import { sha256 } from "../basics/sha256.ts";
import { sourceOf } from "./blob-source.ts";
import { RegistryConnection } from "./connection.ts";
import { downloadBlob, getBlob } from "./download.ts";
import { Outage, RegistryFailure } from "./failure.ts";
import { Limiter } from "./limiter.ts";
import { listReferrers, listRepositories, listTags } from "./lists.ts";
import {
  type ManifestBytes,
  deleteManifest,
  getManifest,
  hasManifest,
  putManifest,
} from "./manifests.ts";
import { isDigest, referrersTag } from "./references.ts";
import type {
  Descriptor,
  Manifest,
  RegistryAddress,
  RegistryClientOptions,
  Scope,
} from "./types.ts";
import { type Pushed, checkPush, hasBlob, uploadBlob } from "./upload.ts";

/** A registry that could not be read, or that did not take or delete something. */
export class RegistryError extends InputError {
  public readonly problems: ReadonlyMap<string, readonly string[]>;
  public readonly deed: "read" | "pushed" | "deleted";

  /**
   * @param problems What could not be done with what (`host/repository:tag`), by what was wrong and what to do.
   * @param deed What could not be done.
   */
  public constructor(
    problems: ReadonlyMap<string, readonly string[]>,
    deed: "read" | "pushed" | "deleted" = "read",
  ) {
    // Rights are given one repository at a time, so whoever may not push must know of all.
    const named = deed === "pushed" ? Infinity : undefined;
    const lines = [...problems].map(
      ([problem, references]) => `${fewNames(references, named)} could not be ${deed}: ${problem}`,
    );
    super(lines.join("\n"));
    this.problems = problems;
    this.deed = deed;
  }
}

const deeds = { pull: "read", push: "pushed", delete: "deleted" } as const;
const mostAtOnce = 8;

/**
 * Reads, writes and deletes in one registry. It does eight things at once and repeats what fails by chance; an outage also
 * ends those that wait for their turn. Close it when done.
 *
 * @example
 * const client = new RegistryClient({ host: "ghcr.io", tls: "verify" });
 * const manifest = await client.getManifest("owner/webui", "v1");
 * if (manifest) await client.putManifest("owner/webui", "latest", manifest);
 */
export class RegistryClient {
  /** Host of the registry, as it was given. */
  public readonly host: string;
  private readonly connection: RegistryConnection;
  private readonly limiter = new Limiter(mostAtOnce, (error) => error instanceof Outage);

  public constructor(address: RegistryAddress, options: RegistryClientOptions = {}) {
    this.host = address.host;
    this.connection = new RegistryConnection(address, options);
  }

  /**
   * Reads the manifest under a tag or a `sha256:…`; undefined when the registry does not have it.
   *
   * @throws RegistryError when the registry says anything else, or nothing.
   */
  public getManifest(repository: string, reference: string): Promise<Manifest | undefined> {
    return this.attempt("pull", repository, reference, (scope) =>
      getManifest(this.connection, scope, reference),
    );
  }

  /**
   * Whether the registry has the manifest with this `sha256:…`.
   *
   * @throws RegistryError when the registry does not say so.
   */
  public hasManifest(repository: string, digest: string): Promise<boolean> {
    return this.attempt("pull", repository, digest, (scope) =>
      hasManifest(this.connection, scope, digest),
    );
  }

  /**
   * All tags of a repository, in the order of their characters; none where the registry does not know the repository.
   *
   * @throws RegistryError when the registry does not say so.
   */
  public listTags(repository: string): Promise<string[]> {
    return this.attempt("pull", repository, undefined, (scope) => listTags(this.connection, scope));
  }

  /**
   * Names of all repositories that the registry tells of; many tell none, or not to everybody.
   *
   * @throws RegistryError when it cannot be reached.
   */
  public listRepositories(): Promise<string[]> {
    return this.attempt("pull", "", undefined, () => listRepositories(this.connection));
  }

  /**
   * Reads a blob of at most 8 MiB; undefined when the registry does not have it.
   *
   * @throws RegistryError when the registry says anything else, or sends other bytes, or when the blob is larger.
   */
  public getBlob(repository: string, descriptor: Descriptor): Promise<Buffer | undefined> {
    return this.attemptBlob("pull", repository, descriptor.digest, (scope) =>
      getBlob(this.connection, scope, descriptor),
    );
  }

  /**
   * Whether the registry has the blob with this `sha256:…`.
   *
   * @throws RegistryError when the registry does not say so.
   */
  public hasBlob(repository: string, digest: string): Promise<boolean> {
    return this.attemptBlob("pull", repository, digest, (scope) =>
      this.connection.repeat(scope, () => hasBlob(this.connection, scope, digest)),
    );
  }

  /**
   * Writes a blob to a file, however large it is. A connection that breaks off is taken up where it ended, and a file that
   * did not become whole is deleted.
   *
   * @throws RegistryError when the registry does not have the blob, or sends other bytes.
   * @throws InputError when the file cannot be written.
   */
  public downloadBlob(repository: string, descriptor: Descriptor, file: string): Promise<void> {
    return this.attemptBlob("pull", repository, descriptor.digest, (scope) =>
      downloadBlob(this.connection, scope, descriptor, file),
    );
  }

  /**
   * Brings a blob into a repository, and says whether it was there, was taken over from another repository or was sent.
   *
   * @param source Its bytes, or the path of a file that holds them.
   * @param mountFrom Repository of this registry that may have it; where that does not help, it is sent.
   * @throws RegistryError when the registry does not take it.
   * @throws InputError when the source is not what the descriptor says.
   */
  public uploadBlob(
    repository: string,
    descriptor: Descriptor,
    source: Buffer | string,
    mountFrom?: string,
  ): Promise<Pushed> {
    return this.attemptBlob("push", repository, descriptor.digest, (scope) =>
      uploadBlob(this.connection, scope, {
        digest: descriptor.digest,
        source: sourceOf(descriptor, source),
        mountFrom,
      }),
    );
  }

  /**
   * Makes sure that the registry takes uploads to a repository; nothing is left there.
   *
   * @throws RegistryError when it does not.
   */
  public checkPush(repository: string): Promise<void> {
    return this.attempt("push", repository, undefined, (scope) =>
      checkPush(this.connection, scope),
    );
  }

  /**
   * Puts a manifest under a tag, which moves where it was elsewhere, or under its own `sha256:…`. Returns its digest.
   *
   * @throws RegistryError when the registry does not take it, or says that it took something else.
   */
  public async putManifest(
    repository: string,
    reference: string,
    manifest: ManifestBytes,
  ): Promise<string> {
    const { digest } = await this.attempt("push", repository, reference, (scope) =>
      putManifest(this.connection, scope, reference, manifest),
    );
    return digest;
  }

  /**
   * Puts a manifest that has a subject under its own digest. Returns whether the registry will list it among the referrers
   * of its subject; `attachReferrer` does what is to be done where it will not.
   *
   * @throws RegistryError when the registry does not take it, or says that it took something else.
   */
  public async putReferrer(repository: string, manifest: ManifestBytes): Promise<boolean> {
    const digest = `sha256:${sha256(manifest.bytes)}`;
    const { response } = await this.attempt("push", repository, digest, (scope) =>
      putManifest(this.connection, scope, digest, manifest),
    );
    return response.headers["oci-subject"] !== undefined;
  }

  /**
   * Deletes a tag, or the manifest with this `sha256:…` and all its tags; false when it was not there.
   *
   * @throws RegistryError when the registry does not delete it; not every registry does.
   */
  public deleteManifest(repository: string, reference: string): Promise<boolean> {
    return this.attempt("delete", repository, reference, (scope) =>
      deleteManifest(this.connection, scope, reference),
    );
  }

  /**
   * The manifests that say something about the one with this `sha256:…`: as the registry lists them, or as a tag does where
   * the registry lists none.
   *
   * @throws RegistryError when the registry does not say so.
   */
  public async listReferrers(repository: string, digest: string): Promise<readonly Descriptor[]> {
    const listed = await this.attempt("pull", repository, digest, (scope) =>
      listReferrers(this.connection, scope, digest),
    );
    if (listed) return listed;
    const found = await this.getManifest(repository, referrersTag(digest));
    // GitLab takes this tag for the digest itself.
    if (!found || found.digest === digest) return [];
    return found.children.map(({ descriptor }) => descriptor);
  }

  /** Ends all connections; questions without an answer fail. */
  public close(): void {
    this.connection.close();
  }

  private attemptBlob<T>(
    action: Scope["action"],
    repository: string,
    digest: string,
    work: (scope: Scope) => Promise<T>,
  ): Promise<T> {
    return this.attempt(action, repository, digest, (scope) => {
      if (isDigest(digest)) return work(scope);
      throw new RegistryFailure(
        "its digest must be sha256: and 64 digits; correct what refers to it",
      );
    });
  }

  /** Does a work when it is its turn, and names what it was done with when it fails. */
  private async attempt<T>(
    action: Scope["action"],
    repository: string,
    reference: string | undefined,
    work: (scope: Scope) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.limiter.run(async () => work({ action, repository }));
    } catch (error) {
      if (!(error instanceof RegistryFailure)) throw error;
      const whole = `${this.host}/${repository}`;
      const separator = reference?.startsWith("sha256:") === true ? "@" : ":";
      const name =
        reference !== undefined
          ? `${whole}${separator}${reference}`
          : action === "pull"
            ? `the tags of ${whole}`
            : whole;
      throw new RegistryError(new Map([[error.message, [name]]]), deeds[action]);
    }
  }
}
