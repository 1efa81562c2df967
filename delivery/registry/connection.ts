import { Authentication } from "./authentication.ts";
import { registryCredentials } from "./credentials.ts";
import { RegistryFailure } from "./failure.ts";
import { HttpClient } from "./http.ts";
import { followRedirects } from "./redirects.ts";
import { requireSettled, retry } from "./retries.ts";
import { RegistryServer } from "./server.ts";
import type {
  RegistryAddress,
  RegistryClientOptions,
  RegistryRequest,
  RegistryResponse,
  Scope,
} from "./types.ts";

/** Request before it has the address of the server. */
export type Draft = Omit<RegistryRequest, "url" | "headers"> & {
  /** Path at the registry, or an address that it gave. */
  readonly to: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Requests to one registry, with authentication around retries, around redirects, around HTTP. */
export class RegistryConnection {
  public readonly server: RegistryServer;
  private readonly authentication: Authentication;
  private readonly http: HttpClient;
  private readonly deadlineMs: number;
  private readonly backOffMs: number;

  public constructor(address: RegistryAddress, options: RegistryClientOptions) {
    const { env = process.env, credentials = registryCredentials } = options;
    const { timeoutMs = 10_000, deadlineMs = 30_000, backOffMs = 200 } = options;
    this.deadlineMs = deadlineMs;
    this.backOffMs = backOffMs;
    this.server = new RegistryServer(address);
    this.http = new HttpClient(this.server, timeoutMs);
    this.authentication = new Authentication(
      this.server,
      () => credentials(address.host, env),
      (request, until) => this.sendPatiently(request, until),
    );
  }

  /** Sends a request, again after transient failures, within the deadline of one call. */
  public send(draft: Draft): Promise<RegistryResponse> {
    const until = this.deadline();
    return this.authentication.send(
      this.request(draft),
      () => until,
      (request) => this.sendPatiently(request, until),
    );
  }

  /**
   * Sends a request one time, and once more with a new token.
   *
   * @throws TransientFailure, Interrupted when the caller should repeat all requests that led to it.
   */
  public once(draft: Draft): Promise<RegistryResponse> {
    return this.authentication.send(
      this.request(draft),
      () => this.deadline(),
      (request) => this.sendOnce(request),
    );
  }

  /** Repeats work of several requests after transient failures and interruptions, up to four tries in all. */
  public repeat<T>(
    scope: Scope,
    work: () => Promise<T>,
    latest = (): number => this.deadline(),
  ): Promise<T> {
    const { backOffMs } = this;
    return retry(work, { scope, backOffMs, latest, signal: this.http.closing.signal });
  }

  /** Failure for a response that is neither the expected one nor "not found". */
  public refusal(response: RegistryResponse, scope: Scope): Promise<RegistryFailure> {
    return this.authentication.refusal(response, scope);
  }

  /** Ends all connections; requests without a response fail. */
  public close(): void {
    this.http.close();
  }

  private sendPatiently(request: RegistryRequest, until: number): Promise<RegistryResponse> {
    return this.repeat(
      request.scope,
      () => this.sendOnce(request, until),
      () => until,
    );
  }

  private sendOnce(request: RegistryRequest, until = Infinity): Promise<RegistryResponse> {
    const { server, http } = this;
    return followRedirects(request, server, async (hop) =>
      requireSettled(await http.send(hop, until), hop.scope, server),
    );
  }

  private request({ to, headers = {}, ...draft }: Draft): RegistryRequest {
    return { ...draft, headers, url: typeof to === "string" ? this.server.url(to) : to };
  }

  /** When a call that begins now must end, on the clock of `performance.now()`. */
  private deadline(): number {
    return performance.now() + this.deadlineMs;
  }
}

/**
 * Path of something in a repository: `/v2/owner/webui/manifests/v1`.
 *
 * @throws RegistryFailure when a URL parser would change it, so that it led elsewhere.
 */
export function pathIn(
  { repository }: Pick<Scope, "repository">,
  kind: "blobs" | "manifests" | "referrers" | "tags",
  name: string,
): string {
  const path = `/v2/${repository}/${kind}/${name}`;
  // URLs resolve "." and "..", also if they are percent-encoded.
  const isKept = new URL(path, "http://registry").pathname === path;
  if (isKept && name !== "" && !path.includes("//")) return path;
  throw new RegistryFailure(
    `its path ${JSON.stringify(path)} has segments that are empty, "." or "..", or characters that no name has; correct what refers to it`,
  );
}
