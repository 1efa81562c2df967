// The scripts that make a release of what is in the registry, against a registry in this process.
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { PublishReleaseRequest } from "../../../components/scripts/publish-release.ts";
import type { ReleaseImagesRequest } from "../../../components/scripts/tag-images.ts";
import {
  artifact,
  descriptorOf,
  emptyBlob,
  emptyDescriptor,
} from "../../../delivery/registry/artifact.ts";
import { RegistryClient } from "../../../delivery/registry/client.ts";
import { attachReferrer } from "../../../delivery/registry/referrers.ts";
import { writeOrigin, originFile } from "../../../delivery/releases/origin.ts";
import type { ReleasedImage } from "../../../delivery/releases/record.ts";
import { readRelease } from "../../../delivery/releases/store.ts";
import { predicateTypes } from "../../../delivery/signing/sigstore-bundle.ts";
import { pathWith } from "../../commands/release/programs.ts";
import { bundleOf, keyPair } from "../../delivery/signing/memory-registry.ts";
import { putImage, putIndex } from "../../fake-image.ts";
import { mediaTypes } from "../../fake-registry-answers.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "../../fake-registry.ts";
import { enterFolderWith } from "../../folders.ts";
import { releasedImage } from "../../released-image.ts";
import { runScript } from "../../run-script.ts";
import type { Ended } from "../../run-typescript.ts";

/** Where the release is planned; no repository is there when it is recorded. */
const source = { commit: "c".repeat(40), time: "2026-01-02T03:04:05.000Z", dirty: false };
const builder = "https://builder.test/1";
const both = ["linux/amd64", "linux/arm64"];

let registry: FakeRegistry;
let client: RegistryClient;
/** Runs before each request that writes. */
let beforeWrite: ((path: string) => void) | undefined;
/** Runs before each request that reads. */
let beforeRead: ((path: string) => void) | undefined;

beforeEach(async () => {
  const packageJson = JSON.stringify({
    version: "2.1.0",
    dependencies: { pulumi: "3.0.0", "@pulumi/docker-build": "0.0.1" },
  });
  enterFolderWith({ "package.json": packageJson });
  writeOrigin("v2.1.8", { builder, source });
  beforeWrite = undefined;
  beforeRead = undefined;
  registry = await startRegistry({
    behaviour: ({ method, path }) => {
      if (method !== "GET" && method !== "HEAD") beforeWrite?.(path);
      else beforeRead?.(path);
      return false;
    },
  });
  client = new RegistryClient({ host: registry.host, tls: "plain-http" });
  onTestFinished(async () => {
    client.close();
    await registry.close();
  });
});

const where = () => ({ host: registry.host, tls: "plain-http", namespace: "shop" }) as const;

const writes = (): string[] =>
  registry.requests
    .filter(({ method }) => method !== "GET" && method !== "HEAD")
    .map(({ method, path }) => `${method} ${path}`);

async function tag(repository: string, name: string): Promise<string | undefined> {
  return (await client.getManifest(repository, name))?.digest;
}

