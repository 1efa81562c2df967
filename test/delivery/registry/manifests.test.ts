import { describe, expect, test } from "vitest";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { artifact, emptyBlob } from "../../../delivery/registry/artifact.ts";
import { mediaTypes } from "../../fake-registry-answers.ts";
import { clientOf, first, messageOf, paths, reset, serve } from "../../registry-questions.ts";
const other = `sha256:${sha256("other")}`;

describe("a manifest", () => {
  const { digest, ...manifest } = artifact({ artifactType: "application/proof", layers: [] });

  test("is put under a tag and under its digest, as it is", async () => {
    const registry = await serve();
    registry.setBlob("a/web", emptyBlob);
    const client = clientOf(registry);
    expect(await client.putManifest("a/web", "v1", manifest)).toBe(digest);
    expect(await client.putManifest("a/web", digest, manifest)).toBe(digest);
    expect(registry.store.manifest("a/web", "v1")).toEqual({ ...manifest, digest });
    expect(paths(registry)).toEqual([
      "PUT /v2/a/web/manifests/v1",
      `PUT /v2/a/web/manifests/${digest}`,
    ]);
    expect(registry.requests[0]?.headers["content-type"]).toBe(mediaTypes.manifest);
  });

  test("is put again where the answer did not come", async () => {
    const registry = await serve({ behaviour: first(3, reset) });
    registry.setBlob("a/web", emptyBlob);
    expect(await clientOf(registry).putManifest("a/web", "v1", manifest)).toBe(digest);
  });

  test("is not put under the digest of another", async () => {
    const registry = await serve();
    const question = clientOf(registry).putManifest("a/web", other, manifest);
    expect(await messageOf(question, registry)).toBe(
      `HOST/a/web@${other} could not be pushed: the manifest has the digest ${digest}; put it under that, or under a tag`,
    );
    expect(registry.requests).toEqual([]);
  });

  test("of which the registry took other bytes is an error", async () => {
    const registry = await serve({
      behaviour: (_, response) => {
        response.writeHead(201, { "docker-content-digest": other }).end();
        return true;
      },
    });
    const question = clientOf(registry).putManifest("a/web", "v1", manifest);
    expect(await messageOf(question, registry)).toBe(
      `HOST/a/web:v1 could not be pushed: the registry sent ${other} for ${digest}; its store or a proxy before it is damaged, so mend that, and push again`,
    );
  });
});

describe("deletion", () => {
  test("of a tag leaves the manifest, that of a digest takes all tags", async () => {
    const registry = await serve();
    const digest = registry.setManifest("a/web", "v1", "{}");
    registry.setManifest("a/web", "v2", "{}");
    registry.setManifest("a/web", "v3", "{}");
    const client = clientOf(registry);
    expect(await client.deleteManifest("a/web", "v1")).toBe(true);
    expect(await client.deleteManifest("a/web", "v1")).toBe(false);
    expect(await client.listTags("a/web")).toEqual(["v2", "v3"]);
    expect(await client.deleteManifest("a/web", digest)).toBe(true);
    expect(await client.deleteManifest("a/web", digest)).toBe(false);
    expect(await client.listTags("a/web")).toEqual([]);
  });
});
