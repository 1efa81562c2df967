import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { RegistryClient } from "../../../delivery/registry/client.ts";
import { claimTag, ensureTag } from "../../../delivery/releases/tag.ts";
import { putImage } from "../../fake-image.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "../../fake-registry.ts";
import { clientOf } from "../../registry-questions.ts";

let registry: FakeRegistry;
let client: RegistryClient;
let digest = "";

beforeEach(async () => {
  registry = await startRegistry();
  onTestFinished(() => registry.close());
  client = clientOf(registry);
  digest = putImage(registry, "a/web");
});

/** Methods and paths of all requests so far. */
const requests = (): string[] => registry.requests.map(({ method, path }) => `${method} ${path}`);

const there = (tag: string): string | undefined => registry.store.manifest("a/web", tag)?.digest;

test("a version is asked for right before it is put", async () => {
  expect(await claimTag(client, { repository: "a/web", digest }, "v1")).toBe(true);
  expect(there("v1")).toBe(digest);
  expect(requests().slice(-2)).toEqual([
    "GET /v2/a/web/manifests/v1",
    "PUT /v2/a/web/manifests/v1",
  ]);
});

test("a version that is there is not put again", async () => {
  await ensureTag(client, { repository: "a/web", digest }, "v1");
  expect(await claimTag(client, { repository: "a/web", digest }, "v1")).toBe(false);
  expect(requests().filter((one) => one.startsWith("PUT"))).toHaveLength(1);
});

test("a version that other content has is not moved, and an alias is", async () => {
  const other = registry.setManifest("a/web", "v1", manifestOf("other"));
  await expect(claimTag(client, { repository: "a/web", digest }, "v1")).rejects.toThrow(
    `${registry.host}/a/web:v1 was published with other content in the meantime (${other}); ` +
      "published versions are never overwritten, so give the release the next version",
  );
  expect(there("v1")).toBe(other);
  expect(await ensureTag(client, { repository: "a/web", digest }, "v1")).toBe(true);
  expect(there("v1")).toBe(digest);
});

test.each([claimTag, ensureTag])("%o of what is gone says so", async (put) => {
  registry.delete("a/web", digest);
  await expect(put(client, { repository: "a/web", digest }, "v1")).rejects.toThrow(
    `${registry.host}/a/web@${digest} is gone again; run the same command once more`,
  );
});
