import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { sha256 } from "../delivery/basics/sha256.ts";
import { FakeDistribution } from "./fake-distribution.ts";
import {
  type FakeRegistryOptions,
  type RecordedRequest,
  mediaTypes,
} from "./fake-registry-answers.ts";
import { FakeTokens } from "./fake-registry-auth.ts";
import { FakeRegistryStore } from "./fake-registry-store.ts";

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
