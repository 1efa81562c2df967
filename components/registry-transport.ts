import * as http from "node:http";
import * as https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { RegistryAddress, RegistryClientOptions } from "./registry-client";

/** What is wrong with the registry, before it is known which question it spoils. */
export class Problem extends Error {}

/** A problem of the whole registry, which all other questions would meet as well. */
export class Outage extends Problem {}

/** An outage that may be over soon. */
class Hiccup extends Outage {
  public constructor(
    message: string,
    /** How long the registry asks to be left alone. */
    public readonly pauseMs = 0,
  ) {
    super(message);
  }
}

const mostTries = 4;
const mostRedirects = 3;
const mostBytes = 8 * 1024 * 1024;

/** A request that is sent as it is; redirects to other hosts lose its Authorization. */
export interface Request {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An answer with its whole body. */
export interface Answer {
  /** Where it came from, after redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends requests, follows redirects, repeats what fails by chance, and says what is wrong otherwise. */
export class RegistryTransport {
  private readonly base: URL;
  private readonly timeoutMs: number;
  private readonly backOffMs: number;
  private readonly plain = new http.Agent({ keepAlive: true });
  private readonly verifying = new https.Agent({ keepAlive: true });
  private readonly trusting = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  private readonly closing = new AbortController();

  public constructor(
    private readonly address: RegistryAddress,
    { timeoutMs = 10_000, backOffMs = 200 }: RegistryClientOptions,
  ) {
    // Docker Hub's registry is not at the name by which it is called.
    const host = address.host === "docker.io" ? "registry-1.docker.io" : address.host;
    this.base = new URL(`${address.tls === "plain-http" ? "http" : "https"}://${host}`);
    this.timeoutMs = timeoutMs;
    this.backOffMs = backOffMs;
  }

  /** Address of a path such as `/v2/` at the registry. */
  public url(path: string): URL {
    return new URL(path, this.base);
  }

  /** Subject of a sentence about a server. */
  public who(url: URL): string {
    return this.isOwn(url) ? "the registry" : `${url.host}, to which the registry refers,`;
  }

  /** Resolves to the last answer, at the latest at `until` on the clock of `performance.now()`. */
  public async send(request: Request, until: number): Promise<Answer> {
    for (let tries = 1, pause = this.backOffMs; ; tries++, pause *= 2) {
      try {
        const answer = await this.follow(request, until);
        if (answer.status !== 429 && answer.status < 500) return answer;
        throw busy(answer, this.who(answer.url));
      } catch (error) {
        const wait = error instanceof Hiccup ? Math.max(pause, error.pauseMs) : Infinity;
        if (tries === mostTries || performance.now() + wait >= until) throw error;
        await sleep(wait, undefined, { signal: this.closing.signal }).catch(() => {
          throw closed();
        });
      }
    }
  }

  /** Ends all connections; requests without an answer fail. */
  public close(): void {
    this.closing.abort();
    for (const agent of [this.plain, this.verifying, this.trusting]) agent.destroy();
  }

  private isOwn(url: URL): boolean {
    return url.host === this.base.host;
  }

  private async follow(request: Request, until: number): Promise<Answer> {
    for (let at = request, redirects = 0; ; redirects++) {
      const answer = await this.exchange(at, until);
      const { location } = answer.headers;
      if (answer.status < 301 || answer.status > 308 || location === undefined) return answer;
      if (
        at.method === "POST" ||
        redirects === mostRedirects ||
        !URL.canParse(location, answer.url.href)
      ) {
        const { status } = answer;
        throw new Problem(
          `${this.who(answer.url)} answered ${withReason(status)} after ${redirects} redirects; ${checkAddress}`,
        );
      }
      const url = new URL(location, answer.url);
      const { authorization, ...others } = at.headers;
      const keeps = authorization !== undefined && url.origin === answer.url.origin;
      at = { ...at, url, headers: keeps ? at.headers : others };
    }
  }

  private async exchange(request: Request, until: number): Promise<Answer> {
    const { url } = request;
    const { tls } = this.address;
    if (url.protocol === "http:" && tls === "verify") {
      throw new Problem(
        `the registry refers to ${url.origin}, which is not encrypted; set registryPushTls to plain-http if that is meant`,
      );
    }
    const timeoutMs = Math.max(1, Math.min(this.timeoutMs, Math.ceil(until - performance.now())));
    try {
      return await exchange(request, this.agent(url), timeoutMs, this.closing.signal);
    } catch (error) {
      if (
        tls === "skip-verify" &&
        url.protocol === "https:" &&
        this.isOwn(url) &&
        lacksTls(error)
      ) {
        this.base.protocol = "http:";
        return this.exchange({ ...request, url: this.url(url.pathname + url.search) }, until);
      }
      throw error instanceof Problem ? error : connectionProblem(error, this.who(url), url);
    }
  }

