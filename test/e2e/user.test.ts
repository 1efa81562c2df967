// What a user who is not root gets: a platform of its own, in a checkout of its own, and a sudo that asks for no password. It needs no
// other platform, but the tools in the cache of who runs it, which the user can only read. Nothing is built or deployed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyProject } from "../../commands/rehearse/stage.ts";
import { rootServers } from "../../platform/machine/root.ts";
import { startTime, statFields } from "../../platform/machine/start-time.ts";
import { raisedPorts, readPlatformSettings } from "../../platform/settings.ts";
import { provideTools } from "../../platform/tools/provide.ts";
import { freePort } from "../free-port.ts";

const user = "tinyolly-user";
const rule = `/etc/sudoers.d/${user}`;
// Not in the folder for temporary files of a run of the tests, which is closed to others.
const folder = join("/var/tmp", user);
const home = join(folder, "home");
const checkout = join(home, "checkout");
const cache = join(folder, "cache");

const variables: Record<string, string> = {
  TINYOLLY_CACHE: cache,
  // The Pulumi CLI writes there.
  PULUMI_HOME: join(home, "pulumi"),
};
const state = join(checkout, ".tinyolly/platform");

/** Runs a program that must succeed, as root. */
function asRoot(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout.trim();
}

/** Runs a program in the checkout as the user, who has nothing of the platform that this process may be in. */
function asUser(command: string, ...args: string[]) {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(?:TINYOLLY|PULUMI|KUBECONFIG|BUILDX|DOCKER|SUDO|XDG|TMPDIR|npm)/.test(name),
  );
  const path = (process.env["PATH"] ?? "")
    .split(":")
    .filter((one) => !/\.tinyolly|node_modules/.test(one));
  const { status, stdout, stderr } = spawnSync("runuser", ["-u", user, "--", command, ...args], {
    cwd: checkout,
    encoding: "utf8",
    env: { ...Object.fromEntries(own), ...variables, HOME: home, PATH: path.join(":") },
  });
  return { status, stdout, output: `${stdout}${stderr}` };
}

