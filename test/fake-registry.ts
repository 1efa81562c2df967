import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { imageIndexType, imageManifestType } from "../components/oci";
import { sha256 } from "../components/source-tree";
import { FakeDistribution } from "./fake-distribution";
import { type FakeAuth, FakeTokens } from "./fake-registry-auth";
import { FakeRegistryStore } from "./fake-registry-store";

/** A request as the registry got it. */
export interface RecordedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  /** As UTF-8. */
  readonly body: string;
  /** As it came; empty where it was over 16 MiB. */
  readonly bytes: Buffer;
}

/** Answers a request its own way; false leaves it to the registry. `count` is 1 for the first request. */
export type Behaviour = (
  request: RecordedRequest,
  response: http.ServerResponse,
  count: number,
) => boolean;

/** Sees each piece of a body as it comes, and may answer at once or cut the connection. */
export type BodyBehaviour = (
  request: Pick<RecordedRequest, "method" | "path" | "headers">,
  response: http.ServerResponse,
  receivedBytes: number,
) => void;

/** How a fake registry starts. */
export interface FakeRegistryOptions {
  /** Manifest by `repository:tag`. */
  readonly manifests?: Readonly<Record<string, unknown>>;
  /** @default every request is answered as a registry does */
  readonly behaviour?: Behaviour;
  /** @default bodies are taken as they come */
  readonly onBody?: BodyBehaviour;
  /** Key and certificate for HTTPS. @default plain HTTP */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** @default everybody may do everything */
  readonly auth?: FakeAuth;
  /** Whether it lists referrers. @default false, as distribution and GHCR */
  readonly referrers?: boolean;
  /** Most tags of a page. @default 1000 */
  readonly pageSize?: number;
  /** Where an upload goes on, from its path with a query. @default the path */
  readonly location?: (path: string) => string;
}

/** A registry in this process. */
export interface FakeRegistry {
  /** Host and port. */
  readonly host: string;
  readonly url: string;
  /** All requests so far. */
  readonly requests: readonly RecordedRequest[];
  readonly store: FakeRegistryStore;
  /** Stores a manifest, under its digest as well; text is stored as it is, all else as JSON. Returns the digest. */
  setManifest(repository: string, reference: string, body: unknown, mediaType?: string): string;
  /** Stores a blob. Returns its digest. */
  setBlob(repository: string, bytes: Buffer | string): string;
  /** Removes a tag, or a digest with all its tags. */
  delete(repository: string, reference: string): void;
  /** Makes all tokens so far worth nothing. */
  revokeTokens(): void;
  close(): Promise<void>;
}

/** Media types of the manifests that tests store. */
export const mediaTypes = { manifest: imageManifestType, index: imageIndexType } as const;

/** A manifest that differs by `content`. */
export function manifestOf(content: string): unknown {
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: "", size: 7 };
  const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", size: 35 };
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { ...config, digest: `sha256:${sha256("{}")}` },
    layers: [{ ...layer, digest: `sha256:${sha256(content)}` }],
  };
}

/** An index of manifests, by platform such as `linux/arm64`; their sizes matter to few. */
export function indexOf(
  digests: Readonly<Record<string, string>>,
  sizeOf: (digest: string) => number = () => 100,
): unknown {
  const manifests = Object.entries(digests).map(([name, digest]) => {
    const [os, architecture, variant] = name.split("/");
    const platform = { os, architecture, ...(variant !== undefined && { variant }) };
    return { mediaType: mediaTypes.manifest, digest, size: sizeOf(digest), platform };
  });
  return { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
}

/** Most bytes of a body that are kept. */
const mostKept = 16 * 1024 * 1024;

/** Starts a registry on a free port of this machine; close it when done. */
export async function startRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const store = new FakeRegistryStore();
  const requests: RecordedRequest[] = [];
  const scheme = options.tls ? "https" : "http";
  const tokens = options.auth && new FakeTokens(options.auth, scheme);
  const distribution = new FakeDistribution(store, tokens, options);

  const listen: http.RequestListener = (incoming, response) => {
    const { method = "", url: path = "", headers } = incoming;
    const pieces: Buffer[] = [];
    const hash = createHash("sha256");
    let size = 0;
    incoming.on("data", (piece: Buffer) => {
      hash.update(piece);
      size += piece.length;
      if (size <= mostKept) pieces.push(piece);
      options.onBody?.({ method, path, headers }, response, size);
    });
    incoming.on("end", () => {
      const bytes = size <= mostKept ? Buffer.concat(pieces) : Buffer.alloc(0);
      const request = { method, path, headers, body: bytes.toString(), bytes };
      requests.push(request);
      if (response.writableEnded || response.destroyed) return;
      if (options.behaviour?.(request, response, requests.length) === true) return;
      const digest = `sha256:${hash.digest("hex")}`;
      distribution.answer(
        request,
        { digest, size, bytes: size <= mostKept ? bytes : undefined },
        response,
      );
    });
  };

  const server = options.tls ? https.createServer(options.tls, listen) : http.createServer(listen);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A server that listens on a port has such an address.
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  const registry: FakeRegistry = {
    host,
    url: `${scheme}://${host}`,
    requests,
    store,
    setManifest(repository, reference, body, mediaType = mediaTypes.manifest) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      return store.putManifest(repository, reference, { bytes: Buffer.from(text), mediaType });
    },
    setBlob(repository, content) {
      const bytes = Buffer.from(content);
      const digest = `sha256:${sha256(bytes)}`;
      store.putBlob(repository, { digest, size: bytes.length, bytes });
      return digest;
    },
    delete(repository, reference) {
      store.deleteManifest(repository, reference);
    },
    revokeTokens() {
      tokens?.revoke();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  for (const [name, body] of Object.entries(options.manifests ?? {})) {
    const [repository = "", tag = ""] = name.split(":");
    registry.setManifest(repository, tag, body);
  }
  return registry;
}

/** Sends a JSON document. */
export function sendJson(
  response: http.ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

/** Sends an error as registries do. */
export function sendError(
  response: http.ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  sendJson(response, status, { errors: [{ code, message }] }, headers);
}

/** A key and a certificate for 127.0.0.1 that no authority has signed. */
export function selfSigned(): { key: string; cert: string } {
  const args =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=registry " +
    "-addext subjectAltName=IP:127.0.0.1 -keyout - -out -";
  const { stdout, stderr } = spawnSync("openssl", args.split(" "), { encoding: "utf8" });
  const end = "-----END PRIVATE KEY-----\n";
  const [key, cert] = stdout.split(end);
  if (key === undefined || cert === undefined) throw new Error(`openssl made no key: ${stderr}`);
  return { key: `${key}${end}`, cert };
}