  private agent(url: URL): http.Agent {
    if (url.protocol === "http:") return this.plain;
    return this.isOwn(url) && this.address.tls !== "verify" ? this.trusting : this.verifying;
  }
}

/** Sends one request and reads its answer, both within `timeoutMs`. */
function exchange(
  { method, url, headers, body }: Request,
  agent: http.Agent,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const answer = new Promise<Answer>((resolve, reject) => {
    const { request } = url.protocol === "https:" ? https : http;
    const outgoing = request(url, { method, headers, agent, signal });
    const stop = (problem: Problem): void => {
      reject(problem);
      outgoing.destroy();
    };
    timer = setTimeout(() => {
      stop(
        new Outage(
          `${url.host} did not answer within ${Math.round(timeoutMs / 100) / 10} s; ${startOrSkip}`,
        ),
      );
    }, timeoutMs);
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      incoming.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > mostBytes)
          stop(
            new Problem(
              `${url.host} answered with over 8 MiB, as no registry does; ${checkAddress}`,
            ),
          );
      });
      incoming.on("error", reject);
      incoming.on("end", () => {
        const { statusCode: status = 0, headers } = incoming;
        resolve({ url, status, headers, body: Buffer.concat(chunks) });
      });
    });
    outgoing.end(body);
  });
  return answer.finally(() => {
    clearTimeout(timer);
  });
}

/** What to do about an answer that no registry gives. */
export const checkAddress = "check registryPush and registryPushTls";
const skip = "set TINYOLLY_OFFLINE=1 for a preview that does not ask it";
const startOrSkip = `start the registry (make platform-up for the local one), or ${skip}`;

function closed(): Problem {
  return new Problem("the connection was closed on this side before the answer came; ask again");
}

/** A status for people: `403 Forbidden`. */
export function withReason(status: number): string {
  return `${status} ${http.STATUS_CODES[status] ?? ""}`.trim();
}

function busy(answer: Answer, who: string): Hiccup {
  const pauseMs = retryAfterMs(answer);
  const when = pauseMs === 0 ? "later" : `after ${new Date(Date.now() + pauseMs).toISOString()}`;
  const cure =
    answer.status === 429 ? "run docker login, which raises most limits" : "look into its log";
  return new Hiccup(
    `${who} answered ${withReason(answer.status)}; ask again ${when}, ${cure}, or ${skip}`,
    pauseMs,
  );
}

/** Milliseconds that Retry-After asks for, in seconds or as a date; 0 without it. */
function retryAfterMs({ headers }: Answer): number {
  const text = headers["retry-after"] ?? "";
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}

/** Whether TLS was answered by something else; OpenSSL's reason is in the message or in the code, by Node's version. */
function lacksTls(error: unknown): boolean {
  return /wrong.version.number/i.test(`${codeOf(error)} ${String(error)}`);
}

function connectionProblem(error: unknown, who: string, { host, hostname }: URL): Problem {
  const code = codeOf(error);
  if (code === "ABORT_ERR") return closed();
  if (code === "ECONNRESET" || code === "EPIPE")
    return new Hiccup(`${who} closed the connection without an answer; ${checkAddress}`);
  if (code === "ECONNREFUSED")
    return new Outage(`nothing listens at ${host} (${code}); ${startOrSkip}`);
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return new Outage(`the name ${hostname} is not known (${code}); ${startOrSkip}`);
  if (lacksTls(error))
    return new Outage(
      `${host} does not speak TLS; set registryPushTls to plain-http if that is meant`,
    );
  if (code.startsWith("HPE_"))
    return new Outage(`${host} does not speak HTTP (${code}); ${checkAddress}`);
  if (/CERT|TLS|SSL|EPROTO|SIGNATURE/.test(code)) {
    return new Outage(
      `the certificate of ${host} is not accepted (${code}); add its authority to NODE_EXTRA_CA_CERTS, or set registryPushTls to skip-verify for a registry of your own`,
    );
  }
  return new Outage(`${host} cannot be reached (${code}); ${startOrSkip}`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "no reason given";
}