describe("images", () => {
  let web = "";
  let api = "";

  beforeEach(() => {
    const platforms = Object.fromEntries(both.map((one) => [one, one]));
    web = putIndex(registry, "shop/web", platforms);
    api = putIndex(registry, "shop/api", platforms);
  });

  function releaseImages(
    change: Partial<ReleaseImagesRequest> = {},
    env: Readonly<Record<string, string>> = {},
  ): Promise<Ended> {
    const request: ReleaseImagesRequest = {
      release: "v2.1.8",
      registry: where(),
      origin: originFile("v2.1.8"),
      images: {
        web: releasedImage({ path: "web", digest: web, platforms: both }),
        api: releasedImage({ path: "api", digest: api, platforms: both }),
      },
      ...change,
    };
    return runScript("components/scripts/tag-images.ts", request, env);
  }

  test("get the version when all of them are there, and are left alone after that", async () => {
    expect(await releaseImages()).toEqual({
      status: 0,
      stdout: `${JSON.stringify({ web, api })}\n`,
      stderr: `web v2.1.8 is ${web}\napi v2.1.8 is ${api}\n`,
    });
    expect([await tag("shop/web", "v2.1.8"), await tag("shop/api", "v2.1.8")]).toEqual([web, api]);
    const before = writes();
    expect(await releaseImages()).toMatchObject({ status: 0, stderr: "" });
    expect(writes()).toEqual(before);
  });

  test("get none of it while one is missing or lacks a platform", async () => {
    registry.delete("shop/api", api);
    const { status, stderr } = await releaseImages();
    expect(stderr).toBe(
      `${registry.host}/shop/api@${api} is not in the registry\n` +
        "Nothing of the release was tagged; run pulumi up again, which pushes what is missing\n",
    );
    expect(status).toBe(1);
    expect(writes()).toEqual([]);
  });

  test("that somebody else has published under the version meanwhile stay as they are", async () => {
    const other = registry.setManifest("shop/api", "v2.1.8", manifestOf("other"));
    const { status, stderr } = await releaseImages();
    expect(stderr).toBe(
      `v2.1.8 was published with other content in the meantime: api (${other}) in ${registry.host}/shop; ` +
        "published versions are never overwritten, and nothing of this release was tagged, so release the next version\n",
    );
    expect(status).toBe(1);
    expect(writes()).toEqual([]);
    expect(await tag("shop/api", "v2.1.8")).toBe(other);
  });

  test("that somebody else publishes under the version while others get it stay as they are", async () => {
    let other = "";
    beforeWrite = (path) => {
      if (path === "/v2/shop/web/manifests/v2.1.8")
        other = registry.setManifest("shop/api", "v2.1.8", manifestOf("other"));
    };
    const { status, stderr } = await releaseImages();
    expect(stderr).toBe(
      `web v2.1.8 is ${web}\n` +
        `${registry.host}/shop/api:v2.1.8 was published with other content in the meantime (${other}); ` +
        "published versions are never overwritten, so give the release the next version\n",
    );
    expect(status).toBe(1);
    expect(await tag("shop/api", "v2.1.8")).toBe(other);
  });

  test("that somebody else publishes while they are signed stay as they are, and none is tagged", async () => {
    const digest = putImage(registry, "shop/web");
    const signature = keyPair();
    const pem = signature.publicKey.export({ type: "spki", format: "pem" }).toString();
    for (const type of Object.values(predicateTypes))
      await attach("shop/web", digest, bundleOf(type, digest, {}, signature));
    const before = writes();
    let other = "";
    beforeRead = (path) => {
      if (path.includes("/manifests/sha256-"))
        other = registry.setManifest("shop/web", "v2.1.8", manifestOf("other"));
    };
    const { status, stderr } = await releaseImages(
      {
        images: { web: releasedImage({ path: "web", digest }) },
        signing: { kind: "key", key: "cosign.key" },
      },
      { PATH: pathWith({ cosign: `cat <<'END'\n${pem}END` }) },
    );
    expect(stderr).toContain(
      `v2.1.8 was published with other content in the meantime: web (${other}) in ${registry.host}/shop; ` +
        "published versions are never overwritten, and nothing of this release was tagged, so release the next version\n",
    );
    expect(status).toBe(1);
    expect(writes()).toEqual(before);
  });

  /** Attaches a bundle to a digest, as cosign does. */
  async function attach(repository: string, digest: string, bundle: string): Promise<void> {
    const bytes = Buffer.from(bundle);
    const type = "application/vnd.dev.sigstore.bundle.v0.3+json";
    const layer = descriptorOf(bytes, type);
    await client.uploadBlob(repository, emptyDescriptor, emptyBlob);
    await client.uploadBlob(repository, layer, bytes);
    const subject = { mediaType: mediaTypes.manifest, digest, size: 1 };
    await attachReferrer(
      client,
      repository,
      artifact({ artifactType: type, layers: [layer], subject }),
    );
  }
});

