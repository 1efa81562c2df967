import type { IncomingHttpHeaders } from "node:http";
import type { Tls } from "./references.ts";

/** Host of a registry, and the encryption of connections to it. */
export interface RegistryAddress {
  /** Host with an optional port, such as `ghcr.io` or `localhost:30500`. */
  readonly host: string;
  /** `skip-verify` takes any certificate, and plain HTTP from a server without TLS, as BuildKit's `registry.insecure` does. */
  readonly tls: Tls;
}

/** Limits of a {@link RegistryClient}, and where its credentials come from. */
export interface RegistryClientOptions {
  /**
   * Longest time for one request. Of a download, longest time between two pieces; of an upload, the registry has six times as
   * long to take the next piece or to respond.
   *
   * @default 10 s
   */
  readonly timeoutMs?: number;
  /** Longest time for one call with all its requests, from its first one on; a list has it for each page. @default 30 s */
  readonly deadlineMs?: number;
  /** First pause before a request is repeated; each further pause is twice as long. @default 200 ms */
  readonly backOffMs?: number;
  /** Environment in which credentials and Docker's configuration are found. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** Finds the credentials of the host when it asks for them first. @default registryCredentials */
  readonly credentials?: (
    host: string,
    env: NodeJS.ProcessEnv,
  ) => Promise<FoundCredentials | undefined>;
}

/** Reference to a blob or a manifest, as manifests and indexes hold it. */
export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:…` of its bytes. */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  /** Kind of artifact; left out except in lists of referrers. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Platform as the registry sent it. */
  readonly platform?: unknown;
}

/** A manifest or an index as the registry holds it. */
export interface Manifest {
  /** `sha256:…` of its bytes. */
  readonly digest: string;
  readonly mediaType: string;
  /** Its bytes as the registry holds them. */
  readonly bytes: Buffer;
  /** The manifests of an index; none of a manifest. */
  readonly children: readonly ChildManifest[];
  /** `sha256:…` of each layer of a manifest; none of an index. */
  readonly layers: readonly string[];
  /** Config and layers of a manifest, in this order; none of an index. */
  readonly blobs: readonly Descriptor[];
  /** Left out of an index. */
  readonly config?: Descriptor;
  /** Kind of artifact; left out of images and indexes. */
  readonly artifactType?: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** `sha256:…` of the manifest that this one is a referrer of; left out where there is none. */
  readonly subject?: string;
  /** Bytes of config and layers; 0 of an index. */
  readonly size: number;
}

/** One entry of an index. */
export interface ChildManifest {
  readonly digest: string;
  /** Such as `linux/arm64`; undefined of entries that do not run, such as attestations. */
  readonly platform: string | undefined;
  /** The whole entry. */
  readonly descriptor: Descriptor;
}

/** Repository and action of a request, which decide the rights of its token and the message when it fails. */
export interface Scope {
  readonly action: "pull" | "push" | "delete";
  /** Path in the registry, without its host. */
  readonly repository: string;
  /** Repository of the same registry from which a blob is mounted. */
  readonly from?: string;
}

/** Bytes that are streamed, from their beginning each time that they are opened. */
export interface Source {
  readonly size: number;
  /** @throws InputError when the bytes cannot be read. */
  open(): AsyncIterable<Buffer>;
}

/** Request to a registry or its token service. */
export interface RegistryRequest {
  readonly scope: Scope;
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | Source;
  /** Takes the body of a 200 or 206 while it arrives, so that the response has none. */
  readonly sink?: (response: ResponseHead, pieces: AsyncIterable<Buffer>) => Promise<void>;
  /** Whether the registry may have to check or move data before it responds. @default false */
  readonly slow?: boolean;
  /** Whether redirects are followed; other methods than GET and HEAD never are. @default true */
  readonly follow?: boolean;
}

/** Response without its body. */
export interface ResponseHead {
  /** Address that it came from, after redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** Response with its whole body. */
export interface RegistryResponse extends ResponseHead {
  readonly body: Buffer;
}

/** Credentials of a registry: a password, or an identity token to trade for access tokens. */
export type Credentials =
  { readonly username: string; readonly password: string } | { readonly identityToken: string };

/** Credentials, and where they are from. */
export type FoundCredentials = Credentials & {
  /** Place of the token, such as a variable of the environment; left out where `docker login` stored it. */
  readonly source?: string;
};

/** Credentials that the environment, or the stack that it names, holds for one host. */
export interface EnvironmentCredentials {
  readonly host: string;
  readonly credentials: FoundCredentials;
}
