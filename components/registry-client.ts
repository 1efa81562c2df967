import { InputError } from "./input-error";
import { fields, parseJson } from "./json-fields";
import type { Tls } from "./references";
import { dockerCredentials } from "./registry-credentials";
import { RequestSigner } from "./request-signer";
import {
  type Answer,
  Outage,
  Problem,
  RegistryTransport,
  checkAddress,
} from "./registry-transport";
import { sha256 } from "./source-tree";

/** Where a registry is, and how it is spoken to. */
export interface RegistryAddress {
  /** Host with an optional port, such as `ghcr.io` or `localhost:30500`. */
  readonly host: string;
  /** `skip-verify` takes any certificate, and plain HTTP from a server without TLS, as BuildKit's `registry.insecure` does. */
  readonly tls: Tls;
}

/** Limits of a {@link RegistryClient}, and where its credentials come from. */
export interface RegistryClientOptions {
  /** Longest time for one request. @default 10 s */
  readonly timeoutMs?: number;
  /** Longest time for one question with all its requests, from its first one on. @default 30 s */
  readonly deadlineMs?: number;
  /** First pause before a request is repeated; each further one is twice as long. @default 200 ms */
  readonly backOffMs?: number;
  /** Environment in which Docker's configuration is found. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** Finds the credentials of the host, once it asks for them. @default dockerCredentials */
  readonly credentials?: typeof dockerCredentials;
}

/** A manifest or an index as the registry holds it. */
export interface Manifest {
  /** `sha256:…` of its bytes. */
  readonly digest: string;
  readonly mediaType: string;
  /** The manifests of an index; none of a manifest. */
  readonly children: readonly ChildManifest[];
  /** `sha256:…` of each layer of a manifest; none of an index. */
  readonly layers: readonly string[];
  /** Bytes of config and layers; 0 of an index. */
  readonly size: number;
}

/** One entry of an index. */
export interface ChildManifest {
  readonly digest: string;
  /** Such as `linux/arm64`; undefined of what runs nowhere, such as an attestation. */
  readonly platform: string | undefined;
}

/** A registry that could not be read. */
export class RegistryError extends InputError {
  /** @param problems What could not be read (`host/repository:tag`), by what was wrong and what to do. */
  public constructor(public readonly problems: ReadonlyMap<string, readonly string[]>) {
    const lines = [...problems].map(
      ([problem, references]) => `${abridge(references)} could not be read: ${problem}`,
    );
    super(lines.join("\n"));
  }
}

const indexTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  ...indexTypes,
];

const mostAtOnce = 8;

/**
 * Reads manifests from one registry. It asks eight questions at once and repeats what fails by chance; an outage also
 * ends the questions that wait for their turn. Close it when done.
 *
 * @example
 * const client = new RegistryClient({ host: "ghcr.io", tls: "verify" });
 * const manifest = await client.manifest("owner/webui", "v1");
 */
export class RegistryClient {
  /** Host of the registry, as it was given. */
  public readonly host: string;
  private readonly transport: RegistryTransport;
  private readonly signer: RequestSigner;
  private readonly deadlineMs: number;
  private running = 0;
  private readonly waiting: { start: () => void; fail: (outage: Outage) => void }[] = [];

  public constructor(address: RegistryAddress, options: RegistryClientOptions = {}) {
    const { env = process.env, credentials = dockerCredentials, deadlineMs = 30_000 } = options;
    this.host = address.host;
    this.deadlineMs = deadlineMs;
    this.transport = new RegistryTransport(address, options);
    this.signer = new RequestSigner(this.transport, address.host, () =>
      credentials(address.host, env),
    );
  }

  /**
   * Reads the manifest under a tag or a `sha256:…`; undefined when the registry does not have it.
   *
   * @throws RegistryError when the registry says anything else, or nothing.
   */
  public manifest(repository: string, reference: string): Promise<Manifest | undefined> {
    return this.ask("GET", repository, reference, (answer) => readManifest(answer, reference));
  }

  /**
   * Whether the registry has the manifest with this `sha256:…`.
   *
   * @throws RegistryError when the registry does not say so.
   */
  public async exists(repository: string, digest: string): Promise<boolean> {
    const found = await this.ask("HEAD", repository, digest, (answer) => {
      requireManifestType(answer);
      requireDigest(saidDigest(answer) ?? digest, digest);
      return true;
    });
    return found ?? false;
  }

