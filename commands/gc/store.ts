import type { Manifest } from "../../delivery/registry/types.ts";

/** A registry from which things can be deleted. */
export interface Store {
  /** Whether a tag can be deleted while its manifest stays. */
  readonly deletesTags: boolean;
  /** What to do, or to know, once something was deleted. */
  readonly afterwards: string;
  /** Names of the repositories below a namespace, as far as the registry tells them. */
  repositories(namespace: string): Promise<string[]>;
  /** Digest by tag, as it is now; none of a repository that is not there. */
  tags(repository: string): Promise<Map<string, string>>;
  /** Digests that may still be on their way into a tag or an index, once {@link tags} was read; none where no time is told. */
  justPushed(repository: string): readonly string[];
  /** By digest: the given ones with all that belongs to them, and others that the registry tells. */
  manifests(repository: string, digests: Iterable<string>): Promise<Map<string, Manifest>>;
  /**
   * Deletes a tag alone, or a manifest with its tags; what is not there any more is fine.
   *
   * @returns why the registry keeps it, as a clause; undefined when it is gone.
   */
  remove(repository: string, reference: string): Promise<string | undefined>;
}
