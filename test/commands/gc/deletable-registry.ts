import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { fields, parseJson } from "../../../delivery/basics/json-fields.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { sendJson } from "../../fake-registry-answers.ts";
import type { Target } from "./artifacts.ts";

/** What a {@link DeletableRegistry} can do. */
export interface DeletableOptions {
  /** Whether a tag can be deleted alone. @default true */
  readonly deletesTags?: boolean;
  /** Whether anything can be deleted. @default true */
  readonly deletes?: boolean;
  /** Whether it lists what refers to a manifest. @default false */
  readonly listsReferrers?: boolean;
  /** Whether it names its repositories. @default true */
  readonly hasCatalog?: boolean;
}

interface Held {
  readonly tags: Map<string, string>;
  readonly manifests: Map<string, { readonly bytes: Buffer; readonly mediaType: string }>;
  readonly blobs: Map<string, Buffer>;
}

/** A registry in this process from which things can be deleted. */
export class DeletableRegistry implements Target {
  /** All requests that were to change something, such as `DELETE /v2/…`. */
  public readonly changes: string[] = [];
  /** Called before each request is answered. */
  public onRequest: (method: string, path: string) => void = () => undefined;
  private readonly held = new Map<string, Held>();
  private readonly server: http.Server;
  private readonly options: DeletableOptions;

  private constructor(server: http.Server, options: DeletableOptions) {
    this.server = server;
    this.options = options;
  }

  /** Starts one on a free port of this machine; close it when done. */
  public static async start(options: DeletableOptions = {}): Promise<DeletableRegistry> {
    const server = http.createServer();
    const registry = new DeletableRegistry(server, options);
    server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
      request.resume();
      registry.answer(request.method ?? "", request.url ?? "", response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  /** Host and port. */
  public get host(): string {
    // A server that listens on a port has such an address.
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  public putBlob(repository: string, bytes: Buffer): Promise<string> {
    const digest = `sha256:${sha256(bytes)}`;
    this.repository(repository).blobs.set(digest, bytes);
    return Promise.resolve(digest);
  }

  public putManifest(
    repository: string,
    tag: string | undefined,
    bytes: Buffer,
    mediaType: string,
  ): Promise<string> {
    const digest = `sha256:${sha256(bytes)}`;
    const { tags, manifests } = this.repository(repository);
    manifests.set(digest, { bytes, mediaType });
    if (tag !== undefined) tags.set(tag, digest);
    return Promise.resolve(digest);
  }

  /** Takes a tag or a manifest away without a request. */
  public remove(repository: string, reference: string): void {
    const { tags, manifests } = this.repository(repository);
    if (tags.delete(reference)) return;
    manifests.delete(reference);
    for (const [tag, digest] of tags) if (digest === reference) tags.delete(tag);
  }

  /** All tags and digests, such as `space/web:v1` and `space/web@sha256:…`, in order. */
  public all(): string[] {
    return [...this.held]
      .flatMap(([repository, { tags, manifests }]) => [
        ...[...tags.keys()].map((tag) => `${repository}:${tag}`),
        ...[...manifests.keys()].map((digest) => `${repository}@${digest}`),
      ])
      .sort();
  }

  /** Ends it. */
  public close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => {
        resolve();
      });
      this.server.closeAllConnections();
    });
  }

  private repository(name: string): Held {
    const held = this.held.get(name) ?? {
      tags: new Map(),
      manifests: new Map(),
      blobs: new Map(),
    };
    this.held.set(name, held);
    return held;
  }

  private answer(method: string, url: string, response: http.ServerResponse): void {
    this.onRequest(method, url);
    if (method !== "GET" && method !== "HEAD") this.changes.push(`${method} ${url}`);
    const { pathname, searchParams } = new URL(url, "http://registry");
    if (pathname === "/v2/_catalog") {
      if (this.options.hasCatalog === false) refuse(response, 404, "NAME_UNKNOWN");
      else sendPage(response, url, "repositories", [...this.held.keys()], searchParams);
      return;
    }
    const [, name = "", kind = "", reference = ""] =
      /^\/v2\/(.+)\/(tags|manifests|blobs|referrers)\/([^/]+)$/.exec(pathname) ?? [];
    const held = this.held.get(name);
    if (!held) refuse(response, 404, "NAME_UNKNOWN");
    else if (kind === "tags")
      sendPage(response, url, "tags", [...held.tags.keys()], searchParams, name);
    else if (kind === "referrers") this.answerReferrers(held, reference, response);
    else if (kind === "blobs") answerBlob(held, reference, response);
    else this.answerManifest(method, held, name, reference, response);
  }

  private answerManifest(
    method: string,
    { tags, manifests }: Held,
    name: string,
    reference: string,
    response: http.ServerResponse,
  ): void {
    const isTag = !reference.includes(":");
    const digest = isTag ? (tags.get(reference) ?? "") : reference;
    const found = manifests.get(digest);
    const { deletes = true, deletesTags = true } = this.options;
    if (!found) refuse(response, 404, "MANIFEST_UNKNOWN");
    else if (method !== "DELETE") {
      response.writeHead(200, {
        "content-type": found.mediaType,
        "content-length": found.bytes.length,
        "docker-content-digest": digest,
      });
      response.end(method === "HEAD" ? undefined : found.bytes);
    } else if (!deletes || (isTag && !deletesTags)) refuse(response, 405, "UNSUPPORTED");
    else {
      this.remove(name, reference);
      response.writeHead(202).end();
    }
  }

  private answerReferrers(
    { manifests }: Held,
    subject: string,
    response: http.ServerResponse,
  ): void {
    if (this.options.listsReferrers !== true) {
      refuse(response, 404, "NOT_FOUND");
      return;
    }
    const found = [...manifests].filter(
      ([, { bytes }]) => fields(fields(parseJson(bytes))["subject"])["digest"] === subject,
    );
    response.writeHead(200, { "content-type": "application/vnd.oci.image.index.v1+json" });
    response.end(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: found.map(([digest, { bytes, mediaType }]) => ({
          mediaType,
          digest,
          size: bytes.length,
        })),
      }),
    );
  }
}

function answerBlob({ blobs }: Held, digest: string, response: http.ServerResponse): void {
  const blob = blobs.get(digest);
  if (!blob) {
    refuse(response, 404, "BLOB_UNKNOWN");
    return;
  }
  response.writeHead(200, { "content-type": "application/octet-stream" });
  response.end(blob);
}

function refuse(response: http.ServerResponse, status: number, code: string): void {
  sendJson(response, status, { errors: [{ code, message: code }] });
}

/** Sends names in order, a page at a time, as registries do. */
function sendPage(
  response: http.ServerResponse,
  url: string,
  field: string,
  names: readonly string[],
  query: URLSearchParams,
  name?: string,
): void {
  const last = query.get("last") ?? "";
  const rest = [...names].sort().filter((each) => each > last);
  const page = rest.slice(0, Number(query.get("n") ?? 100));
  const next = new URL(url, "http://registry");
  next.searchParams.set("last", page.at(-1) ?? "");
  sendJson(
    response,
    200,
    { [field]: page, ...(name !== undefined && { name }) },
    rest.length > page.length ? { link: `<${next.pathname}${next.search}>; rel="next"` } : {},
  );
}
