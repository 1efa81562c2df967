import { beforeEach, expect, onTestFinished, test } from "vitest";
import { RegistryClient } from "../../../delivery/registry/client.ts";
import { imageProblem } from "../../../delivery/registry/image-platforms.ts";
import { putImage, putIndex } from "../../fake-image.ts";
import { type FakeRegistry, startRegistry } from "../../fake-registry.ts";

const repository = "shop/web";
const both = ["linux/amd64", "linux/arm64"];

let registry: FakeRegistry;
let client: RegistryClient;

beforeEach(async () => {
  registry = await startRegistry();
  client = new RegistryClient({ host: registry.host, tls: "plain-http" });
  onTestFinished(async () => {
    client.close();
    await registry.close();
  });
});

const problem = (digest: string, platforms: readonly string[]): Promise<string | undefined> =>
  imageProblem(client, { repository, digest, platforms });

test("an image for one platform, and an index of two, are right", async () => {
  expect(await problem(putImage(registry, repository), ["linux/amd64"])).toBeUndefined();
  const index = putIndex(registry, repository, {
    "linux/amd64": "linux/amd64",
    "linux/arm64": "linux/arm64",
    "unknown/unknown": "unknown/unknown",
  });
  expect(await problem(index, both)).toBeUndefined();
});

test("arm64 is the same with and without its usual variant", async () => {
  const index = putIndex(registry, repository, { "linux/arm64": "linux/arm64/v8" });
  expect(await problem(index, ["linux/arm64"])).toBeUndefined();
});

test("what is not there is said, the whole image or a platform of it", async () => {
  const lost = `sha256:${"1".repeat(64)}`;
  const where = `${registry.host}/${repository}`;
  expect(await problem(lost, both)).toBe(`${where}@${lost} is not in the registry`);
  const one = putIndex(registry, repository, { "linux/amd64": "linux/amd64" });
  expect(await problem(one, both)).toBe(`${where}@${one} has no linux/arm64, but linux/amd64`);
  const index = putIndex(registry, repository, {
    "linux/amd64": "linux/amd64",
    "linux/arm64": "linux/arm64",
  });
  registry.delete(
    repository,
    (await client.getManifest(repository, index))?.children[1]?.digest ?? "",
  );
  expect(await problem(index, both)).toBe(
    `linux/arm64 of ${where}@${index} is not in the registry`,
  );
});

test("a program for another platform than the index says is found", async () => {
  const index = putIndex(registry, repository, {
    "linux/amd64": "linux/amd64",
    "linux/arm64": "linux/amd64",
  });
  expect(await problem(index, both)).toBe(
    `linux/arm64 of ${registry.host}/${repository}@${index} holds a program for linux/amd64`,
  );
  const image = putImage(registry, repository, "linux/s390x");
  expect(await problem(image, ["linux/amd64"])).toBe(
    `linux/amd64 of ${registry.host}/${repository}@${image} holds a program for linux/s390x`,
  );
});
