import { type KeyObject, generateKeyPairSync, sign } from "node:crypto";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { parseManifest } from "../../../delivery/registry/manifest-reader.ts";
import type { Descriptor, Manifest } from "../../../delivery/registry/types.ts";
import type { ArtifactReader } from "../../../delivery/signing/artifact-reader.ts";
import {
  type Attached,
  keyHint,
  preAuthenticationEncoding,
  predicateTypes,
} from "../../../delivery/signing/sigstore-bundle.ts";
import { mediaTypes } from "../../fake-registry-answers.ts";

/** A key pair as cosign makes them. */
export function keyPair(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

const bundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";
const payloadType = "application/vnd.in-toto+json";

/** How a statement is signed in a test. */
export interface Signature {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Digest of the signature. @default sha256 */
  readonly algorithm?: string | null;
  /** PEM of the certificate of an identity that goes into the bundle instead of the key's hint. */
  readonly certificate?: string;
  /** Changes the statement after it was signed. */
  readonly change?: (statement: string) => string;
}

/** A bundle with a statement about a digest, as cosign writes it. */
export function bundleOf(
  predicateType: string,
  digest: string,
  predicate: unknown,
  { privateKey, publicKey, certificate, algorithm = "sha256", change = (text) => text }: Signature,
): string {
  const subject = [{ digest: { sha256: digest.replace("sha256:", "") } }];
  const _type = "https://in-toto.io/Statement/v1";
  const statement = JSON.stringify({ _type, subject, predicateType, predicate });
  const signed = preAuthenticationEncoding(payloadType, Buffer.from(statement));
  const sig = sign(algorithm, signed, privateKey).toString("base64");
  const payload = Buffer.from(change(statement)).toString("base64");
  return JSON.stringify({
    mediaType: bundleMediaType,
    verificationMaterial: certificate
      ? { certificate: { rawBytes: certificate.replaceAll(/-----[A-Z ]+-----|\n/g, "") } }
      : { publicKey: { hint: keyHint(publicKey) } },
    dsseEnvelope: { payload, payloadType, signatures: [{ sig }] },
  });
}

/** A registry in memory that takes whatever it is given. */
export class MemoryRegistry implements ArtifactReader {
  public readonly host = "registry.test";
  private readonly manifests = new Map<string, Buffer>();
  private readonly tags = new Map<string, string>();
  private readonly blobs = new Map<string, Buffer>();

  public getManifest(repository: string, reference: string): Promise<Manifest | undefined> {
    const digest = this.tags.get(`${repository}:${reference}`) ?? reference;
    const bytes = this.manifests.get(`${repository}@${digest}`);
    return Promise.resolve(bytes && readManifest(bytes));
  }

  public getBlob(_: string, { digest }: Descriptor): Promise<Buffer | undefined> {
    return Promise.resolve(this.blobs.get(digest));
  }

  public listReferrers(repository: string, digest: string): Promise<Descriptor[]> {
    const found = [...this.manifests].filter(([key, bytes]) => {
      // Tests write manifests in this form.
      const { subject } = JSON.parse(bytes.toString()) as { subject?: { digest: string } };
      return key.startsWith(`${repository}@`) && subject?.digest === digest;
    });
    return Promise.resolve(
      found.map(([key, bytes]) => {
        const { annotations, artifactType, config } = readManifest(bytes);
        return {
          mediaType: mediaTypes.manifest,
          digest: key.slice(key.indexOf("@") + 1),
          size: bytes.length,
          artifactType: artifactType ?? config?.mediaType ?? "",
          annotations,
        };
      }),
    );
  }

  /** Stores a manifest, under a tag as well where one is given. Returns its digest. */
  public put(repository: string, body: unknown, tag?: string): string {
    const text = JSON.stringify(body);
    const digest = `sha256:${sha256(text)}`;
    this.manifests.set(`${repository}@${digest}`, Buffer.from(text));
    if (tag !== undefined) this.tags.set(`${repository}:${tag}`, digest);
    return digest;
  }

  /** Lets a tag lead somewhere else; to nothing without a digest. */
  public tag(repository: string, tag: string, digest?: string): void {
    if (digest === undefined) this.tags.delete(`${repository}:${tag}`);
    else this.tags.set(`${repository}:${tag}`, digest);
  }

  public remove(repository: string, digest: string): void {
    this.manifests.delete(`${repository}@${digest}`);
  }

  /** Stores a blob. */
  public putBlob(content: string, mediaType: string): Descriptor {
    const digest = `sha256:${sha256(content)}`;
    this.blobs.set(digest, Buffer.from(content));
    return { mediaType, digest, size: content.length };
  }

  /** Replaces the content of a blob, as no registry should. */
  public damage(digest: string, content: string): void {
    this.blobs.set(digest, Buffer.from(content));
  }

  /** Stores a manifest with a config of this content. Returns its digest. */
  public putImage(repository: string, config: unknown, configType: string, tag?: string): string {
    const body = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: this.putBlob(JSON.stringify(config), configType),
      layers: [],
    };
    return this.put(repository, body, tag);
  }

  /** Attaches a signed statement to a digest. */
  public attach(
    repository: string,
    digest: string,
    kind: Attached,
    signature: Signature,
    predicate: unknown = {},
  ): void {
    this.attachBundle(
      repository,
      digest,
      bundleOf(predicateTypes[kind], digest, predicate, signature),
      { "dev.sigstore.bundle.predicateType": predicateTypes[kind] },
    );
  }

  /** Attaches whatever a bundle holds. */
  public attachBundle(
    repository: string,
    digest: string,
    bundle: string,
    annotations: Readonly<Record<string, string>> = {},
  ): void {
    this.put(repository, {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      artifactType: bundleMediaType,
      config: this.putBlob("{}", "application/vnd.oci.empty.v1+json"),
      layers: [this.putBlob(bundle, bundleMediaType)],
      subject: { mediaType: mediaTypes.manifest, digest, size: 1 },
      annotations,
    });
  }

  /** Takes everything away that is attached to a digest. */
  public async detach(repository: string, digest: string): Promise<void> {
    for (const one of await this.listReferrers(repository, digest))
      this.remove(repository, one.digest);
  }
}

/** What tests leave out is as in an image without layers. */
function readManifest(bytes: Buffer): Manifest {
  // Tests write manifests in this form.
  const written = JSON.parse(bytes.toString()) as { mediaType?: string };
  const { mediaType = mediaTypes.manifest } = written;
  const whole = Buffer.from(JSON.stringify({ layers: [], ...written }));
  return { ...parseManifest(whole, mediaType), bytes, digest: `sha256:${sha256(bytes)}` };
}
