import { beforeEach, describe, expect, test } from "vitest";
import * as kubernetes from "@pulumi/kubernetes";
import { Application, type ArgoCd } from "../../components/application";
import { Chart } from "../../components/chart";
import { Image } from "../../components/image";
import { Registry } from "../../components/registry";
import { enterFolderWith } from "../folders";
import { ofType, only, record, unknown } from "../mocks";
import { named, planShop, shopEndpoints, shopFiles } from "../shop";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

const applicationType = "kubernetes:argoproj.io/v1alpha1:Application";
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
  readonly inClusterPlainHttp?: boolean;
}

function recordApplication({
  preview = false,
  waitSeconds = 0,
  values,
  keepSecrets,
  inClusterPlainHttp = true,
}: Variation = {}) {
  const plan = planShop();
  return record({ preview }, () => {
    const registry = new Registry("registry", { ...shopEndpoints, inClusterPlainHttp });
    const images = new Map(
      plan.images.map((one) => [
        one.name,
        new Image(one.name, { plan: one, registry, builder: "smith" }),
      ]),
    );
    const chart = new Chart("shop", { plan: named(plan.charts, "shop"), images, registry });
    const provider = new kubernetes.Provider("cluster", { context: "somewhere" });
    const { applicationName, revision } = new Application(
      "shop",
      {
        chart,
        registry,
        namespace: "shop-space",
        values,
        ...(keepSecrets === undefined ? {} : { keepSecrets }),
        argocd: { ...argocd, waitSeconds },
      },
      { provider },
    );
    return { applicationName, revision, digest: chart.digest };
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
          annotations: {},
          finalizers: ["resources-finalizer.argocd.argoproj.io"],
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
  const { registrations } = await recordApplication({ inClusterPlainHttp: false });
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

test("with seconds to wait, up waits for the digest that was pushed, Synced and Healthy", async () => {
  const { registrations, result } = await recordApplication({ waitSeconds: 90 });
  expect(only(registrations, applicationType).inputs["metadata"]).toMatchObject({
    annotations: {
      "pulumi.com/waitFor": JSON.stringify([
        `jsonpath={.status.sync.revision}=${result.digest}`,
        "jsonpath={.status.sync.status}=Synced",
        "jsonpath={.status.health.status}=Healthy",
      ]),
      "pulumi.com/timeoutSeconds": "90",
    },
  });
});

test("in preview only what to wait for is unknown", async () => {
  const { registrations } = await recordApplication({ preview: true, waitSeconds: 90 });
  expect(only(registrations, applicationType).inputs["metadata"]).toMatchObject({
    annotations: { "pulumi.com/waitFor": unknown, "pulumi.com/timeoutSeconds": "90" },
  });
});
