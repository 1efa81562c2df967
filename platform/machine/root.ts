import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { PlatformError, type PlatformSettings, project } from "../settings.ts";

/** A program and its arguments. */
export type Command = readonly [string, ...string[]];

/** Servers that need root, for containers, namespaces, and folders that pods own. All others are the user's who starts them. */
export const rootServers: ReadonlySet<string> = new Set([
  ...["buildkitd", "node", "containerd", "kubelet", "kube-proxy", "kube-scheduler", "coredns"],
  "volumes",
]);

/** What programs that download need, and sudo would take away. Values can hold passwords, so they stay out of command lines. */
const kept = [
  ...["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap((name) => [
    name,
    name.toUpperCase(),
  ]),
  ...["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"],
];

/** sudo remembers a password for 5 minutes or more. */
const reminderMs = 60_000;

/** Whether this process is root's, and needs no sudo. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * Refuses to work by sudo, since npm and Pulumi would leave root's files in the folders of the user who calls.
 *
 * @throws PlatformError where sudo runs this process as root, in a checkout of another user.
 */
export function requireUser(env: NodeJS.ProcessEnv = process.env, checkout = project): void {
  const caller = env["SUDO_UID"] ?? "0";
  if (!isRoot() || caller === "0" || statSync(checkout).uid === 0) return;
  throw new PlatformError(
    "run make without sudo, as the user whose checkout this is; it asks for root where it needs it",
  );
}

/**
 * Folder of what root's servers keep, and of their sockets: the state folder where that is root's as well, else one outside the
 * user's folders.
 */
export function rootFolder({ state }: PlatformSettings): string {
  if (isRoot()) return state;
  return join("/var/lib/tinyolly", createHash("sha256").update(state).digest("hex").slice(0, 8));
}

/**
 * A command as root runs it: as it is where this process is root's, else by sudo, after {@link requireRoot}. PATH is that of this process.
 *
 * @param variables names of further variables of the environment that it gets.
 */
export function asRoot(command: Command, variables: readonly string[] = []): Command {
  if (isRoot()) return command;
  const names = [...kept, ...variables].join(",");
  // For others than root it often lacks the last two.
  const path = [process.env["PATH"] ?? "", "/usr/sbin", "/sbin"].join(":");
  return [
    "sudo",
    "--non-interactive",
    `--preserve-env=${names}`,
    "env",
    `PATH=${path}`,
    ...command,
  ];
}

/**
 * Makes sure that {@link asRoot} works from now on: sudo asks for a password at most once, and not again while this process lives.
 *
 * @param purpose what root is needed for, such as `/etc/hosts`.
 * @param otherwise what else the user can do. @default - nothing
 * @throws PlatformError where sudo is missing or refuses.
 */
export function requireRoot(
  purpose: string,
  log: (line: string) => void,
  otherwise?: string,
): void {
  if (isRoot()) return;
  const refuse = (why: string): never => {
    const cure = otherwise === undefined ? "" : `; ${otherwise}`;
    throw new PlatformError(`root is needed for ${purpose}, ${why}${cure}`);
  };
  const silent = spawnSync("sudo", ["--non-interactive", "true"], { stdio: "ignore" });
  if (silent.error) refuse("and there is no sudo");
  if (silent.status === 0) return;
  log(`root is needed for ${purpose}; sudo asks for your password`);
  if (spawnSync("sudo", ["--validate"], { stdio: "inherit" }).status !== 0)
    refuse("and sudo refuses");
  const remind = (): void => {
    const child = spawn("sudo", ["--non-interactive", "--validate"], { stdio: "ignore" });
    child.on("error", () => undefined).unref();
  };
  setInterval(remind, reminderMs).unref();
}

/** Makes {@link rootFolder} with the folders in it that no server makes itself. Only this user's group may enter it. */
export function provideRootFolder(settings: PlatformSettings): void {
  const folder = rootFolder(settings);
  const folders = [join(folder, "node"), join(folder, "volumes")];
  if (isRoot()) {
    for (const one of folders) mkdirSync(one, { recursive: true });
    return;
  }
  run(["install", "--directory", "--mode=750", `--group=${process.getgid?.() ?? 0}`, folder]);
  run(["install", "--directory", ...folders]);
}

/** Deletes {@link rootFolder}, in which nothing is mounted. */
export function deleteRootFolder(settings: PlatformSettings): void {
  const folder = rootFolder(settings);
  if (isRoot()) {
    rmSync(folder, { recursive: true, force: true });
    return;
  }
  run(["rm", "--recursive", "--force", folder]);
  run(["rmdir", "--ignore-fail-on-non-empty", dirname(folder)]);
}

function run(command: Command): void {
  const [program, ...args] = asRoot(command);
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0)
    throw new PlatformError(`${command.join(" ")} failed as root:\n${stderr.trim()}`);
}
