import { existsSync } from "node:fs";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, test } from "vitest";
import { Application } from "../../components/application.ts";
import { Registry } from "../../components/registry.ts";
import { scriptLine } from "../../components/script-command.ts";
import type { Drift } from "../../delivery/basics/drift.ts";
import type { ApplicationFinding } from "../../delivery/findings/finding.ts";
import type { ApplicationPlan, ArgoCd } from "../../delivery/plan/application-spec.ts";
import { chartRef } from "../../delivery/registry/references.ts";
import { readWait } from "../../delivery/rollout/wait-settings.ts";
import { enterFolderWith } from "../folders.ts";
import { applicationArgs, makeCharts, makeImages } from "../made.ts";
import { ofType, only, record, unknown } from "../mocks.ts";
import { named, planShop, shopEndpoints, shopFiles } from "../shop.ts";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

const applicationType = "kubernetes:argoproj.io/v1alpha1:Application";
const commandType = "command:local:Command";
const source = "oci://cluster.test:3/shop/charts/shop";
const argocd: ArgoCd = {
  namespace: "argo",
  project: "retail",
  destinationServer: "https://api.test",
  waitSeconds: 0,
};

interface Variation {
  readonly preview?: boolean;
  readonly waitSeconds?: number;
  readonly values?: Readonly<Record<string, unknown>>;
  readonly keepSecrets?: readonly string[];
  readonly plainHttp?: boolean;
  readonly kubeconfig?: string;
  readonly finding?: ApplicationFinding;
}

/** The plan of the chart "shop" and of its Application. */
function planApplication({
  waitSeconds = 0,
  values,
  keepSecrets = [],
  plainHttp = true,
  kubeconfig,
}: Variation): ApplicationPlan {
  return {
    name: "shop",
    chart: { ...named(planShop().charts, "shop"), keepSecrets },
    source: chartRef(shopEndpoints, "shop"),
    plainHttp,
    context: "somewhere",
    kubeconfig,
    values,
    argocd: { ...argocd, waitSeconds },
  };
}

function recordApplication(variation: Variation = {}) {
  const { preview = false, finding } = variation;
  const plan = planApplication(variation);
  return record({ preview }, () => {
    const registry = new Registry("registry", shopEndpoints);
    const charts = makeCharts(planShop(), registry, makeImages(planShop(), registry));
    const provider = new kubernetes.Provider("cluster", { context: "somewhere" });
    const args = { ...applicationArgs(plan, charts), finding };
    const { applicationName, revision } = new Application(
      "shop",
      { ...args, chart: { ...args.chart, plainHttp: plan.plainHttp } },
      { provider },
    );
    return { applicationName, revision, digest: args.chart.digest };
  });
}

describe.each([true, false])("with preview: %s", (preview) => {
  test("Argo CD gets exactly this Application", async () => {
    const { version } = named(planShop().charts, "shop");
    const { registrations } = await recordApplication({ preview });
    expect(only(registrations, applicationType)).toEqual({
      type: applicationType,
      name: "shop",
      inputs: {
        apiVersion: "argoproj.io/v1alpha1",
        kind: "Application",
        metadata: {
          name: "shop",
          namespace: "argo",
          annotations: { "pulumi.com/patchForce": "true", "tinyolly/owner": "tinyolly/test" },
          finalizers: ["resources-finalizer.argocd.argoproj.io/foreground"],
        },
        spec: {
          project: "retail",
          source: { repoURL: source, path: ".", targetRevision: version },
          destination: { server: "https://api.test", namespace: "shop-space" },
          syncPolicy: {
            automated: { prune: true, selfHeal: true },
            syncOptions: ["CreateNamespace=true"],
          },
        },
      },
      parent: "tinyolly:index:Application::shop",
      dependsOn: ["command:local:Command::shop", "kubernetes:core/v1:Secret::shop-repository"],
      provider: "pulumi:providers:kubernetes::cluster",
      retainOnDelete: false,
      deleteBeforeReplace: false,
      replaceOnChanges: [],
    });
  });

  test("a registry of plain HTTP is told to Argo CD by a repository Secret", async () => {
    const { registrations } = await recordApplication({ preview });
    expect(only(registrations, "kubernetes:core/v1:Secret")).toEqual({
      type: "kubernetes:core/v1:Secret",
      name: "shop-repository",
      inputs: {
        apiVersion: "v1",
        kind: "Secret",
        metadata: {
          name: "shop-chart-repository",
          namespace: "argo",
          labels: { "argocd.argoproj.io/secret-type": "repository" },
        },
        stringData: { name: "shop", type: "oci", url: source, insecureOCIForceHttp: "true" },
      },
      parent: "tinyolly:index:Application::shop",
      dependsOn: [],
      provider: "pulumi:providers:kubernetes::cluster",
      retainOnDelete: false,
      deleteBeforeReplace: false,
      replaceOnChanges: [],
    });
  });

  test("the component shows all that decides the Application", async () => {
    const values = { web: { replicas: 3 } };
    const variation = { preview, values, keepSecrets: ["token"], waitSeconds: 9 };
    const { version } = planApplication(variation).chart;
    const { registrations } = await recordApplication(variation);
    expect(only(registrations, "tinyolly:index:Application").inputs).toEqual({
      revision: version,
      settings: {
        argocdNamespace: "argo",
        context: "somewhere",
        destinationServer: "https://api.test",
        keepSecrets: ["token"],
        namespace: "shop-space",
        plainHttp: true,
        project: "retail",
        source,
        values,
      },
    });
  });

  test("name and revision are known", async () => {
    const { version } = named(planShop().charts, "shop");
    const { result, registrations } = await recordApplication({ preview });
    const outputs = { applicationName: "shop", revision: version };
    expect(result).toMatchObject(outputs);
    expect(only(registrations, "tinyolly:index:Application").outputs).toEqual(outputs);
  });
});

