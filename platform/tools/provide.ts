import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { makeOnce, replace, whileAlone } from "../machine/draft";
import { requireBuildSpace } from "../machine/disk";
import { isWritable, requireOwn } from "../machine/ownership";
import { asRoot, requireRoot } from "../machine/root";
import { PlatformError, type PlatformSettings, hostPlatform, project } from "../settings";
import { buildPrograms } from "./go-build";
import {
  type GoModule,
  type GoProgram,
  buildFolder,
  deleteBuilds,
  goEnvironment,
  goRecipe,
  moduleFolder,
  moduleRecipe,
} from "./go-module";
import { BuildProgress } from "./progress";
import { type Release, ReleaseUnavailable, answers, fetchRelease, releaseOf } from "./releases";

/** A program that the platform needs, and where it may come from. */
export interface Tool {
  readonly name: string;
  /** Pinned version, which a build gets; any other that fits `accepts` is used from PATH. */
  readonly version: string;
  /** How a program on PATH tells a version that fits; `nothing` never takes one from there. @default - any will do */
  readonly accepts?: { readonly args: readonly string[]; readonly pattern: RegExp } | "nothing";
  /** Debian package that has it. @default - not from Debian */
  readonly debian?: string;
  /** How to build it from pinned Go modules. @default - not built */
  readonly go?: GoProgram;
}

/** Files of a Go module that a build has fetched anyway. */
export interface ModuleFiles {
  readonly name: string;
  /** Module whose go.mod has the version. */
  readonly module: GoModule;
  /** Module that holds the files. */
  readonly of: string;
  /** Folder of the files in it. */
  readonly folder: string;
}

/** Where a tool was taken from. */
export type Origin = "PATH" | "cache" | "Debian" | "downloaded" | "built";

/** A tool that is ready to be run. */
export interface FoundTool {
  readonly tool: Tool;
  readonly path: string;
  readonly origin: Origin;
}

/** Tools that are being provided. */
export interface Provision {
  /** Resolves as soon as a tool is ready, which may be long before the others are. */
  readonly tool: (name: string) => Promise<FoundTool>;
  /** Resolves once all are ready. */
  readonly all: Promise<Map<string, FoundTool>>;
}

/** What is to be provided. */
export interface Wanted {
  readonly tools: readonly Tool[];
  /** @default - none */
  readonly files?: readonly ModuleFiles[];
  /** Ends what is being made. @default - nothing does */
  readonly signal?: AbortSignal;
  /** Tells the official release of a tool. @default - {@link releaseOf} for this machine */
  readonly releases?: (name: string) => Release | undefined;
}

type Log = (line: string) => void;

interface Work {
  readonly releases: (name: string) => Release | undefined;
  readonly cache: string;
  readonly log: Log;
  readonly onFound: (found: FoundTool) => void;
  readonly signal: AbortSignal;
}

/**
 * Finds each tool on PATH, in the cache, among Debian's packages or by a build from Go modules, in this order, and
 * says on standard error what takes time.
 *
 * @throws PlatformError that names what is missing and the command that installs it; or the owner of a cache that somebody
 *   else could have filled.
 */
export function provideTools(
  tools: readonly Tool[],
  cache: string,
  log: Log,
): Promise<Map<string, FoundTool>> {
  return startProviding({ tools }, cache, log).all;
}

/**
 * Begins what {@link provideTools} does; tools that are built become ready in their order, and files of modules with them.
 * What it is still doing ends with an error elsewhere, once `signal` says so.
 */
export function startProviding(
  { tools, files = [], signal, releases = (name) => releaseOf(name, hostPlatform) }: Wanted,
  cache: string,
  log: Log,
): Provision {
  const found = new Map<string, FoundTool>();
  const ready = new EventEmitter().setMaxListeners(0);
  const onFound = (one: FoundTool): void => {
    found.set(one.tool.name, one);
    ready.emit(one.tool.name);
  };
  const stop = new AbortController();
  const work: Work = {
    ...{ cache, log, releases, onFound },
    signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
  };
  const all = provideMissing(findTools(tools, work), files, work).then(
    () => found,
    (error: unknown) => {
      stop.abort();
      throw error;
    },
  );
  // Who waits for a tool, or for all, hears of it.
  all.catch(() => undefined);
  const tool = async (name: string): Promise<FoundTool> => {
    if (!found.has(name)) await Promise.race([once(ready, name), all]);
    const one = found.get(name);
    if (!one) throw new PlatformError(`${name} is no tool that was asked for`);
    return one;
  };
  return { tool, all };
}

