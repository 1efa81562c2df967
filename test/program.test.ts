import { appendFileSync, readdirSync, rmSync } from "node:fs";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { PublishRequest } from "../components/publish-chart";
import { enterCheckout } from "./checkout";
import { writeFiles } from "./folders";
import {
  type MockProvider,
  type Recording,
  type Registration,
  ofType,
  only,
  record,
  unknown,
} from "./mocks";
import { handedOver, stackConfig } from "./stacks";

type Program = typeof import("../index.js");

const imageType = "docker-build:index:Image";
const commandType = "command:local:Command";
const applicationType = "kubernetes:argoproj.io/v1alpha1:Application";

beforeEach(() => {
  enterCheckout();
  writeFiles(".", {
    kubeconfig: "contexts: [{name: tinyolly}]",
    "buildx/instances/tinyolly": '{"Driver": "docker-container"}',
  });
  vi.stubEnv("KUBECONFIG", "kubeconfig");
  vi.stubEnv("BUILDX_CONFIG", "buildx");
  return () => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  };
});

interface Run {
  readonly preview: boolean;
  readonly stack?: "local" | "prod";
  readonly changes?: Readonly<Record<string, unknown>>;
  readonly providers?: Readonly<Record<string, MockProvider>>;
}

/** Runs index.ts anew, as the CLI would with the stack's configuration and some keys changed. */
function run({ preview, stack = "local", changes = {}, providers = {} }: Run) {
  const config = handedOver({ ...stackConfig(stack), ...changes });
  return record({ preview, config, providers }, async () => {
    vi.resetModules();
    const { images, charts, applications }: Program = await import("../index.js");
    return { images, charts, applications };
  });
}

type Ran = Recording<Awaited<ReturnType<typeof run>>["result"]>;

const recorded = new Map<boolean, Promise<Ran>>();

/** What the local stack does as it is; run once, since most tests only look at it. */
function local(preview: boolean): Promise<Ran> {
  const recording = recorded.get(preview) ?? run({ preview });
  recorded.set(preview, recording);
  return recording;
}

function hierarchy({ registrations }: Pick<Ran, "registrations">): string[] {
  return registrations.map(({ type, name, parent }) => `${parent ?? ""} > ${type}::${name}`).sort();
}

/** What each chart's command reads, by chart. */
function publishRequests(registrations: readonly Registration[]): Map<string, PublishRequest> {
  return new Map(
    ofType(registrations, commandType).map(({ name, inputs }) => [
      name,
      // The component writes exactly this type.
      JSON.parse(String(inputs["stdin"])) as PublishRequest,
    ]),
  );
}

const publishing = [
  " > tinyolly:index:Registry::registry",
  ...["demo", "opamp-server", "tinyolly", "webui"].flatMap((name) => [
    ` > tinyolly:index:Image::${name}`,
    `tinyolly:index:Image::${name} > ${imageType}::${name}`,
  ]),
  ...["tinyolly", "tinyolly-demos"].flatMap((name) => [
    ` > tinyolly:index:Chart::${name}`,
    `tinyolly:index:Chart::${name} > ${commandType}::${name}`,
  ]),
];

const deploying = [
  " > pulumi:providers:kubernetes::cluster",
  ...["tinyolly", "tinyolly-demos"].flatMap((name) => [
    ` > tinyolly:index:Application::${name}`,
    `tinyolly:index:Application::${name} > ${applicationType}::${name}`,
  ]),
];

const repositories = ["tinyolly", "tinyolly-demos"].map(
  (name) => `tinyolly:index:Application::${name} > kubernetes:core/v1:Secret::${name}-repository`,
);

describe.each([true, false])("with preview: %s", (preview) => {
  test("the local stack builds, publishes and deploys", async () => {
    const expected = [...publishing, ...deploying, ...repositories].sort();
    expect(hierarchy(await local(preview))).toEqual(expected);
  });

  test("without deploy there are no Applications and no Kubernetes provider", async () => {
    const recording = await run({ preview, changes: { deploy: false } });
    expect(hierarchy(recording)).toEqual([...publishing].sort());
    expect(recording.result.applications).toEqual({});
  });

  test("the prod stack publishes only", async () => {
    expect(hierarchy(await run({ preview, stack: "prod" }))).toEqual([...publishing].sort());
  });

  test("the provider is told its context, and everything in the cluster is made by it", async () => {
    const { registrations } = await local(preview);
    expect(only(registrations, "pulumi:providers:kubernetes").inputs).toEqual({
      context: "tinyolly",
      clusterIdentifier: "tinyolly",
      // The SDK's own default.
      kubeconfig: "kubeconfig",
    });
    const providers = ofType(registrations, "kubernetes:").map(({ provider }) => provider);
    expect(new Set(providers)).toEqual(new Set(["pulumi:providers:kubernetes::cluster"]));
  });

  test("the password that the tinyolly chart makes up for Redis is kept", async () => {
    const { registrations } = await local(preview);
    const spec = (name: string): unknown =>
      only(registrations, applicationType, name).inputs["spec"];
    expect(spec("tinyolly")).toMatchObject({
      ignoreDifferences: [{ kind: "Secret", name: "tinyolly-redis", jsonPointers: ["/data"] }],
    });
    expect(spec("tinyolly-demos")).not.toHaveProperty("ignoreDifferences");
  });

  test("each chart goes to its namespace", async () => {
    const { registrations } = await local(preview);
    for (const name of ["tinyolly", "tinyolly-demos"]) {
      expect(only(registrations, applicationType, name).inputs["spec"]).toMatchObject({
        destination: { namespace: name },
      });
    }
  });
});

