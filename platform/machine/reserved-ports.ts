import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PlatformSettings } from "../settings.ts";

/** Settings of the kernel for the network namespace of this process; gone when the machine restarts. */
const kernelFolder = "/proc/sys/net/ipv4";

/**
 * Keeps the kernel from giving the platform's ports to connections, as it may with those of its range. What others reserved stays
 * reserved, and so do these until the machine restarts, since another platform may have them too. Does nothing where this
 * user may not, as in most containers.
 */
export function reservePorts(
  { ports, rehearsal, rehearsalPorts }: PlatformSettings,
  folder = kernelFolder,
): void {
  const own = Object.values<number>({ ...ports });
  if (rehearsal) own.push(...Object.values<number>({ ...rehearsalPorts }));
  const range = parseRange(readFileSync(join(folder, "ip_local_port_range"), "utf8"));
  const file = join(folder, "ip_local_reserved_ports");
  const text = readFileSync(file, "utf8").trim();
  const reserved = text === "" ? [] : text.split(",");
  const missing = own.filter(
    (port) => isWithin(port, range) && !reserved.some((item) => isWithin(port, parseRange(item))),
  );
  if (missing.length === 0) return;
  try {
    writeFileSync(file, [...reserved, ...missing].join(","));
  } catch {
    // A server whose port is taken says by whom.
  }
}

type Range = readonly [first: number, last: number];

/** Reads `32768 60999`, `8080` or `8080-8090`. */
function parseRange(text: string): Range {
  const [first = 0, last = first] = text.trim().split(/\s+|-/).map(Number);
  return [first, last];
}

function isWithin(port: number, [first, last]: Range): boolean {
  return port >= first && port <= last;
}
