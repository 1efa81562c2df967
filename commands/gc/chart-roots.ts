import { gunzipSync } from "node:zlib";
import { parseDocument } from "yaml";
import { InputError } from "../../delivery/basics/input-error.ts";
import { chartConfigType, chartPackageType } from "../../delivery/registry/media-types.ts";
import type { Manifest } from "../../delivery/registry/types.ts";
import type { Root } from "./garbage.ts";
import { mentions } from "./mentions.ts";
import type { Registry } from "./registry.ts";

/** Longest unpacked chart that is read. */
const mostBytes = 64 * 1024 * 1024;
const blockBytes = 512;

/** Whether a manifest is a Helm chart. */
export function isChart({ config }: Pick<Manifest, "config">): boolean {
  return config?.mediaType === chartConfigType;
}

/**
 * The images that a pushed chart runs by its own values.yaml, and by those of the charts in it.
 *
 * @throws InputError when the chart cannot be read.
 */
export async function chartRoots(
  registry: Registry,
  repository: string,
  chart: Manifest,
  by: string,
): Promise<Root[]> {
  const where = `${registry.host}/${repository}@${chart.digest}`;
  const descriptor = chart.blobs.find(({ mediaType }) => mediaType === chartPackageType);
  const archive = descriptor && (await registry.getBlob(repository, descriptor));
  const tar = archive && unzip(archive);
  const values = tar && valuesFiles(tar)?.map((text) => parseDocument(text));
  if (!values || values.length === 0 || values.some(({ errors }) => errors.length > 0)) {
    throw new InputError(
      `the chart ${where}, which is in use, cannot be read, so its images are not known; push it again, or delete what uses it`,
    );
  }
  // Templates may hold digests too.
  const texts: unknown[] = [tar.toString("latin1")];
  return mentions([...texts, ...values.map((document): unknown => document.toJS())], by);
}

function unzip(archive: Buffer): Buffer | undefined {
  try {
    return gunzipSync(archive, { maxOutputLength: mostBytes });
  } catch {
    return undefined;
  }
}

/** Texts of every values.yaml in a tar; undefined where it is none. */
function valuesFiles(tar: Buffer): string[] | undefined {
  const texts: string[] = [];
  for (let at = 0; at + blockBytes <= tar.length;) {
    const name = textAt(tar, at, 100);
    const bytes = Number.parseInt(textAt(tar, at + 124, 12), 8);
    if (name === "") break;
    if (Number.isNaN(bytes) || textAt(tar, at + 257, 5) !== "ustar") return undefined;
    const start = at + blockBytes;
    if (/(?:^|\/)values\.yaml$/.test(name)) texts.push(tar.toString("utf8", start, start + bytes));
    at = start + Math.ceil(bytes / blockBytes) * blockBytes;
  }
  return texts;
}

/** A field of a tar header, which ends with the first NUL. */
function textAt(tar: Buffer, start: number, length: number): string {
  return tar.toString("utf8", start, start + length).split("\0")[0] ?? "";
}
