import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { isChanged } from "../commands/explain/explanation.ts";
import type { StateResource } from "../delivery/findings/recorded.ts";
import { writeBaseLock } from "../delivery/sources/base-lock.ts";
import { enterCheckout } from "./checkout.ts";
import { writeFiles } from "./folders.ts";
import { explained, plannedProject, stateAfter } from "./planned.ts";

/** Cause codes of everything that changes, in the order in which it is made: `image demo`, `chart tinyolly`, … */
type Effect = Readonly<Record<string, string>>;

const lock = new Map(
  ["python:3.14-slim", "golang:1.26-alpine", "node:24-alpine", "nginx:1.30-alpine"].map(
    (reference, i) => [reference, `sha256:${String(i).repeat(64)}`],
  ),
);

const settings = { kubeconfig: "kubeconfig" };
let project: string;
let state: readonly StateResource[];

// One copy for all tests, each of which takes its edits back.
beforeAll(() => {
  enterCheckout();
  writeFiles(".", { kubeconfig: "contexts: [{name: tinyolly}, {name: other}]" });
  writeBaseLock("bases.lock.yaml", lock);
  project = mkdtempSync(join(tmpdir(), "tinyolly-test-"));
  cpSync(".", project, { recursive: true, verbatimSymlinks: true });
  state = stateAfter(plannedProject(settings));
});

afterAll(() => {
  rmSync(project, { recursive: true });
});

beforeEach(() => {
  process.chdir(project);
});

/** What follows from an edit of files that adds a line to each, or makes it, and from other settings. */
async function effectOf(
  files: readonly string[],
  changes: Readonly<Record<string, unknown>> = {},
  before: readonly StateResource[] = state,
): Promise<Effect> {
  for (const file of files) {
    const before = existsSync(file) ? readFileSync(file) : undefined;
    appendFileSync(file, "\n# edited\n");
    onTestFinished(() => {
      if (before) writeFileSync(join(project, file), before);
      else rmSync(join(project, file));
    });
  }
  const { items } = await explained(before, plannedProject({ ...settings, ...changes }));
  return Object.fromEntries(
    items
      .filter(isChanged)
      .map(({ kind, name, reasons }) => [
        `${kind} ${name}`,
        [...new Set(reasons.map(({ cause }) => cause))].sort().join(" "),
      ]),
  );
}

const backend = (cause: string): Effect => ({ "image tinyolly": cause, ...chartOf("tinyolly") });
const webui = (cause: string): Effect => ({ "image webui": cause, ...chartOf("tinyolly") });
const opamp = (cause: string): Effect => ({ "image opamp-server": cause, ...chartOf("tinyolly") });
const demo = (cause: string): Effect => ({ "image demo": cause, ...chartOf("tinyolly-demos") });
const both: Effect = { ...chartOf("tinyolly"), ...chartOf("tinyolly-demos") };
const pythonBase = (cause: string): Effect => ({
  "image python-base": cause,
  "image tinyolly": "base-moved",
  "image demo": "base-moved",
  ...both,
});
const chart = (name: string): Effect => ({
  [`chart ${name}`]: "chart-source",
  [`application ${name}`]: "chart-of-application",
});

/** What follows for a chart and its Application when one of its images changes. */
function chartOf(name: string): Effect {
  return {
    [`chart ${name}`]: "image-of-chart",
    [`application ${name}`]: "chart-of-application",
  };
}

