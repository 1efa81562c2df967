import { describe, expect, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import {
  type Artifact,
  artifact,
  descriptorOf,
  emptyBlob,
} from "../../../delivery/registry/artifact.ts";
import { attachReferrer } from "../../../delivery/registry/referrers.ts";
import type { Descriptor } from "../../../delivery/registry/types.ts";
import {
  type Behaviour,
  type FakeRegistryOptions,
  mediaTypes,
} from "../../fake-registry-answers.ts";
import { type FakeRegistry, manifestOf } from "../../fake-registry.ts";
import {
  clientOf,
  content,
  html,
  messageOf,
  paths,
  serve,
  status,
} from "../../registry-questions.ts";

const image = Buffer.from(JSON.stringify(manifestOf("image")));
const subject = descriptorOf(image, mediaTypes.manifest);
const tag = `sha256-${sha256(image)}`;

/** A registry with the image in `a/web`, and a blob for artifacts. */
async function serveImage(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const registry = await serve(options);
  registry.setManifest("a/web", "v1", image.toString());
  registry.setBlob("a/web", emptyBlob);
  return registry;
}

const proof = (by: string): Artifact =>
  artifact({ artifactType: "application/proof", layers: [], annotations: { by }, subject });

const entry = (by: string): Descriptor => ({
  ...descriptorOf(proof(by).bytes, mediaTypes.manifest),
  artifactType: "application/proof",
  annotations: { by },
});

const listed = ({ store }: FakeRegistry): unknown =>
  JSON.parse(store.manifest("a/web", tag)?.bytes.toString() ?? "null");

describe("referrers", () => {
  test("are those that the registry lists", async () => {
    const registry = await serveImage({ referrers: true });
    const client = clientOf(registry);
    expect(await client.listReferrers("a/web", subject.digest)).toEqual([]);
    expect(await attachReferrer(client, "a/web", proof("olly"))).toBe(proof("olly").digest);
    await attachReferrer(client, "a/web", proof("tiny"));
    expect(await client.listReferrers("a/web", subject.digest)).toEqual([
      entry("olly"),
      entry("tiny"),
    ]);
    expect(listed(registry)).toBeNull();
    expect(paths(registry).filter((path) => path.includes("manifests"))).toEqual([
      `PUT /v2/a/web/manifests/${proof("olly").digest}`,
      `PUT /v2/a/web/manifests/${proof("tiny").digest}`,
    ]);
  });

  test("are listed over all pages", async () => {
    const registry = await serveImage({
      behaviour: ({ path }, response, count) => {
        const isLast = path.endsWith("page=2");
        const manifests = [entry(isLast ? "tiny" : "olly"), { digest: "none" }];
        const link = { link: `<${path}?page=2>; rel="next"` };
        const body = JSON.stringify({ manifests });
        return content(body, mediaTypes.index, isLast ? {} : link)(unused, response, count);
      },
    });
    expect(await clientOf(registry).listReferrers("a/web", subject.digest)).toEqual([
      entry("olly"),
      entry("tiny"),
    ]);
  });

  const unserved: [string, Behaviour][] = [
    ["404", () => false],
    ["a page of another host", status(303, { location: "http://127.0.0.1:1/page" })],
    ["400", status(400)],
    ["405", status(405)],
    ["a web page", (_, response) => html(response, 200)],
    ["403", status(403)],
    ["an index that is none", content("{}", mediaTypes.index)],
  ];
  test.each(unserved)(
    "are those under the tag where the registry answers %s",
    async (_, behaviour) => {
      const registry = await serveImage({
        behaviour: (request, response, count) =>
          request.path.includes("/referrers/") && behaviour(request, response, count),
      });
      const client = clientOf(registry);
      expect(await client.listReferrers("a/web", subject.digest)).toEqual([]);
      await attachReferrer(client, "a/web", proof("olly"));
      expect(await client.listReferrers("a/web", subject.digest)).toEqual([entry("olly")]);
    },
  );

  test("are none where the registry takes the tag for the digest", async () => {
    const registry = await serve();
    const child = { ...subject, platform: { os: "linux", architecture: "amd64" } };
    const index = JSON.stringify({ schemaVersion: 2, manifests: [child] });
    registry.setManifest("a/web", `sha256-${sha256(index)}`, index, mediaTypes.index);
    expect(await clientOf(registry).listReferrers("a/web", `sha256:${sha256(index)}`)).toEqual([]);
  });

  test("of which the registry does not speak are an error", async () => {
    const registry = await serve({ behaviour: status(500) });
    expect(
      await messageOf(clientOf(registry).listReferrers("a/web", subject.digest), registry),
    ).toContain(`HOST/a/web@${subject.digest} could not be read: the registry answered 500`);
  });
});

describe("attaching", () => {
  test("one after the other lists both, in this order, and none twice", async () => {
    const registry = await serveImage();
    for (const by of ["olly", "tiny", "olly"])
      await attachReferrer(clientOf(registry), "a/web", proof(by));
    expect(listed(registry)).toEqual({
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [entry("olly"), entry("tiny")],
    });
    expect(registry.store.manifest("a/web", tag)?.mediaType).toBe(mediaTypes.index);
  });

  test("at the same time by one client lists all, however long the registry takes", async () => {
    let puts = 0;
    const registry: FakeRegistry = await serveImage({
      behaviour: ({ method, path, bytes }, response) => {
        if (method !== "PUT" || !path.endsWith(tag) || ++puts !== 2) return false;
        setTimeout(() => {
          registry.store.putManifest("a/web", tag, { bytes, mediaType: mediaTypes.index });
          response.writeHead(201).end();
        }, 100);
        return true;
      },
    });
    const client = clientOf(registry);
    const names = ["a", "b", "c", "d", "e"];
    await Promise.all(names.map((by) => attachReferrer(client, "a/web", proof(by))));
    const found = await client.listReferrers("a/web", subject.digest);
    expect(found.map(({ annotations }) => annotations?.["by"]).sort()).toEqual(names);
  });

  test("goes on after one that failed", async () => {
    let fails = true;
    const registry = await serveImage({
      behaviour: (request, response, count) =>
        fails && request.path.endsWith(tag) && status(403)(request, response, count),
    });
    const client = clientOf(registry);
    await expect(attachReferrer(client, "a/web", proof("olly"))).rejects.toThrow("403 Forbidden");
    fails = false;
    await attachReferrer(client, "a/web", proof("tiny"));
    expect(await client.listReferrers("a/web", subject.digest)).toEqual([entry("tiny")]);
  });

  test("keeps what is listed as it is", async () => {
    const registry = await serveImage();
    const other = registry.setManifest("a/web", "other", "{}");
    const before = { mediaType: mediaTypes.manifest, digest: other, size: 2, extra: { kept: [1] } };
    const index = JSON.stringify({ schemaVersion: 2, manifests: [before] });
    registry.setManifest("a/web", tag, index, mediaTypes.index);
    await attachReferrer(clientOf(registry), "a/web", proof("olly"));
    expect(listed(registry)).toMatchObject({ manifests: [before, entry("olly")] });
  });

  test("an image lists what its configuration is", async () => {
    const registry = await serveImage();
    const bytes = Buffer.from(
      JSON.stringify({ subject, config: descriptorOf(emptyBlob, "a/config"), layers: [] }),
    );
    await attachReferrer(clientOf(registry), "a/web", { bytes, mediaType: mediaTypes.manifest });
    expect(listed(registry)).toMatchObject({
      manifests: [{ ...descriptorOf(bytes, mediaTypes.manifest), artifactType: "a/config" }],
    });
  });

  test("what has no subject is wrong input", async () => {
    const registry = await serve();
    const lone = artifact({ artifactType: "application/proof", layers: [] });
    await expect(attachReferrer(clientOf(registry), "a/web", lone)).rejects.toThrow(
      new InputError(
        `${lone.digest} has no subject, so that it can be attached to nothing; make it with one, or put it under a tag`,
      ),
    );
    expect(registry.requests).toEqual([]);
  });

  test("never overwrites what is no list", async () => {
    const registry = await serveImage();
    const other = registry.setManifest("a/web", tag, JSON.stringify(manifestOf("other")));
    const { host } = registry;
    await expect(attachReferrer(clientOf(registry), "a/web", proof("olly"))).rejects.toThrow(
      new InputError(
        `${host}/a/web:${tag} is no list of referrers, and is not overwritten; delete that tag, and run again`,
      ),
    );
    expect(registry.store.manifest("a/web", tag)?.digest).toBe(other);
  });

  test("lists again what others lose, and then gives up", async () => {
    let losses = 0;
    const losing = (most: number): Promise<FakeRegistry> => {
      losses = 0;
      return serveImage({
        behaviour: (request, response, count) =>
          request.method === "PUT" &&
          request.path.endsWith(tag) &&
          losses++ < most &&
          status(201)(request, response, count),
      });
    };
    const registry = await losing(3);
    await attachReferrer(clientOf(registry), "a/web", proof("olly"));
    expect(listed(registry)).toMatchObject({ manifests: [entry("olly")] });

    const lossy = await losing(9);
    await expect(attachReferrer(clientOf(lossy), "a/web", proof("olly"))).rejects.toThrow(
      new InputError(
        `${lossy.host}/a/web:${tag} loses what is added to it; let nobody else write there, and run again`,
      ),
    );
  });
});

const unused = { method: "", path: "", headers: {}, body: "", bytes: Buffer.alloc(0) };
