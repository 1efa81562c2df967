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

/** Failure of a registry to give, take or delete something. */
export class RegistryError extends InputError {
  public readonly problems: ReadonlyMap<string, readonly string[]>;
  public readonly deed: "read" | "pushed" | "deleted";

  /**
   * @param problems References (`host/repository:tag`) by what is wrong with them and what to do.
   * @param deed Action that failed.
   */
  public constructor(
    problems: ReadonlyMap<string, readonly string[]>,
    deed: "read" | "pushed" | "deleted" = "read",
  ) {
    // Rights are given for one repository at a time, so users need the names of all.
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
 * Reads, writes and deletes in one registry. It runs eight calls at once and repeats requests after transient failures; an
 * outage also ends the calls that wait. Close it when done.
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
   * @throws RegistryError when the registry answers with neither of both, or not at all.
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
   * Lists all tags of a repository, in the order of their characters; none where the registry does not know the repository.
   *
   * @throws RegistryError when the registry does not say so.
   */
  public listTags(repository: string): Promise<string[]> {
    return this.attempt("pull", repository, undefined, (scope) => listTags(this.connection, scope));
  }

  /**
   * Lists all repositories by name; none where the registry has no such list, or not for this user.
   *
   * @throws RegistryError when it cannot be reached.
   */
  public listRepositories(): Promise<string[]> {
    return this.attempt("pull", "", undefined, () => listRepositories(this.connection));
  }

  /**
   * Reads a blob of at most 8 MiB; undefined when the registry does not have it.
   *
   * @throws RegistryError when the registry refuses it or sends other bytes, or when the blob is larger.
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
   * Writes a blob of any size to a file. After an interruption the download goes on where it ended; an incomplete file is
   * deleted.
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
   * Uploads a blob unless the repository has it; returns whether it was there, was mounted from another repository or was sent.
   *
   * @param source Its bytes, or the path of a file that holds them.
   * @param mountFrom Repository of this registry to mount it from; where that fails, the bytes are sent.
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
   * Makes sure that the registry takes uploads to a repository, by one that is begun and cancelled.
   *
   * @throws RegistryError when it does not.
   */
  public checkPush(repository: string): Promise<void> {
    return this.attempt("push", repository, undefined, (scope) =>
      checkPush(this.connection, scope),
    );
  }

  /**
   * Puts a manifest under a tag, which moves if it exists, or under its own `sha256:…`. Returns its digest.
   *
   * @throws RegistryError when the registry does not take it, or answers with another digest.
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
   * of its subject; where it will not, `attachReferrer` lists it under a tag.
   *
   * @throws RegistryError when the registry does not take it, or answers with another digest.
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
   * Lists the manifests whose subject is the one with this `sha256:…`: those that the registry lists, or those under the
   * referrers tag where it has no such list.
   *
   * @throws RegistryError when the registry does not say so.
   */
  public async listReferrers(repository: string, digest: string): Promise<readonly Descriptor[]> {
    const listed = await this.attempt("pull", repository, digest, (scope) =>
      listReferrers(this.connection, scope, digest),
    );
    if (listed) return listed;
    const found = await this.getManifest(repository, referrersTag(digest));
    // GitLab answers this tag with the subject itself.
    if (!found || found.digest === digest) return [];
    return found.children.map(({ descriptor }) => descriptor);
  }

  /** Ends all connections; calls that still run or wait fail. */
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

  /** Runs work within the limit, and adds the reference to its failure. */
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