  /** Ends all connections; questions without an answer fail. */
  public close(): void {
    this.transport.close();
  }

  private async ask<T>(
    method: "GET" | "HEAD",
    repository: string,
    reference: string,
    read: (answer: Answer) => T,
  ): Promise<T | undefined> {
    try {
      return await this.inTurn(async () => {
        const url = this.transport.url(`/v2/${repository}/manifests/${reference}`);
        const request = { method, url, headers: { accept: manifestTypes.join(", ") } };
        const until = performance.now() + this.deadlineMs;
        const answer = await this.signer.send(request, repository, until);
        // Web servers that are no registry have pages for what they do not have.
        if (answer.status === 404 && contentType(answer) !== "text/html") return undefined;
        if (answer.status !== 200) throw await this.signer.refusal(answer);
        return read(answer);
      });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const separator = reference.startsWith("sha256:") ? "@" : ":";
      const name = `${this.host}/${repository}${separator}${reference}`;
      throw new RegistryError(new Map([[error.message, [name]]]));
    }
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running < mostAtOnce) this.running++;
    else
      await new Promise<void>((start, fail) => {
        this.waiting.push({ start, fail });
      });
    try {
      return await work();
    } catch (error) {
      if (error instanceof Outage) for (const { fail } of this.waiting.splice(0)) fail(error);
      throw error;
    } finally {
      const next = this.waiting.shift();
      if (next) next.start();
      else this.running--;
    }
  }
}

function readManifest(answer: Answer, reference: string): Manifest {
  const mediaType = requireManifestType(answer);
  const digest = `sha256:${sha256(answer.body)}`;
  requireDigest(digest, saidDigest(answer) ?? digest);
  if (reference.startsWith("sha256:")) requireDigest(digest, reference);

  const { manifests, layers, config } = fields(parseJson(answer.body));
  if (indexTypes.includes(mediaType)) {
    const children = list(manifests, mediaType).map((child) => readChild(fields(child), mediaType));
    return { digest, mediaType, children, layers: [], size: 0 };
  }
  const parts = list(layers, mediaType);
  return {
    digest,
    mediaType,
    children: [],
    layers: parts.map((layer) => String(fields(layer)["digest"])),
    size: [config, ...parts].map(sizeOf).reduce((sum, size) => sum + size),
  };
}

function list(value: unknown, mediaType: string): readonly unknown[] {
  if (!Array.isArray(value)) throw noManifest(mediaType);
  return value;
}

function readChild(
  { digest, platform }: Readonly<Record<string, unknown>>,
  type: string,
): ChildManifest {
  if (typeof digest !== "string" || !/^sha256:[0-9a-f]{64}$/.test(digest)) throw noManifest(type);
  const { os, architecture, variant } = fields(platform);
  const parts = [os, architecture, variant].filter((part) => typeof part === "string" && part);
  // How BuildKit marks attestations.
  const runs = parts.length > 0 && os !== "unknown";
  return { digest, platform: runs ? parts.join("/") : undefined };
}

function sizeOf(descriptor: unknown): number {
  const { size } = fields(descriptor);
  return typeof size === "number" ? size : 0;
}

function contentType({ headers }: Answer): string {
  return headers["content-type"]?.split(";")[0]?.trim() ?? "";
}

function requireManifestType(answer: Answer): string {
  const type = contentType(answer);
  if (!manifestTypes.includes(type)) throw noManifest(type || "no content type");
  return type;
}

function noManifest(type: string): Problem {
  return new Problem(`the answer (200, ${type}) is no manifest; ${checkAddress}`);
}

/** The digest that the registry claims, where it is one that can be compared. */
function saidDigest({ headers }: Answer): string | undefined {
  const said = headers["docker-content-digest"];
  return typeof said === "string" && said.startsWith("sha256:") ? said : undefined;
}

function requireDigest(digest: string, expected: string): void {
  if (digest === expected) return;
  throw new Problem(
    `the registry sent ${digest} for ${expected}; its store or a proxy before it is damaged, so mend that, and push again`,
  );
}

const mostNamed = 3;

function abridge(references: readonly string[]): string {
  const named = references.slice(0, mostNamed).join(", ");
  return references.length > mostNamed
    ? `${named} and ${references.length - mostNamed} more`
    : named;
}
