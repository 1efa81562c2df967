import { gzipSync } from "node:zlib";
import { stringify } from "yaml";
import {
  type ReleaseRecord,
  releaseRecordType,
  writeRecord,
} from "../../../delivery/releases/record.ts";
import { mediaTypes } from "../../fake-registry-answers.ts";

/** Where made-up artifacts are pushed. */
export interface Target {
  /** Stores a blob; resolves to its digest. */
  putBlob(repository: string, bytes: Buffer): Promise<string>;
  /** Stores a manifest, under a tag where there is one; resolves to its digest. */
  putManifest(
    repository: string,
    tag: string | undefined,
    bytes: Buffer,
    mediaType: string,
  ): Promise<string>;
}

/** How an artifact is called. */
export interface Place {
  readonly repository: string;
  /** @default - it has none */
  readonly tag?: string;
}

interface Part {
  readonly type: string;
  readonly bytes: Buffer;
}

interface ManifestParts {
  readonly config: Part;
  readonly layers: readonly Part[];
  readonly artifactType?: string;
  readonly subject?: string;
}

/** Pushes an image whose layers have the given texts. */
export function pushImage(
  target: Target,
  place: Place,
  ...layers: readonly string[]
): Promise<string> {
  return pushManifest(target, place, {
    config: {
      type: "application/vnd.oci.image.config.v1+json",
      bytes: json({ architecture: "amd64", os: "linux", rootfs: { type: "layers" }, of: layers }),
    },
    layers: layers.map((text) => ({
      type: "application/vnd.oci.image.layer.v1.tar",
      bytes: Buffer.from(text),
    })),
  });
}

/** Pushes an index of manifests that are there. */
export function pushIndex(
  target: Target,
  { repository, tag }: Place,
  ...children: readonly string[]
): Promise<string> {
  const manifests = children.map((digest, variant) => ({
    mediaType: mediaTypes.manifest,
    digest,
    size: 100,
    platform: { os: "linux", architecture: "arm", variant: `v${variant}` },
  }));
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
  return target.putManifest(repository, tag, json(index), mediaTypes.index);
}

/** Pushes something about a manifest, as a signature is. */
export function pushReferrer(
  target: Target,
  place: Place,
  subject: string,
  text: string,
): Promise<string> {
  return pushManifest(target, place, {
    config: { type: "application/vnd.oci.empty.v1+json", bytes: json({}) },
    layers: [{ type: "text/plain", bytes: Buffer.from(text) }],
    artifactType: "application/vnd.example.signature",
    subject,
  });
}

/** Pushes a Helm chart with values. */
export function pushChart(target: Target, place: Place, values: unknown): Promise<string> {
  const name = place.repository.slice(place.repository.lastIndexOf("/") + 1);
  const chart = { apiVersion: "v2", name, version: place.tag ?? "0.0.0" };
  return pushManifest(target, place, {
    config: { type: "application/vnd.cncf.helm.config.v1+json", bytes: json(chart) },
    layers: [
      {
        type: "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        bytes: packageOf({
          [`${name}/Chart.yaml`]: stringify(chart),
          [`${name}/values.yaml`]: stringify(values),
        }),
      },
    ],
  });
}

/** Pushes the record of a release under its version. */
export function pushRecord(
  target: Target,
  repository: string,
  record: ReleaseRecord,
): Promise<string> {
  const text = Buffer.from(writeRecord(record));
  return pushManifest(
    target,
    { repository, tag: record.release },
    {
      config: { type: "application/vnd.oci.empty.v1+json", bytes: json({}) },
      layers: [{ type: releaseRecordType, bytes: text }],
      artifactType: releaseRecordType,
    },
  );
}

/** Pushes any manifest with its parts. */
export async function pushManifest(
  target: Target,
  { repository, tag }: Place,
  { config, layers, artifactType, subject }: ManifestParts,
): Promise<string> {
  const push = async ({ type, bytes }: Part) => ({
    mediaType: type,
    digest: await target.putBlob(repository, bytes),
    size: bytes.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    ...(artifactType !== undefined && { artifactType }),
    config: await push(config),
    layers: await Promise.all(layers.map(push)),
    ...(subject !== undefined && {
      subject: { mediaType: mediaTypes.manifest, digest: subject, size: 100 },
    }),
  };
  return target.putManifest(repository, tag, json(manifest), mediaTypes.manifest);
}

/** A gzipped tar of files, as helm packages them. */
export function packageOf(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).flatMap(([name, text]) => {
    const content = Buffer.from(text);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write("0000644\0", 100);
    header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000000000\0", 136);
    header.write("        0", 148);
    header.write("ustar\x0000", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
    return [header, content, padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
