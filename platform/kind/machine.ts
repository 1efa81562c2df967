import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { PlatformError } from "../settings.ts";

/** Programs that must be on PATH, and where they are found. */
const programs = {
  docker: "https://docs.docker.com/engine/install, with its buildx plugin",
  kind: "0.27 or newer, https://kind.sigs.k8s.io",
  kubectl: "https://kubernetes.io/docs/tasks/tools",
  helm: "version 4, https://helm.sh/docs/intro/install",
  openssl: "from your system's packages",
} as const;

/** The oldest versions that will do, and how a program tells its own. */
const oldest = {
  // Its nodes look for the registry's address in a folder of their own.
  kind: { args: ["version"], version: [0, 27] },
  helm: { args: ["version", "--template", "{{.Version}}"], version: [4, 0] },
} as const;

/** Time for a program to answer. */
const patienceMs = 30_000;

/**
 * Looks for all that a kind cluster needs of this machine, before anything is made.
 *
 * @throws PlatformError that says what is missing, and what to do.
 */
export function requireMachine(env: NodeJS.ProcessEnv): void {
  requirePrograms(env);
  requireVersions(env);
  requireDocker(env);
}

/**
 * Looks for the programs that work with a kind cluster.
 *
 * @throws PlatformError on a system where they would not do, or where one is missing.
 */
export function requirePrograms(env: NodeJS.ProcessEnv): void {
  if (process.platform !== "linux") {
    throw new PlatformError(
      `PLATFORM=kind works on Linux only, since elsewhere Docker's containers do not share this machine's network; ` +
        `use your own registry, builder and cluster: set registryPush, registryPull, builder and kubeContext with ` +
        `pulumi config set, as docs/settings.md tells`,
    );
  }
  const folders = (env["PATH"] ?? "").split(delimiter);
  const missing = Object.entries(programs).filter(
    ([name]) => !folders.some((folder) => existsSync(join(folder, name))),
  );
  if (missing.length === 0) return;
  const list = missing.map(([name, where]) => `${name} (${where})`).join(", ");
  throw new PlatformError(
    `PLATFORM=kind needs on PATH: ${list}; install what is missing, or leave out PLATFORM=kind for the embedded platform`,
  );
}

function requireVersions(env: NodeJS.ProcessEnv): void {
  for (const [name, { args, version }] of Object.entries(oldest)) {
    const { stdout } = spawnSync(name, args, { env, encoding: "utf8", timeout: patienceMs });
    const [found, major = 0, minor = 0] = /\bv(\d+)\.(\d+)[\w.+-]*/.exec(stdout) ?? [];
    const wanted = version.join(".");
    if (found === undefined)
      throw new PlatformError(
        `${name} ${args.join(" ")} tells no version; PLATFORM=kind needs ${name} ${wanted} or newer`,
      );
    const [oldestMajor, oldestMinor] = version;
    const difference = Number(major) - oldestMajor || Number(minor) - oldestMinor;
    if (difference < 0)
      throw new PlatformError(
        `${name} on PATH is ${found}, but PLATFORM=kind needs ${wanted} or newer; install it: ${programs[name as keyof typeof oldest]}`,
      );
  }
}

/**
 * Asks Docker's engine for its version, and returns it.
 *
 * @throws PlatformError where it does not answer this user.
 */
export function requireDocker(env: NodeJS.ProcessEnv): string {
  const args = ["version", "--format={{.Server.Version}}"];
  const { status, stdout, stderr, error } = spawnSync("docker", args, {
    env,
    encoding: "utf8",
    timeout: patienceMs,
  });
  if (status === 0) return stdout.trim();
  const said = error ? error.message : stderr.trim();
  throw new PlatformError(`${reasonOf(said)}, or leave out PLATFORM=kind:\n${said}`);
}

function reasonOf(said: string): string {
  if (/permission denied/i.test(said))
    return "Docker refuses this user; run sudo usermod --append --groups docker $USER and log in again";
  if (/cannot connect|is the docker daemon running/i.test(said))
    return "Docker is installed, but its engine does not run; start it, with sudo systemctl start docker on most systems";
  return "Docker's engine does not answer; see to it that docker version tells the server's version";
}
