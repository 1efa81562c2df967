import { describe, expect, test } from "vitest";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import {
  artifact,
  descriptorOf,
  emptyBlob,
  emptyDescriptor,
} from "../../../delivery/registry/artifact.ts";
import { referrersTag } from "../../../delivery/registry/references.ts";

const layer = descriptorOf(Buffer.from("layer"), "text/plain");

test("the empty descriptor is that of the specification", () => {
  expect(emptyBlob.toString()).toBe("{}");
  expect(emptyDescriptor).toEqual({
    mediaType: "application/vnd.oci.empty.v1+json",
    digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    size: 2,
  });
});

test("referrers are listed under a tag that is made of the digest", () => {
  expect(referrersTag("sha256:0a")).toBe("sha256-0a");
});

describe("an artifact", () => {
  test("has all that is given, and the digest of its bytes", () => {
    const platform = { os: "linux" };
    const { bytes, digest, mediaType } = artifact({
      artifactType: "application/proof",
      layers: [{ ...layer, artifactType: "a/b", annotations: { title: "x" }, platform }],
      annotations: { by: "olly" },
      subject: { ...layer, annotations: { not: "kept" } },
    });
    expect(digest).toBe(`sha256:${sha256(bytes)}`);
    expect(JSON.parse(bytes.toString())).toEqual({
      schemaVersion: 2,
      mediaType,
      artifactType: "application/proof",
      config: emptyDescriptor,
      layers: [{ ...layer, artifactType: "a/b", annotations: { title: "x" }, platform }],
      subject: layer,
      annotations: { by: "olly" },
    });
    expect(mediaType).toBe("application/vnd.oci.image.manifest.v1+json");
  });

  test("has one layer at least, and nothing that is not given", () => {
    const { bytes } = artifact({ artifactType: "application/proof", layers: [] });
    expect(JSON.parse(bytes.toString())).toEqual({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      artifactType: "application/proof",
      config: emptyDescriptor,
      layers: [emptyDescriptor],
    });
  });

  test("is the same whatever the order of what it is made of", () => {
    const { mediaType, digest, size } = layer;
    const one = artifact({
      artifactType: "a/b",
      annotations: { a: "1", b: "2" },
      layers: [{ mediaType, digest, size, annotations: { c: "3", d: "4" } }],
    });
    const other = artifact({
      layers: [{ annotations: { d: "4", c: "3" }, size, digest, mediaType }],
      annotations: { b: "2", a: "1" },
      artifactType: "a/b",
    });
    expect(other.digest).toBe(one.digest);
  });
});