/**
 * Folder with files of a Go module.
 *
 * @throws PlatformError when the module cannot be fetched.
 */
export async function provideFiles(files: ModuleFiles, cache: string, log: Log): Promise<string> {
  await startProviding({ tools: [], files: [files] }, cache, log).all;
  return filesPath(files, cache);
}

/** Where {@link provideFiles} puts them. */
export function filesPath({ name, module, of, folder }: ModuleFiles, cache: string): string {
  return join(cache, "tools", `${name}-${shortHash(of, folder, moduleRecipe(module))}`);
}

/** Reports what is there already, and returns what is not. */
function findTools(tools: readonly Tool[], { cache, releases, onFound }: Work): Tool[] {
  return tools.filter((tool) => {
    const path = findOnPath(tool);
    const release = releases(tool.name);
    const cached = [
      ...(release ? [releasePath(tool, release, cache)] : []),
      cachedPath(tool, cache),
    ].find((one) => existsSync(one));
    if (path !== undefined) onFound({ tool, path, origin: "PATH" });
    else if (cached !== undefined) {
      requireOwn(cache, [cache, join(cache, "tools"), dirname(cached), cached]);
      onFound({ tool, path: cached, origin: "cache" });
    } else return true;
    return false;
  });
}

async function provideMissing(
  missing: readonly Tool[],
  files: readonly ModuleFiles[],
  work: Work,
): Promise<void> {
  const packaged = missing.filter(({ debian }) => debian !== undefined);
  const built = missing.filter(({ debian }) => debian === undefined);
  const unknown = built.filter(({ go }) => go === undefined);
  if (unknown.length > 0)
    throw new PlatformError(`${unknown.map(labelOf).join(", ")} is needed on PATH`);
  const fetched = files.filter((one) => !existsSync(filesPath(one, work.cache)));
  await Promise.all([installPackages(packaged, work), buildMissing(built, fetched, work)]);
}

/** Makes what no other process has made meanwhile. */
async function buildMissing(
  tools: readonly Tool[],
  files: readonly ModuleFiles[],
  work: Work,
): Promise<void> {
  const { cache, log } = work;
  const label = named([...tools.map(labelOf), ...files.map(({ name }) => name)]);
  if (label === undefined) return;
  requireGo(label);
  await whileAlone({ path: buildLock(cache), label, log }, async () => {
    const missing = findTools(tools, work);
    try {
      // Their module may be patched for the build, which therefore fetches it as well.
      for (const one of files) await fetchFiles(one, cache);
      await buildTools(await downloadTools(missing, work), work);
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      throw new PlatformError(`${label} cannot be had: ${error.message}`);
    }
  });
}

/** Deletes what builds have left for the next ones, once there are none to come. */
export async function forgetBuilds(cache: string, log: Log): Promise<void> {
  if (!existsSync(buildFolder(cache)) || !isWritable(cache)) return;
  await whileAlone({ path: buildLock(cache), label: "builds of tools", log }, () => {
    deleteBuilds(cache);
    return Promise.resolve();
  });
}

function buildLock(cache: string): string {
  return join(cache, "tools", "build");
}

