import { Authentication } from "./authentication.ts";
import { registryCredentials } from "./credentials.ts";
import { RegistryFailure } from "./failure.ts";
import { RegistryTransport } from "./transport.ts";
import type {
  RegistryAddress,
  RegistryClientOptions,
  RegistryRequest,
  RegistryResponse,
  Scope,
} from "./types.ts";

/** A request without what all requests have in common. */
export type Draft = Omit<RegistryRequest, "url" | "headers"> & {
  /** Path at the registry, or an address that it gave. */
  readonly to: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Signed requests to one registry, on which questions, uploads and downloads stand. */
export class RegistryConnection {
  private readonly transport: RegistryTransport;
  private readonly authentication: Authentication;

  public constructor(address: RegistryAddress, options: RegistryClientOptions) {
    const { env = process.env, credentials = registryCredentials } = options;
    this.transport = new RegistryTransport(address, options);
    this.authentication = new Authentication(this.transport, address.host, () =>
      credentials(address.host, env),
    );
  }

  /** Asks until there is an answer that is not by chance, within the time of one question. */
  public send(draft: Draft): Promise<RegistryResponse> {
    const until = this.transport.deadline();
    return this.authentication.send(
      this.request(draft),
      () => until,
      (request) => this.transport.send(request, until),
    );
  }

  /**
   * Asks one time, and once more with a new token.
   *
   * @throws TransientFailure, Interrupted when all that led to it may be worth another try.
   */
  public once(draft: Draft): Promise<RegistryResponse> {
    return this.authentication.send(
      this.request(draft),
      () => this.transport.deadline(),
      (request) => this.transport.once(request),
    );
  }

  /** Does a work of several requests until it ends otherwise than by chance, four times at most. */
  public repeat<T>(scope: Scope, work: () => Promise<T>): Promise<T> {
    return this.transport.repeat(scope, work);
  }

  /** Address that an answer refers to; undefined when it is none. */
  public reference(text: string | undefined, response: RegistryResponse): URL | undefined {
    return text === undefined ? undefined : this.transport.reference(text, response);
  }

  /** What to say about an answer that is neither the wanted one nor "not found". */
  public refusal(response: RegistryResponse, scope: Scope): Promise<RegistryFailure> {
    return this.authentication.refusal(response, scope);
  }

  /** End of a message with the server's own words; empty where it has none. */
  public says(response: RegistryResponse): string {
    return this.transport.says(response);
  }

  /** Ends all connections; requests without an answer fail. */
  public close(): void {
    this.transport.close();
  }

  private request({ to, headers = {}, ...draft }: Draft): RegistryRequest {
    return { ...draft, headers, url: typeof to === "string" ? this.transport.url(to) : to };
  }
}

/**
 * Path of what is asked of a repository: `/v2/owner/webui/manifests/v1`.
 *
 * @throws RegistryFailure when it would lead elsewhere.
 */
export function pathIn(
  { repository }: Pick<Scope, "repository">,
  kind: "blobs" | "manifests" | "referrers" | "tags",
  name: string,
): string {
  const path = `/v2/${repository}/${kind}/${name}`;
  // An address leaves out "." and "..", however they are written, with what is before them.
  const isKept = new URL(path, "http://registry").pathname === path;
  if (isKept && name !== "" && !path.includes("//")) return path;
  throw new RegistryFailure(
    `its path ${JSON.stringify(path)} has segments that are empty, "." or "..", or characters that no name has; correct what refers to it`,
  );
}
