import { setMaxListeners } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { InputError } from "../basics/input-error.ts";
import {
  Interrupted,
  RegistryFailure,
  TransientFailure,
  busy,
  checkAddress,
  closed,
  connectionProblem,
  isFull,
  lacksTls,
  quote,
  withReason,
} from "./failure.ts";
import { exchange } from "./http.ts";
import type {
  RegistryAddress,
  RegistryClientOptions,
  RegistryRequest,
  RegistryResponse,
  Scope,
} from "./types.ts";

const mostTries = 4;
const mostRedirects = 3;

/** Sends requests, follows redirects, repeats what fails by chance, and says what is wrong otherwise. */
export class RegistryTransport {
  /** Texts that no message may hold, not even where the registry repeats them. */
  public readonly secrets = new Set<string>();
  private readonly base: URL;
  private readonly timeoutMs: number;
  private readonly deadlineMs: number;
  private readonly backOffMs: number;
  private readonly plain = new http.Agent({ keepAlive: true });
  private readonly verifying = new https.Agent({ keepAlive: true });
  private readonly trusting = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  private readonly closing = new AbortController();
  private readonly address: RegistryAddress;

  public constructor(
    address: RegistryAddress,
    { timeoutMs = 10_000, deadlineMs = 30_000, backOffMs = 200 }: RegistryClientOptions,
  ) {
    this.address = address;

    // Docker Hub's registry is not at the name by which it is called.
    const host = address.host === "docker.io" ? "registry-1.docker.io" : address.host;
    this.base = new URL(`${address.tls === "plain-http" ? "http" : "https"}://${host}`);
    this.timeoutMs = timeoutMs;
    this.deadlineMs = deadlineMs;
    this.backOffMs = backOffMs;
    // Each request listens, and Node takes more than ten for a leak.
    setMaxListeners(0, this.closing.signal);
  }

  /** Address of a path such as `/v2/` at the registry. */
  public url(path: string): URL {
    return new URL(path, this.base);
  }

  /**
   * Address that an answer refers to, as it is or relative to the answer's own; undefined when it is none. A registry
   * behind a proxy often does not know that it is spoken to by HTTPS, so on its own host the scheme stays.
   */
  public reference(text: string, { url: from }: RegistryResponse): URL | undefined {
    if (!URL.canParse(text, from.href)) return undefined;
    const url = new URL(text, from);
    if (this.isOwn(url)) url.protocol = this.base.protocol;
    return url;
  }

  /** Whether an address is at the registry itself, which alone may see credentials. */
  public isOwn(url: URL): boolean {
    return url.host === this.base.host;
  }

  /** Subject of a sentence about a server. */
  public who(url: URL): string {
    return this.isOwn(url) ? "the registry" : `${url.host}, to which the registry refers,`;
  }

  /** End of a message with the server's own words; empty where it has none. */
  public says(response: RegistryResponse): string {
    return quote(response, this.secrets);
  }

  /** Until when a question that is asked now may take, on the clock of `performance.now()`. */
  public deadline(): number {
    return performance.now() + this.deadlineMs;
  }

  /** Resolves to the last answer, at the latest at `until` on the clock of `performance.now()`. */
  public send(request: RegistryRequest, until: number): Promise<RegistryResponse> {
    return this.repeat(
      request.scope,
      () => this.once(request, until),
      () => until,
    );
  }

  /** Does a work until it ends otherwise than by chance, four times at most; no pause may go beyond `latest`. */
  public async repeat<T>(
    scope: Scope,
    work: () => Promise<T>,
    latest = (): number => this.deadline(),
  ): Promise<T> {
    for (let tries = 1, pause = this.backOffMs; ; tries++, pause *= 2) {
      try {
        return await work();
      } catch (error) {
        const wait = pauseAfter(error, pause);
        if (tries === mostTries || performance.now() + wait >= latest()) throw error;
        await sleep(wait, undefined, { signal: this.closing.signal }).catch(() => {
          throw closed(scope);
        });
      }
    }
  }

  /**
   * Sends a request one time, and once more to each place to which it is redirected. Redirects to other hosts lose its
   * Authorization.
   *
   * @throws TransientFailure, Interrupted when it may be worth another try.
   */
  public async once(request: RegistryRequest, until = Infinity): Promise<RegistryResponse> {
    const { scope } = request;
    for (let at = request, redirects = 0; ; redirects++) {
      const response = await this.exchange(at, until);
      if (response.status === 429 || response.status >= 500) {
        // Full is full, however often it is asked.
        if (scope.action === "push" && isFull(response)) return response;
        throw busy(response, scope, this.who(response.url), this.says(response));
      }
      const { location } = response.headers;
      if (response.status < 301 || response.status > 308 || location === undefined) return response;
      if (request.follow === false) return response;
      if (
        !["GET", "HEAD"].includes(at.method) ||
        redirects === mostRedirects ||
        !URL.canParse(location, response.url.href)
      ) {
        const { status } = response;
        throw new RegistryFailure(
          `${this.who(response.url)} answered ${withReason(status)} after ${redirects} redirects; ${checkAddress}`,
        );
      }
      const url = new URL(location, response.url);
      const { authorization, ...others } = at.headers;
      const keeps = authorization !== undefined && url.origin === response.url.origin;
      at = { ...at, url, headers: keeps ? at.headers : others };
    }
  }

  /** Ends all connections; requests without an answer fail. */
  public close(): void {
    this.closing.abort();
    for (const agent of [this.plain, this.verifying, this.trusting]) agent.destroy();
  }

  private async exchange(request: RegistryRequest, until: number): Promise<RegistryResponse> {
    const { url } = request;
    const { tls } = this.address;
    if (url.protocol === "http:" && tls === "verify") {
      throw new RegistryFailure(
        `the registry refers to ${url.origin}, which is not encrypted; set registryPushTls to plain-http if that is meant`,
      );
    }
    const { signal } = this.closing;
    const timeoutMs = Math.max(1, Math.min(this.timeoutMs, Math.ceil(until - performance.now())));
    try {
      return await exchange(request, { agent: this.agent(url), timeoutMs, signal });
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
      if (error instanceof RegistryFailure || error instanceof InputError) throw error;
      throw signal.aborted
        ? closed(request.scope)
        : connectionProblem(error, request, this.who(url));
    }
  }

  private agent(url: URL): http.Agent {
    if (url.protocol === "http:") return this.plain;
    return this.isOwn(url) && this.address.tls !== "verify" ? this.trusting : this.verifying;
  }
}

/** How long to wait before a work is done again; for ever where that is of no use. */
function pauseAfter(error: unknown, pauseMs: number): number {
  if (error instanceof Interrupted) return pauseMs;
  return error instanceof TransientFailure ? Math.max(pauseMs, error.pauseMs) : Infinity;
}