describe("what is built, published and deployed after an edit of", () => {
  test.each<[what: string, files: readonly string[], effect: Effect]>([
    ["the backend's API", ["apps/tinyolly/app/server.py"], backend("source")],
    ["the OTLP receiver", ["apps/tinyolly/receiver/server.py"], backend("source")],
    [
      "the lock of the Python dependencies",
      ["apps/python-base/requirements.txt"],
      pythonBase("source"),
    ],
    ["the pages of the web interface", ["apps/tinyolly-ui/src/main.ts"], webui("source")],
    ["the web interface's package.json", ["apps/tinyolly-ui/package.json"], webui("source")],
    ["the web interface's nginx", ["apps/tinyolly-ui/nginx.conf.template"], webui("source")],
    ["the OpAMP server", ["apps/opamp-server/main.go"], opamp("source")],
    ["the OpAMP server's dependencies", ["apps/opamp-server/go.mod"], opamp("source")],
    ["the demo's frontend", ["apps/demo/frontend.py"], demo("source")],
    ["the demo's backend", ["apps/demo/backend.py"], demo("source")],
    ["the Python base's Dockerfile", ["apps/python-base/Dockerfile"], pythonBase("dockerfile")],
    ["the backend's Dockerfile", ["apps/tinyolly/Dockerfile"], backend("dockerfile")],
    ["the web interface's Dockerfile", ["apps/tinyolly-ui/Dockerfile"], webui("dockerfile")],
    ["the OpAMP server's Dockerfile", ["apps/opamp-server/Dockerfile"], opamp("dockerfile")],
    ["the demo's Dockerfile", ["apps/demo/Dockerfile"], demo("dockerfile")],
    [
      "a template of the chart",
      ["charts/tinyolly/templates/service-webui.yaml"],
      chart("tinyolly"),
    ],
    ["the chart's values", ["charts/tinyolly/values.yaml"], chart("tinyolly")],
    ["the chart's Chart.yaml", ["charts/tinyolly/Chart.yaml"], chart("tinyolly")],
    [
      "a template of the demos' chart",
      ["charts/tinyolly-demos/templates/service-backend.yaml"],
      chart("tinyolly-demos"),
    ],
    ["the demos' values", ["charts/tinyolly-demos/values.yaml"], chart("tinyolly-demos")],
    ["the demos' Chart.yaml", ["charts/tinyolly-demos/Chart.yaml"], chart("tinyolly-demos")],
    [
      "both the OpAMP server and the demo",
      ["apps/opamp-server/main.go", "apps/demo/backend.py"],
      {
        "image opamp-server": "source",
        "image demo": "source",
        ...both,
      },
    ],
    [
      "the web interface and the chart that takes it",
      ["apps/tinyolly-ui/src/main.ts", "charts/tinyolly/values.yaml"],
      { ...webui("source"), "chart tinyolly": "chart-source image-of-chart" },
    ],
    ["what .dockerignore leaves out", ["apps/demo/requirements-test.in"], {}],
    [
      "a chart's own tests, which .helmignore leaves out",
      ["charts/tinyolly/tests/images_test.yaml"],
      {},
    ],
  ])("%s", async (_, files, effect) => {
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
    expect(await effectOf(files)).toEqual(effect);
  });
});

describe("what is built, published and deployed with a new file in", () => {
  test.each<[what: string, file: string, effect: Effect]>([
    ["the backend's API", "apps/tinyolly/app/new.py", backend("source")],
    ["the OTLP receiver", "apps/tinyolly/receiver/new.py", backend("source")],
    ["the web interface's src", "apps/tinyolly-ui/src/new.ts", webui("source")],
    ["the OpAMP server", "apps/opamp-server/internal/new.go", opamp("source")],
    ["the chart's templates", "charts/tinyolly/templates/new.yaml", chart("tinyolly")],
    ["the demos' templates", "charts/tinyolly-demos/templates/new.yaml", chart("tinyolly-demos")],
    ["a folder of no image and no chart", "apps/new.py", {}],
  ])("%s", async (_, file, effect) => {
    expect(existsSync(file)).toBe(false);
    expect(await effectOf([file])).toEqual(effect);
  });
});

describe("what a base image that moves builds:", () => {
  test.each<[what: string, reference: string, effect: Effect]>([
    [
      "Python: the Python base and what starts from it",
      "python:3.14-slim",
      pythonBase("base-moved"),
    ],
    ["nginx: the web interface", "nginx:1.30-alpine", webui("base-moved")],
    ["Node: the web interface, which is built with it", "node:24-alpine", webui("base-moved")],
    ["Go: the OpAMP server, which is built with it", "golang:1.26-alpine", opamp("base-moved")],
    ["one that no Dockerfile takes: nothing", "debian:13", {}],
  ])("%s", async (_, reference, effect) => {
    writeBaseLock("moved.yaml", new Map([...lock, [reference, `sha256:${"f".repeat(64)}`]]));
    expect(await effectOf([], { baseLock: "moved.yaml" })).toEqual(effect);
  });
});

const images = ["python-base", "tinyolly", "webui", "opamp-server", "demo"];
const charts = ["tinyolly", "tinyolly-demos"];
const each = (kind: string, names: readonly string[], causes: string): Effect =>
  Object.fromEntries(names.map((name) => [`${kind} ${name}`, causes]));

