import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { makeOnce } from "./draft";
import { requireOwn } from "./ownership";
import { asRoot, requireRoot } from "./root";
import { PlatformError, type PlatformSettings, project } from "./settings";

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
  readonly go?: GoBuild;
}

interface GoBuild {
  /** Folder with go.mod and go.sum, relative to `platform/`. */
  readonly module: string;
  /** Package of the program. */
  readonly package: string;
  /** Variables that the linker sets. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Go toolchain that the sources ask for. @default - the one on PATH when it is new enough */
  readonly toolchain?: string;
  /** Whether it must run without a C library. @default false */
  readonly pure?: boolean;
  /** Text to replace in a source file, where a setting is missing. @default - built as it is */
  readonly patch?: {
    readonly module: string;
    readonly file: string;
    /** Texts and what stands in their place. */
    readonly edits: readonly (readonly [from: string, to: string])[];
  };
}

/** Where a tool was taken from. */
export type Origin = "PATH" | "cache" | "Debian" | "built";

/** A tool that is ready to be run. */
export interface FoundTool {
  readonly tool: Tool;
  readonly path: string;
  readonly origin: Origin;
}

/**
 * Finds each tool on PATH, in the cache, among Debian's packages or by a build from Go modules, in this order, and
 * says on standard error what takes time.
 *
 * @throws PlatformError that names what is missing and the command that installs it; or the owner of a cache that somebody
 *   else could have filled.
 */
export async function provideTools(
  tools: readonly Tool[],
  cache: string,
  log: (line: string) => void,
): Promise<Map<string, FoundTool>> {
  const found = new Map<string, FoundTool>();
  const missing: Tool[] = [];
  for (const tool of tools) {
    const path = findOnPath(tool);
    const cached = cachedPath(tool, cache);
    if (path !== undefined) found.set(tool.name, { tool, path, origin: "PATH" });
    else if (existsSync(cached)) {
      requireOwn(cache, [cache, join(cache, "tools"), dirname(cached), cached]);
      found.set(tool.name, { tool, path: cached, origin: "cache" });
    } else missing.push(tool);
  }
  const packaged = missing.filter(({ debian }) => debian !== undefined);
  if (packaged.length > 0) {
    installPackages(packaged, log);
    for (const tool of packaged)
      found.set(tool.name, { tool, path: requireOnPath(tool), origin: "Debian" });
  }
  const built = missing.filter(({ debian, go }) => debian === undefined && go !== undefined);
  for (const [i, tool] of built.entries()) {
    const label = `[${i + 1}/${built.length}] ${tool.name} ${tool.version}`;
    found.set(tool.name, await buildTool(tool, cache, label, log));
  }
  return found;
}

/** Path of a tool in the cache: its folder is named by all that decides the build. */
export function cachedPath(tool: Tool, cache: string): string {
  return join(cache, "tools", `${tool.name}-${tool.version}-${recipeKey(tool)}`, tool.name);
}

/** Folder with a link to each tool of a platform. */
export function toolFolder({ state }: PlatformSettings): string {
  return join(state, "bin");
}

