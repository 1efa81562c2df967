import { quote } from "./failure.ts";
import type { Tls } from "./references.ts";
import type { RegistryAddress, RegistryResponse } from "./types.ts";

/** Server of a registry, with the addresses that are its own and its names in messages. */
export class RegistryServer {
  /** Host as it was given. */
  public readonly host: string;
  public readonly tls: Tls;
  /** Texts that no message may hold, not even where the registry repeats them. */
  public readonly secrets = new Set<string>();
  private readonly base: URL;

  public constructor({ host, tls }: RegistryAddress) {
    this.host = host;
    this.tls = tls;
    // Docker Hub's registry has another host than its images' names.
    const server = host === "docker.io" ? "registry-1.docker.io" : host;
    this.base = new URL(`${tls === "plain-http" ? "http" : "https"}://${server}`);
  }

  /** Address of a path such as `/v2/`. */
  public url(path: string): URL {
    return new URL(path, this.base);
  }

  /** Address of a request by plain HTTP, to which the server switches for good. */
  public plainUrl({ pathname, search }: URL): URL {
    this.base.protocol = "http:";
    return this.url(pathname + search);
  }

  /**
   * Address that a response refers to, as it is or relative to the response's own; undefined when it is none. A registry
   * behind a proxy often does not know that clients reach it by HTTPS, so on its own host the scheme stays.
   */
  public reference(text: string | undefined, { url: from }: RegistryResponse): URL | undefined {
    if (text === undefined || !URL.canParse(text, from.href)) return undefined;
    const url = new URL(text, from);
    if (this.isOwn(url)) url.protocol = this.base.protocol;
    return url;
  }

  /** Whether an address is at the registry itself, which alone may see credentials. */
  public isOwn(url: URL): boolean {
    return url.host === this.base.host;
  }

  /** Subject of a sentence about the server at an address. */
  public who(url: URL): string {
    return this.isOwn(url) ? "the registry" : `${url.host}, to which the registry refers,`;
  }

  /** End of a message with the server's own words; empty where it has none. */
  public says(response: RegistryResponse): string {
    return quote(response, this.secrets);
  }
}
