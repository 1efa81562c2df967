import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import {
  type Deployment,
  deploymentTable,
  readDeployment,
} from "../../../platform/report/deployment.ts";
import { readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

const nothing: Deployment = {
  images: {},
  charts: {},
  applications: {},
  sizes: {},
  found: { images: [], charts: [] },
};

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;

const deployed: Deployment = {
  images: {
    webui: { repository: "host/tinyolly/webui", tag: "v2.1.x-h1", digest: digest("1") },
    demo: { repository: "host/tinyolly/demo", tag: "v2.1.x-h2", digest: digest("2") },
  },
  charts: {
    tinyolly: { source: "oci://host/x", version: "0.1.1-v2.1.x-h3", digest: digest("3") },
  },
  applications: { tinyolly: { name: "tinyolly", revision: "0.1.1-v2.1.x-h3" } },
  sizes: { [digest("1")]: 12_345_678, [digest("2")]: 999 },
  found: { images: [], charts: [] },
};

const next =
  "\nNext: edit a file below apps/ or charts/, then make preview shows what would change and why, and make up ships it.\n" +
  '      eval "$(make -s env)" lets you use pulumi, helm and kubectl with this platform yourself.\n';

describe("the table of a deployment", () => {
  test("shows all as new after the first time", () => {
    expect(deploymentTable(deployed, nothing)).toBe(
      [
        "",
        "image  tag        digest               size",
        "webui  v2.1.x-h1  sha256:111111111111  12.3 MB  built",
        "demo   v2.1.x-h2  sha256:222222222222  999 B    built",
        "",
        "chart     version          digest",
        "tinyolly  0.1.1-v2.1.x-h3  sha256:333333333333  published",
        "",
        "application  revision",
        "tinyolly     0.1.1-v2.1.x-h3  updated",
        next,
      ].join("\n"),
    );
  });

  test("does not say of what the registry had already that it was built or published", () => {
    const found = { images: ["demo"], charts: ["tinyolly"] };
    const lines = deploymentTable({ ...deployed, found }, nothing).split("\n");
    expect(lines.filter((line) => line.endsWith("  was in the registry"))).toEqual([
      "demo   v2.1.x-h2  sha256:222222222222  999 B    was in the registry",
      "tinyolly  0.1.1-v2.1.x-h3  sha256:333333333333  was in the registry",
    ]);
  });

  test("does not say of what this run did not do that it did", () => {
    const done = { built: new Set<string>(), cached: new Set(["demo"]), packaged: false };
    const lines = deploymentTable(deployed, nothing, done).split("\n");
    expect(lines.filter((line) => line.includes(" from "))).toEqual([
      "webui  v2.1.x-h1  sha256:111111111111  12.3 MB  from an earlier run",
      "demo   v2.1.x-h2  sha256:222222222222  999 B    from the builder's cache",
      "tinyolly  0.1.1-v2.1.x-h3  sha256:333333333333  from an earlier run",
    ]);
    const all = { built: new Set(["webui", "demo"]), cached: new Set<string>(), packaged: true };
    expect(deploymentTable(deployed, nothing, all)).toBe(deploymentTable(deployed, nothing));
  });

  test("shows as unchanged what has the digest and revision of before", () => {
    const { demo } = deployed.images;
    if (!demo) throw new Error("the deployment above has a demo");
    const before = { ...deployed, images: { ...deployed.images, demo: { ...demo, digest: "" } } };
    const lines = deploymentTable(deployed, before).split("\n");
    expect(lines.filter((line) => line.endsWith("  unchanged"))).toHaveLength(3);
    expect(lines.filter((line) => line.endsWith("  built"))).toEqual([
      "demo   v2.1.x-h2  sha256:222222222222  999 B    built",
    ]);
  });
});

describe("reading a deployment", () => {
  let server: Server | undefined;

  afterEach(() => {
    server?.close();
  });

  /** A stack with these resources in its state, and a registry that serves manifests by URL. */
  async function platformWith(
    resources: readonly unknown[],
    manifests: Readonly<Record<string, unknown>>,
  ) {
    const state = folderWith({
      "pulumi/.pulumi/stacks/tinyolly/local.json": JSON.stringify({
        checkpoint: { latest: { resources } },
      }),
    });
    const registry = createServer(({ url = "" }, response) => {
      const manifest = manifests[url];
      response.statusCode = manifest === undefined ? 404 : 200;
      response.end(manifest === undefined ? "not found" : JSON.stringify(manifest));
    });
    server = registry;
    await new Promise<void>((resolve) => registry.listen(0, "localhost", resolve));
    // A string would be the path of a socket, and null would be a server that does not listen.
    const { port } = registry.address() as AddressInfo;
    return readPlatformSettings({ TINYOLLY_STATE: state, TINYOLLY_PORT_REGISTRY: String(port) });
  }

  test("gives the stack's outputs and the compressed size of each image", async () => {
    const at = (name: string, tag: string): string => `/v2/tinyolly/${name}/manifests/${tag}`;
    const { images, charts, applications } = deployed;
    const outputs = { images, charts, applications };
    const made = [
      { type: "pulumi:pulumi:Stack", urn: "urn:pulumi:local::t::s::t-local", outputs },
      image("webui", {}),
      image("demo", { adopted: { reference: "host/demo:1", key: "2" } }),
    ];
    const settings = await platformWith(made, {
      [at("webui", digest("1"))]: {
        manifests: [{ digest: digest("4") }, { digest: digest("5") }],
      },
      [at("webui", digest("4"))]: { config: { size: 1 }, layers: [{ size: 10 }, { size: 20 }] },
      [at("webui", digest("5"))]: { config: { size: 2 }, layers: [{ size: 40 }] },
    });
    expect(await readDeployment(settings)).toEqual({
      ...outputs,
      sizes: { [digest("1")]: 73, [digest("2")]: 0 },
      found: { images: ["demo"], charts: [] },
    });
  });

  test("gives nothing where no stack was ever deployed", async () => {
    const settings = await platformWith([], {});
    expect(await readDeployment(settings)).toEqual(nothing);
  });

  test("gives nothing where there is no state", async () => {
    const settings = readPlatformSettings({ TINYOLLY_STATE: folderWith({}) });
    expect(await readDeployment(settings)).toEqual(nothing);
  });
});

function image(name: string, outputs: unknown) {
  const type = "tinyolly:index:Image";
  return { type, urn: `urn:pulumi:local::tinyolly::${type}::${name}`, outputs };
}