/** Makes `folder` hold exactly one link for each tool, so that PATH needs one entry. Links that are right stay: they may be in use. */
export function linkTools(found: Iterable<FoundTool>, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const links = new Map([...found].map(({ tool, path }) => [tool.name, path]));
  for (const name of readdirSync(folder))
    if (!links.has(name)) rmSync(join(folder, name), { recursive: true });
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

function recipeKey({ version, go }: Tool): string {
  const hash = createHash("sha256").update(JSON.stringify([version, go ?? null]));
  if (go) {
    const module = join(project, "platform", go.module);
    for (const file of goSources(module))
      hash.update(file).update(readFileSync(join(module, file)));
  }
  return hash.digest("hex").slice(0, 12);
}

function goSources(module: string): string[] {
  return readdirSync(module, { recursive: true, encoding: "utf8" })
    .filter((file) => /(?:\.go|^go\.(?:mod|sum))$/.test(file) && !file.endsWith("_test.go"))
    .sort();
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

function installPackages(tools: readonly Tool[], log: (line: string) => void): void {
  const packages = [...new Set(tools.flatMap(({ debian }) => debian ?? []))];
  // An unrelated package source that does not answer must not stand in the way.
  const command = `apt-get update; apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  if (!isOnPath("apt-get")) {
    throw new PlatformError(
      `install ${tools.map(({ name }) => name).join(", ")}; this machine has no apt-get to do it`,
    );
  }
  requireRoot(`the packages ${packages.join(", ")}`, log, `install them as root: ${command}`);
  log(`Debian packages: ${packages.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const [program, ...args] = asRoot(["sh", "-c", command], ["DEBIAN_FRONTEND"]);
  const run = spawnSync(program, args, { encoding: "utf8", env });
  if (run.status !== 0) throw new PlatformError(`${command} failed:\n${lastLines(run.stderr)}`);
}

function isOnPath(name: string): boolean {
  return findOnPath({ name, version: "" }) !== undefined;
}

async function buildTool(
  tool: Tool,
  cache: string,
  label: string,
  log: (line: string) => void,
): Promise<FoundTool> {
  const { go } = tool;
  if (!go) throw new PlatformError(`${tool.name} ${tool.version} is needed on PATH`);
  if (!isOnPath("go")) {
    throw new PlatformError(
      `${tool.name} ${tool.version} is built from source, which needs Go 1.26 or newer on PATH`,
    );
  }
  const target = cachedPath(tool, cache);
  const made = await makeOnce(
    { path: dirname(target), label, log },
    (draft) => compile(tool, go, label, draft, log),
    () => existsSync(target),
  );
  return { tool, path: target, origin: made ? "built" : "cache" };
}

/** Builds a tool in a folder, and returns the folder that holds the program alone. */
async function compile(
  { name }: Tool,
  go: GoBuild,
  label: string,
  draft: string,
  log: (line: string) => void,
): Promise<string> {
  const started = Date.now();
  const seconds = (): string => `${((Date.now() - started) / 1000).toFixed(0)} s`;
  const env = {
    ...process.env,
    GOFLAGS: "",
    ...(go.pure === true ? { CGO_ENABLED: "0" } : {}),
    // An older Go fetches the one that a module asks for.
    GOTOOLCHAIN: go.toolchain ?? "auto",
  };
  const variables = Object.entries(go.variables ?? {}).map(
    ([variable, value]) => `-X ${variable}=${value}`,
  );
  const module = join(project, "platform", go.module);
  const folder = join(draft, "tool");
  mkdirSync(folder);
  log(`${label}: building`);
  const ticker = setInterval(() => {
    log(`${label}: still building after ${seconds()}`);
  }, 60_000);
  try {
    const args = [
      "build",
      ...patchedModule(go, module, draft, env),
      "-trimpath",
      "-buildvcs=false",
      `-ldflags=${["-s -w", ...variables].join(" ")}`,
      "-o",
      join(folder, name),
      go.package,
    ];
    const { status, output } = await run("go", args, module, env);
    if (status !== 0) throw new PlatformError(`${label} could not be built:\n${lastLines(output)}`);
    log(`${label}: built in ${seconds()}`);
    return folder;
  } finally {
    clearInterval(ticker);
  }
}

/** Builds from a patched copy of the module; the one in the module cache stays as it was checked. */
function patchedModule(
  { patch }: GoBuild,
  module: string,
  draft: string,
  env: NodeJS.ProcessEnv,
): string[] {
  if (!patch) return [];
  const copy = join(draft, "module");
  const folder = moduleFolder(patch.module, module, env);
  const copying = spawnSync("cp", ["--recursive", "--no-preserve=mode", folder, copy], {
    encoding: "utf8",
  });
  if (copying.status !== 0)
    throw new PlatformError(`${folder} could not be copied: ${copying.stderr.trim()}`);
  const file = join(copy, patch.file);
  let text = readFileSync(file, "utf8");
  for (const [from, to] of patch.edits) {
    if (!text.includes(from)) throw new PlatformError(`${patch.file} has no ${from} to replace`);
    text = text.replace(from, to);
  }
  writeFileSync(file, text);
  const modfile = join(draft, "go.mod");
  writeFileSync(
    modfile,
    `${readFileSync(join(module, "go.mod"), "utf8")}\nreplace ${patch.module} => ${JSON.stringify(copy)}\n`,
  );
  copyFileSync(join(module, "go.sum"), join(draft, "go.sum"));
  return [`-modfile=${modfile}`];
}

/**
 * Folder of the Go module cache that holds `path` in the version that the go.mod in the folder `module` requires.
 *
 * @throws PlatformError when it cannot be fetched.
 */
export function moduleFolder(
  path: string,
  module: string,
  env: NodeJS.ProcessEnv = process.env,
): string {
  const run = spawnSync("go", ["mod", "download", "-json", path], {
    cwd: module,
    env,
    encoding: "utf8",
  });
  if (run.status !== 0)
    throw new PlatformError(`${path} could not be fetched: ${run.stderr.trim()}`);
  // The output of `go mod download -json` for one module.
  return (JSON.parse(run.stdout) as { Dir: string }).Dir;
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    let output = "";
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("error", reject);
    child.once("close", (status) => {
      resolve({ status, output });
    });
  });
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-15).join("\n");
}
