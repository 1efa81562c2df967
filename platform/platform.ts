import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { provideBases } from "./base-images";
import { cniPlugins, nodeTools, platformTools } from "./catalog";
import { provideChartImages, providePause } from "./chart-images";
import { kubeconfigFile } from "./cluster-access";
import { clusterObjects } from "./cluster-objects";
import { makeOnce } from "./draft";
import { emulatedPlatforms } from "./emulation";
import { environment } from "./environment";
import { trimLogs } from "./logs";
import { processesRootedBelow, unmountBelow } from "./mounts";
import {
  type Crash,
  type Service,
  knownServices,
  logFile,
  memoryBytes,
  serviceCrash,
  servicePid,
  stopService,
} from "./processes";
import { type ReadyPlugin, providePulumi } from "./pulumi";
import { cniFolder, node, removeControlGroup } from "./node";
import {
  deleteRootFolder,
  isRoot,
  provideRootFolder,
  requireRoot,
  rootFolder,
  rootServers,
} from "./root";
import { prepare, runStep } from "./root-steps";
import { rehearsalUp } from "./rehearsal/rehearsal";
import { rehearsalFactories } from "./rehearsal/servers";
import { argocdFactories, nodeFactories, serviceFactories } from "./services";
import {
  PlatformError,
  type PlatformSettings,
  hostPlatform,
  localStack,
  project,
} from "./settings";
import { type ServiceFactory, startAll } from "./start-services";
import { requireClock } from "./state-files";
import { linkTools, moduleFolder, provideTools, toolFolder } from "./tools";

type Log = (line: string) => void;

/** Every server of a platform with these settings, in start order. */
function allFactories({ rehearsal }: PlatformSettings): readonly ServiceFactory[] {
  return [
    ...(rehearsal ? rehearsalFactories : []),
    ...serviceFactories,
    ...nodeFactories,
    ...argocdFactories,
  ];
}

const argocdModule = {
  path: "github.com/argoproj/argo-cd/v3",
  version: "v3.6.1",
  toolchain: "go1.27.0",
};

/**
 * Brings the whole platform up: tools, Pulumi, servers, base images, Argo CD and the local stack. What is there already
 * is left as it is.
 *
 * @returns the Pulumi plugins that will be used.
 */
export async function platformUp(settings: PlatformSettings, log: Log): Promise<ReadyPlugin[]> {
  requireMachine();
  for (const folder of ["registry-tls", "kubernetes/pki", "rehearsal"])
    requireClock(join(settings.state, folder));
  const rootRuns = rootServersRun(settings);
  // A password is asked for now, and not after the minutes that the tools take.
  if (!rootRuns) requireRoot(rootPurpose, log, ownServers);
  mkdirSync(settings.state, { recursive: true, mode: 0o755 });
  trimLogs(join(settings.state, "logs"));
  const tools = await provideTools([...platformTools, ...nodeTools], settings.cache, log);
  linkTools(tools.values(), toolFolder(settings));
  linkTools((await provideTools(cniPlugins, settings.cache, log)).values(), cniFolder(settings));
  const plugins = await providePulumi(settings, log);
  Object.assign(process.env, environment(settings));

  if (!rootRuns) provideRootFolder(settings);
  if (!rootRuns) await runStep("prepare", settings, log);
  // Nothing is left to change, unless somebody edited the file.
  else prepare(settings);
  if (settings.rehearsal) {
    requireRehearsingNode(settings);
    await rehearsalUp(settings, log);
  }
  // Builds need none, so a machine that does not allow it only cannot run what they make for other platforms.
  const emulated = [hostPlatform, ...emulatedPlatforms(settings)];
  if (isRoot() || settings.platforms.some((platform) => !emulated.includes(platform)))
    await runStep("provideEmulation", settings, log).catch((error: unknown) => {
      if (!(error instanceof PlatformError)) throw error;
      log(error.message);
    });
  await startAll(settings, serviceFactories, log);
  await providePause(settings, log);
  kubectl(settings, [...serverSideApply, "--filename=-"], JSON.stringify(clusterObjects(settings)));
  await startAll(settings, nodeFactories, log);
  await provideBases(settings, log);
  await provideChartImages(settings, log);
  // The lock of the bases is there only now.
  Object.assign(process.env, environment(settings));
  await provideArgoCdObjects(settings, log);
  await startAll(settings, argocdFactories, log);
  provideStack(settings);
  return plugins;
}

/** Ends every server of this platform; its data stays. */
export async function platformDown(settings: PlatformSettings, log: Log): Promise<void> {
  if ([...rootServers].some((name) => servicePid(settings.state, name) !== undefined))
    requireRoot("BuildKit and the node, which it has started", log);
  const order = allFactories(settings)
    .map((factory) => factory(settings).name)
    .reverse();
  const others = knownServices(settings.state).filter((name) => !order.includes(name));
  for (const name of [...others, ...order])
    if (await stopService(settings.state, name)) log(`stopped ${name}`);
  // Only root sees what containers of a BuildKit that was killed are.
  if (isRoot())
    for (const pid of processesRootedBelow(join(rootFolder(settings), "buildkit")))
      spawnSync("kill", ["-s", "KILL", String(pid)], { stdio: "ignore" });
  removeControlGroup(settings);
  if (emulatedPlatforms(settings).length > 0) await runStep("endEmulation", settings, log);
}

