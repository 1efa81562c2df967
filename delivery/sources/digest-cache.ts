import { isAscii } from "node:buffer";
import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import type { FileDigest, FreshDigest } from "./file-digest.ts";
import {
  FileStatuses,
  type FolderFiles,
  type Statuses,
  copyStatus,
  sameStatus,
  sizeAndMode,
  statusLength,
  statusOf,
} from "./file-status.ts";

/** Raised whenever the layout or the meaning of cache files changes. */
const formatVersion = 1;

/**
 * A file whose status changed so recently before it was read may be written again within the same tick of the file
 * system's clock, and then has the same status with other content. The coarsest tick, of FAT, is 2 s.
 */
const restMs = 3_000;

const digestLength = 64;
const numberBytes = Float64Array.BYTES_PER_ELEMENT;
const headerBytes = 3 * numberBytes;
const statusBytes = statusLength * numberBytes;

/**
 * Digests of files that were read before, for as long as their status stays the same. They live in one file, which each
 * source folder should have for itself; one that is missing, damaged, of another version or writable by others counts
 * as empty.
 */
export class DigestCache {
  readonly #file: string;
  readonly #asked: FileStatuses;
  readonly #stored: Records;
  readonly #found: string[] = [];
  #foundStatuses: Statuses = new Float64Array();
  /** Statuses of the expected files; undefined until the first is sought. */
  #statuses: Statuses | undefined;
  #nextExpected = 0;
  #nextStored = 0;
  #positions: Map<string, number> | undefined;
  #changed = false;

  /** Reads the cache in `file`, for the folder `root`. */
  public constructor(root: string, file: string) {
    this.#file = file;
    this.#asked = new FileStatuses(root);
    this.#stored = readRecords(file);
  }

  /** Announces files that will be sought, all of them before the first is and in the same order. */
  public expect(files: FolderFiles): void {
    this.#asked.add(files);
  }

  /** What is known of the next expected file, which is `prefix` and `name`; undefined where its status is new. */
  public find(prefix: string, name: string): KnownDigest | undefined {
    if (!this.#statuses) {
      this.#statuses = this.#asked.read();
      this.#foundStatuses = new Float64Array(this.#statuses.length);
    }
    const expected = this.#nextExpected++;
    const position = this.#position(prefix, name);
    if (position === undefined) return undefined;
    this.#nextStored = position + 1;
    const { lines, statuses } = this.#stored;
    if (!sameStatus(statuses, position, this.#statuses, expected)) return undefined;
    const line = lines[position] ?? "";
    this.#add(line, statuses, position);
    const digest = line.slice(0, digestLength);
    return { path: line.slice(digestLength), digest, ...sizeAndMode(statuses, position) };
  }

  /** Keeps what was read of the expected file at `path`, unless the file was young then. */
  public keep(path: string, { digest, stats, readAt }: FreshDigest): void {
    if (Math.max(stats.mtimeMs, stats.ctimeMs) >= readAt - restMs) return;
    this.#changed = true;
    this.#add(digest + path, statusOf(stats), 0);
  }

  /** Writes what was found and kept, if the cache file holds anything else. One that cannot be written stays as it is. */
  public save(): void {
    const count = this.#found.length;
    if (!this.#changed && count === this.#stored.lines.length) return;
    replaceFile(this.#file, encodeRecords(this.#found, this.#foundStatuses));
  }

  /** Ends what {@link expect} began. */
  public close(): void {
    this.#asked.close();
  }

  #add(line: string, statuses: Statuses, position: number): void {
    copyStatus(statuses, position, this.#foundStatuses, this.#found.length);
    this.#found.push(line);
  }

  /** Where a path is stored, which is right behind the path before it while no files come or go. */
  #position(prefix: string, name: string): number | undefined {
    const { lines } = this.#stored;
    const line = lines[this.#nextStored];
    const next =
      line?.length === digestLength + prefix.length + name.length &&
      line.endsWith(name) &&
      line.startsWith(prefix, digestLength);
    if (next) return this.#nextStored;
    this.#positions ??= new Map(lines.map((stored, i) => [stored.slice(digestLength), i]));
    return this.#positions.get(prefix + name);
  }
}

/** Digest of the file at `path`, which was read before. */
interface KnownDigest extends FileDigest {
  readonly path: string;
}

interface Records {
  /** Digest and path of each file. */
  readonly lines: readonly string[];
  /** Status of each file. */
  readonly statuses: Statuses;
}

const noRecords: Records = { lines: [], statuses: new Float64Array() };

/** A cache file has its version, a checksum and a count, the statuses, and a line of digest and path for each. */
function encodeRecords(lines: readonly string[], statuses: Statuses): Buffer {
  const text = Buffer.from(lines.join("\n"));
  const textStart = headerBytes + lines.length * statusBytes;
  const content = Buffer.alloc(textStart + text.length);
  const numbers = new Float64Array(content.buffer, 0, textStart / numberBytes);
  numbers.set([formatVersion, 0, lines.length]);
  numbers.set(statuses.subarray(0, lines.length * statusLength), headerBytes / numberBytes);
  text.copy(content, textStart);
  numbers[1] = checksum(content);
  return content;
}

function readRecords(file: string): Records {
  const content = readOwnFile(file);
  if (content === undefined || content.length <= headerBytes) return noRecords;
  const [version, sum, count = 0] = new Float64Array(content.buffer, 0, 3);
  if (version !== formatVersion || sum !== checksum(content)) return noRecords;
  const text = content.subarray(headerBytes + count * statusBytes);
  return {
    lines: text.toString(isAscii(text) ? "latin1" : "utf8").split("\n"),
    statuses: new Float64Array(content.buffer, headerBytes, count * statusLength),
  };
}

function checksum(content: Buffer): number {
  return crc32(content.subarray(2 * numberBytes));
}

/** The bytes of a file that nobody else can have written; the cache may lie in a folder that all users share. */
function readOwnFile(file: string): Buffer | undefined {
  let descriptor: number | undefined;
  try {
    // A named pipe of somebody else would block without O_NONBLOCK.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    descriptor = openSync(file, flags);
    const stats = fstatSync(descriptor);
    const own = process.getuid === undefined || stats.uid === process.getuid();
    if (!stats.isFile() || !own || (stats.mode & 0o022) !== 0) return undefined;
    const content = Buffer.alloc(stats.size);
    return readSync(descriptor, content) === stats.size ? content : undefined;
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function replaceFile(file: string, content: Buffer): void {
  const draft = `${file}.${randomUUID()}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(draft, content, { flag: "wx", mode: 0o600 });
    renameSync(draft, file);
  } catch {
    // Without a cache everything is only slower.
    rmSync(draft, { force: true });
  }
}
