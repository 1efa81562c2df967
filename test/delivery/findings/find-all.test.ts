import { chmodSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { type FindArgs, findAll } from "../../../delivery/findings/find-all.ts";
import { conflicts, driftMessages } from "../../../delivery/findings/finding.ts";
import {
  type StateResource,
  pushesVariable,
  repairsAnnotation,
} from "../../../delivery/findings/recorded.ts";
import { manifestOf, startRegistry } from "../../fake-registry.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { digestOf, plannedShop, stateAfter } from "../../planned.ts";
import { named, shopFiles, shopPublishing } from "../../shop.ts";

const cluster = { context: "town", clusterIdentifier: "town" };

beforeEach(() => {
  const folder = enterFolderWith(shopFiles);
  vi.stubEnv("PATH", `${folder}/bin:${process.env["PATH"] ?? ""}`);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A kubectl that knows these Applications, by name. */
function kubectlKnows(specs: Readonly<Record<string, unknown>>): void {
  const items = Object.entries(specs).map(([name, spec]) => ({ metadata: { name }, spec }));
  writeFiles(".", {
    "bin/kubectl": "#!/bin/sh\nexec cat live.json\n",
    "live.json": JSON.stringify({ items }),
  });
  chmodSync("bin/kubectl", 0o755);
}

type Question = Omit<FindArgs, "offline"> & { readonly state: readonly StateResource[] };

function question(push: string): Question {
  const endpoints = { ...shopPublishing.endpoints, push, pushTls: "plain-http" } as const;
  const planned = plannedShop({ publishing: { ...shopPublishing, endpoints } });
  const { plan, applications } = planned;
  return {
    plan,
    applications,
    endpoints,
    state: stateAfter(planned),
    owner: "tinyolly/test",
    cluster,
  };
}

describe("offline", () => {
  test("neither registry nor cluster is asked, and what was pushed again stays so", async () => {
    const args = question("nowhere.test");
    const state = args.state.map((one) => {
      const { outputs = {} } = one;
      if (one.type === "docker-build:index:Image")
        return { ...one, outputs: { ...outputs, buildArgs: { [pushesVariable]: "2" } } };
      if (one.type === "kubernetes:argoproj.io/v1alpha1:Application")
        return {
          ...one,
          outputs: { ...outputs, metadata: { annotations: { [repairsAnnotation]: "3" } } },
        };
      return one;
    });
    const findings = await findAll({ ...args, state, offline: true });
    expect(findings.images.get("web")).toEqual({ pushes: 2, stays: true, released: false });
    expect(findings.charts.get("shop")).toEqual({ pushes: 0, stays: true, released: false });
    expect(findings.applications.get("shop")).toEqual({ repairs: 3, drift: undefined });
    expect(driftMessages(findings)).toEqual([]);
  });
});

describe("online", () => {
  test("what is gone is pushed and applied once more, and said", async () => {
    const registry = await startRegistry();
    onTestFinished(() => registry.close());
    kubectlKnows({});
    const args = question(registry.host);
    const api = named(args.plan.images, "api");
    const digest = registry.setManifest("shop/api", api.tag, manifestOf("other"));

    const findings = await findAll({ ...args, offline: false });
    expect(findings.images.get("web")).toMatchObject({
      pushes: 1,
      drift: { cause: "missing" },
    });
    expect(findings.charts.get("tools")).toMatchObject({
      pushes: 1,
      drift: { cause: "missing" },
    });
    expect(findings.applications.get("tools")).toEqual({
      repairs: 1,
      drift: { cause: "missing", detail: "tools is not in the cluster" },
    });
    const { host } = registry;
    const [web, shop, tools] = [
      named(args.plan.images, "web").tag,
      named(args.plan.charts, "shop").version,
      named(args.plan.charts, "tools").version,
    ];
    const recorded = findings.images.get("api")?.lost ?? "";
    expect(driftMessages(findings)).toEqual([
      `missing-image: shop/web:${web} is not in ${host}; up pushes it again`,
      `tag-moved: shop/api:${api.tag} moved in ${host} from ${recorded} to ${digest}; up pushes it again`,
      `missing-chart: shop/charts/shop:${shop} is not in ${host}; up pushes it again`,
      `missing-chart: shop/charts/tools:${tools} is not in ${host}; up pushes it again`,
      "missing-application: shop is not in the cluster; up applies it again",
      "missing-application: tools is not in the cluster; up applies it again",
    ]);
    expect(recorded).toBe(digestOf(plannedRecord(args, "api")));
  });

  test("a stack that only publishes asks no cluster", async () => {
    const registry = await startRegistry();
    onTestFinished(() => registry.close());
    writeFiles(".", { "bin/kubectl": "#!/bin/sh\nexit 1\n" });
    chmodSync("bin/kubectl", 0o755);
    const args = { ...question(registry.host), cluster: undefined, applications: [] };
    const findings = await findAll({ ...args, offline: false });
    expect([...findings.applications.values()].flatMap(({ drift }) => drift ?? [])).toEqual([]);
    expect(registry.requests.length).toBeGreaterThan(0);
  });

  test("before the first run the registry is asked whether it has everything, and the cluster need not answer", async () => {
    const registry = await startRegistry();
    onTestFinished(() => registry.close());
    writeFiles(".", { "bin/kubectl": "#!/bin/sh\nexit 1\n" });
    chmodSync("bin/kubectl", 0o755);
    const args = { ...question(registry.host), state: [] };
    const api = named(args.plan.images, "api");
    const digest = registry.setManifest("shop/api", api.tag, manifestOf("api"));
    const findings = await findAll({ ...args, offline: false });
    expect(findings.images.get("api")).toMatchObject({ existing: digest, pushes: 0 });
    expect(findings.images.get("web")).toMatchObject({ existing: undefined, pushes: 0 });
    expect(driftMessages(findings)).toEqual([]);
    expect(conflicts(findings)).toEqual([]);
  });
});

/** What the state's component of an image noted. */
function plannedRecord({ state }: Pick<Question, "state">, name: string): unknown {
  return state.find(({ type, urn }) => type === "tinyolly:index:Image" && urn.endsWith(`::${name}`))
    ?.inputs;
}
