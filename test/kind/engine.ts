import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runTool } from "../../platform/machine/run.ts";
import type { Run } from "../e2e/checkout.ts";

/** Debian's packages with a Docker engine, its way out of a network namespace, and what both need; they are unpacked, not installed. */
const packages = [
  ...["docker.io", "containerd", "runc", "tini", "iptables", "slirp4netns", "libslirp0"],
  ...["libnftnl11", "libip4tc2", "libip6tc2", "libxtables12", "libnetfilter-conntrack3"],
  ...["libnfnetlink0", "libmnl0", "libdevmapper1.02.1"],
];

/** Address of this machine's loopback in the namespaces of an engine. */
export const machineAddress = "10.0.2.2";

const controlGroups = "/sys/fs/cgroup";

/**
 * A Docker engine in namespaces of its own: network, mounts, processes and control groups. All that runs in them ends with it, and of this
 * machine it changes no firewall rule, no file beyond its folder and no control group but its own.
 */
export class DockerEngine {
  readonly #folder: string;
  readonly #outer: ChildProcess;
  readonly #groups: readonly string[];
  #init = 0;

  private constructor(folder: string, outer: ChildProcess, groups: readonly string[]) {
    this.#folder = folder;
    this.#outer = outer;
    this.#groups = groups;
  }

