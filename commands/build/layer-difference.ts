import { gunzipSync } from "node:zlib";
import { type ReadEntry, Parser } from "tar";
import { fields, parseJson } from "../../delivery/basics/json-fields.ts";
import { sha256 } from "../../delivery/basics/sha256.ts";

/** Reads a manifest, or with its size a blob, of an image. */
export type LayoutReader = (digest: string, size?: number) => Promise<Buffer>;

type Image = readonly [read: LayoutReader, digest: string];

interface Layer {
  readonly digest: string;
  readonly size: number;
  /** Instruction that made it. */
  readonly madeBy: string;
}

/** Says in which layer, file and respect an image is another one first. */
export async function layerDifference(before: Image, after: Image): Promise<string> {
  const [old, now] = await Promise.all([readImage(before), readImage(after)]);
  for (const [platform, { layers }] of old) {
    const others = now.get(platform)?.layers;
    if (!others) return `only what was published has ${platform}`;
    for (const [at, layer] of layers.entries()) {
      const other = others[at];
      if (!other) return `layer ${at + 1} (${layer.madeBy}) was not made`;
      if (other.digest === layer.digest) continue;
      const [one, two] = await Promise.all([
        listFiles(await before[0](layer.digest, layer.size)),
        listFiles(await after[0](other.digest, other.size)),
      ]);
      return `layer ${at + 1} of ${platform} (${layer.madeBy}): ${fileDifference(one, two)}`;
    }
    if (others.length > layers.length)
      return `${others.length - layers.length} more layers were made`;
  }
  return "all layers are equal, and the configuration is not";
}

async function readImage([read, digest]: Image): Promise<
  ReadonlyMap<string, { readonly layers: readonly Layer[] }>
> {
  const { manifests } = fields(parseJson(await read(digest)));
  const children = Array.isArray(manifests) ? (manifests as unknown[]) : [{ digest }];
  const images = await Promise.all(
    children.map(async (child) => {
      const manifest = fields(parseJson(await read(String(fields(child)["digest"]))));
      const { digest, size } = fields(manifest["config"]);
      const { os, architecture, history } = fields(
        parseJson(await read(String(digest), Number(size))),
      );
      const made = (Array.isArray(history) ? history : []).flatMap((entry: unknown) => {
        const { created_by: by, empty_layer: empty } = fields(entry);
        return empty === true ? [] : [String(by).replace(/ # buildkit$/, "")];
      });
      const blobs = Array.isArray(manifest["layers"]) ? (manifest["layers"] as unknown[]) : [];
      const layers = blobs.map((blob, at): Layer => {
        const { digest, size } = fields(blob);
        return { digest: String(digest), size: Number(size), madeBy: made[at] ?? "" };
      });
      return [`${String(os)}/${String(architecture)}`, { layers }] as const;
    }),
  );
  return new Map(images);
}

/** A file as a layer has it, by what is compared. */
type Listed = Readonly<Record<string, string>>;

/** The files of a layer by path, in its order. */
async function listFiles(layer: Buffer): Promise<ReadonlyMap<string, Listed>> {
  const files = new Map<string, Listed>();
  const entries: Promise<void>[] = [];
  const parser = new Parser({
    onReadEntry: (entry: ReadEntry) => {
      entries.push(
        entry.concat().then((content) => {
          const { path, type, mode = 0, uid, gid, mtime, linkpath = "" } = entry;
          files.set(path, {
            ...{ type, mode: mode.toString(8), owner: `${uid ?? 0}:${gid ?? 0}`, link: linkpath },
            ...{
              content: sha256(Buffer.concat([content])).slice(0, 12),
              time: mtime?.toISOString() ?? "",
            },
          });
        }),
      );
    },
  });
  const isGzip = layer[0] === 0x1f && layer[1] === 0x8b;
  parser.end(isGzip ? gunzipSync(layer) : layer);
  await Promise.all(entries);
  return files;
}

function fileDifference(
  before: ReadonlyMap<string, Listed>,
  after: ReadonlyMap<string, Listed>,
): string {
  for (const [path, file] of before) {
    const other = after.get(path);
    if (!other) return `${path} is missing`;
    const differing = Object.keys(file).filter((key) => file[key] !== other[key]);
    if (differing.length > 0)
      return `${path} has another ${differing.map((key) => `${key} (${file[key] ?? ""} → ${other[key] ?? ""})`).join(", ")}`;
  }
  const [more] = [...after.keys()].filter((path) => !before.has(path));
  return more === undefined ? "the files are equal, and come in another order" : `${more} is new`;
}
