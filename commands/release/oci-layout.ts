import { createHash } from "node:crypto";
import {
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { InputError } from "../../delivery/basics/input-error.ts";
import { fields, parseJson } from "../../delivery/basics/json-fields.ts";
import { descriptorOf } from "../../delivery/registry/artifact.ts";
import { RegistryFailure } from "../../delivery/registry/failure.ts";
import { parseManifest, readDescriptor } from "../../delivery/registry/manifest-reader.ts";
import { imageIndexType, imageManifestType } from "../../delivery/registry/media-types.ts";
import { isDigest } from "../../delivery/registry/references.ts";
import type { Descriptor, Manifest } from "../../delivery/registry/types.ts";
import type { ArtifactReader } from "../../delivery/signing/artifact-reader.ts";
import type { ArtifactSource, ArtifactTarget } from "./artifact-copy.ts";

const refName = "org.opencontainers.image.ref.name";
/** Repository of what has no tag, such as a signature. */
const repositoryAnnotation = "dev.tinyolly.repository";
const version = `{"imageLayoutVersion":"1.0.0"}`;

/** An entry of the layout's index. */
interface Entry {
  readonly descriptor: Descriptor;
  readonly repository: string;
  /** Left out of what is found from its subject. */
  readonly tag?: string;
}

/**
 * A folder in the OCI image layout that holds artifacts of several repositories, each named by its path below the namespace:
 * `webui:v2.1.8`. It can be copied to and from, and verified, like a registry.
 */
export class OciLayout implements ArtifactSource, ArtifactTarget, ArtifactReader {
  public readonly host: string;
  readonly #folder: string;
  readonly #entries: Entry[];

  private constructor(folder: string, name: string, entries: Entry[]) {
    this.#folder = folder;
    this.host = name;
    this.#entries = entries;
  }

  /** A new layout in an empty folder; {@link finish} makes it whole. */
  public static create(folder: string, name: string): OciLayout {
    mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
    return new OciLayout(folder, name, []);
  }

  /**
   * Opens a layout, and makes sure that every file of it is what its name says.
   *
   * @param name What it is called in messages.
   * @throws InputError that names the first file that is not.
   */
  public static async open(folder: string, name: string): Promise<OciLayout> {
    const known = ["blobs", "index.json", "oci-layout"];
    const strange = readdirSync(folder).find((entry) => !known.includes(entry));
    if (strange !== undefined) throw damaged(name, `it holds ${strange}`);
    if (!existsSync(join(folder, "oci-layout"))) throw damaged(name, "it has no oci-layout");
    const blobs = join(folder, "blobs/sha256");
    for (const blob of existsSync(blobs) ? readdirSync(blobs) : []) {
      if ((await fileDigest(join(blobs, blob))) !== blob)
        throw damaged(name, `the content of ${blob.slice(0, 12)}… does not have that digest`);
    }
    const file = join(folder, "index.json");
    const { manifests } = fields(existsSync(file) ? parseJson(readFileSync(file)) : undefined);
    if (!Array.isArray(manifests)) throw damaged(name, "it has no index.json that lists manifests");
    const entries = manifests.map((entry) => readEntry(readDescriptor(entry)));
    const layout = new OciLayout(folder, name, entries);
    for (const { repository, descriptor } of entries) layout.#requireFile(repository, descriptor);
    return layout;
  }

  /**
   * Makes sure that an artifact is there with all that is copied with it: what it consists of, and what says something about it.
   *
   * @throws InputError that names the first thing that is missing.
   */
  public async requireWhole(repository: string, digest: string): Promise<void> {
    const manifest = await this.getManifest(repository, digest);
    if (!manifest) throw damaged(this.host, `${repository} lacks ${digest}`);
    const children = manifest.children.map(({ descriptor }) => descriptor);
    const others = [...children, ...(await this.listReferrers(repository, digest))];
    for (const part of [...manifest.blobs, ...others]) this.#requireFile(repository, part);
    for (const other of others) await this.requireWhole(repository, other.digest);
  }

  /** What has a tag, as `repository:tag`. */
  public tagged(): readonly { readonly repository: string; readonly tag: string }[] {
    return this.#entries.flatMap(({ repository, tag }) =>
      tag === undefined ? [] : [{ repository, tag }],
    );
  }

  public getManifest(repository: string, reference: string): Promise<Manifest | undefined> {
    const entry = this.#entries.find(
      (one) => one.repository === repository && one.tag === reference,
    );
    const digest = entry?.descriptor.digest ?? reference;
    if (!isDigest(digest) || !existsSync(this.#file(digest))) return Promise.resolve(undefined);
    const bytes = readFileSync(this.#file(digest));
    try {
      return Promise.resolve(parseManifest(bytes, mediaTypeOf(bytes)));
    } catch (error) {
      // It speaks of a registry's answer.
      const isOther = error instanceof RegistryFailure;
      throw isOther ? damaged(this.host, `${repository}@${digest} is no manifest`) : error;
    }
  }

  public async listReferrers(repository: string, digest: string): Promise<readonly Descriptor[]> {
    const found: Descriptor[] = [];
    for (const { descriptor, repository: own, tag } of this.#entries) {
      if (own !== repository || tag !== undefined) continue;
      if ((await this.getManifest(repository, descriptor.digest))?.subject === digest)
        found.push(descriptor);
    }
    return found;
  }

  public downloadBlob(_: string, { digest }: Descriptor, file: string): Promise<void> {
    if (!existsSync(this.#file(digest)))
      return Promise.reject(new InputError(`${this.host} lacks ${digest}; make the bundle again`));
    copyFileSync(this.#file(digest), file);
    return Promise.resolve();
  }

  public getBlob(_: string, { digest }: Descriptor): Promise<Buffer | undefined> {
    const file = this.#file(digest);
    return Promise.resolve(existsSync(file) ? readFileSync(file) : undefined);
  }

  public hasManifest(_: string, digest: string): Promise<boolean> {
    return Promise.resolve(existsSync(this.#file(digest)));
  }

  public hasBlob(_: string, digest: string): Promise<boolean> {
    return Promise.resolve(existsSync(this.#file(digest)));
  }

  public uploadBlob(_: string, { digest }: Descriptor, source: Buffer | string): Promise<"pushed"> {
    if (typeof source === "string") copyFileSync(source, this.#file(digest));
    else writeFileSync(this.#file(digest), source);
    return Promise.resolve("pushed");
  }

  public putManifest(
    repository: string,
    reference: string,
    { bytes, mediaType }: Pick<Manifest, "bytes" | "mediaType">,
  ): Promise<string> {
    const descriptor = this.#store(bytes, mediaType);
    if (!reference.startsWith("sha256:")) this.#add({ descriptor, repository, tag: reference });
    return Promise.resolve(descriptor.digest);
  }

  public attachReferrer(repository: string, { bytes, mediaType }: Manifest): Promise<string> {
    const descriptor = this.#store(bytes, mediaType);
    this.#add({ descriptor, repository });
    return Promise.resolve(descriptor.digest);
  }

  /** Writes the index, in an order that only depends on what it lists. */
  public finish(): void {
    const manifests = this.#entries
      .map(writeEntry)
      .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    const index = { schemaVersion: 2, mediaType: imageIndexType, manifests };
    writeFileSync(join(this.#folder, "index.json"), JSON.stringify(index));
    writeFileSync(join(this.#folder, "oci-layout"), version);
  }

  #store(bytes: Buffer, mediaType: string): Descriptor {
    const descriptor = descriptorOf(bytes, mediaType);
    writeFileSync(this.#file(descriptor.digest), bytes);
    return descriptor;
  }

  #add(entry: Entry): void {
    const name = nameOf(writeEntry(entry));
    if (!this.#entries.some((other) => nameOf(writeEntry(other)) === name))
      this.#entries.push(entry);
  }

  #requireFile(repository: string, { digest, size }: Descriptor): void {
    const status = statSync(this.#file(digest), { throwIfNoEntry: false });
    if (!status) throw damaged(this.host, `${repository} lacks ${digest}`);
    if (status.size === size) return;
    throw damaged(
      this.host,
      `${digest} of ${repository} has ${status.size} bytes, and not the ${size} that are stated`,
    );
  }

  /** @throws InputError for what is no digest, since it could lead out of the folder. */
  #file(digest: string): string {
    if (isDigest(digest)) return join(this.#folder, "blobs/sha256", digest.slice("sha256:".length));
    throw damaged(this.host, `it names ${JSON.stringify(digest)}, which is no digest`);
  }
}

function damaged(name: string, what: string): InputError {
  return new InputError(
    `${name} is not the bundle that was made: ${what}; get it again from where it comes from, and compare the digest that make bundle printed`,
  );
}

/** Manifests name their type themselves, but need not. */
function mediaTypeOf(bytes: Buffer): string {
  const { mediaType, manifests } = fields(parseJson(bytes));
  if (typeof mediaType === "string") return mediaType;
  return manifests === undefined ? imageManifestType : imageIndexType;
}

function readEntry({ annotations = {}, ...descriptor }: Descriptor): Entry {
  const [, repository = "", tag = ""] = /^(.+):([^:/]+)$/.exec(annotations[refName] ?? "") ?? [];
  return repository === ""
    ? { descriptor, repository: annotations[repositoryAnnotation] ?? "" }
    : { descriptor, repository, tag };
}

function writeEntry({ descriptor, repository, tag }: Entry): Descriptor {
  const annotations =
    tag === undefined
      ? { [repositoryAnnotation]: repository }
      : { [refName]: `${repository}:${tag}` };
  return { ...descriptor, annotations };
}

function nameOf({ digest, annotations }: Descriptor): string {
  return `${Object.values(annotations ?? {}).join()}@${digest}`;
}

async function fileDigest(file: string): Promise<string> {
  const hash = createHash("sha256");
  // A stream of a file without encoding has buffers.
  for await (const piece of createReadStream(file) as AsyncIterable<Buffer>) hash.update(piece);
  return hash.digest("hex");
}
