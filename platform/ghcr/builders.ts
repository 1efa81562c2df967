import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runTool } from "../machine/run.ts";
import { type Certificate, selfSigned } from "../machine/state-files.ts";
import { PlatformError } from "../settings.ts";
import type { Relay } from "./relay.ts";

/** Port of BuildKit, and of the proxy to package registries; each namespace has its own addresses. */
const port = 1234;
const proxyPort = 3128;

/** Builders that are started. */
export interface BuildersOptions {
  /** Folder for their data, logs and certificates; deleted by nobody. */
  readonly folder: string;
  /** Platforms, one for each builder. */
  readonly platforms: readonly string[];
  /** Registry on this machine's loopback, which builders reach under the same names and port. */
  readonly registry: {
    readonly names: readonly string[];
    readonly port: number;
    /** File of the CA that its certificate comes from. @default - it speaks plain HTTP */
    readonly ca?: string;
  };
}

/** Builders that run. */
export interface Builders {
  readonly builders: readonly Builder[];
  readonly stop: () => Promise<void>;
}

/** A BuildKit that builds for one platform, in a network namespace of its own. */
export interface Builder {
  /** An entry of the setting `builderNodes`. */
  readonly node: {
    readonly endpoint: string;
    readonly platforms: readonly string[];
    readonly cacert: string;
    readonly cert: string;
    readonly key: string;
  };
  /** HTTP proxy by which its builds reach package registries. */
  readonly proxy: string;
  /** Flags with which buildctl reaches it. */
  readonly buildctl: readonly string[];
  /** Platforms of all builds that it completed, in no order. */
  readonly built: () => string[];
}

type Stoppable = Builder & { readonly stop: () => Promise<void> };

/** Addresses of a builder, and what its namespace is called. */
export interface Link {
  readonly namespace: string;
  /** Name of this machine's end; the kernel allows 15 characters. */
  readonly device: string;
  readonly hostAddress: string;
  readonly address: string;
}

/**
 * Starts a BuildKit for each platform, each in a network namespace that is linked to this machine and to nothing else.
 * It listens on TCP there, with a certificate, and asks its clients for one. Its namespace has no route out: a relay on
 * this machine's end of the link carries connections to the registry and, as an HTTP proxy, to package registries.
 * Routing with address translation was rejected: it changes forwarding and firewall of the machine.
 *
 * Each offers its own platform and the machine's, whatever the machine emulates: docker-build gives every platform to the
 * first node that offers it. So list the machine's own first.
 */
