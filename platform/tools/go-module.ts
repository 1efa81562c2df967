import { spawnSync } from "node:child_process";
import { type Hash, createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { PlatformError, project } from "../settings.ts";

/** Programs that are built from one go.mod, so that what they share is compiled once. */
export interface GoModule {
  /** Folder with go.mod and go.sum, relative to `platform/`. */
  readonly folder: string;
  /** What its dependencies are built without, or with other settings. @default - they are built as they are */
  readonly patches?: readonly Patch[];
}

/** Changes to a copy of a module, where a setting is missing. */
export interface Patch {
  readonly module: string;
  /** Files that are left out. */
  readonly without?: readonly string[];
  /** For each file, regular expressions and the text in the place of all that each of them finds. */
  readonly edits: Readonly<Record<string, readonly (readonly [find: string, text: string])[]>>;
}

/** A program of a Go module. */
export interface GoProgram {
  readonly module: GoModule;
  /** Package of the program. */
  readonly package: string;
  /** Folder of sources of our own, relative to `platform/`. @default - it has none */
  readonly sources?: string;
  /** Variables that the linker sets. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** One toolchain for all programs, which any Go since 1.21 fetches: the standard library is compiled once. */
export const toolchain = "go1.27.3";

/**
 * Nothing but the sources decides what is built: no C compiler, no profile. Debug information is left out already by the
 * compiler, which takes a tenth of its time.
 */
export const buildFlags = ["-trimpath", "-buildvcs=false", "-pgo=off", "-gcflags=all=-dwarf=false"];

/** Text that stands for all that decides the build of a program. */
export function goRecipe({ module, sources, variables = {}, ...program }: GoProgram): string {
  const hash = createHash("sha256").update(
    JSON.stringify([program.package, variables, module.patches ?? [], toolchain, buildFlags]),
  );
  hash.update(moduleRecipe(module));
  for (const file of sources === undefined ? [] : goSources(sources)) hashFile(hash, file);
  return hash.digest("hex");
}

/** Text that stands for the versions of all modules that a module needs. */
export function moduleRecipe({ folder }: GoModule): string {
  const hash = createHash("sha256");
  const stubs = folder === "." ? goSources("tools/stubs") : [];
  for (const file of [join(folder, "go.mod"), join(folder, "go.sum"), ...stubs])
    hashFile(hash, file);
  return hash.digest("hex");
}

function hashFile(hash: Hash, file: string): void {
  hash.update(JSON.stringify(file)).update(readFileSync(join(project, "platform", file)));
}

function goSources(folder: string): string[] {
  const root = join(project, "platform", folder);
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".go") && !file.endsWith("_test.go"))
    .sort()
    .map((file) => join(folder, file));
}

/** Folder for what builds share and leave, below the tool cache: the user's own Go caches are neither used nor grown. */
export function buildsFolder(cache: string): string {
  return join(cache, "build");
}

/** Deletes what builds have left: some of it is read-only. */
export function deleteBuilds(cache: string): void {
  const folder = buildsFolder(cache);
  if (!existsSync(folder)) return;
  spawnSync("chmod", ["--recursive", "u+w", folder]);
  rmSync(folder, { recursive: true, force: true });
}

/** Environment of Go with caches of its own; programs are for this folder alone, so a full or `noexec` /tmp does not matter. */
export function goEnvironment(cache: string): NodeJS.ProcessEnv {
  const folder = buildsFolder(cache);
  const temporary = join(folder, "tmp");
  mkdirSync(temporary, { recursive: true });
  return {
    ...process.env,
    GOTOOLCHAIN: toolchain,
    GOFLAGS: "-modcacherw",
    GOWORK: "off",
    GOMODCACHE: join(folder, "modules"),
    GOCACHE: join(folder, "cache"),
    GOTMPDIR: temporary,
    CGO_ENABLED: "0",
    // Fewer collections of the compiler take less processor time, for more memory.
    GOGC: "400",
    GOMEMLIMIT: "3GiB",
  };
}

/** Lets the build take patched copies; what is in the module cache stays as it was checked. */
export function patched(
  { patches = [] }: GoModule,
  folder: string,
  draft: string,
  env: NodeJS.ProcessEnv,
): string[] {
  if (patches.length === 0) return [];
  const replaced = patches.map((patch, i) => {
    const copy = join(draft, `module-${i}`);
    applyPatch(patch, moduleFolder(patch.module, folder, env), copy);
    return `replace ${patch.module} => ${JSON.stringify(copy)}\n`;
  });
  const modfile = join(draft, "go.mod");
  // Folders that it names are relative to where it is.
  const text = readFileSync(join(folder, "go.mod"), "utf8").replaceAll("=> ./", `=> ${folder}/`);
  writeFileSync(modfile, `${text}\n${replaced.join("")}`);
  copyFileSync(join(folder, "go.sum"), join(draft, "go.sum"));
  return [`-modfile=${modfile}`];
}

function applyPatch({ without = [], edits }: Patch, source: string, copy: string): void {
  // Links take no space; what is changed becomes a file of its own.
  const copying = spawnSync("cp", ["--recursive", "--link", source, copy], { encoding: "utf8" });
  if (copying.status !== 0)
    throw new PlatformError(`${source} could not be copied: ${copying.stderr.trim()}`);
  for (const name of without) rmSync(join(copy, name));
  for (const [name, changes] of Object.entries(edits)) {
    const file = join(copy, name);
    let text = existsSync(file) ? readFileSync(file, "utf8") : "";
    for (const [find, replacement] of changes) {
      const pattern = new RegExp(find);
      if (!pattern.test(text)) throw new PlatformError(`${name} has no ${find} to replace`);
      // As a function, since a text may have a dollar sign.
      text = text.replaceAll(new RegExp(find, "g"), () => replacement);
    }
    rmSync(file, { force: true });
    writeFileSync(file, text);
  }
}

/**
 * Folder of a module in the version that the go.mod in the folder `module` requires; fetched where it is missing.
 *
 * @throws PlatformError when it cannot be fetched.
 */
export function moduleFolder(path: string, module: string, env: NodeJS.ProcessEnv): string {
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