describe("a record", () => {
  let web: ReleasedImage;
  let chart = "";

  beforeEach(() => {
    const digest = putImage(registry, "shop/web");
    web = releasedImage({ path: "web", digest });
    chart = registry.setManifest("shop/charts/shop", "1.2.3", manifestOf("chart"));
  });

  function publish(change: Partial<PublishReleaseRequest> = {}): Promise<Ended> {
    const request: PublishReleaseRequest = {
      release: "v2.1.8",
      registry: where(),
      origin: originFile("v2.1.8"),
      images: { web },
      charts: {
        shop: {
          path: "charts/shop",
          key: "c",
          version: "1.2.3",
          digest: chart,
          pullFrom: "pull.test/shop",
          images: ["web"],
        },
      },
      aliases: ["latest", "v{major}"],
      ...change,
    };
    return runScript("components/scripts/publish-release.ts", request);
  }

  test("is stored when all is there, and aliases move after it", async () => {
    const { status, stdout, stderr } = await publish();
    const digest = (await tag("shop/releases", "v2.1.8")) ?? "";
    expect(stderr).toBe(
      `release v2.1.8 is recorded as ${digest}\nlatest is v2.1.8\nv2 is v2.1.8\n`,
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: `{"digest":"${digest}"}\n` });
    const { record } = (await readRelease(client, "shop", "v2.1.8")) ?? {};
    expect(record).toMatchObject({
      form: 1,
      release: "v2.1.8",
      images: { web },
      charts: { shop: { version: "1.2.3", digest: chart } },
      // Of the plan: nothing here is in a repository any more.
      ...{ source, builder },
      tools: { tinyolly: "2.1.0", pulumi: "3.0.0", "docker-build": "0.0.1" },
    });
    expect(await tag("shop/web", "latest")).toBe(web.digest);
    expect(await tag("shop/releases", "v2")).toBe(digest);
    const tagged = writes().filter((write) => /^PUT .*\/manifests\/(?!sha256:)/.test(write));
    expect(tagged.map((write) => write.replace(/.*\/v2\//, ""))).toEqual([
      "shop/releases/manifests/v2.1.8",
      "shop/web/manifests/latest",
      "shop/releases/manifests/latest",
      "shop/web/manifests/v2",
      "shop/releases/manifests/v2",
    ]);
  });

  test("that is there with the same content stays, whatever made it, and nothing is pushed", async () => {
    await publish();
    const digest = await tag("shop/releases", "v2.1.8");
    enterFolderWith({ "package.json": `{"version": "9.9.9", "dependencies": {}}` });
    writeOrigin("v2.1.8", { builder });
    const before = writes();
    expect(await publish()).toEqual({
      status: 0,
      stdout: `${JSON.stringify({ digest })}\n`,
      stderr: "",
    });
    expect(writes()).toEqual(before);
  });

  test("of the same version with other content is refused", async () => {
    await publish();
    const digest = putImage(registry, "shop/web", "linux/amd64", "changed");
    const { status, stderr } = await publish({ images: { web: { ...web, digest } } });
    expect(stderr).toBe(
      `${registry.host}/shop/releases:v2.1.8 records other images or charts, and releases are never overwritten; ` +
        "release another version\n",
    );
    expect(status).toBe(1);
  });

  test("is not stored while a chart is missing", async () => {
    registry.delete("shop/charts/shop", chart);
    const { status, stderr } = await publish();
    expect(stderr).toBe(
      `v2.1.8 is not whole, and nothing was changed:\nshop/charts/shop:${chart} is not in ${registry.host}\n` +
        "run pulumi up again, which pushes what is missing\n",
    );
    expect(status).toBe(1);
    expect(writes()).toEqual([]);
  });

  test("of an older release leaves the aliases of newer ones", async () => {
    await publish({ release: "v2.2.0" });
    const newest = await tag("shop/releases", "latest");
    expect((await publish()).status).toBe(0);
    expect(await tag("shop/releases", "latest")).toBe(newest);
  });
});
