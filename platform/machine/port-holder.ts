import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { basename } from "node:path";

/** Who has a port of 127.0.0.1. */
export interface PortHolder {
  /** Whether it serves there; a connection that only happened to get the port ends by itself. */
  readonly listens: boolean;
  /** Such as `registry (process 123, started in /srv/tinyolly)`. */
  readonly name: string;
}

/** Whether a server could listen on a port of 127.0.0.1 now. */
export function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once("error", (error: NodeJS.ErrnoException) => {
      // Whatever else is wrong with it, nobody has it.
      resolve(error.code !== "EADDRINUSE");
    });
    probe.listen(port, "127.0.0.1", () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}

/** Who has a port of 127.0.0.1, servers before connections; undefined when nobody has it. */
export function portHolder(port: number): PortHolder | undefined {
  const sockets = ["/proc/net/tcp", "/proc/net/tcp6"]
    .flatMap(readSockets)
    .filter((socket) => socket.port === port && inTheWay.has(socket.address));
  const socket = sockets.find(({ state }) => state === listening) ?? sockets[0];
  if (!socket) return undefined;
  const owner = ownerOf(socket.inode);
  if (socket.state === listening)
    return { listens: true, name: owner ?? "a program of another user" };
  const whose = owner === undefined ? "that has just ended" : `of ${owner}`;
  return { listens: false, name: `a connection ${whose}` };
}

interface Socket {
  /** As the kernel writes it: words of the machine's byte order in hexadecimal. */
  readonly address: string;
  readonly port: number;
  readonly state: string;
  readonly inode: string;
}

const listening = "0A";

/** Addresses on which nobody else may listen beside 127.0.0.1: itself and all of the machine, by either protocol. */
const inTheWay: ReadonlySet<string> = new Set([
  "0100007F",
  "00000000",
  "0".repeat(32),
  "0000000000000000FFFF00000100007F",
]);

function readSockets(file: string): Socket[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    // A kernel without IPv6.
    return [];
  }
  const [, ...rows] = text.trimEnd().split("\n");
  return rows.map((row) => {
    const [, local = "", , state = "", , , , , , inode = ""] = row.trim().split(/\s+/);
    const [address = "", port = ""] = local.split(":");
    return { address, port: parseInt(port, 16), state, inode };
  });
}

/** Undefined for sockets of nobody any more, and of processes that this user may not look into. */
function ownerOf(inode: string): string | undefined {
  const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && hasSocket(name, inode));
  if (pid === undefined) return undefined;
  try {
    const [program = ""] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return `${basename(program)} (process ${pid}, started in ${readlinkSync(`/proc/${pid}/cwd`)})`;
  } catch {
    return `process ${pid}`;
  }
}

function hasSocket(pid: string, inode: string): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => linkOf(`${folder}/${fd}`) === `socket:[${inode}]`);
  } catch {
    return false;
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    // It was closed in the meantime.
    return "";
  }
}