/** Takes official releases of tools where their hosts answer, and returns the tools that must be built. */
async function downloadTools(tools: readonly Tool[], work: Work): Promise<Tool[]> {
  const { cache, log, releases, onFound, signal } = work;
  const files = new Map<string, Tool[]>();
  const taken = new Set<Tool>();
  for (const tool of tools) {
    const url = releases(tool.name)?.url;
    if (url !== undefined) files.set(url, [...(files.get(url) ?? []), tool]);
  }
  const hosts = [...new Set([...files.keys()].map((url) => new URL(url).origin))];
  const answering = await Promise.all(hosts.map((host) => answers(host)));
  const reached = hosts.filter((_, i) => answering[i]);
  const folder = join(buildFolder(cache), "releases");
  mkdirSync(folder, { recursive: true });
  const download = async (url: string, ofFile: readonly Tool[]): Promise<void> => {
    const released = ofFile.flatMap((tool) => {
      const release = releases(tool.name);
      return release ? [{ tool, release, file: join(folder, tool.name) }] : [];
    });
    const [first] = released;
    if (!first || !reached.includes(new URL(url).origin)) return;
    const places = new Map(released.map(({ release, file }) => [release.member, file]));
    try {
      await fetchRelease(first.release, places, { log, signal });
    } catch (error) {
      if (!(error instanceof ReleaseUnavailable)) throw error;
      log(
        `${error.message}; ${ofFile.map(({ name }) => name).join(", ")}: built from source instead`,
      );
      return;
    }
    for (const { tool, release, file } of released) {
      if (typeof tool.accepts === "object" && !fits(tool, file)) {
        log(`${url} does not run here; ${tool.name}: built from source instead`);
        continue;
      }
      const path = releasePath(tool, release, cache);
      await keep(tool, file, path);
      taken.add(tool);
      onFound({ tool, path, origin: "downloaded" });
    }
  };
  await Promise.all([...files].map(([url, ofFile]) => download(url, ofFile)));
  return tools.filter((tool) => !taken.has(tool));
}

/** Builds tools, those of a module together. */
async function buildTools(tools: readonly Tool[], work: Work): Promise<void> {
  const { cache, log, onFound, signal } = work;
  if (tools.length === 0) return;
  requireBuildSpace(buildFolder(cache), tools.length, folderBytes(buildFolder(cache)));
  const progress = new BuildProgress(tools.length, log);
  try {
    const modules = new Map(tools.flatMap(({ go }) => (go ? [[go.module.folder, go.module]] : [])));
    for (const module of modules.values()) {
      const ofModule = tools.filter(({ go }) => go?.module.folder === module.folder);
      await buildPrograms({
        module,
        programs: ofModule.flatMap(({ go }) => go ?? []),
        cache,
        signal,
        onProgram: async (program, file) => {
          const same = ofModule.filter(({ go }) => go?.package === program);
          for (const tool of same) await keep(tool, file, cachedPath(tool, cache));
          rmSync(file);
          progress.ready(same.map(labelOf));
          for (const tool of same)
            onFound({ tool, path: cachedPath(tool, cache), origin: "built" });
        },
        onState: (state) => {
          progress.update(state);
        },
      });
    }
  } finally {
    progress.end();
  }
}

function folderBytes(folder: string): number {
  const { stdout } = spawnSync("du", ["--summarize", "--block-size=1", folder], {
    encoding: "utf8",
  });
  return Number.parseInt(stdout, 10) || 0;
}

async function fetchFiles(files: ModuleFiles, cache: string): Promise<void> {
  const { module, of, folder } = files;
  const root = join(project, "platform", module.folder);
  await makeOnce(
    { path: filesPath(files, cache), label: files.name, log: () => undefined },
    (draft) => {
      cpSync(join(moduleFolder(of, root, goEnvironment(cache)), folder), draft, {
        recursive: true,
      });
      return draft;
    },
  );
}

/** Puts a program into the cache; those of one file have it under several names. */
async function keep({ name }: Tool, file: string, path: string): Promise<void> {
  await replace(dirname(path), (draft) => {
    linkSync(file, join(draft, name));
    return draft;
  });
}

function labelOf({ name, version }: Tool): string {
  return `${name} ${version}`;
}

/** Name of the first, and how many there are besides; undefined where there is none. */
function named([first, ...others]: readonly string[]): string | undefined {
  if (first === undefined || others.length === 0) return first;
  return `${first} and ${others.length} ${others.length === 1 ? "other" : "others"}`;
}

/** Path of a tool in the cache: its folder is named by all that decides the build. */
export function cachedPath(tool: Tool, cache: string): string {
  return join(cache, "tools", `${tool.name}-${tool.version}-${recipeOf(tool)}`, tool.name);
}