  /**
   * Starts one that keeps everything in a folder.
   *
   * @param names that mean the engine's own loopback.
   */
  public static async start(folder: string, names: readonly string[]): Promise<DockerEngine> {
    await unpack(folder);
    writeFileSync(
      join(folder, "hosts"),
      `127.0.0.1 localhost\n${names.map((name) => `127.0.0.1 ${name}\n`).join("")}`,
    );
    writeFileSync(join(folder, "resolv.conf"), "nameserver 10.0.2.3\n");
    const runtime = join(import.meta.dirname, "runtime.ts");
    const runc = join(folder, "engine/usr/sbin/runc");
    writeFileSync(
      join(folder, "runtime"),
      `#!/bin/sh\nexec ${process.execPath} --disable-warning=ExperimentalWarning ${runtime} ${runc} "$@"\n`,
    );
    chmodSync(join(folder, "runtime"), 0o755);
    const groups = makeGroups(`tinyolly-kind-${process.pid}`);
    const enter = `for group in "$@"; do echo $$ > "$group/cgroup.procs"; done; exec unshare ${namespaces} \
      "$TINI" -- sh "$INSIDE" "$FOLDER"`;
    const outer = spawn("sh", ["-c", enter, "sh", ...groups], {
      env: {
        ...process.env,
        TINI: join(folder, "engine/usr/bin/tini-static"),
        INSIDE: join(import.meta.dirname, "inside.sh"),
        FOLDER: folder,
      },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const engine = new DockerEngine(folder, outer, groups);
    try {
      await engine.#connect();
      await engine.#until(
        "Docker's engine to answer",
        () => engine.run(["docker", "version"]).status === 0,
      );
    } catch (error) {
      await engine.end();
      throw error;
    }
    return engine;
  }

  /** Runs a program in the namespaces. */
  public run(
    command: readonly string[],
    env: NodeJS.ProcessEnv = process.env,
    cwd = this.#folder,
  ): Run {
    const [program = "", ...args] = this.#entering(command, cwd);
    const done = spawnSync(program, args, {
      env: this.#environment(env),
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    return { status: done.status, output: `${done.stdout}${done.stderr}` };
  }

  /** Starts a program in the namespaces, and resolves once it has printed something. */
  public async serve(command: readonly string[]): Promise<void> {
    const [program = "", ...args] = this.#entering(command, this.#folder);
    const child = spawn(program, args, {
      env: this.#environment(process.env),
      stdio: ["ignore", "pipe", "inherit"],
    });
    await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
    if (child.exitCode !== null) throw new Error(`${command.join(" ")} ended at once`);
  }

  /** Ends it with all that runs in its namespaces. */
  public async end(): Promise<void> {
    if (this.#outer.exitCode === null && this.#outer.signalCode === null) {
      const ended = once(this.#outer, "exit");
      this.#outer.kill("SIGKILL");
      await ended;
    }
    await this.#until("the engine's processes to end", () => !existsSync(`/proc/${this.#init}`));
    for (const group of this.#groups)
      await this.#until(`${group} to be empty`, () => removeGroup(group));
  }

  /** Waits for the namespaces, and gives them a way out. */
  async #connect(): Promise<void> {
    const { pid = 0 } = this.#outer;
    await this.#until("the engine's namespaces", () => existsSync(join(this.#folder, "waits")));
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    this.#init = Number(children);
    const library = join(this.#folder, "engine/usr/lib", libraries());
    spawn(
      join(this.#folder, "engine/usr/bin/slirp4netns"),
      ["--configure", "--mtu=65520", String(this.#init), "tap0"],
      { env: { ...process.env, LD_LIBRARY_PATH: library }, stdio: "ignore" },
    );
  }

  #entering(command: readonly string[], cwd: string): string[] {
    const kinds = ["net", "mount", "pid", "ipc", "uts", "cgroup"].map((kind) => `--${kind}`);
    const script = 'cd "$1" && shift && exec "$@"';
    return [
      ...["nsenter", `--target=${this.#init}`, ...kinds, "--"],
      ...["sh", "-c", script, "sh", cwd, ...command],
    ];
  }

  #environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    return { ...env, PATH: [join(this.#folder, "engine-bin"), env["PATH"] ?? ""].join(":") };
  }

  async #until(what: string, holds: () => boolean): Promise<void> {
    const deadline = Date.now() + 120_000;
    while (!holds()) {
      if (Date.now() > deadline || (this.#outer.exitCode ?? 0) !== 0)
        throw new Error(`waited in vain for ${what}:\n${this.#log()}`);
      await sleep(100);
    }
  }

  #log(): string {
    const file = join(this.#folder, "dockerd.log");
    return existsSync(file) ? readFileSync(file, "utf8").slice(-3000) : "";
  }
}

const namespaces =
  "--net --mount --pid --ipc --uts --cgroup --fork --kill-child --mount-proc --propagation private";

async function unpack(folder: string): Promise<void> {
  const debs = join(folder, "debs");
  const engine = join(folder, "engine");
  const bin = join(folder, "engine-bin");
  for (const made of [debs, engine, bin]) mkdirSync(made, { recursive: true });
  await runTool("sh", ["-c", `cd "${debs}" && apt-get download ${packages.join(" ")}`]);
  for (const deb of readdirSync(debs))
    await runTool("dpkg-deb", ["--extract", join(debs, deb), engine]);
  for (const name of ["docker", "containerd", "containerd-shim-runc-v2", "docker-init"])
    symlinkSync(join(engine, "usr/bin", name), join(bin, name));
  for (const name of ["dockerd", "docker-proxy"])
    symlinkSync(join(engine, "usr/sbin", name), join(bin, name));
  for (const name of ["iptables", "ip6tables"].flatMap((one) => [
    one,
    `${one}-save`,
    `${one}-restore`,
  ]))
    symlinkSync(join(engine, "usr/sbin/xtables-nft-multi"), join(bin, name));
}

function libraries(): string {
  return process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
}

/** Makes a group in each hierarchy, and returns their folders. */
function makeGroups(name: string): string[] {
  const one = existsSync(join(controlGroups, "cgroup.controllers"));
  const roots = one
    ? [controlGroups]
    : readdirSync(controlGroups, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(controlGroups, entry.name));
  return roots.map((root) => {
    const group = join(root, name);
    mkdirSync(group, { recursive: true });
    // A new one of version 1 has neither.
    for (const file of ["cpuset.cpus", "cpuset.mems"])
      if (!one && existsSync(join(root, file)))
        writeFileSync(join(group, file), readFileSync(join(root, file)));
    return group;
  });
}

/** Removes a group with those below it. Returns whether it is gone. */
function removeGroup(group: string): boolean {
  if (!existsSync(group)) return true;
  try {
    for (const entry of readdirSync(group, { withFileTypes: true }))
      if (entry.isDirectory()) removeGroup(join(group, entry.name));
    rmdirSync(group);
    return true;
  } catch {
    // What was in it has just ended.
    return false;
  }
}
