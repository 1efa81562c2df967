import { spawnSync } from "node:child_process";
import { cpSync, linkSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { requireBuildSpace } from "../machine/disk.ts";
import { makeOnce, replace, whileAlone } from "../machine/draft.ts";
import { PlatformError, project } from "../settings.ts";
import {
  type ModuleFiles,
  type Places,
  type Tool,
  cachedPath,
  filesPath,
  findTools,
  fits,
  isOnPath,
  labelOf,
  releasePath,
} from "./find.ts";
import { buildPrograms } from "./go-build.ts";
import { buildsFolder, deleteBuilds, goEnvironment, moduleFolder } from "./go-module.ts";
import { BuildProgress } from "./progress.ts";
import { ReleaseUnavailable, answers, fetchRelease } from "./releases.ts";

/** How tools are made. */
export interface Work extends Places {
  readonly log: (line: string) => void;
  /** Ends what is being made. */
  readonly signal: AbortSignal;
}

/**
 * Takes official releases of tools, and builds the others from Go modules, unless another process has made them meanwhile.
 *
 * @throws PlatformError that says what cannot be had, and why.
 */
export async function makeTools(
  tools: readonly Tool[],
  files: readonly ModuleFiles[],
  work: Work,
): Promise<void> {
  const { cache, log } = work;
  const label = named([...tools.map(labelOf), ...files.map(({ name }) => name)]);
  if (label === undefined) return;
  await whileAlone({ path: join(cache, "tools", "build"), label, log }, async () => {
    const missing = findTools(tools, work);
    try {
      // Their module may be patched for the build, which therefore fetches it as well.
      for (const one of files) await fetchFiles(one, cache);
      await buildTools(await downloadTools(missing, work), work);
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      throw new PlatformError(`${label} cannot be had: ${error.message}`);
    }
    // After an error, the next build goes on with what is there.
    deleteBuilds(cache);
  });
}

/** Takes official releases of tools where their hosts answer, and returns the tools that must be built. */
async function downloadTools(tools: readonly Tool[], work: Work): Promise<Tool[]> {
  const { cache, log, releases, onFound, signal } = work;
  const folder = join(buildsFolder(cache), "releases");
  mkdirSync(folder, { recursive: true });
  const released = tools.flatMap((tool) => {
    const release = releases(tool.name);
    return release ? [{ tool, release, file: join(folder, tool.name) }] : [];
  });
  const hosts = new Map<string, Promise<boolean>>();
  for (const { origin } of released.map(({ release }) => new URL(release.url)))
    if (!hosts.has(origin)) hosts.set(origin, answers(origin));
  const taken = new Set<Tool>();
  const download = async (url: string): Promise<void> => {
    const ofFile = released.filter(({ release }) => release.url === url);
    const [first] = ofFile;
    if (!first || !(await hosts.get(new URL(url).origin))) return;
    const places = new Map(ofFile.map(({ release, file }) => [release.member, file]));
    try {
      await fetchRelease(first.release, places, { log, signal });
    } catch (error) {
      if (!(error instanceof ReleaseUnavailable)) throw error;
      const names = ofFile.map(({ tool }) => tool.name).join(", ");
      log(`${error.message}; ${names}: built from source instead`);
      return;
    }
    for (const { tool, release, file } of ofFile) {
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
  await Promise.all([...new Set(released.map(({ release }) => release.url))].map(download));
  return tools.filter((tool) => !taken.has(tool));
}

/** Builds tools, those of a module together. */
async function buildTools(tools: readonly Tool[], work: Work): Promise<void> {
  const { cache, log, onFound, signal } = work;
  if (tools.length === 0) return;
  requireGo();
  requireBuildSpace(buildsFolder(cache), tools.length, folderBytes(buildsFolder(cache)));
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
  requireGo();
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

/** Name of the first, and how many there are besides; undefined where there is none. */
function named([first, ...others]: readonly string[]): string | undefined {
  if (first === undefined || others.length === 0) return first;
  return `${first} and ${others.length} ${others.length === 1 ? "other" : "others"}`;
}

function requireGo(): void {
  if (isOnPath("go")) return;
  throw new PlatformError("that needs Go 1.21 or newer on PATH: https://go.dev/doc/install");
}
