import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fields } from "../../delivery/basics/json-fields.ts";
import { runTool } from "../machine/run.ts";
import { PlatformError } from "../settings.ts";

/** How a program of an image is started, and how it is seen to work. */
export interface Program {
  /** Such as `tinyolly (receiver)`. */
  readonly name: string;
  /** Image that it is in, by its name in deliverables.ts. */
  readonly image: string;
  /** Variables besides those of the image. */
  readonly env: Readonly<Record<string, string>>;
  /** Ports and paths that answer 200 once it works, or ports alone that accept connections. */
  readonly probes: readonly { readonly port: number; readonly path?: string }[];
  /** Whether it needs Redis, which is this machine's own. */
  readonly redis: boolean;
}

/** Every program that the images hold, started as the charts do. */
export const programs: readonly Program[] = [
  {
    name: "opamp-server",
    image: "opamp-server",
    env: {},
    probes: [{ port: 4320 }, { port: 4321, path: "/health" }],
    redis: false,
  },
  {
    name: "webui",
    image: "webui",
    env: { BACKEND_URL: "http://localhost:5002" },
    probes: [
      { port: 80, path: "/health" },
      { port: 80, path: "/" },
    ],
    redis: false,
  },
  {
    name: "tinyolly (ui)",
    image: "tinyolly",
    env: { MODE: "ui", REDIS_URL: "redis://127.0.0.1:6379/0" },
    probes: [
      { port: 5002, path: "/health" },
      { port: 5002, path: "/ready" },
      { port: 5002, path: "/api/traces" },
    ],
    redis: true,
  },
  {
    name: "tinyolly (receiver)",
    image: "tinyolly",
    env: { MODE: "receiver", REDIS_URL: "redis://127.0.0.1:6379/0" },
    probes: [{ port: 4343 }],
    redis: true,
  },
  ...["frontend", "backend"].map((mode) => ({
    name: `demo (${mode})`,
    image: "demo",
    env: { MODE: mode },
    probes: [{ port: 5000, path: "/health" }],
    redis: false,
  })),
];

/** An image in a registry, and the BuildKit that pulls it. */
export interface PulledImage {
  /** `host/repository@sha256:…`, of a manifest or of an index. */
  readonly reference: string;
  /** Which one of an index, such as `linux/arm64`. */
  readonly platform: string;
  /** Address of a BuildKit that reaches the registry. */
  readonly buildkit: string;
}

/** A program that runs. */
export interface Started {
  /** Seconds from the start of the program until all of its probes answered. */
  readonly seconds: number;
  /** What the kernel runs for it, such as `qemu-aarch64-static`; the program itself where nothing is emulated. */
  readonly runs: string;
  /** All that it wrote. */
  readonly log: () => string;
  /** Ends it as a cluster does, and deletes its files; returns whether it ended by itself within 30 s. */
  readonly stop: () => Promise<boolean>;
}

/** What an image says of how it is run. */
export interface ImageConfig {
  readonly user: string;
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly folder: string;
}

const patienceMs = 600_000;

/**
 * Pulls an image and starts a program of it as a cluster would: with the image's own user, command and variables, no
 * rights, a read-only root and a network of its own. Programs of another architecture run where `provideEmulation` was
 * called before.
 *
 * @throws PlatformError with what it wrote when it ends, or does not answer within ten minutes.
 */
export async function startEmulated(image: PulledImage, program: Program): Promise<Started> {
  const bundle = mkdtempSync(join(tmpdir(), "tinyolly-emulated-"));
  const id = basename(bundle);
  const log = join(bundle, "log");
  const readLog = (): string => (existsSync(log) ? readFileSync(log, "utf8") : "");
  let redis: ChildProcess | undefined;
  const end = (): void => {
    spawnSync("runc", ["delete", "--force", id], { stdio: "ignore" });
    redis?.kill("SIGKILL");
    rmSync(bundle, { recursive: true, force: true });
  };
  try {
    const config = await pull(image, bundle);
    const spec = containerSpec(config, program.env, join(bundle, "resolv.conf"), `/${id}`);
    writeFileSync(join(bundle, "resolv.conf"), "nameserver 127.0.0.1\n");
    writeFileSync(join(bundle, "config.json"), JSON.stringify(spec));
    const output = openSync(log, "a");
    const pidFile = join(bundle, "pid");
    const created = spawnSync("runc", ["create", "--bundle", bundle, "--pid-file", pidFile, id], {
      stdio: ["ignore", output, output],
    });
    closeSync(output);
    if (created.status !== 0) throw new PlatformError(`runc create failed:\n${readLog()}`);
    const pid = readFileSync(pidFile, "utf8");
    await runTool("nsenter", [`--target=${pid}`, "--net", "ip", "link", "set", "lo", "up"]);
    if (program.redis) redis = await startRedis(pid);
    const started = Date.now();
    await runTool("runc", ["start", id]);
    await answersAll(pid, program, readLog);
    return {
      seconds: (Date.now() - started) / 1000,
      runs: basename(readlinkSync(`/proc/${pid}/exe`)),
      log: readLog,
      stop: async () => {
        const ended = await stopContainer(id, pid);
        end();
        return ended;
      },
    };
  } catch (error) {
    end();
    throw error;
  }
}

