import { type Stats, lstatSync } from "node:fs";
import { Worker } from "node:worker_threads";

/**
 * Numbers in a status, which is what the operating system tells of a file without reading it: device, inode, size in
 * bytes, times of modification and of change in ms, mode. They are NaN where it does not tell.
 */
export const statusLength = 6;

const sizeField = 2;
const modeField = 5;

/** The status that `stats` hold. */
export function statusOf({ dev, ino, size, mtimeMs, ctimeMs, mode }: Stats): Float64Array {
  return Float64Array.of(dev, ino, size, mtimeMs, ctimeMs, mode);
}

/** A list of statuses, one after the other. */
export type Statuses = Float64Array;

/** Whether status `i` of one list is status `j` of the other. A status that is not known is equal to none. */
export function sameStatus(one: Statuses, i: number, other: Statuses, j: number): boolean {
  const [a, b] = [i * statusLength, j * statusLength];
  for (let field = 0; field < statusLength; field++)
    if (one[a + field] !== other[b + field]) return false;
  return true;
}

/** Copies status `i` of one list to place `j` of the other. */
export function copyStatus(from: Statuses, i: number, to: Statuses, j: number): void {
  const [a, b] = [i * statusLength, j * statusLength];
  for (let field = 0; field < statusLength; field++) to[b + field] = from[a + field] ?? NaN;
}

/** Size in bytes and mode of status `i`. */
export function sizeAndMode(statuses: Statuses, i: number): { size: number; mode: number } {
  const start = i * statusLength;
  return { size: statuses[start + sizeField] ?? NaN, mode: statuses[start + modeField] ?? NaN };
}

/** Files of one folder. */
export interface FolderFiles {
  /** Path of the folder with `/` at its end, or nothing. */
  readonly prefix: string;
  readonly names: readonly string[];
}

interface Batch {
  readonly folders: readonly FolderFiles[];
  readonly files: number;
  /** One number that says who reads the batch and whether that is done, and the statuses after it. */
  readonly shared: SharedArrayBuffer;
}

const batchFiles = 1_000;
const stateBytes = 8;
const statusBytes = statusLength * Float64Array.BYTES_PER_ELEMENT;

/** Below this number of files a second thread starts too late to help. */
const filesWorthAWorker = 10_000;
const workerPatienceMs = 10_000;

/** Asks for the status of many files below one folder; links are not followed. Many files are shared with a second thread. */
export class FileStatuses {
  readonly #root: string;
  readonly #batches: Batch[] = [];
  #files = 0;
  #waiting: FolderFiles[] = [];
  #waitingFiles = 0;
  #worker: Worker | undefined;

  public constructor(root: string) {
    this.#root = root;
  }

  /** Asks for some files. */
  public add(files: FolderFiles): void {
    this.#waiting.push(files);
    this.#waitingFiles += files.names.length;
    if (this.#waitingFiles >= batchFiles) this.#handOut();
  }

  /** The statuses of all files in the order in which they were added. */
  public read(): Statuses {
    this.#handOut();
    // The second thread takes the first batch that nobody took, and this one the last.
    for (const { folders, shared } of this.#batches.toReversed())
      readBatch(lstatSync, this.#root, folders, shared);
    const statuses = new Float64Array(this.#files * statusLength);
    let start = 0;
    for (const { folders, files, shared } of this.#batches) {
      const state = new Int32Array(shared, 0, 1);
      if (Atomics.wait(state, 0, 1, workerPatienceMs) === "timed-out") {
        Atomics.store(state, 0, 0);
        readBatch(lstatSync, this.#root, folders, shared);
      }
      statuses.set(new Float64Array(shared, stateBytes), start);
      start += files * statusLength;
    }
    return statuses;
  }

  /** Ends the second thread. */
  public close(): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
  }

  #handOut(): void {
    const files = this.#waitingFiles;
    const shared = new SharedArrayBuffer(stateBytes + files * statusBytes);
    this.#batches.push({ folders: this.#waiting, files, shared });
    this.#files += files;
    this.#waiting = [];
    this.#waitingFiles = 0;
    if (this.#worker) {
      post(this.#worker, this.#batches.slice(-1));
    } else if (this.#files >= filesWorthAWorker) {
      this.#worker = startWorker(this.#root);
      post(this.#worker, this.#batches);
    }
  }
}

/**
 * Reads a batch that nobody took yet. The worker has its text only, since it could not load TypeScript without loading
 * the compiler: parameters and globals are all that it may use.
 */
function readBatch(
  lstat: typeof lstatSync,
  root: string,
  folders: readonly FolderFiles[],
  shared: SharedArrayBuffer,
): void {
  const state = new Int32Array(shared, 0, 1);
  if (Atomics.compareExchange(state, 0, 0, 1) !== 0) return;
  const numbers = new Float64Array(shared, 8);
  let at = 0;
  for (const { prefix, names } of folders) {
    const folder = `${root}/${prefix}`;
    for (const name of names) {
      try {
        const stats = lstat(folder + name);
        numbers[at] = stats.dev;
        numbers[at + 1] = stats.ino;
        numbers[at + 2] = stats.size;
        numbers[at + 3] = stats.mtimeMs;
        numbers[at + 4] = stats.ctimeMs;
        numbers[at + 5] = stats.mode;
      } catch {
        numbers.fill(NaN, at, at + 6);
      }
      at += 6;
    }
  }
  Atomics.store(state, 0, 2);
  Atomics.notify(state, 0);
}

function startWorker(root: string): Worker {
  const source = `
    const { lstatSync } = require("node:fs");
    const { parentPort, workerData } = require("node:worker_threads");
    const readBatch = ${readBatch.toString()};
    parentPort.on("message", ({ folders, shared }) => {
      for (const folder of folders) folder.names = folder.names.split("\\0");
      readBatch(lstatSync, workerData, folders, shared);
    });
  `;
  // Without options of its own it would load what this process loads.
  const worker = new Worker(source, {
    eval: true,
    workerData: root,
    execArgv: [],
    env: {},
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
  });
  worker.unref();
  // What it leaves is read here.
  worker.on("error", () => undefined);
  return worker;
}

/** Sends names as one text a folder, which is much faster than an array. */
function post(worker: Worker, batches: readonly Batch[]): void {
  for (const { folders, shared } of batches) {
    const texts = folders.map(({ prefix, names }) => ({ prefix, names: names.join("\0") }));
    worker.postMessage({ folders: texts, shared });
  }
}
