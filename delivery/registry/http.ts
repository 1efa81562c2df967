import { once, setMaxListeners } from "node:events";
import type { Agent, ClientRequest } from "node:http";
import { InputError } from "../basics/input-error.ts";
import {
  RegistryFailure,
  checkAddress,
  closed,
  connectionFailure,
  isSource,
  lacksTls,
  silence,
} from "./failure.ts";
import type { RegistryServer } from "./server.ts";
import type { RegistryRequest, RegistryResponse, ResponseHead, Source } from "./types.ts";

// An import of node:http loads fetch and WebSocket with it.
const http = process.getBuiltinModule("node:http");
const https = process.getBuiltinModule("node:https");

/** Most bytes of a response that are kept in memory. */
export const mostBytes = 8 * 1024 * 1024;

/**
 * Factor of the time limit while a blob is uploaded: the kernel buffers megabytes whose progress cannot be seen, and the
 * registry checks and moves a blob of gigabytes before it responds.
 */
const slowFactor = 6;

/** Sends single requests, over connections that stay open for the next one. */
export class HttpClient {
  /** Ends all requests. */
  public readonly closing = new AbortController();
  private readonly plain = new http.Agent({ keepAlive: true });
  private readonly verifying = new https.Agent({ keepAlive: true });
  private readonly trusting = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  private readonly server: RegistryServer;
  private readonly timeoutMs: number;

  public constructor(server: RegistryServer, timeoutMs: number) {
    this.server = server;
    this.timeoutMs = timeoutMs;
    // Each request adds a listener, and Node warns of a leak beyond ten.
    setMaxListeners(0, this.closing.signal);
  }

  /**
   * Sends a request one time. Under `skip-verify`, a registry without TLS gets it again by plain HTTP.
   *
   * @param until When its response must be there, on the clock of `performance.now()`.
   * @throws RegistryFailure that names what is wrong with the connection.
   */
  public async send(request: RegistryRequest, until: number): Promise<RegistryResponse> {
    const { url } = request;
    const { server } = this;
    if (url.protocol === "http:" && server.tls === "verify") {
      throw new RegistryFailure(
        `the registry refers to ${url.origin}, which is not encrypted; set registryPushTls to plain-http if that is meant`,
      );
    }
    const { signal } = this.closing;
    const timeoutMs = Math.max(1, Math.min(this.timeoutMs, Math.ceil(until - performance.now())));
    try {
      return await exchange(request, { agent: this.agent(url), timeoutMs, signal });
    } catch (error) {
      const mayBePlain = server.tls === "skip-verify" && url.protocol === "https:";
      if (mayBePlain && server.isOwn(url) && lacksTls(error))
        return this.send({ ...request, url: server.plainUrl(url) }, until);
      if (error instanceof RegistryFailure || error instanceof InputError) throw error;
      throw signal.aborted
        ? closed(request.scope)
        : connectionFailure(error, request, server.who(url));
    }
  }

  /** Ends all connections; requests without a response fail. */
  public close(): void {
    this.closing.abort();
    for (const agent of [this.plain, this.verifying, this.trusting]) agent.destroy();
  }

  private agent(url: URL): Agent {
    if (url.protocol === "http:") return this.plain;
    return this.server.isOwn(url) && this.server.tls !== "verify" ? this.trusting : this.verifying;
  }
}

/** Connection and limits of one request. */
interface ExchangeOptions {
  readonly agent: Agent;
  /** Longest time until the response is there; of a streamed body, longest time between two pieces. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Sends one request and reads its response.
 *
 * @throws Outage when the time limit passes; otherwise whatever the connection, the source or the sink throws.
 */
function exchange(request: RegistryRequest, options: ExchangeOptions): Promise<RegistryResponse> {
  const { method, url, headers, body, sink, slow } = request;
  const { agent, timeoutMs, signal } = options;
  const streamed = isSource(body);
  const answered = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let settled = false;

  const response = new Promise<RegistryResponse>((resolve, reject) => {
    const outgoing = (url.protocol === "https:" ? https : http).request(url, {
      method,
      headers: streamed ? { ...headers, "content-length": body.size } : headers,
      agent,
      signal,
    });
    const stop = (error: unknown): void => {
      reject(error instanceof Error ? error : new Error(String(error)));
      outgoing.destroy();
    };
    const wait = (ms: number): void => {
      clearTimeout(timer);
      if (settled) return;
      timer = setTimeout(() => {
        stop(silence(request, ms));
      }, ms);
    };
    wait(timeoutMs * (slow === true ? slowFactor : 1));
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      // The server no longer reads the rest of the body.
      answered.abort();
      const { statusCode: status = 0, headers } = incoming;
      const head: ResponseHead = { url, status, headers };
      const whole =
        sink && (status === 200 || status === 206)
          ? sink(
              head,
              noting(incoming, () => {
                wait(timeoutMs);
              }),
            ).then(() => Buffer.alloc(0))
          : readAll(incoming, url);
      whole.then((bytes) => {
        resolve({ ...head, body: bytes });
        // A connection whose request was not sent to its end cannot take another one.
        if (!outgoing.writableFinished) outgoing.destroy();
      }, stop);
    });
    if (!streamed) {
      outgoing.end(body);
      return;
    }
    const progress = (): void => {
      wait(timeoutMs * slowFactor);
    };
    send(body, outgoing, answered.signal, progress).catch(stop);
  });
  return response.finally(() => {
    settled = true;
    answered.abort();
    clearTimeout(timer);
  });
}

/** Sends all pieces of a body, until `signal` tells that the response is there. */
async function send(
  source: Source,
  outgoing: ClientRequest,
  signal: AbortSignal,
  progress: () => void,
): Promise<void> {
  for await (const piece of source.open()) {
    if (signal.aborted) return;
    progress();
    if (outgoing.write(piece)) continue;
    try {
      await once(outgoing, "drain", { signal });
    } catch {
      // Either the response is there, or the request has reported its own error.
      return;
    }
  }
  outgoing.end();
}

async function* noting(
  incoming: AsyncIterable<Buffer>,
  progress: () => void,
): AsyncIterable<Buffer> {
  for await (const piece of incoming) {
    progress();
    yield piece;
  }
}

async function readAll(incoming: AsyncIterable<Buffer>, { host }: URL): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of incoming) {
    bytes += piece.length;
    pieces.push(piece);
    if (bytes > mostBytes)
      throw new RegistryFailure(
        `${host} answered with over 8 MiB, as no registry does; ${checkAddress}`,
      );
  }
  return Buffer.concat(pieces);
}
