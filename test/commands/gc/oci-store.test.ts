import { describe, expect, onTestFinished, test } from "vitest";
import { OciStore } from "../../../commands/gc/oci-store.ts";
import type { Registry } from "../../../commands/gc/registry.ts";
import { RegistryClient, RegistryError } from "../../../delivery/registry/client.ts";
import { startRegistry } from "../../fake-registry.ts";
import { pushImage, pushIndex, pushReferrer } from "./artifacts.ts";
import { type DeletableOptions, DeletableRegistry } from "./deletable-registry.ts";
import { digestOf } from "./random-graph.ts";

async function start(options: DeletableOptions = {}): Promise<DeletableRegistry> {
  const registry = await DeletableRegistry.start(options);
  onTestFinished(() => registry.close());
  return registry;
}

function storeOf({ host }: DeletableRegistry): OciStore {
  const address = { host, tls: "plain-http" } as const;
  const client = new RegistryClient(address);
  onTestFinished(() => {
    client.close();
  });
  return new OciStore(client, "");
}

const repository = "space/web";

describe("a registry tells", () => {
  test("the repositories of a namespace, page by page", async () => {
    const registry = await start();
    const names = Array.from({ length: 250 }, (_, index) => `space/r${1000 + index}`);
    for (const name of [...names, "spaceship/web", "other/space/web"])
      await pushImage(registry, { repository: name }, "os");
    expect(await storeOf(registry).repositories("space")).toEqual(names);
  });

  test("no repositories where it has no catalogue, or wants a password for it", async () => {
    expect(await storeOf(await start({ hasCatalog: false })).repositories("space")).toEqual([]);
    const guarded = await startRegistry({
      behaviour: (_, response) => {
        response.writeHead(401, { "www-authenticate": "Basic" }).end();
        return true;
      },
    });
    onTestFinished(() => guarded.close());
    const address = { host: guarded.host, tls: "plain-http" } as const;
    const client = new RegistryClient(address, { env: { DOCKER_CONFIG: "/nowhere" } });
    onTestFinished(() => {
      client.close();
    });
    expect(await client.listRepositories()).toEqual([]);
  });

  test("no end of a catalogue that repeats itself", async () => {
    const broken = await startRegistry({
      behaviour: (_, response) => {
        response.writeHead(200, { "content-type": "application/json", link: "<x>; rel=next" });
        response.end('{"repositories": ["space/web"]}');
        return true;
      },
    });
    onTestFinished(() => broken.close());
    const address = { host: broken.host, tls: "plain-http" } as const;
    const client = new RegistryClient(address);
    onTestFinished(() => {
      client.close();
    });
    expect(await client.listRepositories()).toEqual([]);
  });

  test("tags, but for those whose manifest is gone", async () => {
    const registry = await start();
    const digest = await pushImage(registry, { repository, tag: "v1" }, "os");
    await pushImage(registry, { repository, tag: "v0" }, "lost");
    registry.onRequest = (_, path) => {
      if (path.endsWith("/manifests/v0")) registry.remove(repository, "v0");
    };
    expect(await storeOf(registry).tags(repository)).toEqual(new Map([["v1", digest]]));
    expect(await storeOf(registry).tags("space/nothing")).toEqual(new Map());
  });

  test.each([true, false])(
    "a manifest with all its relatives; lists referrers: %s",
    async (listsReferrers) => {
      const registry = await start({ listsReferrers });
      const child = await pushImage(registry, { repository }, "os");
      const index = await pushIndex(
        registry,
        { repository, tag: "v1" },
        child,
        digestOf("a layer"),
      );
      const signature = await pushReferrer(registry, { repository }, child, "signed");
      const stamp = await pushReferrer(registry, { repository }, signature, "stamped");
      for (const [subject, referrer] of [
        [child, signature],
        [signature, stamp],
      ] as const)
        await pushIndex(registry, { repository, tag: subject.replace(":", "-") }, referrer);
      await pushImage(registry, { repository, tag: "v0" }, "unrelated");
      const store = storeOf(registry);
      const found = await store.manifests(repository, [index]);
      expect([...found.keys()].sort()).toEqual([index, child, signature, stamp].sort());
      const upwards = await store.manifests(repository, [stamp]);
      expect([...upwards.keys()].sort()).toEqual([child, signature, stamp].sort());
    },
  );

  test("each manifest once", async () => {
    const registry = await start();
    const digest = await pushImage(registry, { repository, tag: "v1" }, "os");
    const store = storeOf(registry);
    await store.tags(repository);
    let asked = 0;
    registry.onRequest = (_, path) => {
      if (path.endsWith(`/manifests/${digest}`)) asked++;
    };
    await store.manifests(repository, [digest, digest]);
    await store.manifests(repository, [digest]);
    expect(asked).toBe(0);
  });
});

describe("deleting", () => {
  test("what is gone already is fine", async () => {
    const store = storeOf(await start());
    expect(await store.remove(repository, "v1")).toBeUndefined();
    expect(await store.remove(repository, digestOf("gone"))).toBeUndefined();
  });

  test.each(["400 Bad Request", "405 Method Not Allowed"])(
    "a tag where the registry answers %s leaves it",
    async (status) => {
      const store = new OciStore(refusing(status), "");
      expect(await store.remove(repository, "v1")).toBe("this registry does not delete tags alone");
      await expect(store.remove(repository, digestOf("one"))).rejects.toThrow(
        "r.test does not delete manifests; turn deletion on in its settings",
      );
    },
  );

  test("stops where the registry says anything else", async () => {
    const store = new OciStore(refusing("403 Forbidden"), "");
    await expect(store.remove(repository, "v1")).rejects.toThrow(RegistryError);
  });
});

/** A registry that answers every deletion with a status. */
function refusing(status: string): Registry {
  const never = (): Promise<never> => Promise.reject(new Error("nobody asks"));
  return {
    host: "r.test",
    listRepositories: never,
    getManifest: never,
    listTags: never,
    getBlob: never,
    listReferrers: never,
    deleteManifest: () =>
      Promise.reject(new RegistryError(new Map([[`the registry answered ${status}`, ["x"]]]))),
    close: () => undefined,
  };
}
