import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { InputError } from "../../delivery/basics/input-error.ts";
import type { BuilderSettings } from "../../delivery/settings/builder-nodes.ts";
import { builderProblem } from "../../program/builder-problem.ts";
import { ensureBuilder, instanceText } from "../../program/ensure-builder.ts";
import { folderWith } from "../folders.ts";
import { record } from "../mocks.ts";

const remote: BuilderSettings = {
  name: "smith",
  driver: "remote",
  nodes: [
    {
      platforms: ["linux/amd64", "linux/386"],
      endpoint: "tcp://127.0.0.1:1",
      options: { servername: "b.test", cacert: "/ca.pem", cert: "/cert.pem", key: "/key.pem" },
    },
    { platforms: ["linux/arm/v7", "linux/arm64"], endpoint: "tcp://127.0.0.1:2", options: {} },
  ],
};

/** Runs {@link ensureBuilder} as the program does. */
function ensure(
  builder: BuilderSettings | undefined,
  env: NodeJS.ProcessEnv,
  preview = false,
): Promise<unknown> {
  return record({ preview }, () => {
    ensureBuilder(builder, env);
  });
}

describe("the file of a builder is what docker buildx 0.38.2 writes", () => {
  test("for remote nodes", () => {
    expect(instanceText(remote)).toBe(
      '{"Name":"smith","Driver":"remote","Nodes":[' +
        '{"Name":"smith0","Endpoint":"tcp://127.0.0.1:1","Platforms":[{"architecture":"amd64","os":"linux"},{"architecture":"386","os":"linux"}],' +
        '"DriverOpts":{"cacert":"/ca.pem","cert":"/cert.pem","key":"/key.pem","servername":"b.test"},"Flags":null,"Files":null},' +
        '{"Name":"smith1","Endpoint":"tcp://127.0.0.1:2","Platforms":[{"architecture":"arm","os":"linux","variant":"v7"},{"architecture":"arm64","os":"linux"}],' +
        '"DriverOpts":null,"Flags":null,"Files":null}],"Dynamic":false}',
    );
  });

  test("for nodes in a cluster that have names of their own", () => {
    const cluster: BuilderSettings = {
      name: "smith",
      driver: "kubernetes",
      nodes: [
        {
          platforms: ["linux/arm64"],
          endpoint: undefined,
          options: { tolerations: "key=a,operator=Exists;key=b,value=<x>&y", namespace: "build" },
        },
      ],
    };
    expect(instanceText(cluster, "/a (b)*~'/kube config")).toBe(
      '{"Name":"smith","Driver":"kubernetes","Nodes":[' +
        String.raw`{"Name":"smith0","Endpoint":"kubernetes:///smith?deployment=smith0\u0026kubeconfig=%2Fa+%28b%29%2A~%27%2Fkube+config",` +
        '"Platforms":[{"architecture":"arm64","os":"linux"}],' +
        String.raw`"DriverOpts":{"namespace":"build","tolerations":"key=a,operator=Exists;key=b,value=\u003cx\u003e\u0026y"},` +
        '"Flags":["--allow-insecure-entitlement=network.host"],"Files":null}],"Dynamic":false}',
    );
  });
});

test("an update makes the builder, for its owner only, and the check of builders reads it", async () => {
  const folder = folderWith({});
  const env = { BUILDX_CONFIG: folder };
  await ensure(remote, env);
  const file = join(folder, "instances/smith");
  expect(readFileSync(file, "utf8")).toBe(instanceText(remote));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(folder, "instances"))).toEqual(["smith"]);
  expect(readdirSync(join(folder, "tinyolly"))).toEqual(["smith"]);
  expect(await builderProblem("smith", env)).toBe(
    'builder "smith" does not answer: node "smith0" at tcp://127.0.0.1:1 and node "smith1" at tcp://127.0.0.1:2; ' +
      "start it (make platform-up starts the platform's)",
  );
});

test("the cluster is the one that KUBECONFIG names", async () => {
  const folder = folderWith({});
  const cluster: BuilderSettings = { ...remote, driver: "kubernetes" };
  await ensure(cluster, { BUILDX_CONFIG: folder, KUBECONFIG: "/kube" });
  const text = readFileSync(join(folder, "instances/smith"), "utf8");
  expect(text).toBe(instanceText(cluster, "/kube"));
});

test.each([
  ["a preview", remote, true],
  ["a builder that exists already", undefined, false],
])("%s writes nothing", async (_, builder, preview) => {
  const folder = folderWith({});
  await ensure(builder, { BUILDX_CONFIG: folder }, preview);
  expect(readdirSync(folder)).toEqual([]);
});

const changed: BuilderSettings = { ...remote, nodes: remote.nodes.slice(1) };

test("a builder that was made here follows its settings", async () => {
  const folder = folderWith({});
  for (const builder of [remote, changed, remote, changed])
    await ensure(builder, { BUILDX_CONFIG: folder });
  expect(readFileSync(join(folder, "instances/smith"), "utf8")).toBe(instanceText(changed));
});

test("a builder that somebody made with the same settings is taken as it is", async () => {
  const folder = folderWith({ "instances/smith": instanceText(remote) });
  await ensure(remote, { BUILDX_CONFIG: folder });
  expect(readdirSync(folder)).toEqual(["instances"]);
});

test.each([true, false])("another builder of the name stays, with preview: %s", async (preview) => {
  const other = instanceText(changed);
  const folder = folderWith({ "instances/smith": other });
  const file = join(folder, "instances/smith");
  await expect(ensure(remote, { BUILDX_CONFIG: folder }, preview)).rejects.toThrow(
    new InputError(
      `"builderNodes" describes the builder "smith", but ${file} is another one of that name, which this project did not make; ` +
        "set builder to a new name, or remove that one with: docker buildx rm smith",
    ),
  );
  expect(readFileSync(file, "utf8")).toBe(other);
});

test("a builder that somebody changed after it was made here is somebody's", async () => {
  const folder = folderWith({});
  await ensure(remote, { BUILDX_CONFIG: folder });
  writeFileSync(
    join(folder, "instances/smith"),
    instanceText({ ...changed, driver: "kubernetes" }),
  );
  await expect(ensure(changed, { BUILDX_CONFIG: folder })).rejects.toThrow("did not make");
});
