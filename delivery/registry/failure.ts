import { fields, parseJson } from "../basics/json-fields.ts";
import type { RegistryRequest, RegistryResponse, Scope, Source } from "./types.ts";

/** Failure of a request to the registry, before the client adds the reference that it was for. */
export class RegistryFailure extends Error {}

/** Failure of the whole registry, which all other requests would meet as well. */
export class Outage extends RegistryFailure {}

/** Outage that may be over soon, so that the request is repeated. */
export class TransientFailure extends Outage {
  /** Shortest pause before the next request, as the registry asks for it. */
  public readonly pauseMs: number;

  public constructor(message: string, pauseMs = 0) {
    super(message);
    this.pauseMs = pauseMs;
  }
}

/** Interruption of one upload or download, which is tried again; other requests may go on. */
export class Interrupted extends RegistryFailure {}

/** Advice about a response that no registry gives. */
export const checkAddress = "check registryPush and registryPushTls";
const skip = "set TINYOLLY_OFFLINE=1 for a preview that does not ask it";
const start = "start the registry (make platform-up for the local one)";
const reach = "check the network and registryPush";

/** Advice after a failed push. */
export const runAgain = "run again: only what is missing is pushed";

/** Advice about a registry that does not answer. */
function startAdvice({ url, scope: { action } }: RegistryRequest): string {
  const cure = isOwn(url.hostname) ? start : reach;
  if (action === "pull") return `${cure}, or ${skip}`;
  return `${cure}, and ${action === "push" ? runAgain : "run again"}`;
}

/** Whether a host is local, so that the user could start its registry. */
function isOwn(hostname: string): boolean {
  return /^(?:127\.|\[::1\]$|[^.]+$)|\.(?:test|local|localhost)$/.test(hostname);
}

/** Whether a body is streamed. */
export function isSource(body: RegistryRequest["body"]): body is Source {
  return typeof body === "object" && "open" in body;
}

/** Status with its reason: `403 Forbidden`. */
export function withReason(status: number): string {
  return `${status} ${process.getBuiltinModule("node:http").STATUS_CODES[status] ?? ""}`.trim();
}

/** Failure of a request that `close()` ended. */
export function closed({ action }: Scope): RegistryFailure {
  const again = action === "pull" ? "ask" : "run";
  return new RegistryFailure(
    `the connection was closed on this side before the answer came; ${again} again`,
  );
}

/** Failure of a request that moved no bytes for so long. */
export function silence(request: RegistryRequest, ms: number): RegistryFailure {
  const { url, body, sink } = request;
  const time = `${Math.round(ms / 100) / 10} s`;
  const advice = startAdvice(request);
  // Bytes did move before, so another connection may complete the transfer.
  if (sink) return new Interrupted(`${url.host} sent nothing for ${time}; ${advice}`);
  if (isSource(body)) return new Interrupted(`${url.host} took nothing for ${time}; ${advice}`);
  return new Outage(`${url.host} did not answer within ${time}; ${advice}`);
}

/** Failure for a 429 or 5xx, with the registry's own words at its end. */
export function busy(
  response: RegistryResponse,
  { action }: Scope,
  who: string,
  says: string,
): TransientFailure {
  const pauseMs = retryAfterMs(response);
  const when = pauseMs === 0 ? "later" : `after ${new Date(Date.now() + pauseMs).toISOString()}`;
  const cure =
    response.status === 429 ? "run docker login, which raises most limits" : "look into its log";
  const advice =
    action === "pull"
      ? `ask again ${when}, ${cure}, or ${skip}`
      : `${cure}, and run again ${when}${action === "push" ? ": only what is missing is pushed" : ""}`;
  return new TransientFailure(
    `${who} answered ${withReason(response.status)}; ${advice}${says}`,
    pauseMs,
  );
}

/** Milliseconds of Retry-After, which holds seconds or a date; 0 without it. */
function retryAfterMs({ headers }: RegistryResponse): number {
  const text = headers["retry-after"] ?? "";
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}

