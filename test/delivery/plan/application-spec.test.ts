import { beforeEach, describe, expect, test } from "vitest";
import {
  type ApplicationPlan,
  applicationFingerprint,
  applicationSpec,
} from "../../../delivery/plan/application-spec.ts";
import { enterFolderWith } from "../../folders.ts";
import { plannedShop } from "../../planned.ts";
import { shop, shopFiles } from "../../shop.ts";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

function planned(
  keepSecrets: readonly string[] = [],
  application: Partial<ApplicationPlan> = {},
): ApplicationPlan {
  const charts = { shop: { ...shop.charts.shop, keepSecrets } };
  const [plan] = plannedShop({ deliverables: { ...shop, charts }, application }).applications;
  if (!plan) throw new Error("the shop has no Application");
  return plan;
}

describe("the spec of an Application", () => {
  test("keeps a cluster at exactly the planned version of the chart", () => {
    const plan = planned();
    expect(applicationSpec(plan)).toEqual({
      project: "default",
      source: {
        repoURL: "oci://cluster.test:3/shop/charts/shop",
        path: ".",
        targetRevision: plan.chart.version,
      },
      destination: { server: "https://kubernetes.default.svc", namespace: "shop-space" },
      syncPolicy: {
        automated: { prune: true, selfHeal: true },
        syncOptions: ["CreateNamespace=true"],
      },
    });
  });

  test("holds the values of the environment as a map", () => {
    const values = { web: { replicas: 2 } };
    expect(applicationSpec(planned([], { values })).source).toMatchObject({
      helm: { valuesObject: values },
    });
  });

  test("leaves the content of kept Secrets to the cluster", () => {
    const { ignoreDifferences, syncPolicy } = applicationSpec(planned(["redis", "token"]));
    expect(ignoreDifferences).toEqual([
      { kind: "Secret", name: "redis", jsonPointers: ["/data"] },
      { kind: "Secret", name: "token", jsonPointers: ["/data"] },
    ]);
    expect(syncPolicy.syncOptions).toEqual([
      "CreateNamespace=true",
      "RespectIgnoreDifferences=true",
    ]);
  });
});

describe("the fingerprint of an Application", () => {
  test("holds each part that decides it", () => {
    const plan = planned(["redis"], { values: { web: { replicas: 2 } } });
    expect(applicationFingerprint(plan)).toEqual({
      revision: plan.chart.version,
      settings: {
        argocdNamespace: "argocd",
        context: "town",
        destinationServer: "https://kubernetes.default.svc",
        keepSecrets: ["redis"],
        namespace: "shop-space",
        plainHttp: true,
        project: "default",
        source: "oci://cluster.test:3/shop/charts/shop",
        values: { web: { replicas: 2 } },
      },
    });
  });

  test("does not hold how long up waits, nor where a machine has its kubeconfig", () => {
    const plan = planned();
    const other = { ...plan, kubeconfig: "elsewhere", argocd: { ...plan.argocd, waitSeconds: 9 } };
    expect(applicationFingerprint(other)).toEqual(applicationFingerprint(plan));
  });

  test("is the same after a state has kept it as JSON, values or not", () => {
    for (const values of [undefined, {}, { web: { replicas: 2 } }]) {
      const fingerprint = applicationFingerprint(planned([], { values }));
      expect(JSON.parse(JSON.stringify(fingerprint))).toStrictEqual(fingerprint);
    }
  });
});
