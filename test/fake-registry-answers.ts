import type * as http from "node:http";
import { imageIndexType, imageManifestType } from "../delivery/registry/media-types.ts";
import type { FakeAuth } from "./fake-registry-auth.ts";

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

/** Media types of the manifests that tests store. */
export const mediaTypes = { manifest: imageManifestType, index: imageIndexType } as const;

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