/** Whether the server answered TLS with something else; Node has OpenSSL's reason in the message or in the code, by version. */
export function lacksTls(error: unknown): boolean {
  return /wrong.version.number/i.test(`${codeOf(error)} ${String(error)}`);
}

/** Failure for a connection that could not be made, or ended early. */
export function connectionFailure(
  error: unknown,
  request: RegistryRequest,
  who: string,
): RegistryFailure {
  const { host, hostname } = request.url;
  const code = codeOf(error);
  const advice = startAdvice(request);
  if (code === "ABORT_ERR") return closed(request.scope);
  if (code === "ECONNRESET" || code === "EPIPE") return cut(request, who);
  if (code === "ECONNREFUSED") return new Outage(`nothing listens at ${host} (${code}); ${advice}`);
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return new Outage(`the name ${hostname} is not known (${code}); ${advice}`);
  if (lacksTls(error))
    return new Outage(
      `${host} does not speak TLS; if that is meant, set registryPushTls to plain-http, or TLS=plain-http where a command takes it`,
    );
  if (code.startsWith("HPE_"))
    return new Outage(`${host} does not speak HTTP (${code}); ${checkAddress}`);
  if (/CERT|TLS|SSL|EPROTO|SIGNATURE/.test(code)) {
    return new Outage(
      `the certificate of ${host} is not accepted (${code}); add its authority to NODE_EXTRA_CA_CERTS, or set registryPushTls to skip-verify for a registry of your own`,
    );
  }
  return new Outage(`${host} cannot be reached (${code}); ${advice}`);
}

function cut({ body, sink }: RegistryRequest, who: string): RegistryFailure {
  if (sink)
    return new Interrupted(
      `${who} closed the connection before everything had come; look into its log, and run again`,
    );
  if (isSource(body))
    return new Interrupted(
      `${who} closed the connection before it had taken everything; look into its log, and ${runAgain}`,
    );
  return new TransientFailure(`${who} closed the connection without an answer; ${checkAddress}`);
}

/** Code of a system error, such as `ECONNRESET`. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "no reason given";
}

/** One entry of the `errors` of a response. */
export interface Words {
  /** Such as `DENIED`. */
  readonly code: string;
  readonly message: string;
  /** Empty where it is no text. */
  readonly detail: string;
}

/**
 * Reads the `errors` of a response; none where its body is something else.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
 */
export function wordsOf({ body }: RegistryResponse): Words[] {
  const { errors } = fields(parseJson(body) ?? {});
  if (!Array.isArray(errors)) return [];
  return errors.map((error) => {
    const { code, message, detail } = fields(error);
    return { code: textOf(code), message: textOf(message), detail: textOf(detail) };
  });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Whether the registry says that its storage or quota is exhausted; a repeated push would fail as well. */
export function isFull(response: RegistryResponse): boolean {
  if (response.status === 413 || response.status === 507) return true;
  if (response.status < 400) return false;
  return wordsOf(response).some(
    ({ code, message, detail }) =>
      /quota|no space left/i.test(`${code} ${message} ${detail}`) ||
      (code.toUpperCase() === "DENIED" && /storage/i.test(message)),
  );
}

const mostSaid = 200;

/**
 * End of a message with the registry's own words: `; it says "DENIED: …"`; empty where it has none.
 *
 * @param secrets Texts that are blotted out, since a registry may repeat credentials.
 */
export function quote(response: RegistryResponse, secrets: Iterable<string>): string {
  const said = wordsOf(response)
    .map(({ code, message }) => [code, message].filter((text) => text !== "").join(": "))
    .filter((text) => text !== "");
  let text = [...new Set(said)].join("; ");
  for (const secret of secrets) text = text.replaceAll(secret, "…");
  // Control and format characters could rewrite the line on a terminal.
  const line = text.replaceAll(/[\p{C}\p{Z}"]+/gu, " ").trim();
  if (line === "") return "";
  return `; it says "${line.length > mostSaid ? `${line.slice(0, mostSaid - 1)}…` : line}"`;
}
