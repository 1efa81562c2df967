import { type IncomingMessage, createServer, request } from "node:http";
import { type AddressInfo, connect, createServer as createSocketServer } from "node:net";

/** What went through a proxy, and how to end it. */
export interface RecordingProxy<T> {
  readonly seen: T[];
  readonly close: () => void;
}

/** Passes plain HTTP on to a port of this machine, and records `METHOD /path?query`. */
export async function recordRequests(
  targetPort: number,
): Promise<RecordingProxy<string> & { readonly port: number }> {
  const seen: string[] = [];
  const server = createServer((incoming, outgoing) => {
    seen.push(`${incoming.method ?? ""} ${incoming.url ?? ""}`);
    const { method, url: path, headers } = incoming;
    const options = { host: "127.0.0.1", port: targetPort, method, path, headers };
    const forward = request(options, (answer: IncomingMessage) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forward.once("error", () => outgoing.destroy());
    incoming.pipe(forward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  // A server on TCP has such an address.
  return { seen, port: (server.address() as AddressInfo).port, close };
}

/** Passes the connections to a Unix socket on to another one, and records each. */
export async function recordConnections(
  listen: string,
  target: string,
): Promise<RecordingProxy<string>> {
  const seen: string[] = [];
  const server = createSocketServer((socket) => {
    seen.push("connection");
    const forward = connect(target);
    socket.pipe(forward).pipe(socket);
    for (const end of [socket, forward]) end.once("error", () => end.destroy());
  });
  await new Promise<void>((resolve) => server.listen(listen, resolve));
  return { seen, close: () => server.close() };
}
