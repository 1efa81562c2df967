import { mkdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { create } from "tar";
import { expect, test } from "vitest";
import { type LayoutReader, layerDifference } from "../../../commands/build/layer-difference.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";

const blobs = new Map<string, Buffer>();
const read: LayoutReader = (digest) => Promise.resolve(blobs.get(digest) ?? Buffer.alloc(0));

function put(bytes: Buffer | string): { digest: string; size: number } {
  const digest = `sha256:${sha256(bytes)}`;
  blobs.set(digest, Buffer.from(bytes));
  return { digest, size: Buffer.byteLength(bytes) };
}

/** A layer with files, in their order. */
async function layer(files: Readonly<Record<string, string>>, options = {}): Promise<Buffer> {
  enterFolderWith({});
  mkdirSync("layer");
  writeFiles("layer", files);
  const packed = create(
    { cwd: "layer", portable: true, mtime: new Date(0), ...options },
    Object.keys(files),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of packed) chunks.push(Buffer.from(chunk as Uint8Array));
  return gzipSync(Buffer.concat(chunks));
}

/** An image of these layers; returns its digest. */
function image(layers: readonly Buffer[], labels = {}): string {
  const history = [
    { created_by: "COPY a / # buildkit" },
    { created_by: "USER 1", empty_layer: true },
    { created_by: "RUN b # buildkit" },
  ];
  const config = put(JSON.stringify({ os: "linux", architecture: "amd64", history, labels }));
  return put(JSON.stringify({ config, layers: layers.map(put) })).digest;
}

test("the first layer, file and respect that differ are named", async () => {
  const [same, one, two, more] = [
    await layer({ a: "a" }),
    await layer({ x: "x", y: "y" }),
    await layer({ x: "x", y: "other" }),
    await layer({ x: "x", y: "y", z: "z" }),
  ];
  const late = await layer({ x: "x", y: "y" }, { mtime: new Date(1000) });
  const other = await layer({ y: "y", x: "x" });
  const difference = (before: Buffer[], after: Buffer[], labels = {}): Promise<string> =>
    layerDifference([read, image(before)], [read, image(after, labels)]);
  expect(await difference([same, one], [same, two])).toMatch(
    /^layer 2 of linux\/amd64 \(RUN b\): y has another content \(\w{12} → \w{12}\)$/,
  );
  expect(await difference([same, more], [same, one])).toBe(
    "layer 2 of linux/amd64 (RUN b): z is missing",
  );
  expect(await difference([same, one], [same, more])).toBe(
    "layer 2 of linux/amd64 (RUN b): z is new",
  );
  expect(await difference([same, one], [same, late])).toContain(
    "x has another time (1970-01-01T00:00:00.000Z → 1970-01-01T00:00:01.000Z)",
  );
  expect(await difference([same, one], [same, other])).toContain("come in another order");
  expect(await difference([same, one], [same])).toBe("layer 2 (RUN b) was not made");
  expect(await difference([same], [same, one])).toBe("1 more layers were made");
  expect(await difference([same], [same], { a: 1 })).toBe(
    "all layers are equal, and the configuration is not",
  );
});

test("an index is compared by platform", async () => {
  const manifest = image([await layer({ a: "a" })]);
  const index = put(JSON.stringify({ manifests: [{ digest: manifest }] })).digest;
  const empty = put(JSON.stringify({ manifests: [] })).digest;
  expect(await layerDifference([read, index], [read, index])).toContain("the configuration is not");
  expect(await layerDifference([read, index], [read, empty])).toBe(
    "only what was published has linux/amd64",
  );
});