export async function startBuilders(options: BuildersOptions): Promise<Builders> {
  const started: Stoppable[] = [];
  const stop = async (): Promise<void> => {
    for (const builder of started) await builder.stop();
  };
  try {
    for (const platform of options.platforms) started.push(await startBuilder(options, platform));
    return { builders: started, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Link of a builder: equal for equal folders, so that what a killed run left is found again. */
export function linkOf(folder: string, platform: string): Link {
  const hash = createHash("sha256").update(`${folder} ${platform}`).digest();
  const name = hash.toString("hex").slice(0, 10);
  // 198.18.0.0/15 is set aside for tests between devices; four addresses each.
  const [first = 0, second = 0, third = 0] = hash;
  const network = `198.${18 + (first & 1)}.${second}`;
  const base = third & 0xfc;
  return {
    namespace: `tinyolly-${name}`,
    device: `ty-${name}`,
    hostAddress: `${network}.${base + 1}`,
    address: `${network}.${base + 2}`,
  };
}

async function startBuilder(options: BuildersOptions, platform: string): Promise<Stoppable> {
  const { registry } = options;
  const link = linkOf(options.folder, platform);
  const folder = join(options.folder, platform.replaceAll("/", "-"));
  mkdirSync(folder, { recursive: true });
  const processes: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(processes.reverse().map(end));
    removeLink(link);
  };
  try {
    removeLink(link);
    await makeLink(link);
    processes.push(await startRelay(folder, link, registry.port));
    const server = selfSigned(join(folder, "server"), `/CN=${link.address}`, `IP:${link.address}`);
    const client = selfSigned(join(folder, "client"), "/CN=client", "DNS:client");
    processes.push(startDaemon(folder, platform, link, registry, server, client));
    const endpoint = `tcp://${link.address}:${port}`;
    const tls = { cacert: server.certificate, cert: client.certificate, key: client.key };
    const buildctl = [
      `--addr=${endpoint}`,
      `--tlscacert=${tls.cacert}`,
      `--tlscert=${tls.cert}`,
      `--tlskey=${tls.key}`,
    ];
    await answers(buildctl, join(folder, "buildkitd.log"));
    return {
      node: { endpoint, platforms: [platform], ...tls },
      proxy: `http://${link.hostAddress}:${proxyPort}`,
      buildctl,
      built: () => builtPlatforms(buildctl),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function makeLink({ namespace, device, hostAddress, address }: Link): Promise<void> {
  for (const command of [
    `netns add ${namespace}`,
    `link add ${device} type veth peer name eth0 netns ${namespace}`,
    `address add ${hostAddress}/30 dev ${device}`,
    `link set ${device} up`,
    `-netns ${namespace} link set lo up`,
    `-netns ${namespace} address add ${address}/30 dev eth0`,
    `-netns ${namespace} link set eth0 up`,
  ])
    await runTool("ip", command.split(" "));
}

/** The link ends with its namespace. */
function removeLink({ namespace, device }: Link): void {
  spawnSync("ip", ["link", "delete", device], { stdio: "ignore" });
  spawnSync("ip", ["netns", "delete", namespace], { stdio: "ignore" });
}

async function startRelay(
  folder: string,
  { hostAddress }: Link,
  registryPort: number,
): Promise<ChildProcess> {
  const relay: Relay = { address: hostAddress, ports: [registryPort], proxyPort };
  const log = openSync(join(folder, "relay.log"), "a");
  const args = [join(import.meta.dirname, "relay.ts")];
  const child = spawn(process.execPath, [...args, JSON.stringify(relay)], {
    stdio: ["ignore", "pipe", log],
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => {
      resolve();
    });
    child.once("exit", () => {
      const text = readFileSync(join(folder, "relay.log"), "utf8");
      reject(new PlatformError(`the relay on ${hostAddress} ended:\n${text}`));
    });
  });
  return child;
}

/**
 * Shell script that runs a command in a network namespace, with another hosts file and temporary folder.
 *
 * `ip netns exec` would hide the control groups, without which no build starts a process. BuildKit finds out what the
 * machine emulates by starting a program of each platform in its temporary folder, which therefore lets none start.
 */
export const enter = [
  `hosts=$1 net=$2 TMPDIR=$3; shift 3`,
  `mount --bind "$hosts" /etc/hosts`,
  `mount --bind "$TMPDIR" "$TMPDIR" && mount -o remount,bind,noexec "$TMPDIR" && export TMPDIR`,
  `exec nsenter --net="$net" "$@"`,
].join(" && ");

function startDaemon(
  folder: string,
  platform: string,
  { namespace, hostAddress, address }: Link,
  { names, port: registryPort, ca }: BuildersOptions["registry"],
  server: Certificate,
  client: Certificate,
): ChildProcess {
  const registries = names.flatMap((name) => [
    `[registry."${name}:${registryPort}"]`,
    ca === undefined ? `  http = true` : `  ca = [${JSON.stringify(ca)}]`,
  ]);
  const config = join(folder, "buildkitd.toml");
  writeFileSync(config, [...registries, ""].join("\n"));
  const hosts = join(folder, "hosts");
  writeFileSync(hosts, `127.0.0.1 localhost\n${hostAddress} ${names.join(" ")}\n`);
  const temporary = join(folder, "tmp");
  mkdirSync(temporary, { recursive: true });
  const log = openSync(join(folder, "buildkitd.log"), "a");
  const child = spawn(
    "unshare",
    [
      ...["--mount", "sh", "-c", enter, "sh", hosts, `/run/netns/${namespace}`, temporary],
      "buildkitd",
      `--config=${config}`,
      `--root=${join(folder, "data")}`,
      `--addr=tcp://${address}:${port}`,
      `--tlscert=${server.certificate}`,
      `--tlskey=${server.key}`,
      `--tlscacert=${client.certificate}`,
      `--oci-worker-platform=${platform}`,
      // Of the namespace, which is the host that it knows.
      `--oci-worker-net=host`,
      `--containerd-worker=false`,
    ],
    { stdio: ["ignore", log, log] },
  );
  closeSync(log);
  return child;
}

async function answers(buildctl: readonly string[], log: string): Promise<void> {
  for (let tries = 0; tries < 150; tries++) {
    if (spawnSync("buildctl", [...buildctl, "debug", "workers"]).status === 0) return;
    await sleep(200);
  }
  const end = readFileSync(log, "utf8").split("\n").slice(-10).join("\n");
  throw new PlatformError(`buildkitd does not answer at ${buildctl[0] ?? ""}:\n${end}`);
}

function builtPlatforms(buildctl: readonly string[]): string[] {
  const args = [...buildctl, "debug", "histories", "--format={{json .}}"];
  const { stdout } = spawnSync("buildctl", args, { encoding: "utf8" });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      // BuildKit's event of a build record.
      const { record } = JSON.parse(line) as { record?: { FrontendAttrs?: { platform?: string } } };
      return record?.FrontendAttrs?.platform ?? "";
    });
}

/** Waits, since a daemon that is killed leaves mounts behind. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(timer);
}