test("a registry with TLS needs no repository Secret", async () => {
  const { registrations } = await recordApplication({ plainHttp: false });
  expect(ofType(registrations, "kubernetes:core/v1:Secret")).toEqual([]);
  expect(only(registrations, applicationType).dependsOn).toEqual(["command:local:Command::shop"]);
});

test("values of the environment are passed on as they are", async () => {
  const values = { web: { replicas: 3 }, hosts: ["a", "b"] };
  const { registrations } = await recordApplication({ values });
  expect(only(registrations, applicationType).inputs["spec"]).toMatchObject({
    source: { helm: { valuesObject: values } },
  });
});

test("the content of Secrets to keep is left as the chart first made it", async () => {
  const { registrations } = await recordApplication({ keepSecrets: ["shop-db", "shop-token"] });
  expect(only(registrations, applicationType).inputs["spec"]).toMatchObject({
    syncPolicy: { syncOptions: ["CreateNamespace=true", "RespectIgnoreDifferences=true"] },
    ignoreDifferences: [
      { kind: "Secret", name: "shop-db", jsonPointers: ["/data"] },
      { kind: "Secret", name: "shop-token", jsonPointers: ["/data"] },
    ],
  });
});

describe("with seconds to wait", () => {
  /** The command that waits for the Application. */
  const waiting = (variation: Variation) =>
    recordApplication({ waitSeconds: 90, ...variation }).then(({ registrations, result }) => ({
      command: only(registrations, commandType, "shop-rollout"),
      registrations,
      result,
    }));

  test("up waits for what was applied and pushed, with a fixed script", async () => {
    const values = { web: { replicas: 3 } };
    const variation = { values, kubeconfig: "my config; echo" };
    const { command, registrations, result } = await waiting(variation);
    const { spec } = only(registrations, applicationType).inputs;
    const { stdin, ...inputs } = command.inputs;
    expect(inputs).toEqual({
      create: scriptLine("await-rollout"),
      triggers: [result.digest, spec, 0],
      addPreviousOutputInEnv: false,
      logging: "stderr",
    });
    expect(JSON.parse(String(stdin))).toEqual({
      context: "somewhere",
      namespace: "argo",
      wanted: { name: "shop", spec, digest: result.digest },
      images: ["api", "web"],
      wait: ".tinyolly/waits/test/shop.json",
    });
    expect(readWait(".tinyolly/waits/test/shop.json")).toEqual({
      waitSeconds: 90,
      kubeconfig: "my config; echo",
    });
  });

  test("the wait comes after the Application, and is made anew whenever it changes", async () => {
    const { command } = await waiting({});
    expect({ ...command, inputs: undefined }).toEqual({
      type: commandType,
      name: "shop-rollout",
      inputs: undefined,
      parent: "tinyolly:index:Application::shop",
      dependsOn: [`${commandType}::shop`, `${applicationType}::shop`],
      provider: undefined,
      retainOnDelete: false,
      deleteBeforeReplace: true,
      // The SDK's own.
      replaceOnChanges: ["triggers[*]"],
    });
  });

  test("other values and each repair are waited for", async () => {
    const triggers = async (variation: Variation): Promise<string> =>
      JSON.stringify((await waiting(variation)).command.inputs["triggers"]);
    const first = await triggers({});
    expect(await triggers({})).toBe(first);
    expect(await triggers({ waitSeconds: 91 })).toBe(first);
    expect(await triggers({ values: { a: 1 } })).not.toBe(first);
    expect(await triggers({ finding: { repairs: 1 } })).not.toBe(first);
  });

  test("another wait is handed over, and is no change of what the engine is told", async () => {
    const [first, second] = [
      await waiting({ waitSeconds: 90 }),
      await waiting({ waitSeconds: 10, kubeconfig: "elsewhere" }),
    ];
    expect(second.command).toEqual(first.command);
    expect(readWait(".tinyolly/waits/test/shop.json")).toEqual({
      waitSeconds: 10,
      kubeconfig: "elsewhere",
    });
  });

  test("in preview nothing is handed over", async () => {
    await waiting({ preview: true });
    expect(existsSync(".tinyolly/waits")).toBe(false);
  });

  test("in preview only the digest to wait for is unknown", async () => {
    const { command, registrations } = await waiting({ preview: true });
    const { spec } = only(registrations, applicationType).inputs;
    expect(command.inputs).toMatchObject({ stdin: unknown, triggers: [unknown, spec, 0] });
  });

  test("the Application is the same as without", async () => {
    const { registrations } = await waiting({});
    const { registrations: others } = await recordApplication();
    for (const type of [applicationType, "tinyolly:index:Application"])
      expect(only(registrations, type)).toEqual(only(others, type));
  });
});

