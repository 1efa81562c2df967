import { type FSWatcher, lstatSync, readdirSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { snapshot } from "./snapshot.ts";
import type { Sources } from "./sources.ts";

/** What a {@link SourceWatcher} tells, and with what it watches. */
export interface SourceWatcherArgs {
  /** Called for each change; many times for one save. */
  readonly onChange: () => void;
  /** Takes a sentence that the user must read. */
  readonly warn: (message: string) => void;
  /** Watches one folder without those below it. @default - the kernel, by node:fs */
  readonly watchFolder?: WatchFolder;
}

/** Calls `listener` with "rename" for a name that came or went, and with "change" for one that changed. */
export type WatchFolder = (
  folder: string,
  listener: (event: string, name: string | null) => void,
) => FSWatcher;

/** Between looks where the kernel cannot watch. */
const pollMs = 1000;

const limits: Readonly<Record<string, string>> = {
  ENOSPC: "fs.inotify.max_user_watches=524288",
  EMFILE: "fs.inotify.max_user_instances=1024",
};

/**
 * Tells when sources change. Each folder is watched on its own: `fs.watch` with `recursive` takes a watch for every
 * file as well, and knows no ignored folders. Where the kernel has no watches left, the folders are read each second.
 */
export class SourceWatcher {
  readonly #args: SourceWatcherArgs;
  readonly #watchFolder: WatchFolder;
  readonly #watchers = new Map<string, FSWatcher>();
  #sources: Sources | undefined;
  #polling: NodeJS.Timeout | undefined;
  #seen = "";

  public constructor(args: SourceWatcherArgs) {
    this.#args = args;
    this.#watchFolder = args.watchFolder ?? watch;
  }

  /** Watches `sources` as they are now, and nothing else any more. */
  public follow(sources: Sources): void {
    this.#sources = sources;
    if (this.#polling !== undefined) {
      this.#seen = snapshot(sources);
      return;
    }
    this.#closeAll();
    this.#orPoll(() => {
      const parents = [...sources.entries].map((path) => dirname(path));
      for (const folder of [...parents, ...sources.folders.map(({ path }) => path)])
        if (!this.#watchers.has(folder)) this.#open(folder, sources);
    });
  }

  /** Watches nothing any more. */
  public close(): void {
    this.#closeAll();
    clearInterval(this.#polling);
  }

  #closeAll(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #open(folder: string, sources: Sources): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
    try {
      // Before the folder is listed, so that nothing new in it is missed.
      const watcher = this.#watchFolder(folder, (event, name) => {
        this.#notice(folder, event, name, sources);
      });
      watcher.on("error", this.#args.onChange);
      this.#watchers.set(folder, watcher);
      if (!sources.enters(folder)) return;
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory() && sources.enters(path)) this.#open(path, sources);
      }
    } catch (error) {
      if (!["ENOENT", "ENOTDIR", "EACCES"].includes(errorCode(error))) throw error;
    }
  }

  #notice(folder: string, event: string, name: string | null, sources: Sources): void {
    if (name === null) {
      this.#args.onChange();
      return;
    }
    const path = join(folder, name);
    const isTree =
      event === "rename" && sources.enters(path) && (this.#watchers.has(path) || isFolder(path));
    if (isTree) {
      this.#orPoll(() => {
        this.#open(path, sources);
      });
    }
    if (isTree || sources.counts(path)) this.#args.onChange();
  }

  #orPoll(watch: () => void): void {
    try {
      watch();
    } catch (error) {
      const setting = limits[errorCode(error)];
      if (setting === undefined) throw error;
      this.#closeAll();
      this.#args.warn(
        `the kernel watches no more folders for this user, so they are read every second; sudo sysctl ${setting} raises the limit`,
      );
      this.#poll();
    }
  }

  #poll(): void {
    const look = (): string => (this.#sources ? snapshot(this.#sources) : "");
    this.#seen = look();
    this.#polling = setInterval(() => {
      const now = look();
      if (now === this.#seen) return;
      this.#seen = now;
      this.#args.onChange();
    }, pollMs);
  }
}

/** What cannot be looked at is none. */
function isFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false;
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
