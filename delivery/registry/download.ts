import { type Hash, createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { InputError } from "../basics/input-error.ts";
import { sha256 } from "../basics/sha256.ts";
import { type RegistryConnection, pathIn } from "./connection.ts";
import { Interrupted, RegistryFailure, codeOf } from "./failure.ts";
import { mostBytes } from "./http.ts";
import { requireDigest } from "./manifest-reader.ts";
import { isMissing } from "./manifests.ts";
import type { Descriptor, ResponseHead, Scope } from "./types.ts";

/**
 * Reads a blob of at most 8 MiB; undefined when the registry does not have it.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs
 */
export async function getBlob(
  connection: RegistryConnection,
  scope: Scope,
  { digest, size }: Descriptor,
): Promise<Buffer | undefined> {
  if (size > mostBytes)
    throw new RegistryFailure(`it has ${size} bytes, and at most 8 MiB are read into memory`);
  const to = pathIn(scope, "blobs", digest);
  const response = await connection.send({ scope, method: "GET", to });
  if (isMissing(response)) return undefined;
  if (response.status !== 200) throw await connection.refusal(response, scope);
  requireDigest(`sha256:${sha256(response.body)}`, digest);
  if (response.body.length === size) return response.body;
  throw new RegistryFailure(
    `it has ${response.body.length} bytes, but what refers to it says ${size}; push that again`,
  );
}

/**
 * Writes a blob to a file. After an interruption the download goes on where it ended, up to four tries in all; an incomplete
 * file is deleted.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs
 * @throws RegistryFailure when the registry does not have the blob, or sends another.
 * @throws InputError when the file cannot be written.
 */
export async function downloadBlob(
  connection: RegistryConnection,
  scope: Scope,
  descriptor: Descriptor,
  file: string,
): Promise<void> {
  const target = await open(file, "w").catch((error: unknown) => {
    throw unwritable(file, error);
  });
  const download = new Download(target, file, descriptor);
  try {
    await connection.repeat(scope, () => advance(connection, scope, download));
    download.finish();
  } catch (error) {
    // The path may be a device such as /dev/null, which root could delete.
    if ((await target.stat()).isFile()) rmSync(file, { force: true });
    throw error;
  } finally {
    await target.close();
  }
}

/** Requests the bytes that are missing. */
async function advance(
  connection: RegistryConnection,
  scope: Scope,
  download: Download,
): Promise<void> {
  const { digest, size } = download.descriptor;
  const { received } = download;
  // The connection may have ended right after the last byte, and no range begins there.
  if (received > 0 && received === size) return;
  const response = await connection.once({
    scope,
    method: "GET",
    to: pathIn(scope, "blobs", digest),
    // Ranges of a compressed response would have other offsets.
    headers: {
      "accept-encoding": "identity",
      ...(received > 0 && { range: `bytes=${received}-` }),
    },
    sink: (head, pieces) => download.take(head, pieces),
  });
  if (response.status === 200 || response.status === 206) return;
  if (isMissing(response))
    throw new RegistryFailure(
      "the registry does not have it; push it there again, and then repeat this",
    );
  if (response.status === 416 && received > 0) download.refuseRange();
  throw await connection.refusal(response, scope);
}

/** File that a blob is written to. */
class Download {
  /** Bytes of the blob that the file has. */
  public received = 0;
  private hash: Hash = createHash("sha256");
  private connections = 0;
  private readonly target: FileHandle;
  private readonly file: string;
  public readonly descriptor: Descriptor;

  public constructor(target: FileHandle, file: string, descriptor: Descriptor) {
    this.target = target;
    this.file = file;
    this.descriptor = descriptor;
  }

  /** Writes the body of a response, which must begin where the file ends. */
  public async take(
    { status, headers }: ResponseHead,
    pieces: AsyncIterable<Buffer>,
  ): Promise<void> {
    const { size } = this.descriptor;
    const connection = ++this.connections;
    if (status === 200) this.restart();
    else if (headers["content-range"]?.startsWith(`bytes ${this.received}-`) !== true)
      this.refuseRange();
    for await (const piece of pieces) {
      if (this.received + piece.length > size)
        throw new RegistryFailure(`the registry sends over ${size} bytes; ${damaged}`);
      await this.write(piece);
      // A slow write may outlast the time limit; by then another connection writes to this file.
      if (connection !== this.connections) return;
      this.hash.update(piece);
      this.received += piece.length;
    }
    if (this.received < size)
      throw new Interrupted(
        `the registry sent ${this.received} of ${size} bytes; look into its log, and run again`,
      );
  }

  /** Discards the file's bytes, since the registry does not send the rest of them. */
  public refuseRange(): never {
    this.restart();
    throw new Interrupted(
      "the registry did not go on where the connection had ended; look into its log, and run again",
    );
  }

  /** @throws RegistryFailure when the file is not the blob. */
  public finish(): void {
    requireDigest(`sha256:${this.hash.digest("hex")}`, this.descriptor.digest);
  }

  private restart(): void {
    this.received = 0;
    this.hash = createHash("sha256");
  }

  private async write(piece: Buffer): Promise<void> {
    try {
      for (let at = 0; at < piece.length;) {
        const rest = piece.length - at;
        at += (await this.target.write(piece, at, rest, this.received + at)).bytesWritten;
      }
    } catch (error) {
      throw unwritable(this.file, error);
    }
  }
}

const damaged = "its store or a proxy before it is damaged, so mend that, and push again";

function unwritable(file: string, error: unknown): InputError {
  return new InputError(
    `${file} cannot be written (${codeOf(error)}); make room, or take another folder`,
  );
}
