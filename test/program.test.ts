import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { PublishRequest } from "../components/scripts/publish-chart.ts";
import { deliverables } from "../deliverables.ts";
import { keyAnnotation } from "../delivery/plan/chart-package.ts";
import { fingerprints } from "../delivery/plan/fingerprints.ts";
import { outsideBases } from "../delivery/plan/image-plan.ts";
import { planDeliverables } from "../delivery/plan/plan.ts";
import { planToSave, savePlan } from "../delivery/plan/saved-plan.ts";
import { RegistryClient } from "../delivery/registry/client.ts";
import type { ReleaseRecord } from "../delivery/releases/record.ts";
import { storeRelease } from "../delivery/releases/store.ts";
import { planApplications, planRelease, readSettings } from "../delivery/settings/settings.ts";
import { writeBaseLock } from "../delivery/sources/base-lock.ts";
import { enterCheckout } from "./checkout.ts";
import { programs } from "./commands/release/programs.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "./fake-registry.ts";
import { writeFiles } from "./folders.ts";
import {
  type MockProvider,
  type Recording,
  type Registration,
  type StackState,
  ofType,
  only,
  record,
  unknown,
} from "./mocks.ts";
import { releasedImage } from "./released-image.ts";
import { handedOver, stackConfig } from "./stacks.ts";

const imageType = "docker-build:index:Image";
const commandType = "command:local:Command";
const applicationType = "kubernetes:argoproj.io/v1alpha1:Application";

const lock = "bases.lock.yaml";

let shared: string;

beforeAll(() => {
  shared = mkdtempSync(join(tmpdir(), "tinyolly-helm-"));
  // Every chart has one object.
  const object = [
    "---",
    "# Source: chart/templates/web.yaml",
    "kind: Deployment",
    "metadata: {name: web}",
  ];
  const helm = `#!/bin/sh\nprintf '%s\n' ${object.map((line) => `'${line}'`).join(" ")}\n`;
  writeFiles(shared, { helm, "renderings/.keep": "" });
  chmodSync(join(shared, "helm"), 0o755);
  return () => {
    rmSync(shared, { recursive: true });
  };
});