test("the outputs tell what was pushed and deployed", async () => {
  const { result } = await local(false);
  const host = "docker-registry.registry.svc.cluster.local:5000";
  for (const [name, { repository, tag, digest }] of Object.entries(result.images)) {
    expect(repository).toBe(`${host}/tinyolly/${name}`);
    expect(tag).toMatch(/^v2\.1\.x-h[0-9a-f]{12}$/);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  }
  for (const [name, { source, version, digest }] of Object.entries(result.charts)) {
    expect(source).toBe(`oci://${host}/tinyolly/charts/${name}`);
    expect(version).toMatch(/^0\.1\.\d-v2\.1\.x-h[0-9a-f]{12}$/);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(result.applications[name]).toEqual({ name, revision: version });
  }
  expect(Object.keys(result.images)).toEqual(["tinyolly", "webui", "opamp-server", "demo"]);
  expect(Object.keys(result.charts)).toEqual(["tinyolly", "tinyolly-demos"]);
});

test("a preview knows every tag, version and revision of the update, and no digest", async () => {
  const preview = await local(true);
  const update = await local(false);
  const withoutDigest = (items: Record<string, { digest: string }>) =>
    Object.fromEntries(
      Object.entries(items).map(([name, item]) => [name, { ...item, digest: unknown }]),
    );
  expect(preview.result).toEqual({
    images: withoutDigest(update.result.images),
    charts: withoutDigest(update.result.charts),
    applications: update.result.applications,
  });
  for (const [name, { version }] of Object.entries(update.result.charts)) {
    for (const { registrations } of [preview, update]) {
      expect(only(registrations, applicationType, name).inputs["spec"]).toMatchObject({
        source: { targetRevision: version },
      });
    }
  }
});

test("an empty digest in a preview reaches no chart", async () => {
  const { registrations, result } = await run({
    preview: true,
    providers: { [imageType]: () => ({ digest: "" }) },
  });
  for (const image of Object.values(result.images)) expect(image.digest).toBe(unknown);
  for (const command of ofType(registrations, commandType))
    expect(command.inputs["stdin"]).toBe(unknown);
});

test("a chart's package holds exactly the images that were pushed, by digest", async () => {
  const { registrations, result } = await local(false);
  const { tinyolly, webui, "opamp-server": opampServer, demo } = result.images;
  const requests = publishRequests(registrations);
  expect(requests.get("tinyolly")?.images).toEqual({
    "frontend.image": tinyolly,
    "otlpReceiver.image": tinyolly,
    "webui.image": webui,
    "opampServer.image": opampServer,
  });
  expect(requests.get("tinyolly-demos")?.images).toEqual({
    "frontend.image": demo,
    "backend.image": demo,
  });
});

describe("the push endpoint of the local stack", () => {
  const push = String(stackConfig("local")["registryPush"]);

  test.each<[string, Omit<Run, "preview">]>([
    ["the local stack", {}],
    ["the prod stack", { stack: "prod" }],
    [
      "the prod stack with deploy",
      { stack: "prod", changes: { deploy: true, kubeContext: "tinyolly", waitSeconds: 60 } },
    ],
  ])("never reaches a cluster or a chart's images in %s", async (_, how) => {
    const preview = await run({ ...how, preview: true });
    const update = await run({ ...how, preview: false });
    for (const { registrations } of [preview, update])
      expect(JSON.stringify(ofType(registrations, "kubernetes:"))).not.toContain(push);

    const requests = publishRequests(update.registrations);
    expect(requests.size).toBe(2);
    for (const { images } of requests.values()) {
      expect(Object.keys(images).length).toBeGreaterThan(0);
      expect(JSON.stringify(images)).not.toContain(push);
    }
  });

  test("is where images and charts are pushed", async () => {
    const { registrations, result } = await local(false);
    for (const { name, inputs } of ofType(registrations, imageType))
      expect(inputs["tags"]).toEqual([
        `${push}/tinyolly/${name}:${result.images[name]?.tag ?? ""}`,
      ]);
    for (const { pushFolder } of publishRequests(registrations).values())
      expect(pushFolder).toBe(`oci://${push}/tinyolly/charts`);
  });
});

