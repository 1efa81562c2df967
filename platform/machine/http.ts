import { type IncomingMessage, request as httpRequest } from "node:http";
import { type RequestOptions, request as httpsRequest } from "node:https";
import { type NetConnectOpts, type Socket, connect } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { type PlatformSettings, sockets } from "../settings.ts";
import { rootFolder } from "./root.ts";

/** What a server answered. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

const patienceMs = 2000;
const cutOff = "the answer was cut off";

/**
 * GET from one of the platform's own servers on loopback. Its certificate is checked where `ca` is given, and a token is sent to no
 * server that could be somebody else's.
 *
 * @throws Error where a token would go to a server that is not verified.
 */
export function get(
  url: string,
  headers: Record<string, string> = {},
  options: RequestOptions = {},
): Promise<Answer> {
  const verified = options.ca !== undefined;
  return new Promise((resolve, reject) => {
    if (headers["authorization"] !== undefined && !(verified && url.startsWith("https:")))
      throw new Error(`a token is meant for ${url}, which is not verified; give its authority`);
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    const all = { headers, rejectUnauthorized: verified, timeout: patienceMs, ...options };
    let begun = false;
    const sent = send(url, all, (response) => {
      begun = true;
      collect(response, resolve, reject);
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer within ${patienceMs / 1000} s`)));
    sent.on("error", (error) => {
      reject(begun ? new Error(cutOff) : error);
    });
    sent.end();
  });
}

/** GET inside the node's network; status 502 when nothing listens there. */
export function getInNode(settings: PlatformSettings, url: string): Promise<Answer> {
  const { host, protocol } = new URL(url);
  return new Promise((resolve, reject) => {
    const asked = httpRequest({
      socketPath: join(rootFolder(settings), sockets.node),
      method: "CONNECT",
      path: host,
      headers: { host },
      timeout: patienceMs,
    });
    asked.on("connect", (response: IncomingMessage, socket: Socket) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        resolve({ status: response.statusCode ?? 0, body: "" });
        return;
      }
      const connection =
        protocol === "https:" ? connectTls({ socket, rejectUnauthorized: false }) : socket;
      const options = { createConnection: () => connection };
      get(url, {}, options)
        .then(resolve, reject)
        .finally(() => socket.destroy());
    });
    asked.on("timeout", () => asked.destroy(new Error(`no answer within ${patienceMs / 1000} s`)));
    asked.on("error", reject);
    asked.end();
  });
}

/** Whether something accepts connections there. */
export function accepts(address: NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}

function collect(
  response: IncomingMessage,
  done: (answer: Answer) => void,
  fail: (error: Error) => void,
): void {
  let body = "";
  response.setEncoding("utf8");
  response.on("data", (chunk: string) => (body += chunk));
  response.on("end", () => {
    done({ status: response.statusCode ?? 0, body });
  });
  // Nothing else tells of a connection that ends early.
  response.on("close", () => {
    if (!response.complete) fail(new Error(cutOff));
  });
}