function allowSudo(): void {
  writeFileSync(rule, `${user} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 });
}

/** Takes over the base images of a platform that has some: to make them takes a minute. */
function copyBases(from: string): void {
  const registry = "registry/docker/registry/v2";
  for (const part of ["blobs", "repositories/mirror"]) {
    const source = join(from, registry, part);
    const target = join(state, registry, part);
    if (!existsSync(source)) return;
    mkdirSync(dirname(target), { recursive: true });
    asRoot("cp", "--recursive", source, target);
  }
}

/** Ends and removes all of it, also what a run left that was killed. */
function remove(): void {
  const known = spawnSync("id", ["-u", user]).status === 0;
  if (known && existsSync(join(checkout, "node_modules"))) {
    allowSudo();
    asUser("make", "platform-reset");
  }
  if (readFileSync("/proc/self/mounts", "utf8").includes(` ${cache} `)) asRoot("umount", cache);
  rmSync(rule, { force: true });
  if (known) asRoot("userdel", user);
  rmSync(folder, { recursive: true, force: true });
}

/** Real user of a process. */
function uidOf(pid: number): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** Processes that a process has started. */
function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && statFields(Number(name))?.[1] === String(pid))
    .map(Number);
}

/** Files that others than the user own. */
function foreignFiles(): string[] {
  const found = asRoot("find", home, "!", "-user", user);
  return found === "" ? [] : found.split("\n");
}

interface Server {
  readonly name: string;
  readonly pid: number;
  readonly health: string;
  readonly memory: number;
}

function servers(): Server[] {
  // What `make platform-status` prints.
  return JSON.parse(asUser("make", "--silent", "platform-status", "JSON=1").stdout) as Server[];
}

let uid = 0;

beforeAll(async () => {
  remove();
  const { cache: tools } = readPlatformSettings();
  const named = Object.keys(raisedPorts(0));
  const ports = new Set<number>();
  while (ports.size < named.length) ports.add(await freePort());
  [...ports].forEach((port, i) => (variables[named[i] ?? ""] = String(port)));
  await provideTools([{ name: "sudo", version: "1.9", debian: "sudo" }], tools, () => undefined);
  mkdirSync(cache, { recursive: true });
  chmodSync(folder, 0o755);
  asRoot("useradd", "--home-dir", home, "--create-home", "--shell", "/bin/sh", user);
  uid = Number(asRoot("id", "-u", user));
  asRoot("mount", "-o", "bind,ro", tools, cache);
  copyProject(checkout);
  rmSync(join(checkout, "node_modules"));
  mkdirSync(join(home, "pulumi"));
  // Not its logs, which come and go with each run of others.
  for (const part of ["plugins", "versions"])
    asRoot("cp", "--recursive", join(tools, "pulumi", part), join(home, "pulumi", part));
  copyBases(readPlatformSettings().state);
  asRoot("chown", "--recursive", "--no-dereference", `${user}:`, home);
});

afterAll(remove);

test("who may not use sudo is told what root is needed for, and what else can be done", () => {
  const { status, output } = asUser("make", "platform-up");
  expect(status).not.toBe(0);
  expect(output).toContain(
    "platform: root is needed for BuildKit and the node (containers), /etc/hosts (the registry's names) and apt-get, " +
      "and sudo refuses; use your own registry, builder and cluster",
  );
  expect(existsSync(join(state, "bin"))).toBe(false);
});

test("make by sudo is refused before it writes anything", () => {
  allowSudo();
  const { status, output } = asUser("sudo", "--preserve-env", "make", "platform-up");
  expect(status).not.toBe(0);
  expect(output).toContain("run make without sudo");
  // For sudo, PATH is another one.
  const own = join(checkout, "node_modules/.node/node");
  const cli = [existsSync(own) ? own : "node", "platform/cli.ts", "up"];
  expect(asUser("sudo", "--preserve-env", ...cli).output).toContain(
    "platform: run make without sudo, as the user whose checkout this is; it asks for root where it needs it\n",
  );
  expect(foreignFiles()).toEqual([]);
});

test("the platform runs, and root has only what needs it", () => {
  const { status, output } = asUser("make", "platform-up");
  expect(status, output).toBe(0);
  const all = servers();
  expect(all.map(({ health }) => health)).toEqual(all.map(() => "ready"));
  expect(Object.fromEntries(all.map(({ name, pid }) => [name, uidOf(pid)]))).toEqual(
    Object.fromEntries(all.map(({ name }) => [name, rootServers.has(name) ? 0 : uid])),
  );
  for (const { name, memory } of all) expect(memory, name).toBeGreaterThan(0);
  // Root only takes these two into the node.
  for (const name of ["kube-scheduler", "coredns"]) {
    const entering = all.find((one) => one.name === name)?.pid ?? 0;
    expect(childrenOf(entering).map(uidOf), name).toEqual([uid]);
  }
});

test("Pulumi and the program run as the user, and see what would be built", () => {
  const { status, output } = asUser("make", "preview");
  expect(status, output).toBe(0);
  expect(output).toContain("[demo] build and push");
});

test("every file of the user's folders is the user's", () => {
  for (const path of ["node_modules/.package-lock.json", ".tinyolly/platform/pulumi/.pulumi"])
    expect(statSync(join(checkout, path)).uid, path).toBe(uid);
  expect(foreignFiles()).toEqual([]);
});

test("what runs is used without root", () => {
  rmSync(rule);
  const { status, output } = asUser("make", "platform-up");
  allowSudo();
  expect(status, output).toBe(0);
});

test("a reset leaves nothing: no process, no data of root's, no name", () => {
  const pids = servers().map(({ pid }) => pid);
  const mark = createHash("sha256").update(state).digest("hex").slice(0, 8);
  const data = `/var/lib/tinyolly/${mark}`;
  expect(statSync(data).uid).toBe(0);
  expect(readFileSync("/etc/hosts", "utf8")).toContain(mark);
  // As Argo CD's repo server leaves one when it has read a chart.
  asUser("mkdir", "--parents", "--mode=300", join(state, "argocd/tmp/closed"));
  const { status, output } = asUser("make", "platform-reset");
  expect(status, output).toBe(0);
  expect(pids.filter((pid) => startTime(pid) !== undefined)).toEqual([]);
  expect(existsSync(data)).toBe(false);
  expect(existsSync(state)).toBe(false);
  expect(readFileSync("/etc/hosts", "utf8")).not.toContain(mark);
  expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(data);
  expect(foreignFiles()).toEqual([]);
});