test("without seconds to wait nothing waits", async () => {
  const { registrations } = await recordApplication();
  expect(ofType(registrations, commandType).map(({ name }) => name)).not.toContain("shop-rollout");
});

describe("an Application that is put right", () => {
  const drift = (cause: Drift["cause"]): ApplicationFinding => ({
    repairs: 2,
    drift: { cause, detail: "somebody was here" },
  });

  test.each([
    ["edited", drift("edited"), [], false],
    ["missing", drift("missing"), ["metadata.annotations"], true],
    ["right again", { repairs: 2 }, [], false],
  ] as const)(
    "counts it when it is %s, and only one that is gone is made anew",
    async (_, finding, replaceOnChanges, deleteBeforeReplace) => {
      const { registrations } = await recordApplication({ finding });
      const application = only(registrations, applicationType);
      expect(application.inputs["metadata"]).toMatchObject({
        annotations: {
          "pulumi.com/patchForce": "true",
          "tinyolly/owner": "tinyolly/test",
          "tinyolly/repairs": "2",
        },
      });
      expect(only(registrations, "tinyolly:index:Application").inputs["repairs"]).toBe(2);
      expect(application).toMatchObject({ replaceOnChanges, deleteBeforeReplace });
    },
  );

  test("counts nothing as long as it never was", async () => {
    const { registrations } = await recordApplication({
      finding: { repairs: 0 },
    });
    expect(only(registrations, applicationType).inputs["metadata"]).toMatchObject({
      annotations: { "pulumi.com/patchForce": "true", "tinyolly/owner": "tinyolly/test" },
    });
    expect(JSON.stringify(registrations)).not.toContain("repairs");
  });
});

test("one chart has Applications in two namespaces, under names of their own", async () => {
  const plan = planApplication({});
  const { registrations } = await record({ preview: true }, () => {
    const registry = new Registry("registry", shopEndpoints);
    const charts = makeCharts(planShop(), registry, makeImages(planShop(), registry));
    for (const place of ["north", "south"])
      new Application(`shop-${place}`, {
        ...applicationArgs(plan, charts),
        ...{ namespace: place, applicationName: pulumi.output(`dev-shop-${place}`) },
      });
  });
  const made = ofType(registrations, applicationType).map(({ inputs }) => inputs);
  expect(made).toMatchObject([
    { metadata: { name: "dev-shop-north" }, spec: { destination: { namespace: "north" } } },
    { metadata: { name: "dev-shop-south" }, spec: { destination: { namespace: "south" } } },
  ]);
  const secrets = ofType(registrations, "kubernetes:core/v1:Secret").map(({ inputs }) => inputs);
  expect(secrets).toMatchObject([
    { metadata: { name: "dev-shop-north-chart-repository" } },
    { metadata: { name: "dev-shop-south-chart-repository" } },
  ]);
});
