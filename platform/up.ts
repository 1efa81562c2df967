import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { provideArgoCdObjects } from "./cluster/argocd.ts";
import { apply, applyOnce } from "./cluster/kubectl.ts";
import { cniFolder, node } from "./cluster/node-servers.ts";
import { clusterObjects } from "./cluster/objects.ts";
import {
  argocdFactories,
  clusterFactories,
  imageFactories,
  nodeFactories,
} from "./cluster/services.ts";
import { environment } from "./environment.ts";
import { rehearsalUp } from "./ghcr/rehearsal.ts";
import { provideBases } from "./images/bases.ts";
import { provideChartImages, providePause } from "./images/chart-images.ts";
import { emulatedPlatforms } from "./machine/emulation.ts";
import { trimLogs } from "./machine/logs.ts";
import { servicePid } from "./machine/processes.ts";
import { prepare, runStep } from "./machine/root-steps.ts";
import { isRoot, provideRootFolder, requireRoot, rootServers } from "./machine/root.ts";
import { startAll } from "./machine/start-services.ts";
import { requireClock } from "./machine/state-files.ts";
import { type ReadyPlugin, providePulumi, pulumiSources } from "./pulumi/provide.ts";
import {
  PlatformError,
  type PlatformSettings,
  hostPlatform,
  localStack,
  project,
} from "./settings.ts";
import {
  argocdObjects,
  argocdTools,
  clusterTools,
  cniPlugins,
  imageTools,
  nodeTools,
  helm,
  pauseProgram,
} from "./tools/catalog.ts";
import type { Tool } from "./tools/find.ts";
import { linkTools, toolFolder } from "./tools/links.ts";
import { type Provision, startProviding } from "./tools/provide.ts";

type Log = (line: string) => void;

/** Programs that are on PATH of what the platform runs. */
const linked = [...imageTools, ...clusterTools, ...nodeTools, ...argocdTools, helm];

/**
 * Brings the whole platform up: tools, Pulumi, servers, base images, Argo CD and the local stack. What is there already
 * is left as it is. Each part begins as soon as its programs are there.
 *
 * @returns the Pulumi plugins that will be used.
 */
export async function platformUp(settings: PlatformSettings, log: Log): Promise<ReadyPlugin[]> {
  requireMachine();
  // Not the rehearsal as a whole: while its registry is read, others upload to it.
  for (const folder of ["registry-tls", "kubernetes/pki", "rehearsal/authority", "rehearsal/tls"])
    requireClock(join(settings.state, folder));
  // A password is asked for now, and not after the minutes that the tools take.
  if (!rootServersRun(settings)) requireRoot(rootPurpose, log, ownServers);
  mkdirSync(settings.state, { recursive: true, mode: 0o755 });
  trimLogs(join(settings.state, "logs"));
  const stop = new AbortController();
  // Those that come first are built first.
  const tools = [
    ...[...imageTools, pauseProgram, ...clusterTools, ...nodeTools, ...cniPlugins, ...argocdTools],
    ...[helm, ...(await pulumiSources(settings))],
  ];
  const wanted = { tools, files: [argocdObjects], signal: stop.signal };
  const provision = startProviding(wanted, settings.cache, log);
  try {
    return await start(settings, provision, log, stop.signal);
  } finally {
    // After an error nobody needs what is still being made.
    stop.abort();
  }
}

async function start(
  settings: PlatformSettings,
  provision: Provision,
  log: Log,
  signal: AbortSignal,
): Promise<ReadyPlugin[]> {
  const ready = async (tools: readonly Tool[], folder = toolFolder(settings)): Promise<void> => {
    const found = await Promise.all(tools.map(({ name }) => provision.tool(name)));
    linkTools(found, folder, linked);
  };
  const images = startImages(
    settings,
    // To ask for the last one where it is needed would wait for the whole build.
    () => Promise.all([ready(imageTools), provision.tool(pauseProgram.name)]),
    log,
  );
  const bases = images.then(() => provideImages(settings, log, signal));
  const cluster = startCluster(settings, images, ready, log);
  await Promise.all([images, bases, cluster]);
  // The lock of the bases is there only now.
  Object.assign(process.env, environment(settings));
  await ready(linked);
  await provision.all;
  const plugins = await providePulumi(settings, log);
  provideStack(settings);
  return plugins;
}

/** Registry and builder. */
async function startImages(
  settings: PlatformSettings,
  tools: () => Promise<unknown>,
  log: Log,
): Promise<void> {
  await tools();
  Object.assign(process.env, environment(settings));
  if (rootServersRun(settings))
    // Nothing is left to change, unless somebody edited the file.
    prepare(settings);
  else {
    provideRootFolder(settings);
    await runStep("prepare", settings, log);
  }
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
  await startAll(settings, imageFactories, log);
  await providePause(settings, log);
}

async function provideImages(
  settings: PlatformSettings,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  await provideBases(settings, log, signal);
  await provideChartImages(settings, log, signal);
}

/** Kubernetes, its node, and Argo CD. */
async function startCluster(
  settings: PlatformSettings,
  images: Promise<void>,
  tools: (tools: readonly Tool[], folder?: string) => Promise<void>,
  log: Log,
): Promise<void> {
  await tools(clusterTools);
  await images;
  await startAll(settings, clusterFactories, log);
  const objects = JSON.stringify(clusterObjects(settings));
  const files = ["--filename=-"];
  const wanted = { name: "cluster", text: objects, get: files, input: objects };
  await applyOnce(settings, wanted, () => {
    apply(settings, files, objects);
  });
  await tools(nodeTools);
  await tools(cniPlugins, cniFolder(settings));
  await startAll(settings, nodeFactories, log);
  await tools(argocdTools);
  await provideArgoCdObjects(settings);
  await startAll(settings, argocdFactories, log);
}

const rootPurpose =
  "BuildKit and the node (containers), /etc/hosts (the registry's names) and apt-get";

const ownServers =
  "use your own registry, builder and cluster: set registryPush, registryPull, builder and kubeContext with pulumi config set, " +
  "as docs/settings.md tells";

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
