import { InputError } from "../../delivery/basics/input-error.ts";
import { RegistryError } from "../../delivery/registry/client.ts";
import type { Manifest } from "../../delivery/registry/types.ts";
import { isDigest } from "./garbage.ts";
import { ManifestReader } from "./manifest-reader.ts";
import type { Registry } from "./registry.ts";
import type { Store } from "./store.ts";

/** A registry that deletes as the OCI distribution specification has it. */
export class OciStore implements Store {
  public readonly deletesTags = true;
  private readonly reader: ManifestReader;
  private readonly registry: Registry;
  public readonly afterwards: string;

  /**
   * @param afterwards how the registry frees the space.
   */
  public constructor(registry: Registry, afterwards: string) {
    this.registry = registry;
    this.afterwards = afterwards;

    this.reader = new ManifestReader(registry, true);
  }

  public async repositories(namespace: string): Promise<string[]> {
    const all = await this.registry.listRepositories();
    return all.filter((repository) => repository.startsWith(`${namespace}/`));
  }

  public tags(repository: string): Promise<Map<string, string>> {
    return this.reader.tags(repository);
  }

  public justPushed(): readonly string[] {
    return [];
  }

  public manifests(repository: string, digests: Iterable<string>): Promise<Map<string, Manifest>> {
    return this.reader.withRelatives(repository, digests);
  }

  public async remove(repository: string, reference: string): Promise<string | undefined> {
    try {
      await this.registry.deleteManifest(repository, reference);
      return undefined;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (!isDigest(reference)) return "this registry does not delete tags alone";
      throw new InputError(
        `${this.registry.host} does not delete manifests; turn deletion on in its settings (storage.delete.enabled of distribution), or delete by its own means`,
      );
    }
  }
}

/** Whether a registry answered that it does not do this: 405, or 400 before version 1.1 of the specification. */
function isRefusal(error: unknown): boolean {
  return error instanceof RegistryError && /\b40[05] [A-Z]/.test(error.message);
}
