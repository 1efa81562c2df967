import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { Transform } from "node:stream";

/** Where a faulty proxy stands. */
export interface FaultyProxyOptions {
  /** Origin of the registry, such as `https://127.0.0.1:30510`. */
  readonly target: string;
  /** Authorities by which the registry is known, as PEM. @default - those of Node */
  readonly targetAuthority?: string;
  /** Key and certificate for HTTPS, as PEM. @default - plain HTTP */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A request that came to the proxy. */
export interface SeenRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Of the answer that went back; undefined while there is none, and of a connection that was cut. */
  readonly status: number | undefined;
}

/** An answer that the registry never gave. */
export interface InjectedAnswer {
  readonly status: number;
  /** Sent as JSON. @default - no body */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** How often. @default Infinity */
  readonly times?: number;
}

interface Rule<T> {
  readonly match: RegExp;
  readonly act: T;
  times: number;
}

type Write<T> = { -readonly [Key in keyof T]: T[Key] };

const writing: readonly string[] = ["PUT", "POST", "PATCH", "DELETE"];

/** What a registry says when it refuses. */
export function ociError(code: string, message: string): unknown {
  return { errors: [{ code, message }] };
}

/**
 * A proxy on this machine that passes all on to a registry, with the Host that the client sent, until it is told to
 * fail. Requests are matched as `METHOD /path?query`; the first rule that fits counts. Close it when done.
 *
 * @example
 * const proxy = await FaultyProxy.start({ target: "http://127.0.0.1:30512" });
 * proxy.answer(/^PUT .*\/manifests\//, { status: 403, body: ociError("DENIED", "quota exceeded"), times: 1 });
 */
export class FaultyProxy {
  /** All requests so far. */
  public readonly requests: SeenRequest[] = [];
  private readonly answers: Rule<InjectedAnswer>[] = [];
  private readonly interruptions: Rule<() => Promise<void> | void>[] = [];
  private readonly forwarded = new Set<http.ClientRequest>();
  private readonly server: http.Server;
  private readonly target: URL;
  private readonly agent: http.Agent;
  private cut = false;
  private bytesLeft = Infinity;
  private manifestsLeft = Infinity;
  private losesAnswer = false;

  private constructor({ target, targetAuthority: ca, tls }: FaultyProxyOptions) {
    this.target = new URL(target);
    const secure = this.target.protocol === "https:";
    this.agent = secure
      ? new https.Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) })
      : new http.Agent({ keepAlive: true });
    const listener: http.RequestListener = (incoming, outgoing) => {
      void this.handle(incoming, outgoing);
    };
    this.server = tls ? https.createServer(tls, listener) : http.createServer(listener);
    this.server.on("connection", (socket) => {
      if (this.cut) socket.destroy();
    });
  }

  /** Starts a proxy on a free port of this machine. */
  public static async start(options: FaultyProxyOptions): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(options);
    await new Promise<void>((resolve) => proxy.server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** Where it listens on loopback, under any name that means this machine and that its certificate has. */
  public get port(): number {
    // A server on TCP has such an address.
    return (this.server.address() as AddressInfo).port;
  }

  /** Host and port, as image references have them. BuildKit and containerd take `localhost` for one over plain HTTP. */
  public get host(): string {
    return `localhost:${this.port}`;
  }

  /** The requests so far that were to change something. */
  public get writes(): readonly SeenRequest[] {
    return this.requests.filter(({ method }) => writing.includes(method));
  }

  /** Answers requests in the registry's place, which does not get them. */
  public answer(match: RegExp, answer: InjectedAnswer): void {
    this.answers.push({ match, act: answer, times: answer.times ?? Infinity });
  }

  /** Does something before the next such request is passed on. */
  public before(match: RegExp, act: () => Promise<void> | void): void {
    this.interruptions.push({ match, act, times: 1 });
  }

  /** Cuts all connections, old and new, once this many bytes more were sent to the registry. */
  public cutAfterBytes(bytes: number): void {
    this.bytesLeft = bytes;
  }

  /**
   * Cuts all connections, old and new, once this many manifests more were stored; with `losesAnswer` before the client
   * learns of the last one.
   */
  public cutAfterManifests(manifests: number, losesAnswer = false): void {
    this.manifestsLeft = manifests;
    this.losesAnswer = losesAnswer;
  }

  /** Passes everything on again. */
  public heal(): void {
    this.cut = false;
    this.bytesLeft = Infinity;
    this.manifestsLeft = Infinity;
    this.answers.length = 0;
    this.interruptions.length = 0;
  }

  /** Ends all connections and the proxy. */
  public async close(): Promise<void> {
    this.cutAll();
    this.agent.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(
    incoming: http.IncomingMessage,
    outgoing: http.ServerResponse,
  ): Promise<void> {
    const { method = "", url: path = "" } = incoming;
    const seen: Write<SeenRequest> = { method, path, status: undefined };
    this.requests.push(seen);
    const text = `${method} ${path}`;
    await take(this.interruptions, text)?.();
    const answer = take(this.answers, text);
    if (answer) {
      seen.status = answer.status;
      const body = answer.body === undefined ? "" : JSON.stringify(answer.body);
      outgoing.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
      outgoing.end(body);
    } else this.forward(incoming, outgoing, seen);
  }

  private forward(
    incoming: http.IncomingMessage,
    outgoing: http.ServerResponse,
    seen: Write<SeenRequest>,
  ): void {
    const { method, headers } = incoming;
    const { request } = this.target.protocol === "https:" ? https : http;
    const forward = request(new URL(seen.path, this.target), {
      method,
      headers,
      agent: this.agent,
    });
    this.forwarded.add(forward);
    forward.once("close", () => this.forwarded.delete(forward));
    forward.once("error", () => outgoing.destroy());
    incoming.once("error", () => forward.destroy());
    forward.once("response", (answer) => {
      const { statusCode = 0 } = answer;
      if (isManifestPut(seen) && statusCode < 300) this.manifestsLeft--;
      const isLast = this.manifestsLeft === 0;
      if (isLast && this.losesAnswer) {
        this.cutAll();
        return;
      }
      seen.status = statusCode;
      outgoing.writeHead(statusCode, answer.headers);
      answer.pipe(outgoing);
      if (isLast)
        outgoing.once("finish", () => {
          this.cutAll();
        });
    });
    incoming.pipe(this.meter()).pipe(forward);
  }

  /** Counts what goes to the registry. */
  private meter(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _, done) => {
        this.bytesLeft -= chunk.length;
        if (this.bytesLeft < 0) this.cutAll();
        else done(null, chunk);
      },
    });
  }

  private cutAll(): void {
    this.cut = true;
    for (const request of this.forwarded) request.destroy();
    this.server.closeAllConnections();
  }
}

function isManifestPut({ method, path }: SeenRequest): boolean {
  return method === "PUT" && path.includes("/manifests/");
}

/** What the first rule that fits says, and one time less of it. */
function take<T>(rules: Rule<T>[], request: string): T | undefined {
  const rule = rules.find(({ match, times }) => times > 0 && match.test(request));
  if (rule) rule.times--;
  return rule?.act;
}
