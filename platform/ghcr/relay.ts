/**
 * Carries connections out of a network namespace that no route leads out of: `relay.ts '<Relay as JSON>'`. It listens on
 * this machine's end of the namespace's link, says "ready" on standard output, and runs until it is ended.
 */
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

/** What a relay carries. */
export interface Relay {
  /** Address to listen on. */
  readonly address: string;
  /** Ports that go to the same ports of loopback. */
  readonly ports: readonly number[];
  /** Port of an HTTP proxy for package registries, by CONNECT only. */
  readonly proxyPort: number;
}

function carry(from: Socket, to: Socket): void {
  from.pipe(to).pipe(from);
  from.on("error", () => to.destroy());
  to.on("error", () => from.destroy());
}

function proxy(): Server {
  const server = createHttpServer((_, response) => {
    response.writeHead(405).end("only CONNECT\n");
  });
  server.on("connect", ({ url = "" }, client: Socket, head: Buffer) => {
    const { hostname, port } = new URL(`tcp://${url}`);
    const upstream = connect({ host: hostname, port: Number(port || 443) });
    upstream.once("connect", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.write(head);
      carry(client, upstream);
    });
    upstream.once("error", () => {
      client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    });
    client.once("error", () => upstream.destroy());
  });
  return server;
}

function listen(server: Server, port: number, host: string): Promise<AddressInfo | string | null> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      resolve(server.address());
    });
  });
}

async function main(): Promise<void> {
  // Written by startBuilders.
  const { address, ports, proxyPort } = JSON.parse(process.argv[2] ?? "{}") as Relay;
  const relays = ports.map((port) =>
    listen(
      createServer((client) => {
        carry(client, connect({ host: "127.0.0.1", port }));
      }),
      port,
      address,
    ),
  );
  await Promise.all([...relays, listen(proxy(), proxyPort, address)]);
  process.stdout.write("ready\n");
}

void main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
