import type { ServerResponse } from "node:http";
import { fields, parseJson } from "../delivery/basics/json-fields.ts";
import { sha256 } from "../delivery/basics/sha256.ts";
import {
  type FakeRegistryOptions,
  type RecordedRequest,
  mediaTypes,
  sendError,
  sendJson,
} from "./fake-registry-answers.ts";
import type { FakeTokens } from "./fake-registry-auth.ts";
import type { FakeRegistryStore, StoredBlob } from "./fake-registry-store.ts";

interface Upload {
  readonly repository: string;
  content: StoredBlob;
}

const nothing: StoredBlob = {
  digest: `sha256:${sha256("")}`,
  size: 0,
  bytes: Buffer.alloc(0),
};

/** Answers requests as distribution does, with all that its specification leaves to a registry by option. */
export class FakeDistribution {
  private readonly uploads = new Map<string, Upload>();
  private begun = 0;
  private readonly store: FakeRegistryStore;
  private readonly tokens: FakeTokens | undefined;
  private readonly options: Pick<FakeRegistryOptions, "referrers" | "pageSize" | "location">;

  public constructor(
    store: FakeRegistryStore,
    tokens: FakeTokens | undefined,
    options: Pick<FakeRegistryOptions, "referrers" | "pageSize" | "location">,
  ) {
    this.store = store;
    this.tokens = tokens;
    this.options = options;
  }