beforeEach(() => {
  enterCheckout();
  const bases = Object.entries(deliverables.images).flatMap(([name, image]) =>
    outsideBases(name, image, ["linux/amd64"]),
  );
  writeBaseLock(lock, new Map(bases.map((base) => [base, `sha256:${"1".repeat(64)}`])));
  writeFiles(".", {
    kubeconfig: "contexts: [{name: tinyolly}]",
    "buildx/instances/tinyolly": '{"Driver": "docker-container"}',
  });
  mkdirSync(".tinyolly");
  // Equal charts are rendered once.
  symlinkSync(join(shared, "renderings"), ".tinyolly/renderings");
  vi.stubEnv("PATH", [resolve("bin"), shared, process.env["PATH"]].join(":"));
  vi.stubEnv("KUBECONFIG", "kubeconfig");
  vi.stubEnv("BUILDX_CONFIG", "buildx");
  for (const name of ["BASE_LOCK", "PLAN", "RELEASE"]) vi.stubEnv(`TINYOLLY_${name}`, undefined);
  vi.stubEnv("TINYOLLY_OFFLINE", "1");
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
  readonly state?: StackState;
}

/** The configuration of a stack with some keys changed, as the CLI hands it over. */
function configuration({ stack = "local", changes = {} }: Omit<Run, "preview">) {
  return handedOver({ ...stackConfig(stack), ...changes });
}

/** Runs the program as the CLI would, until its end. */
async function run(how: Run) {
  const { preview, providers = {}, state = {} } = how;
  const config = configuration(how);
  const others = process.listeners("exit");
  try {
    return await record({ preview, config, providers, state }, async () => {
      const { default: program } = await import("../index.ts");
      return program();
    });
  } finally {
    for (const atExit of process.listeners("exit").filter((one) => !others.includes(one))) {
      process.off("exit", atExit);
      atExit(0);
    }
  }
}

/** The prod stack, whose release is named, since there is no Git here, and which has no identity to sign with. */
const prod = { stack: "prod", changes: { release: "v2.1.8", signing: "none" } } as const;

type Ran = Recording<Awaited<ReturnType<typeof run>>["result"]>;

const recorded = new Map<boolean, Promise<Ran>>();

/** What the local stack does as it is; run once, since most tests only look at it. */
function local(preview: boolean): Promise<Ran> {
  const recording = recorded.get(preview) ?? run({ preview });
  recorded.set(preview, recording);
  return recording;
}

function failureOf(run: Promise<unknown>): Promise<unknown> {
  return run.catch((thrown: unknown) => thrown);
}

function hierarchy({ registrations }: Pick<Ran, "registrations">): string[] {
  return registrations.map(({ type, name, parent }) => `${parent ?? ""} > ${type}::${name}`).sort();
}

/** The commands that publish charts; those that wait belong to Applications. */
function publishCommands(registrations: readonly Registration[]): Registration[] {
  return ofType(registrations, commandType).filter(
    ({ parent }) => parent?.startsWith("tinyolly:index:Chart::") === true,
  );
}

/** What each chart's command reads, by chart. */
function publishRequests(registrations: readonly Registration[]): Map<string, PublishRequest> {
  return new Map(
    publishCommands(registrations).map(({ name, inputs }) => [
      name,
      // The component writes exactly this type.
      JSON.parse(String(inputs["stdin"])) as PublishRequest,
    ]),
  );
}

const publishing = [
  " > tinyolly:index:Registry::registry",
  ...["demo", "opamp-server", "python-base", "tinyolly", "webui"].flatMap((name) => [
    ` > tinyolly:index:Image::${name}`,
    `tinyolly:index:Image::${name} > ${imageType}::${name}`,
  ]),
  ...["tinyolly", "tinyolly-demos"].flatMap((name) => [
    ` > tinyolly:index:Chart::${name}`,
    `tinyolly:index:Chart::${name} > ${commandType}::${name}`,
  ]),
];

const releasing = [
  " > tinyolly:index:ReleasedImages::release-images",
  `tinyolly:index:ReleasedImages::release-images > ${commandType}::release-images`,
  " > tinyolly:index:Release::release",
  `tinyolly:index:Release::release > ${commandType}::release`,
];

const deploying = [
  " > pulumi:providers:kubernetes::cluster",
  ...["tinyolly", "tinyolly-demos"].flatMap((name) => [
    ` > tinyolly:index:Application::${name}`,
    `tinyolly:index:Application::${name} > ${applicationType}::${name}`,
    `tinyolly:index:Application::${name} > ${commandType}::${name}-rollout`,
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

  test("without seconds to wait all is the same, and nothing waits", async () => {
    const recording = await run({ preview, changes: { waitSeconds: 0 } });
    const others = hierarchy(await local(preview)).filter((one) => !one.endsWith("-rollout"));
    expect(hierarchy(recording)).toEqual(others);
    const waits = ["tinyolly-demos", "tinyolly"].map((name) => `${commandType}::${name}-rollout`);
    expect(differences(recording, await local(preview))).toEqual(waits);
  });

  test("the prod stack publishes a release only, with its images before its charts", async () => {
    const recording = await run({ preview, ...prod });
    expect(hierarchy(recording)).toEqual([...publishing, ...releasing].sort());
    const { registrations } = recording;
    for (const chart of publishCommands(registrations))
      expect(chart.dependsOn).toContain(`${commandType}::release-images`);
  });

  test("Applications wait for the record of their release", async () => {
    const changes = { ...prod.changes, deploy: true, kubeContext: "tinyolly" };
    const { registrations } = await run({ preview, ...prod, changes });
    for (const application of ofType(registrations, applicationType))
      expect(application.dependsOn).toContain(`${commandType}::release`);
  });

  test("a release that cannot be signed is not made; a preview warns of it", async () => {
    const changes = { ...prod.changes, signing: "key" };
    writeFiles(".", { "cosign.key": "encrypted" });
    vi.stubEnv("COSIGN_PASSWORD", "");
    const bin = programs({ cosign: "echo 'GitVersion: v1.2.3'" });
    vi.stubEnv("PATH", `${bin}:${process.env["PATH"] ?? ""}`);
    const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    const failure = await failureOf(run({ preview, ...prod, changes }));
    const problem = "cosign on PATH is v1.2.3, and signing needs one like";
    const warnings = warn.mock.calls.map(([message]) => message).join();
    if (preview) expect(warnings).toContain(`Nothing could be signed: ${problem}`);
    else expect(String(failure)).toContain(problem);
    expect(failure instanceof pulumi.RunError).toBe(!preview);
  });

  test("without a tag for it no release is made; a preview shows what would be built", async () => {
    const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    const ended = await failureOf(run({ preview, stack: "prod" }));
    expect(ended instanceof pulumi.RunError).toBe(!preview);
    const told = preview ? warn.mock.calls.map(([message]) => message).join("\n") : String(ended);
    expect(told).toContain("a release takes its version from a Git tag");
  });

  test("without a commit that holds all that is shipped no release is made", async () => {
    writeFiles(".", { ".gitignore": ".tinyolly\n*.tgz\n" });
    const author = ["-c", "user.name=test", "-c", "user.email=test@example.test"];
    for (const args of [
      ["init", "--quiet"],
      ["add", "."],
      ["commit", "--quiet", "--message=as it is"],
      ["tag", "--annotate", "v2.1.8", "--message=v2.1.8"],
    ])
      execFileSync("git", [...author, ...args]);
    const named = { ...prod.changes, release: "" };
    const released = await run({ preview, ...prod, changes: named });
    expect(hierarchy(released)).toEqual([...publishing, ...releasing].sort());
    writeFiles(".", { "charts/tinyolly/extra-1.0.0.tgz": "" });
    const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    const ended = await failureOf(run({ preview, ...prod, changes: named }));
    expect(ended instanceof pulumi.RunError).toBe(!preview);
    const told = preview ? warn.mock.calls.map(([message]) => message).join("\n") : String(ended);
    expect(told).toContain("shipped: charts/tinyolly/extra-1.0.0.tgz; commit and tag");
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
    expect(version).toMatch(/^0\.\d\.\d-v2\.1\.x-h[0-9a-f]{12}$/);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(result.applications[name]).toEqual({ name, revision: version });
  }
  expect(Object.keys(result.images)).toEqual([
    "python-base",
    "tinyolly",
    "webui",
    "opamp-server",
    "demo",
  ]);
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
  for (const command of publishCommands(registrations))
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
    ["the prod stack", prod],
    [
      "the prod stack with deploy",
      {
        ...prod,
        changes: { ...prod.changes, deploy: true, kubeContext: "tinyolly", waitSeconds: 60 },
      },
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

/** Types and names of what has other inputs in `after`. */
function differences(before: Ran, after: Ran): string[] {
  const then = inputs(before);
  return [...inputs(after)]
    .filter(([name, value]) => JSON.stringify(then.get(name)) !== JSON.stringify(value))
    .map(([name]) => name)
    .sort();
}

function inputs({ registrations }: Pick<Ran, "registrations">): Map<string, unknown> {
  return new Map(registrations.map((one) => [`${one.type}::${one.name}`, one.inputs]));
}

describe("only what has to change changes", () => {
  test("after an edit in one app: its image, the chart that takes it, its Application", async () => {
    const before = await run({ preview: true });
    appendFileSync("apps/demo/backend.py", "\n");
    expect(differences(before, await run({ preview: true }))).toEqual(
      [
        // The command's input is its image's digest, which no preview knows.
        `${imageType}::demo`,
        `${applicationType}::tinyolly-demos`,
        `${commandType}::tinyolly-demos-rollout`,
        "tinyolly:index:Application::tinyolly-demos",
        "tinyolly:index:Chart::tinyolly-demos",
        "tinyolly:index:Image::demo",
      ].sort(),
    );
  });

  test("after an edit in the shared base: the images that need it, and what follows", async () => {
    const before = await run({ preview: true });
    appendFileSync("apps/python-base/requirements.txt", "\n");
    expect(differences(before, await run({ preview: true }))).toEqual(
      [
        ...["python-base", "tinyolly", "demo"].flatMap((name) => [
          `${imageType}::${name}`,
          `tinyolly:index:Image::${name}`,
        ]),
        ...["tinyolly", "tinyolly-demos"].flatMap((name) => [
          `${applicationType}::${name}`,
          `${commandType}::${name}-rollout`,
          `tinyolly:index:Application::${name}`,
          `tinyolly:index:Chart::${name}`,
        ]),
      ].sort(),
    );
  });

  test("after nothing: nothing", async () => {
    expect(differences(await run({ preview: false }), await run({ preview: false }))).toEqual([]);
  });

  test("after other values of the environment: the Application of that chart", async () => {
    const own = Object(stackConfig("local")["chartValues"]) as object;
    const chartValues = { ...own, "tinyolly-demos": { frontend: { replicas: 2 } } };
    const after = await run({ preview: false, changes: { chartValues } });
    expect(differences(await run({ preview: false }), after)).toEqual([
      `${commandType}::tinyolly-demos-rollout`,
      `${applicationType}::tinyolly-demos`,
      "tinyolly:index:Application::tinyolly-demos",
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
    }, 30_000);
    expect(ofType(registrations, imageType)).toHaveLength(5);
  });

  test("a preview, which builds nothing, is silent", async () => {
    const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    await run({ preview: true, changes: { builder: "other" } });
    expect(warn).not.toHaveBeenCalled();
  });
});

describe("a builder of settings", () => {
  const changes = {
    builder: "smith",
    builderDriver: "kubernetes",
    builderNodes: [{ platforms: ["linux/amd64"] }],
  };

  test("is made before images are built with it", async () => {
    const { registrations } = await run({ preview: false, changes });
    expect(readFileSync("buildx/instances/smith", "utf8")).toContain('"Name":"smith0"');
    expect(only(registrations, imageType, "demo").inputs["builder"]).toEqual({ name: "smith" });
  });

  test("that somebody else made is an error without a stack trace", async () => {
    writeFiles(".", { "buildx/instances/smith": "{}" });
    const error = await failureOf(run({ preview: true, changes }));
    expect(error).toBeInstanceOf(pulumi.RunError);
    expect(String(error)).toContain("docker buildx rm smith");
  });
});

test("the images that Python apps start from are the one just pushed, by digest", async () => {
  const { registrations, result } = await local(false);
  const base = result.images["python-base"];
  const location = `docker-image://registry.tinyolly.test:49443/tinyolly/python-base:${base?.tag ?? ""}@${base?.digest ?? ""}`;
  for (const name of ["tinyolly", "demo"]) {
    expect(only(registrations, imageType, name).inputs["context"]).toMatchObject({
      named: { "python-base": { location } },
    });
  }
});

test("base images that no lock holds are named, in a preview too", async () => {
  const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
  rmSync(lock);
  await run({ preview: true });
  expect(warn).toHaveBeenCalledExactlyOnceWith(
    "golang:1.26-alpine, nginx:1.30-alpine, node:24-alpine, python:3.14-slim: not in bases.lock.yaml, " +
      "so a build takes what the tag holds at the time; make bases UPDATE=1 STACK=test records it",
  );
});

test("a preview leaves nothing behind but renderings once the program has ended", async () => {
  const before = readdirSync(".");
  await run({ preview: true });
  expect(readdirSync(".")).toEqual(before);
  expect(readdirSync(".tinyolly")).toEqual(["renderings"]);
});

test("an Application notes its objects, and a preview names those that change", async () => {
  const { registrations } = await local(true);
  const [application] = ofType(registrations, "tinyolly:index:Application");
  expect(application?.inputs["objects"]).toEqual({
    "Deployment web": expect.stringMatching(/^create at 0\.3\.0-v2\.1\.x-h[0-9a-f]{12}/) as string,
  });
});

test("a template that fails ends the program before anything is made, also a preview", async () => {
  writeFiles(".", {
    "bin/helm": "#!/bin/sh\necho 'Error: shop/templates/web.yaml:3:5' >&2; exit 1\n",
  });
  chmodSync("bin/helm", 0o755);
  for (const preview of [true, false]) {
    const failure = await failureOf(run({ preview }));
    expect(failure).toBeInstanceOf(pulumi.RunError);
    expect(String(failure)).toContain(
      'chart "tinyolly" cannot be rendered: helm template failed: Error: shop/templates/web.yaml:3:5\n' +
        'chart "tinyolly-demos" cannot be rendered',
    );
  }
});

describe("after a run before", () => {
  let registry: FakeRegistry;
  let changes: Readonly<Record<string, unknown>>;

  beforeEach(async () => {
    vi.stubEnv("TINYOLLY_OFFLINE", undefined);
    registry = await startRegistry();
    changes = { registryPush: registry.host, registryPushTls: "plain-http" };
    return () => registry.close();
  });

  /** Puts a manifest where a plugin would push, and returns its digest. */
  function push(reference: string, annotations = {}): string {
    const [, repository = "", tag = ""] = /^[^/]+\/(.+):([^:]+)$/.exec(reference) ?? [];
    const manifest = { ...Object(manifestOf(reference)), annotations } as object;
    return registry.setManifest(repository, tag, manifest);
  }

  /** A plugin that remembers what it made: as in the engine, a preview knows the outputs of what stays as it is. */
  function plugin(make: MockProvider): MockProvider {
    const made = new Map<string, ReturnType<MockProvider>>();
    return (inputs, preview) => {
      const outputs = preview ? made.get(JSON.stringify(inputs)) : make(inputs, preview);
      if (outputs) made.set(JSON.stringify(inputs), outputs);
      return outputs ?? {};
    };
  }

  const providers: Readonly<Record<string, MockProvider>> = {
    [imageType]: plugin(({ tags }) => ({ digest: push(String(tags)) })),
    [commandType]: plugin(({ stdin }) => {
      // The component writes exactly this type, or asks for a wait.
      const request = JSON.parse(String(stdin)) as Partial<PublishRequest>;
      const { chart, pushFolder, version, key } = request;
      // Others wait, and print nothing, or release what is there.
      if (pushFolder === undefined) return { stdout: '{"digest":"sha256:0"}' };
      const digest = push(
        `${pushFolder.replace("oci://", "")}/${String(chart)}:${String(version)}`,
        { [keyAnnotation]: key },
      );
      return { stdout: JSON.stringify({ digest }) };
    }),
  };

  /** Runs the stack on what `before` left. */
  function next(before: Ran | undefined, how: Pick<Run, "preview" | "changes">): Promise<Ran> {
    const state = before?.state ?? {};
    return run({ ...how, changes: { ...changes, ...how.changes }, providers, state });
  }

  const update = { preview: false, changes: { deploy: false } };
  const preview = { preview: true, changes: { deploy: false } };

  test("the registry is asked, with reads only, and where all is there nothing changes", async () => {
    const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    await next(undefined, preview);
    const methods = (from: number): Set<string> =>
      new Set(registry.requests.slice(from).map(({ method }) => method));
    expect(methods(0)).toEqual(new Set(["GET"]));
    const before = await next(undefined, update);
    const first = registry.requests.length;
    expect(differences(before, await next(before, update))).toEqual([]);
    expect(methods(first)).toEqual(new Set(["GET"]));
    expect(warn).not.toHaveBeenCalled();
  });

  test("that nothing may be pushed is told before anything is made", async () => {
    await registry.close();
    registry = await startRegistry({
      behaviour: ({ method }, response) => {
        if (method === "POST") response.writeHead(403).end();
        return method === "POST";
      },
    });
    changes = { ...changes, registryPush: registry.host };
    await next(undefined, preview);
    const build = vi.fn<MockProvider>(() => ({}));
    const refused = { ...update, changes: { ...changes, ...update.changes } };
    const error = await failureOf(run({ ...refused, providers: { [imageType]: build } }));
    expect(pulumi.RunError.isInstance(error)).toBe(true);
    expect(String(error)).toContain(`${registry.host}/tinyolly/python-base, `);
    expect(String(error)).toContain("could not be pushed: the registry answered 403 Forbidden");
    expect(build).not.toHaveBeenCalled();
  });

  const made = ({ registrations }: Ran): string[] =>
    registrations
      .filter(({ type }) => [imageType, commandType].includes(type))
      .map(({ name }) => name)
      .sort();

  test("a new state takes what another one published, and makes nothing again", async () => {
    const first = await next(undefined, update);
    const second = await next(undefined, update);
    expect(made(second)).toEqual([]);
    expect(second.result).toEqual(first.result);
    const { outputs } = only(second.registrations, "tinyolly:index:Image", "demo");
    const reference = `${registry.host}/tinyolly/demo:${first.result.images["demo"]?.tag ?? ""}`;
    expect(outputs).toHaveProperty("adopted.reference", reference);
    expect(differences(second, await next(second, update))).toEqual([]);
  });

  test("what changes after that is made, and nothing else", async () => {
    await next(undefined, update);
    const second = await next(undefined, update);
    appendFileSync("apps/demo/backend.py", "\n");
    expect(made(await next(second, update))).toEqual(["demo", "tinyolly-demos"]);
  });

  describe("a release", () => {
    const release = { preview: false, changes: { deploy: false, release: "v2.1.8" } };

    test("takes the images that development pushed, and adds charts and record", async () => {
      const development = await next(undefined, update);
      const { result, registrations } = await next(undefined, release);
      expect(made({ ...development, registrations })).toEqual([
        ...["release", "release-images", "tinyolly", "tinyolly-demos"],
      ]);
      expect(result.release).toEqual({ version: "v2.1.8", digest: "sha256:0" });
      const digests = ({ images }: Ran["result"]) =>
        Object.fromEntries(Object.entries(images).map(([name, { digest }]) => [name, digest]));
      expect(digests(result)).toEqual(digests(development.result));
      for (const { tag } of Object.values(result.images)) expect(tag).toBe("v2.1.8");
    });

    test("leaves a chart as the one before made it, where neither it nor its images changed", async () => {
      const before = await next(undefined, release);
      appendFileSync("apps/demo/backend.py", "\n");
      const file = "charts/tinyolly-demos/Chart.yaml";
      const text = readFileSync(file, "utf8");
      writeFileSync(file, text.replace("version: 0.3.0", "version: 0.3.1"));
      const changes = { ...release.changes, release: "v2.1.9" };
      const after = await next(before, { ...release, changes });
      const changed = differences(before, after);
      expect(
        changed.filter((one) => [imageType, commandType].some((type) => one.startsWith(type))),
      ).toEqual([
        ...["release", "release-images", "tinyolly-demos"].map((name) => `${commandType}::${name}`),
        `${imageType}::demo`,
      ]);
      expect(changed).not.toContain("tinyolly:index:Chart::tinyolly");
      expect(after.result.charts["tinyolly"]).toEqual(before.result.charts["tinyolly"]);
    });

    test("that would overwrite something ends the program before anything is made, with all that it would", async () => {
      registry.setManifest("tinyolly/demo", "v2.1.8", manifestOf("other"));
      registry.setManifest("tinyolly/charts/tinyolly", "0.3.0", manifestOf("other"));
      const error = await failureOf(next(undefined, release));
      expect(pulumi.RunError.isInstance(error)).toBe(true);
      expect(String(error)).toMatch(
        /image "demo": .*\/demo:v2\.1\.8 is published with other content .*; release the next one: git tag --annotate v2\.1\.9 .*\n.*make chart-version CHART=tinyolly VERSION=0\.3\.1$/,
      );
      expect(registry.requests.filter(({ method }) => method !== "GET")).toEqual([]);
    });
  });

  describe("a rollback", () => {
    const record = {
      form: 1,
      release: "v2.1.7",
      images: { demo: releasedImage({ path: "demo", tag: "v2.1.7", digest: "" }) },
      charts: {
        "tinyolly-demos": {
          ...{ path: "charts/tinyolly-demos", key: "0".repeat(64), version: "0.2.9", digest: "" },
          ...{ pullFrom: "elsewhere.test/tinyolly", images: ["demo"] },
        },
      },
      tools: {},
    } as const satisfies ReleaseRecord;

    /** Stores the record of what is in the registry. */
    async function store(): Promise<string> {
      const image = registry.setManifest("tinyolly/demo", "v2.1.7", manifestOf("demo"));
      const path = "tinyolly/charts/tinyolly-demos";
      const chart = registry.setManifest(path, "0.2.9", manifestOf("chart"));
      const client = new RegistryClient({ host: registry.host, tls: "plain-http" });
      const stored = await storeRelease(client, "tinyolly", {
        ...record,
        images: { demo: { ...record.images.demo, digest: image } },
        charts: { "tinyolly-demos": { ...record.charts["tinyolly-demos"], digest: chart } },
      });
      client.close();
      return stored.digest;
    }

    beforeEach(() => {
      vi.stubEnv("TINYOLLY_RELEASE", "v2.1.7");
    });

    test("points the Applications at what was recorded, without sources, and publishes nothing", async () => {
      const digest = await store();
      rmSync("apps", { recursive: true });
      rmSync("charts", { recursive: true });
      const before = registry.requests.length;
      const { registrations, result } = await next(undefined, { preview: false });
      const waits = registrations.filter(({ type }) => type === commandType);
      expect(waits.map(({ name }) => name)).toEqual(["tinyolly-demos-rollout"]);
      expect(ofType(registrations, imageType)).toEqual([]);
      const [{ inputs } = { inputs: {} }, ...others] = ofType(registrations, applicationType);
      expect(others).toEqual([]);
      expect(inputs).toHaveProperty("spec.source.targetRevision", "0.2.9");
      // The chart names the registry from which it was copied.
      expect(inputs).toHaveProperty(
        "spec.source.helm.valuesObject.imageFolder",
        "docker-registry.registry.svc.cluster.local:5000/tinyolly",
      );
      expect(result.release).toEqual({ version: "v2.1.7", digest });
      const methods = registry.requests.slice(before).map(({ method }) => method);
      expect(new Set(methods)).toEqual(new Set(["GET"]));
    });

    test("to what is not there any more ends the program, with what there is", async () => {
      const missing = await failureOf(next(undefined, { preview: false }));
      expect(String(missing)).toContain("there is no release v2.1.7 in");
      await store();
      const image = registry.setManifest("tinyolly/demo", "v2.1.7", manifestOf("demo"));
      registry.delete("tinyolly/demo", image);
      const broken = await failureOf(next(undefined, { preview: false }));
      expect(String(broken)).toMatch(
        /v2\.1\.7 is not whole, and nothing was changed:\n.*\nput it back from a bundle/,
      );
      const noCluster = await failureOf(next(undefined, update));
      expect(String(noCluster)).toContain('"deploy" is false');
    });
  });

  const holdsRebuilt = /^chart "tinyolly-demos" \S+ holds an image that is built again; /;

  test.each<
    [
      kind: string,
      repository: string,
      cause: string,
      changed: string[],
      version: (at: Ran) => string,
      warnings: RegExp[],
    ]
  >([
    [
      "image",
      "tinyolly/demo",
      "missing-image",
      [`${imageType}::demo`, "tinyolly:index:Image::demo"],
      ({ result }) => result.images["demo"]?.tag ?? "",
      [holdsRebuilt],
    ],
    [
      "chart",
      "tinyolly/charts/tinyolly-demos",
      "missing-chart",
      [`${commandType}::tinyolly-demos`, "tinyolly:index:Chart::tinyolly-demos"],
      ({ result }) => result.charts["tinyolly-demos"]?.version ?? "",
      [],
    ],
  ])(
    "a missing %s is warned of and pushed once more, with the digest that it had",
    async (_, repository, cause, changed, version, warnings) => {
      const first = await next(undefined, update);
      const unchanged = await next(first, preview);
      const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
      registry.delete(repository, version(first));

      const previewed = await next(first, preview);
      const message = `${cause}: ${repository}:${version(first)} is not in ${registry.host}; up pushes it again`;
      expect(warn.mock.calls).toEqual([
        [message],
        ...warnings.map((warning): unknown[] => [expect.stringMatching(warning)]),
      ]);
      expect(differences(unchanged, previewed)).toEqual(changed);
      expect(previewed.result).toEqual(first.result);

      const second = await next(first, update);
      expect(differences(first, second)).toEqual(changed);
      expect(second.result).toEqual(first.result);
      for (const name of changed.filter((one) => one.startsWith("tinyolly:")))
        expect(inputs(second).get(name)).toHaveProperty("pushes", 1);

      warn.mockClear();
      expect(differences(second, await next(second, update))).toEqual([]);
      expect(warn).not.toHaveBeenCalled();
    },
  );

  test("what was pushed again by hand is told by its other content", async () => {
    const first = await next(undefined, update);
    const tag = first.result.images["demo"]?.tag ?? "";
    const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    const moved = registry.setManifest("tinyolly/demo", tag, manifestOf("other"));
    await next(first, preview);
    expect(warn.mock.calls).toEqual([
      [
        `tag-moved: tinyolly/demo:${tag} moved in ${registry.host} from ${first.result.images["demo"]?.digest ?? ""} ` +
          `to ${moved}; up pushes it again`,
      ],
      [expect.stringMatching(holdsRebuilt)],
    ]);
  });

  test("what an edit replaces anyway is not asked for", async () => {
    const first = await next(undefined, update);
    registry.delete("tinyolly/demo", first.result.images["demo"]?.tag ?? "");
    appendFileSync("apps/demo/backend.py", "\n");
    const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    const second = await next(first, update);
    expect(warn).not.toHaveBeenCalled();
    expect(only(second.registrations, "tinyolly:index:Image", "demo").inputs).not.toHaveProperty(
      "pushes",
    );
  });

  test("offline nobody is asked, and what was counted stays", async () => {
    vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    const first = await next(undefined, update);
    const tag = first.result.images["demo"]?.tag ?? "";
    registry.delete("tinyolly/demo", tag);
    const second = await next(first, update);
    registry.delete("tinyolly/demo", tag);
    const asked = registry.requests.length;
    vi.stubEnv("TINYOLLY_OFFLINE", "1");
    expect(differences(second, await next(second, update))).toEqual([]);
    expect(registry.requests).toHaveLength(asked);
  });

  describe("an Application that", () => {
    /** Puts a kubectl on PATH that tells the Applications of the run before, as `edit` leaves their specs. */
    function clusterHolds(before: Ran, edit: (name: string, spec: object) => object | undefined) {
      const items = ofType(before.registrations, applicationType).flatMap(({ name, inputs }) => {
        const spec = edit(name, Object(inputs["spec"]) as object);
        return spec ? [{ metadata: { name }, spec }] : [];
      });
      const script = `#!/bin/sh\ncat <<'END'\n${JSON.stringify({ items })}\nEND\n`;
      writeFiles(".", { "bin/kubectl": script });
      chmodSync("bin/kubectl", 0o755);
    }

    test.each<
      [
        how: string,
        edit: (name: string, spec: object) => object | undefined,
        warning: RegExp,
        repaired: string[],
        replaced: boolean,
      ]
    >([
      ["is as applied is left alone", (_, spec) => spec, /^$/, [], false],
      [
        "was edited by hand is applied once more",
        (name, spec) => (name === "tinyolly" ? { ...spec, project: "other" } : spec),
        /^edited: .*spec\.project is not as applied; up applies it again$/,
        ["tinyolly"],
        false,
      ],
      [
        "is gone is made anew",
        (name, spec) => (name === "tinyolly" ? undefined : spec),
        /^missing-application: tinyolly is not in the cluster; up applies it again$/,
        ["tinyolly"],
        true,
      ],
    ])("%s", async (_, edit, warning, repaired, replaced) => {
      const first = await next(undefined, { preview: false });
      clusterHolds(first, edit);
      const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
      const second = await next(first, { preview: false });
      expect(warn.mock.calls.flatMap(([message]) => message)).toEqual(
        repaired.map((): unknown => expect.stringMatching(warning)),
      );
      expect(differences(first, second)).toEqual(
        repaired.flatMap((name) => [
          `${commandType}::${name}-rollout`,
          `${applicationType}::${name}`,
          `tinyolly:index:Application::${name}`,
        ]),
      );
      const { deleteBeforeReplace } = only(second.registrations, applicationType, "tinyolly");
      expect(deleteBeforeReplace).toBe(replaced);
    });
  });
});

describe("a plan that was saved", () => {
  beforeEach(() => {
    const settings = readSettings(configuration({}));
    const plan = planDeliverables(deliverables, settings.plan);
    const applications = planApplications(plan.charts, settings);
    const now = fingerprints(plan, applications, settings.publishing, planRelease(settings));
    savePlan("plan.json", planToSave(now, applications, {}));
    vi.stubEnv("TINYOLLY_PLAN", "plan.json");
  });

  test("is followed while it fits", async () => {
    const { result } = await run({ preview: false });
    expect(Object.keys(result.images)).toHaveLength(5);
  });

  const changedSince = (what: string): string =>
    `not as planned in plan.json: ${what} changed since; ` +
    "look at make explain again and save a new plan, or leave PLAN out";

  test("ends the program when up would wait longer", async () => {
    const error = await failureOf(run({ preview: false, changes: { waitSeconds: 60 } }));
    expect(error).toHaveProperty("message", changedSince("waitSeconds"));
  });

  test("ends the program when something is pushed again that was not missing then", async () => {
    const { state } = await run({ preview: false });
    const pushedAgain = Object.fromEntries(
      Object.entries(state).map(([urn, one]) => [
        urn,
        one.type === imageType && urn.endsWith("::demo")
          ? { ...one, outputs: { ...one.outputs, buildArgs: { TINYOLLY_PUSHES: "1" } } }
          : one,
      ]),
    );
    const error = await failureOf(run({ preview: false, state: pushedAgain }));
    expect(error).toHaveProperty("message", changedSince("image demo in the registry"));
  });

  test("ends the program when it no longer fits, with the file that changed", async () => {
    appendFileSync("apps/demo/backend.py", "\n");
    const made = vi.fn<MockProvider>(() => ({}));
    const error = await failureOf(run({ preview: false, providers: { [imageType]: made } }));
    expect(pulumi.RunError.isInstance(error)).toBe(true);
    expect(error).toHaveProperty("message", changedSince("apps/demo/backend.py"));
    expect(made).not.toHaveBeenCalled();
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
      'image "demo": there is no file apps/demo/Dockerfile; create it or correct its path',
    ],
  ])("%s", async (_, changes, spoil, message) => {
    spoil();
    const made = vi.fn<MockProvider>(() => ({}));
    const providers = { [imageType]: made, [commandType]: made };
    const error = await failureOf(run({ preview: false, changes, providers }));
    expect(pulumi.RunError.isInstance(error)).toBe(true);
    expect(error).toHaveProperty("message", message);
    expect(made).not.toHaveBeenCalled();
    expect(readdirSync(".tinyolly")).toEqual(["renderings"]);
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

  test("answer for the state of the program's own stack only", async () => {
    const program = record({ preview: false }, () =>
      pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {
        stackName: "owner/tinyolly/other",
      }),
    );
    await expect(program).rejects.toThrow("pulumi:pulumi:readStackResourceOutputs was called");
  });
});
