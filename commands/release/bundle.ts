import { mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "tar";
import { readOptions } from "../../delivery/basics/command-line.ts";
import { InputError } from "../../delivery/basics/input-error.ts";
import { requireOwnFile } from "../../delivery/basics/own-file.ts";
import { releaseRepository } from "../../delivery/registry/references.ts";
import { releaseParts, requireRelease, requireWhole } from "../../delivery/releases/store.ts";
import { formatBytes } from "../../platform/report/table.ts";
import { ArtifactCopier } from "./artifact-copy.ts";
import { OciLayout } from "./oci-layout.ts";
import { openStack, stackOptions } from "./stack.ts";
import { below } from "./transfer.ts";

const declared = {
  ...stackOptions,
  release: { type: "string", default: "" },
  file: { type: "string", default: "" },
} as const;

/**
 * `bundle --release v2.1.8 [--stack prod] [--file F]`: puts a release with all platforms, signatures and its record into one
 * file, an OCI image layout in a tar, that `load` brings into another registry. Equal releases give equal files.
 */
export async function bundle(args: string[]): Promise<number> {
  const options = readOptions(declared, args);
  if (options.release === "") {
    throw new InputError(
      `name the release to put into a file, such as make bundle RELEASE=v2.1.8; make releases lists them`,
    );
  }
  if (options.file) requireOwnFile(options.file, "bundle", isBundle);
  const { client, namespace } = openStack(options);
  const folder = mkdtempSync(join(tmpdir(), "tinyolly-bundle-"));
  try {
    const { record, digest } = await requireRelease(client, namespace, options.release);
    const { release } = record;
    await requireWhole(client, namespace, record, "bundle another release, or put this one back");
    const file = options.file || `tinyolly-${release}.tar`;
    requireOwnFile(file, "bundle", isBundle);
    const layout = OciLayout.create(folder, file);
    const copier = new ArtifactCopier(client, layout);
    try {
      const parts = [...releaseParts(record), { path: releaseRepository, tag: release, digest }];
      for (const { path, tag, digest } of parts) {
        const { bytes } = await copier.copy({ from: below(namespace, path), to: path, digest });
        const manifest = await layout.getManifest(path, digest);
        if (manifest) await layout.putManifest(path, tag, manifest);
        process.stderr.write(`${path}:${tag}  ${formatBytes(bytes)}\n`);
      }
    } finally {
      copier.close();
    }
    layout.finish();
    await pack(folder, file);
    process.stdout.write(
      `${file}  ${formatBytes(statSync(file).size)}\nrecord ${digest}, which make load prints as well\n`,
    );
    return 0;
  } finally {
    client.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether a file that begins like this is a tar of an OCI image layout. */
function isBundle(begin: Buffer): boolean {
  return begin.toString("latin1").startsWith("oci-layout\0");
}

/** Packs a layout with one order and one time, and lets the file appear only when it is whole. */
async function pack(folder: string, file: string): Promise<void> {
  const blobs = readdirSync(join(folder, "blobs/sha256")).sort();
  const names = ["oci-layout", "index.json", ...blobs.map((blob) => `blobs/sha256/${blob}`)];
  const draft = `${file}.draft`;
  try {
    await create({ file: draft, cwd: folder, portable: true, mtime: new Date(0) }, names);
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`${file} cannot be written: ${reason}; name another one with FILE=`);
  }
}