  /** @param body The request's body, which is not in the request where it is large. */
  public answer(request: RecordedRequest, body: StoredBlob, response: ServerResponse): void {
    const url = new URL(request.path, "http://registry");
    if (this.tokens && url.pathname === "/token") {
      const token = this.tokens.issue(url, request.headers);
      if (token === undefined) sendError(response, 401, "UNAUTHORIZED", "wrong login");
      else sendJson(response, 200, { token });
      return;
    }
    const [, repository = "", kind = "", rest = ""] =
      /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs|tags|referrers)\/([^/]*)$/.exec(url.pathname) ??
      [];
    const from = url.searchParams.get("from");
    const challenge = this.tokens?.challenge(request.method, repository, from, request.headers);
    if (challenge !== undefined) {
      sendError(response, 401, "UNAUTHORIZED", "authentication required", {
        "www-authenticate": challenge,
      });
      return;
    }
    if (kind === "manifests") this.manifests(request, repository, rest, response);
    else if (kind === "blobs") this.blobs(request, repository, rest, response);
    else if (kind === "blobs/uploads") this.upload(request, repository, rest, url, body, response);
    else if (kind === "tags") this.tags(repository, url, response);
    else if (kind === "referrers" && this.options.referrers === true)
      this.referrers(repository, rest, response);
    else response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found\n");
  }

  private manifests(
    { method, headers, bytes }: RecordedRequest,
    repository: string,
    reference: string,
    response: ServerResponse,
  ): void {
    if (method === "PUT") {
      this.putManifest(repository, reference, headers["content-type"] ?? "", bytes, response);
      return;
    }
    const found = this.store.manifest(repository, reference);
    if (!found) {
      const code = this.store.knows(repository) ? "MANIFEST_UNKNOWN" : "NAME_UNKNOWN";
      sendError(response, 404, code, "not found");
    } else if (method === "DELETE") {
      this.store.deleteManifest(repository, reference);
      response.writeHead(202).end();
    } else {
      response.writeHead(200, {
        "content-type": found.mediaType,
        "content-length": found.bytes.length,
        "docker-content-digest": found.digest,
      });
      response.end(method === "HEAD" ? undefined : found.bytes);
    }
  }

  private putManifest(
    repository: string,
    reference: string,
    mediaType: string,
    bytes: Buffer,
    response: ServerResponse,
  ): void {
    const { config, layers = [], manifests = [], subject } = fields(parseJson(bytes));
    const blobs = [...(config === undefined ? [] : digestsIn([config])), ...digestsIn(layers)];
    const lost = [
      ...blobs.filter((digest) => !this.store.blob(repository, digest)),
      ...digestsIn(manifests).filter((digest) => !this.store.manifest(repository, digest)),
    ];
    if (lost.length > 0) {
      sendError(response, 400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
      return;
    }
    const digest = this.store.putManifest(repository, reference, { bytes, mediaType });
    const refersTo = fields(subject)["digest"];
    response.writeHead(201, {
      "docker-content-digest": digest,
      ...(this.options.referrers === true &&
        typeof refersTo === "string" && { "oci-subject": refersTo }),
    });
    response.end();
  }

  private blobs(
    { method, headers }: RecordedRequest,
    repository: string,
    digest: string,
    response: ServerResponse,
  ): void {
    const found = this.store.blob(repository, digest);
    if (!found) {
      sendError(response, 404, "BLOB_UNKNOWN", "blob unknown to registry");
      return;
    }
    const [, start] = /^bytes=(\d+)-$/.exec(headers.range ?? "") ?? [];
    const from = Number(start ?? 0);
    response.writeHead(start === undefined ? 200 : 206, {
      "content-type": "application/octet-stream",
      "content-length": found.size - from,
      "docker-content-digest": digest,
      ...(start !== undefined && {
        "content-range": `bytes ${from}-${found.size - 1}/${found.size}`,
      }),
    });
    response.end(method === "HEAD" ? undefined : found.bytes?.subarray(from));
  }

  private upload(
    { method }: RecordedRequest,
    repository: string,
    id: string,
    { searchParams }: URL,
    body: StoredBlob,
    response: ServerResponse,
  ): void {
    const digest = searchParams.get("digest") ?? "";
    if (method === "POST") {
      this.begin(repository, searchParams, response);
      return;
    }
    const upload = this.uploads.get(id);
    if (upload?.repository !== repository || searchParams.get("_state") !== "a=b c") {
      sendError(response, 404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    } else if (method === "PATCH") {
      upload.content = joined(upload.content, body);
      response.writeHead(202, { location: this.location(repository, id) }).end();
    } else if (digest !== upload.content.digest) {
      this.uploads.delete(id);
      sendError(response, 400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    } else {
      this.uploads.delete(id);
      this.store.putBlob(repository, upload.content);
      response.writeHead(201, { "docker-content-digest": digest }).end();
    }
  }

  private begin(repository: string, query: URLSearchParams, response: ServerResponse): void {
    const mounted = this.store.blob(query.get("from") ?? "", query.get("mount") ?? "");
    if (mounted) {
      this.store.putBlob(repository, mounted);
      response.writeHead(201, { "docker-content-digest": mounted.digest }).end();
      return;
    }
    const id = `upload-${++this.begun}`;
    this.uploads.set(id, { repository, content: nothing });
    response.writeHead(202, { location: this.location(repository, id) }).end();
  }

  private location(repository: string, id: string): string {
    const { location = (path: string) => path } = this.options;
    return location(`/v2/${repository}/blobs/uploads/${id}?_state=a%3Db+c`);
  }

  private tags(repository: string, { searchParams }: URL, response: ServerResponse): void {
    if (!this.store.knows(repository)) {
      sendError(response, 404, "NAME_UNKNOWN", "repository name not known to registry");
      return;
    }
    const { pageSize = 1000 } = this.options;
    const last = searchParams.get("last") ?? "";
    const rest = this.store.tags(repository).filter((tag) => tag > last);
    const size = Math.min(pageSize, Number(searchParams.get("n") ?? pageSize));
    const page = rest.slice(0, size);
    const next = `/v2/${repository}/tags/list?last=${page.at(-1) ?? ""}&n=${size}`;
    const link = { link: `<${next}>; rel="next"` };
    sendJson(response, 200, { name: repository, tags: page }, rest.length > size ? link : {});
  }

  private referrers(repository: string, subject: string, response: ServerResponse): void {
    const manifests = [...this.store.allManifests(repository)].flatMap(([digest, manifest]) => {
      const { bytes, mediaType } = manifest;
      const parsed = fields(parseJson(bytes));
      if (fields(parsed["subject"])["digest"] !== subject) return [];
      const { artifactType, annotations } = parsed;
      return [{ mediaType, digest, size: bytes.length, artifactType, annotations }];
    });
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
    sendJson(response, 200, index, { "content-type": mediaTypes.index });
  }
}

function digestsIn(list: unknown): string[] {
  return (Array.isArray(list) ? list : []).map((entry) => String(fields(entry)["digest"]));
}

/** The content after a further part; a large part must be the only one. */
function joined(before: StoredBlob, part: StoredBlob): StoredBlob {
  if (before.size === 0) return part;
  if (!before.bytes || !part.bytes) throw new Error("only small uploads can have several parts");
  const bytes = Buffer.concat([before.bytes, part.bytes]);
  return { digest: `sha256:${sha256(bytes)}`, size: bytes.length, bytes };
}
