import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { delimiter, dirname, join, sep } from "node:path";
import { requireOwn } from "../machine/ownership.ts";
import { PlatformError } from "../settings.ts";
import { type GoModule, type GoProgram, goRecipe, moduleRecipe } from "./go-module.ts";
import type { Release } from "./releases.ts";

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

/** Where tools are looked for. */
export interface Places {
  readonly cache: string;
  /** Tells the official release of a tool. */
  readonly releases: (name: string) => Release | undefined;
  readonly onFound: (found: FoundTool) => void;
}

/** Reports what is there already, and returns what is not. */
export function findTools(tools: readonly Tool[], { cache, releases, onFound }: Places): Tool[] {
  return tools.filter((tool) => {
    const path = findOnPath(tool, cache);
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

/** Path of a tool in the cache: its folder is named by all that decides the build. */
export function cachedPath(tool: Tool, cache: string): string {
  return join(cache, "tools", `${tool.name}-${tool.version}-${recipeOf(tool)}`, tool.name);
}

/** Path of an official release of a tool in the cache. */
export function releasePath({ name }: Tool, { version, digest }: Release, cache: string): string {
  const key = shortHash(digest);
  return join(cache, "tools", `${name}-${version}-release-${key}`, name);
}

/** Where files of a module are in the cache. */
export function filesPath({ name, module, of, folder }: ModuleFiles, cache: string): string {
  return join(cache, "tools", `${name}-${shortHash(of, folder, moduleRecipe(module))}`);
}

/** A tool for messages, such as `helm 4.3.2`. */
export function labelOf({ name, version }: Tool): string {
  return `${name} ${version}`;
}

function recipeOf({ version, go }: Tool): string {
  return shortHash(version, go ? goRecipe(go) : "");
}

function shortHash(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);
}

/**
 * Path of a program on PATH, or among Debian's servers, whose version fits. Links into `cache`, which a shell may have for an earlier
 * checkout, are left out: what stands there is found by all that decides its build.
 */
export function findOnPath(tool: Tool, cache?: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).concat("/usr/sbin", "/sbin");
  const made =
    cache !== undefined && existsSync(cache) ? join(realpathSync(cache), sep) : undefined;
  const path = folders
    .map((folder) => join(folder, tool.name))
    .filter(isExecutable)
    .filter((file) => made === undefined || !realpathSync(file).startsWith(made))
    .find((file) => fits(tool, file));
  return path === undefined ? undefined : realpathSync(path);
}

/** Whether a program tells a version that fits. */
export function fits({ accepts }: Tool, path: string): boolean {
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

/** Path of a program whose Debian package was just installed. */
export function requireOnPath(tool: Tool): string {
  const path = findOnPath(tool);
  if (path === undefined) {
    throw new PlatformError(
      `the package ${tool.debian ?? ""} was installed, but ${tool.name} does not fit version ${tool.version}`,
    );
  }
  return path;
}

/** Whether there is a program of any version. */
export function isOnPath(name: string): boolean {
  return findOnPath({ name, version: "" }) !== undefined;
}
