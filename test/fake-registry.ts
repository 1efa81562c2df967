import { spawnSync } from "node:child_process";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { sha256 } from "../components/source-tree";

/** A request as the registry got it. */
export interface RecordedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Answers a request its own way; false leaves it to the registry. `count` is 1 for the first request. */
export type Behaviour = (
  request: RecordedRequest,
  response: http.ServerResponse,
  count: number,
) => boolean;

/** How a fake registry starts. */
export interface FakeRegistryOptions {
  /** Manifest by `repository:tag`. */
  readonly manifests?: Readonly<Record<string, unknown>>;
  /** @default every request is answered as a registry does */
  readonly behaviour?: Behaviour;
  /** Key and certificate for HTTPS. @default plain HTTP */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A registry in this process that holds manifests and takes none. */
export interface FakeRegistry {
  /** Host and port. */
  readonly host: string;
  readonly url: string;
  /** All requests so far. */
  readonly requests: readonly RecordedRequest[];
  /** Stores a manifest, under its digest as well; text is stored as it is, all else as JSON. Returns the digest. */
  setManifest(repository: string, reference: string, body: unknown, mediaType?: string): string;
  /** Removes a tag, or a digest with all its tags. */
  delete(repository: string, reference: string): void;
  close(): Promise<void>;
}

/** Media types of the manifests that tests store. */
export const mediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
} as const;

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

/** An index of manifests, by platform such as `linux/arm64`. */
export function indexOf(digests: Readonly<Record<string, string>>): unknown {
  const manifests = Object.entries(digests).map(([name, digest]) => {
    const [os, architecture, variant] = name.split("/");
    const platform = { os, architecture, ...(variant !== undefined && { variant }) };
    return { mediaType: mediaTypes.manifest, digest, size: 100, platform };
  });
  return { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
}

/** Starts a registry on a free port of this machine; close it when done. */
export async function startRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const store = new Map<string, { readonly body: string; readonly mediaType: string }>();
  const tags = new Map<string, string>();
  const requests: RecordedRequest[] = [];

  const answer = (request: RecordedRequest, response: http.ServerResponse): void => {
    const [, repository = "", reference = ""] =
      /^\/v2\/(.+)\/manifests\/([^/?]+)$/.exec(request.path) ?? [];
    const digest = tags.get(`${repository}:${reference}`) ?? reference;
    const found = store.get(`${repository}@${digest}`);
    if (found) {
      response.writeHead(200, {
        "content-type": found.mediaType,
        "content-length": Buffer.byteLength(found.body),
        "docker-content-digest": digest,
      });
      response.end(request.method === "HEAD" ? undefined : found.body);
    } else {
      const known = [...store.keys()].some((key) => key.startsWith(`${repository}@`));
      sendJson(response, 404, {
        errors: [{ code: known ? "MANIFEST_UNKNOWN" : "NAME_UNKNOWN", message: "not found" }],
      });
    }
  };
  const listen: http.RequestListener = (incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const { method = "", url: path = "", headers } = incoming;
      const request = { method, path, headers, body: Buffer.concat(chunks).toString() };
      requests.push(request);
      if (options.behaviour?.(request, response, requests.length) !== true)
        answer(request, response);
    });
  };

  const server = options.tls ? https.createServer(options.tls, listen) : http.createServer(listen);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A server that listens on a port has such an address.
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  const registry: FakeRegistry = {
    host,
    url: `${options.tls ? "https" : "http"}://${host}`,
    requests,
    setManifest(repository, reference, body, mediaType = mediaTypes.manifest) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const digest = `sha256:${sha256(text)}`;
      store.set(`${repository}@${digest}`, { body: text, mediaType });
      if (reference !== digest) tags.set(`${repository}:${reference}`, digest);
      return digest;
    },
    delete(repository, reference) {
      if (!tags.delete(`${repository}:${reference}`)) store.delete(`${repository}@${reference}`);
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