/** Unpacks an image into the folder `rootfs` of `bundle`, and reads how it is run. */
async function pull(
  { reference, platform, buildkit }: PulledImage,
  bundle: string,
): Promise<ImageConfig> {
  const context = join(bundle, "context");
  const root = join(bundle, "rootfs");
  const layout = join(bundle, "layout");
  for (const folder of [context, root, layout]) mkdirSync(folder);
  writeFileSync(join(context, "Dockerfile"), `FROM ${reference}\n`);
  const archive = join(bundle, "rootfs.tar");
  // BuildKit itself puts the layers together, and hands over the configuration beside them.
  await runTool("buildctl", [
    `--addr=${buildkit}`,
    "build",
    "--progress=plain",
    "--frontend=dockerfile.v0",
    `--local=context=${context}`,
    `--local=dockerfile=${context}`,
    `--opt=platform=${platform}`,
    `--output=type=tar,dest=${archive}`,
    `--output=type=oci,tar=false,dest=${layout}`,
  ]);
  await runTool("tar", ["--extract", "--numeric-owner", "--file", archive, "--directory", root]);
  rmSync(archive);
  const blob = (descriptor: unknown): Readonly<Record<string, unknown>> => {
    const [algorithm = "", digest = ""] = String(fields(descriptor)["digest"]).split(":");
    return fields(JSON.parse(readFileSync(join(layout, "blobs", algorithm, digest), "utf8")));
  };
  const { manifests } = fields(JSON.parse(readFileSync(join(layout, "index.json"), "utf8")));
  const manifest = blob(list(manifests)[0]);
  const { config } = blob(manifest["config"]);
  rmSync(layout, { recursive: true });
  const { User, Entrypoint, Cmd, Env, WorkingDir } = fields(config);
  return {
    user: typeof User === "string" ? User : "",
    command: [...list(Entrypoint), ...list(Cmd)].map(String),
    env: list(Env).map(String),
    folder: typeof WorkingDir === "string" && WorkingDir !== "" ? WorkingDir : "/",
  };
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The container as runc wants it: what a pod with a restricted security context would be. */
export function containerSpec(
  { user, command, env, folder }: ImageConfig,
  more: Readonly<Record<string, string>>,
  resolvConf: string,
  controlGroup: string,
): object {
  const [uid = 0, gid = 0] = user.split(":").map(Number);
  if (Number.isNaN(uid) || Number.isNaN(gid)) {
    throw new PlatformError(
      `the image runs as "${user}", but a cluster can check numbers only; write USER as such`,
    );
  }
  const temporary = ["nosuid", "nodev", "mode=1777"];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid, gid },
      args: command,
      env: [...env, ...Object.entries(more).map(([name, value]) => `${name}=${value}`)],
      cwd: folder,
      noNewPrivileges: true,
      capabilities: {},
    },
    root: { path: "rootfs", readonly: true },
    hostname: "emulated",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      { destination: "/dev/shm", type: "tmpfs", source: "tmpfs", options: temporary },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: temporary },
      {
        destination: "/etc/resolv.conf",
        type: "bind",
        source: resolvConf,
        options: ["rbind", "ro"],
      },
    ],
    linux: {
      cgroupsPath: controlGroup,
      namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })),
      // As containers of a cluster have it.
      sysctl: { "net.ipv4.ip_unprivileged_port_start": "0" },
      maskedPaths: ["/proc/kcore", "/proc/keys"],
      readonlyPaths: ["/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

async function startRedis(pid: string): Promise<ChildProcess> {
  const options = ["--bind", "127.0.0.1", "--port", "6379", "--save", "", "--appendonly", "no"];
  const redis = spawn("nsenter", [`--target=${pid}`, "--net", "redis-server", ...options], {
    stdio: "ignore",
  });
  const until = Date.now() + 10_000;
  while (!answers(pid, { port: 6379 })) {
    if (Date.now() > until) throw new PlatformError("redis-server does not answer on port 6379");
    await sleep(100);
  }
  return redis;
}

async function answersAll(pid: string, program: Program, log: () => string): Promise<void> {
  const until = Date.now() + patienceMs;
  for (const probe of program.probes) {
    for (let pause = 250; !answers(pid, probe); pause = Math.min(pause * 1.5, 2000)) {
      if (!isAlive(pid))
        throw new PlatformError(`${program.name} ended instead of working:\n${log()}`);
      if (Date.now() > until) {
        const where = `port ${probe.port}${probe.path ?? ""}`;
        throw new PlatformError(`${program.name} does not answer at ${where}:\n${log()}`);
      }
      // Asking takes time from a program that has little.
      await sleep(pause);
    }
  }
}

/** Asks from within the program's network, where alone it can be reached. */
function answers(pid: string, { port, path }: Program["probes"][number]): boolean {
  const ask =
    path === undefined
      ? `require("net").connect(${port}, "127.0.0.1").on("connect", () => process.exit(0))`
      : `require("http").get("http://127.0.0.1:${port}${path}", (r) => process.exit(r.statusCode === 200 ? 0 : 1))`;
  const script = `${ask}.on("error", () => process.exit(1))`;
  const args = [`--target=${pid}`, "--net", process.execPath, "-e", script];
  return spawnSync("nsenter", args, { stdio: "ignore", timeout: 30_000 }).status === 0;
}

async function stopContainer(id: string, pid: string): Promise<boolean> {
  spawnSync("runc", ["kill", id, "TERM"], { stdio: "ignore" });
  for (let i = 0; i < 300 && isAlive(pid); i++) await sleep(100);
  return !isAlive(pid);
}

/** The root of a process that ended is gone before its pid is. */
function isAlive(pid: string): boolean {
  return existsSync(`/proc/${pid}/root/proc`);
}