describe("only what has to change changes", () => {
  /** Inputs by type and name. */
  function inputs({ registrations }: Pick<Ran, "registrations">): Map<string, unknown> {
    return new Map(registrations.map((one) => [`${one.type}::${one.name}`, one.inputs]));
  }

  function differences(before: Ran, after: Ran): string[] {
    const then = inputs(before);
    return [...inputs(after)]
      .filter(([name, value]) => JSON.stringify(then.get(name)) !== JSON.stringify(value))
      .map(([name]) => name)
      .sort();
  }

  test("after an edit in one app: its image, the chart that takes it, its Application", async () => {
    const before = await run({ preview: true });
    appendFileSync("apps/demo/backend.py", "\n");
    expect(differences(before, await run({ preview: true }))).toEqual(
      [
        // The command's input is its image's digest, which no preview knows.
        `${imageType}::demo`,
        `${applicationType}::tinyolly-demos`,
        "tinyolly:index:Chart::tinyolly-demos",
        "tinyolly:index:Image::demo",
      ].sort(),
    );
  });

  test("after nothing: nothing", async () => {
    expect(differences(await run({ preview: false }), await run({ preview: false }))).toEqual([]);
  });

  test("after other values of the environment: the Application of that chart", async () => {
    const chartValues = { "tinyolly-demos": { frontend: { replicas: 2 } } };
    const after = await run({ preview: false, changes: { chartValues } });
    expect(differences(await run({ preview: false }), after)).toEqual([
      `${applicationType}::tinyolly-demos`,
    ]);
    expect(
      only(after.registrations, applicationType, "tinyolly-demos").inputs["spec"],
    ).toMatchObject({
      source: { helm: { valuesObject: chartValues["tinyolly-demos"] } },
    });
  });
});

describe("without the builder", () => {
  test("an update warns before BuildKit would time out, and goes on", async () => {
    const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    const { registrations } = await run({ preview: false, changes: { builder: "other" } });
    await vi.waitFor(() => {
      expect(warn).toHaveBeenCalledExactlyOnceWith(
        expect.stringMatching(/^No image can be built: there is no builder "other" in /),
      );
    });
    expect(ofType(registrations, imageType)).toHaveLength(4);
  });

  test("a preview, which builds nothing, is silent", async () => {
    const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    await run({ preview: true, changes: { builder: "other" } });
    expect(warn).not.toHaveBeenCalled();
  });
});

describe("wrong input ends the program before anything is made:", () => {
  test.each<[string, Readonly<Record<string, unknown>>, () => void, string]>([
    [
      "configuration",
      { builder: "" },
      () => undefined,
      '"builder" is "", but must be the name of a buildx builder, such as tinyolly; ' +
        "set it with: pulumi config set builder …",
    ],
    [
      "sources",
      {},
      () => {
        rmSync("apps/demo/Dockerfile");
      },
      'image "demo": there is no file apps/demo/Dockerfile; create it or correct deliverables.ts',
    ],
  ])("%s", async (_, changes, spoil, message) => {
    spoil();
    const made = vi.fn<MockProvider>(() => ({}));
    const providers = { [imageType]: made, [commandType]: made };
    const error: unknown = await run({ preview: false, changes, providers }).catch(
      (thrown: unknown) => thrown,
    );
    expect(pulumi.RunError.isInstance(error)).toBe(true);
    expect(error).toHaveProperty("message", message);
    expect(made).not.toHaveBeenCalled();
    expect(readdirSync(".")).not.toContain(".tinyolly");
  });
});

describe("the mocks", () => {
  test("refuse a resource of a type that nobody expects", async () => {
    const program = record({ preview: false }, () => {
      new kubernetes.core.v1.ConfigMap("surprise");
    });
    await expect(program).rejects.toThrow(
      "kubernetes:core/v1:ConfigMap surprise has no mock provider",
    );
  });

  test("refuse the call of a provider function", async () => {
    const program = record({ preview: false }, () =>
      pulumi.runtime.invoke("aws:index:getRegion", {}),
    );
    await expect(program).rejects.toThrow("aws:index:getRegion was called");
  });
});