/** Path of an official release of a tool in the cache. */
function releasePath({ name }: Tool, { version, digest }: Release, cache: string): string {
  const key = shortHash(digest);
  return join(cache, "tools", `${name}-${version}-release-${key}`, name);
}

/** Folder with a link to each tool of a platform. */
export function toolFolder({ state }: PlatformSettings): string {
  return join(state, "bin");
}

/**
 * Makes `folder` hold exactly one link for each tool, so that PATH needs one entry; those of `others` stay as they are. Links that
 * are right stay as well: they may be in use.
 */
export function linkTools(
  found: Iterable<FoundTool>,
  folder: string,
  others: readonly Tool[] = [],
): void {
  mkdirSync(folder, { recursive: true });
  const links = new Map([...found].map(({ tool, path }) => [tool.name, path]));
  const kept = new Set([...links.keys(), ...others.map(({ name }) => name)]);
  for (const name of readdirSync(folder))
    if (!kept.has(name)) rmSync(join(folder, name), { recursive: true });
  for (const [name, path] of links) {
    const link = join(folder, name);
    if (isLinkTo(link, path)) continue;
    const draft = `${link}.${process.pid}`;
    rmSync(draft, { force: true });
    symlinkSync(path, draft);
    renameSync(draft, link);
  }
}

function isLinkTo(link: string, path: string): boolean {
  try {
    return readlinkSync(link) === path;
  } catch {
    return false;
  }
}

function recipeOf({ version, go }: Tool): string {
  return shortHash(version, go ? goRecipe(go) : "");
}

function shortHash(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);
}

function findOnPath(tool: Tool): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).concat("/usr/sbin", "/sbin");
  const candidates = folders.map((folder) => join(folder, tool.name)).filter(isExecutable);
  const path = candidates.find((candidate) => fits(tool, candidate));
  // PATH may hold the platform's own folder of links, which is made anew.
  return path === undefined ? undefined : realpathSync(path);
}

function fits({ accepts }: Tool, path: string): boolean {
  if (!accepts) return true;
  if (accepts === "nothing") return false;
  const run = spawnSync(path, accepts.args, { encoding: "utf8", timeout: 10_000 });
  return accepts.pattern.test(`${run.stdout}${run.stderr}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function requireOnPath(tool: Tool): string {
  const path = findOnPath(tool);
  if (path === undefined) {
    throw new PlatformError(
      `the package ${tool.debian ?? ""} was installed, but ${tool.name} does not fit version ${tool.version}`,
    );
  }
  return path;
}

async function installPackages(tools: readonly Tool[], { log, onFound }: Work): Promise<void> {
  if (tools.length === 0) return;
  const packages = [...new Set(tools.flatMap(({ debian }) => debian ?? []))];
  // An unrelated package source that does not answer must not stand in the way.
  const command = `apt-get update; apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=600 ${packages.join(" ")}`;
  if (!isOnPath("apt-get")) {
    throw new PlatformError(
      `install ${tools.map(({ name }) => name).join(", ")}; this machine has no apt-get to do it`,
    );
  }
  requireRoot(`the packages ${packages.join(", ")}`, log, `install them as root: ${command}`);
  log(`Debian packages: ${packages.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const [program, ...args] = asRoot(["sh", "-c", command], ["DEBIAN_FRONTEND"]);
  const { status, stderr } = await runToEnd(program, args, env);
  if (status !== 0) throw new PlatformError(`${command} failed:\n${lastLines(stderr)}`);
  for (const tool of tools) onFound({ tool, path: requireOnPath(tool), origin: "Debian" });
}

function requireGo(what: string): void {
  if (isOnPath("go")) return;
  throw new PlatformError(
    `${what} must be built from source, which needs Go 1.21 or newer on PATH: https://go.dev/doc/install`,
  );
}

function isOnPath(name: string): boolean {
  return findOnPath({ name, version: "" }) !== undefined;
}

async function runToEnd(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ status: number | null; stderr: string }> {
  const child = spawn(program, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  // The code of how it ended.
  const [status] = (await once(child, "close")) as [number | null];
  return { status, stderr };
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-15).join("\n");
}
