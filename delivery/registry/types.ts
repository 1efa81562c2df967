import type { IncomingHttpHeaders } from "node:http";
import type { Tls } from "./references.ts";

/** Where a registry is, and how it is spoken to. */
export interface RegistryAddress {
  /** Host with an optional port, such as `ghcr.io` or `localhost:30500`. */
  readonly host: string;
  /** `skip-verify` takes any certificate, and plain HTTP from a server without TLS, as BuildKit's `registry.insecure` does. */
  readonly tls: Tls;
}

/** Limits of a {@link RegistryClient}, and where its credentials come from. */
export interface RegistryClientOptions {
  /**
   * Longest time for one request. Where a blob comes, longest time in which nothing of it does; where something is pushed,
   * the registry has six times as long to take the next part or to answer.
   *
   * @default 10 s
   */
  readonly timeoutMs?: number;
  /** Longest time for one question with all its requests, from its first one on; a list has it for each page. @default 30 s */
  readonly deadlineMs?: number;
  /** First pause before a request is repeated; each further one is twice as long. @default 200 ms */
  readonly backOffMs?: number;
  /** Environment in which credentials and Docker's configuration are found. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** Finds the credentials of the host, once it asks for them. @default registryCredentials */
  readonly credentials?: (
    host: string,
    env: NodeJS.ProcessEnv,
  ) => Promise<FoundCredentials | undefined>;
}

/** A blob or a manifest as others refer to it. */
export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:…` of its bytes. */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  /** What an artifact is, among referrers. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** As it was sent. */
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
  /** What an artifact is; left out of all else. */
  readonly artifactType?: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** `sha256:…` of the manifest that it says something about; left out where there is none. */
  readonly subject?: string;
  /** Bytes of config and layers; 0 of an index. */
  readonly size: number;
}

/** One entry of an index. */
export interface ChildManifest {
  readonly digest: string;
  /** Such as `linux/arm64`; undefined of what runs nowhere, such as an attestation. */
  readonly platform: string | undefined;
  /** The whole entry. */
  readonly descriptor: Descriptor;
}

/** What a request is for: it decides the rights of its token, and what is said when it fails. */
export interface Scope {
  readonly action: "pull" | "push" | "delete";
  /** Path in the registry, without its host. */
  readonly repository: string;
  /** Repository of the same registry from which a blob is taken over. */
  readonly from?: string;
}

/** Bytes that are sent piece by piece, from their beginning each time that they are opened. */
export interface Source {
  readonly size: number;
  /** @throws InputError when they cannot be read. */
  open(): AsyncIterable<Buffer>;
}

/** A request that is sent as it is. */
export interface RegistryRequest {
  readonly scope: Scope;
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | Source;
  /** Takes the body of a 200 or 206 while it comes, so that the answer has none. */
  readonly sink?: (response: ResponseHead, pieces: AsyncIterable<Buffer>) => Promise<void>;
  /** Whether the registry may have to work on it before it answers. @default false */
  readonly slow?: boolean;
  /** Whether redirects are followed; other methods than GET and HEAD never are. @default true */
  readonly follow?: boolean;
}

/** An answer without its body. */
export interface ResponseHead {
  /** Where it came from, after redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** An answer with its whole body. */
export interface RegistryResponse extends ResponseHead {
  readonly body: Buffer;
}

/** What `docker login` left for a registry: a password, or an identity token to trade for access tokens. */
export type Credentials =
  { readonly username: string; readonly password: string } | { readonly identityToken: string };

/** Credentials, and where they are from. */
export type FoundCredentials = Credentials & {
  /** Where the token is, such as a variable of the environment; left out of what `docker login` left. */
  readonly source?: string;
};

/** Credentials that the environment, or what it names, holds for one host. */
export interface EnvironmentCredentials {
  readonly host: string;
  readonly credentials: FoundCredentials;
}