/** Ends the platform and deletes its data: registry, builds, cluster and the local stack's state. */
export async function platformReset(settings: PlatformSettings, log: Log): Promise<void> {
  await platformDown(settings, log);
  if (isRoot() || existsSync(rootFolder(settings))) {
    requireRoot(`${rootFolder(settings)} and /etc/hosts`, log);
    unmountBelow(rootFolder(settings));
    deleteRootFolder(settings);
    await runStep("forgetRegistry", settings, log);
  }
  // Argo CD closes folders of charts to others than root, its own user among them.
  spawnSync("chmod", ["--recursive", "u+rwX", join(settings.state, "argocd")]);
  rmSync(settings.state, { recursive: true, force: true });
  log(`deleted ${settings.state}; tools stay in ${settings.cache}`);
}

/** One server as it is now. */
export interface ServiceStatus {
  readonly name: string;
  readonly address: string;
  /** Undefined when it does not run. */
  readonly pid: number | undefined;
  readonly health: "ready" | "not ready" | "stopped" | "crashed";
  /** Bytes, with what it started; pages shared with others count in part. */
  readonly memory: number;
  /** File to which it writes. */
  readonly log: string;
  /** How it ended; undefined unless it crashed. */
  readonly crash?: Crash;
}

/** State of every server, in start order. */
export async function platformStatus(settings: PlatformSettings): Promise<ServiceStatus[]> {
  Object.assign(process.env, environment(settings));
  const services = allFactories(settings).map((factory) => factory(settings));
  return Promise.all(services.map((service) => statusOf(settings, service)));
}

async function statusOf(settings: PlatformSettings, service: Service): Promise<ServiceStatus> {
  const { name, address } = service;
  const pid = servicePid(settings.state, name);
  const log = logFile(settings.state, name);
  if (pid === undefined) {
    const crash = serviceCrash(settings.state, name);
    const ended = crash
      ? ({ health: "crashed", crash } as const)
      : ({ health: "stopped" } as const);
    return { name, address, pid, memory: 0, log, ...ended };
  }
  const health = (await service.ready().catch(() => false)) ? "ready" : "not ready";
  return { name, address, pid, health, memory: memoryBytes(pid), log };
}

const rootPurpose =
  "BuildKit and the node (containers), /etc/hosts (the registry's names) and apt-get";

const ownServers =
  "use your own registry, builder and cluster: set registryPush, registryPull, builder and kubeContext with pulumi config set, " +
  "as README.md tells";

function requireMachine(): void {
  if (process.platform === "linux") return;
  throw new PlatformError(`the embedded platform runs on Linux only; elsewhere ${ownServers}`);
}

/** Whether all servers run that only root starts. */
function rootServersRun({ state }: PlatformSettings): boolean {
  return [...rootServers].every((name) => servicePid(state, name) !== undefined);
}

/** A node keeps the ways out with which it was started, and a builder the authorities. */
function requireRehearsingNode(settings: PlatformSettings): void {
  const pid = servicePid(settings.state, "node");
  if (pid === undefined) return;
  const running = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  if (node(settings).command.every((word) => running.includes(word))) return;
  throw new PlatformError(
    "this platform runs without TINYOLLY_REHEARSAL=1, or with other ports for it; end it with make platform-down, and start it again",
  );
}

/** CRDs and settings that Argo CD needs before it starts. */
async function provideArgoCdObjects(settings: PlatformSettings, log: Log): Promise<void> {
  const folder = await argocdCrds(settings, log);
  const files = readdirSync(folder).map((name) => `--filename=${join(folder, name)}`);
  kubectl(settings, [...serverSideApply, ...files]);
  const objects = `--filename=${join(project, "platform/argocd.yaml")}`;
  // A CRD that was just made is served a moment later.
  for (let tries = 0; tries < 40; tries++) {
    if (tryKubectl(settings, [...serverSideApply, objects]).done) return;
    await sleep(250);
  }
  kubectl(settings, [...serverSideApply, objects]);
}

const serverSideApply = [
  "apply",
  "--server-side",
  "--force-conflicts",
  "--field-manager=tinyolly-platform",
];

/** Folder with the CRDs that come in Argo CD's Go module. */
async function argocdCrds({ cache }: PlatformSettings, log: Log): Promise<string> {
  const path = join(cache, `argocd-crds-${argocdModule.version}`);
  const label = `CRDs of Argo CD ${argocdModule.version}`;
  await makeOnce({ path, label, log }, (draft) => {
    log(`${label}: fetching`);
    const module = moduleFolder(argocdModule.path, join(project, "platform/tools/argocd"), {
      ...process.env,
      GOTOOLCHAIN: argocdModule.toolchain,
    });
    cpSync(join(module, "manifests/crds"), draft, {
      recursive: true,
      filter: (file) => !file.endsWith("kustomization.yaml"),
    });
    return draft;
  });
  return path;
}

function kubectl(settings: PlatformSettings, args: readonly string[], input?: string): void {
  const { done, message } = tryKubectl(settings, args, input);
  if (!done) throw new PlatformError(`kubectl ${args[0] ?? ""} failed:\n${message}`);
}

function tryKubectl(
  settings: PlatformSettings,
  args: readonly string[],
  input = "",
): { done: boolean; message: string } {
  const run = spawnSync("kubectl", [`--kubeconfig=${kubeconfigFile(settings)}`, ...args], {
    encoding: "utf8",
    input,
  });
  return { done: run.status === 0, message: run.stderr.trim() };
}

/** Makes the local stack where the backend has none. */
function provideStack({ state }: PlatformSettings): void {
  const backend = join(state, "pulumi");
  mkdirSync(backend, { recursive: true });
  if (existsSync(join(backend, `.pulumi/stacks/tinyolly/${localStack}.json`))) return;
  const run = spawnSync("pulumi", ["stack", "init", localStack, "--non-interactive"], {
    cwd: project,
    encoding: "utf8",
  });
  if (run.status !== 0)
    throw new PlatformError(`the stack ${localStack} could not be made:\n${run.stderr.trim()}`);
}
