import { EventEmitter, once } from "node:events";
import { existsSync } from "node:fs";
import { PlatformError, hostPlatform } from "../settings.ts";
import { installPackages } from "./debian.ts";
import {
  type FoundTool,
  type ModuleFiles,
  type Tool,
  filesPath,
  findTools,
  labelOf,
} from "./find.ts";
import { type Work, makeTools } from "./make.ts";
import { type Release, releaseOf } from "./releases.ts";

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

/**
 * Finds each tool on PATH, in the cache, among Debian's packages, as an official release or by a build from Go modules, in this
 * order, and says what takes time.
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

/** Begins what {@link provideTools} does. Files of modules are ready before the tools that are built, and these in their order. */
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
  await Promise.all([installPackages(packaged, work, work.log), makeTools(built, fetched, work)]);
}