describe("what another setting changes:", () => {
  test.each<[what: string, changes: Readonly<Record<string, unknown>>, effect: Effect]>([
    [
      "platforms: every image, and what follows",
      { platforms: ["linux/amd64", "linux/arm64"] },
      {
        ...each("image", images, "settings"),
        "image tinyolly": "base-moved settings",
        "image demo": "base-moved settings",
        ...both,
      },
    ],
    [
      "a release: every tag, and what follows",
      { release: "v2.1.8" },
      {
        ...each("image", images, "settings"),
        ...each("chart", charts, "settings"),
        ...each("application", charts, "chart-of-application"),
        "release release": "first-time",
      },
    ],
    ["the builder: every image", { builder: "other" }, each("image", images, "settings")],
    [
      "the cache in the registry: every image",
      { registryCache: true },
      each("image", images, "settings"),
    ],
    [
      "the push endpoint: every image and chart, and no Application",
      { registryPush: "other.test" },
      { ...each("image", images, "settings"), ...each("chart", charts, "settings") },
    ],
    [
      "how the push endpoint is spoken to: every image and chart",
      { registryPushTls: "verify" },
      { ...each("image", images, "settings"), ...each("chart", charts, "settings") },
    ],
    [
      "the pull endpoint: every chart, which holds it, and its Application",
      { registryPull: "other.test" },
      {
        ...each("chart", charts, "settings"),
        ...each("application", charts, "chart-of-application"),
      },
    ],
    [
      "Argo CD's endpoint: every Application",
      { registryInCluster: "other.test" },
      each("application", charts, "settings"),
    ],
    [
      "how Argo CD speaks to its endpoint: every Application",
      { registryInClusterPlainHttp: false },
      each("application", charts, "settings"),
    ],
    [
      "the registry's namespace: everything",
      { registryNamespace: "other/place" },
      {
        ...each("image", images, "settings"),
        ...each("chart", charts, "settings"),
        ...each("application", charts, "chart-of-application settings"),
      },
    ],
    [
      "values for a chart: its Application alone",
      {
        chartValues: {
          tinyolly: { redis: { persistence: { enabled: true } } },
          "tinyolly-demos": { frontend: { replicas: 2 } },
        },
      },
      each("application", ["tinyolly-demos"], "settings"),
    ],
    ["Argo CD's namespace", { argocdNamespace: "cd" }, each("application", charts, "settings")],
    ["Argo CD's project", { argocdProject: "olly" }, each("application", charts, "settings")],
    [
      "the cluster that Argo CD deploys to",
      { destinationServer: "https://other.test" },
      each("application", charts, "settings"),
    ],
    ["the cluster of Argo CD", { kubeContext: "other" }, each("application", charts, "settings")],
    // It is handed over beside the inputs of the command that waits, since nobody wants to wait again for it.
    ["how long up waits: nothing", { waitSeconds: 60 }, {}],
    [
      "that up waits no more: every Application",
      { waitSeconds: 0 },
      each("application", charts, "settings"),
    ],
    ["aliases without a release: nothing", { aliases: ["latest"] }, {}],
    [
      "an end of deploying: the Applications are deleted",
      { deploy: false },
      each("application", charts, "removed"),
    ],
    ["the largest file that is taken: nothing", { largestFile: 10_000_000 }, {}],
    ["how many releases are kept: nothing", { keepReleases: 3 }, {}],
  ])("%s", async (_, changes, effect) => {
    expect(await effectOf([], changes)).toEqual(effect);
  });
});

describe("what another setting of a release changes:", () => {
  const release = { release: "v2.1.8" };
  const key = { signing: "key", signingKey: "cosign.key", signingPublicKey: "cosign.pub" };

  test.each<[what: string, changes: Readonly<Record<string, unknown>>, effect: Effect]>([
    ["nothing: nothing", {}, {}],
    ["aliases: the release", { aliases: ["latest"] }, { "release release": "settings" }],
    ["signing: the release", key, { "release release": "settings" }],
    ["the public key, which signs nothing: nothing", { signingPublicKey: "other.pub" }, {}],
    [
      "how the push endpoint is spoken to: what is pushed",
      { registryPushTls: "verify" },
      {
        ...each("image", images, "settings"),
        ...each("chart", charts, "settings"),
        "release release": "settings",
      },
    ],
    [
      "an end of releases: the release is forgotten",
      { release: "" },
      {
        ...each("image", images, "settings"),
        ...each("chart", charts, "settings"),
        ...each("application", charts, "chart-of-application"),
        "release release": "removed",
      },
    ],
  ])("%s", async (_, changes, effect) => {
    const made = stateAfter(plannedProject({ ...settings, ...release }));
    expect(await effectOf([], { ...release, ...changes }, made)).toEqual(effect);
  });
});

test("nothing changes after nothing", async () => {
  expect(await effectOf([])).toEqual({});
});
