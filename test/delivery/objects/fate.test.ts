import { describe, expect, test } from "vitest";
import { type Renderings, objectFates } from "../../../delivery/objects/fate.ts";
import { readObjects } from "../../../delivery/objects/rendered-object.ts";

const labels = (version: string): string => `labels: {helm.sh/chart: shop-${version}}`;

function deployment(image: string, version = "1"): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, ${labels(version)}}
spec: {template: {spec: {containers: [{name: web, image: "${image}"}]}}}`;
}

function config(name: string, value: string, version = "1", annotations = ""): string {
  return `
apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}, ${labels(version)}, annotations: {${annotations}}}
data: {a: "${value}"}`;
}

/** What helm prints of templates. */
function printed(...templates: readonly string[]): string {
  return templates.map((one, at) => `---\n# Source: shop/templates/${at}.yaml${one}\n`).join("");
}

function fates(
  before: readonly string[],
  after: readonly string[],
  more: Partial<Renderings> = {},
): string[] {
  return objectFates({
    before: readObjects(printed(...before)),
    after: readObjects(printed(...after)),
    ...{ namespace: "shop", keepSecrets: [], ...more },
  }).map(({ fate, kind, name, openName }) => `${fate} ${kind} ${name}${openName ? "…" : ""}`);
}

describe("objects", () => {
  test("that stay as they are, are left out", () => {
    expect(fates([deployment("a"), config("c", "1")], [deployment("a"), config("c", "1")])).toEqual(
      [],
    );
  });

  test("of a new version, gravest first", () => {
    const before = [config("data", "1"), config("gone", "1"), config("same", "1"), deployment("a")];
    const after = [
      config("data", "2", "2"),
      config("same", "1", "2"),
      deployment("b", "2"),
      config("new", "1", "2"),
    ];
    expect(fates(before, after)).toEqual([
      "restart Deployment web",
      "create ConfigMap new",
      "patch ConfigMap data",
      "prune ConfigMap gone",
      "labels ConfigMap same",
    ]);
  });

  test("that Argo CD does not prune stay", () => {
    const kept = config("kept", "1", "1", "argocd.argoproj.io/sync-options: Prune=false");
    expect(fates([kept], [])).toEqual(["leave ConfigMap kept"]);
    const policy = config("kept", "1", "1", "helm.sh/resource-policy: keep");
    expect(fates([policy], [])).toEqual(["prune ConfigMap kept"]);
  });

  test("that are hooks are made with every sync, and tests never", () => {
    const hook = config("hook", "1", "1", "helm.sh/hook: 'pre-install,pre-upgrade'");
    const check = config("check", "1", "1", "helm.sh/hook: test");
    expect(fates([hook, check], [hook, check])).toEqual([]);
    expect(fates([hook, check, config("c", "1")], [hook, check, config("c", "2")])).toEqual([
      "patch ConfigMap c",
      "hook ConfigMap hook",
    ]);
    expect(fates([hook], [])).toEqual([]);
  });

  test("whose content is kept count without it", () => {
    const secret = (password: string): string =>
      `\napiVersion: v1\nkind: Secret\nmetadata: {name: redis}\ndata: {password: ${password}}`;
    expect(fates([secret("a")], [secret("b")])).toEqual(["patch Secret redis"]);
    expect(fates([secret("a")], [secret("b")], { keepSecrets: ["redis"] })).toEqual([]);
  });

  test("that are Secrets show no content", () => {
    const secret = (password: string): string =>
      `\napiVersion: v1\nkind: Secret\nmetadata: {name: redis, labels: {a: ${password}}}\ndata: {password: ${password}}`;
    const [found] = objectFates({
      before: readObjects(printed(secret("old"))),
      after: readObjects(printed(secret("new"))),
      ...{ namespace: "shop", keepSecrets: [] },
    });
    expect(found?.fields).toEqual([
      { path: "data.password", from: "(hidden)", to: "(hidden)" },
      { path: "metadata.labels.a", from: "old", to: "new" },
    ]);
  });

  test("in another namespace are others", () => {
    const at = (namespace: string): string =>
      `\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ${namespace}}`;
    expect(
      fates([at("shop")], [config("a", "1").replace(/metadata.*/, "metadata: {name: a}")]),
    ).toEqual(["patch ConfigMap a"]);
    expect(fates([at("other")], [at("shop")])).toEqual(["create ConfigMap a", "prune ConfigMap a"]);
  });

  test("whose names follow from a digest are told without its end", () => {
    const job = (hash: string): string =>
      `\napiVersion: batch/v1\nkind: Job\nmetadata: {name: load-${hash}}\nspec: {}`;
    const other = readObjects(printed(job("cd")));
    expect(fates([job("12")], [job("ab")], { other })).toEqual([
      "create Job load-…",
      "prune Job load-12",
    ]);
  });
});

test("what helm prints is read as Kubernetes reads it", () => {
  const [one, two] = readObjects(
    `---\n# Source: shop/charts/db/templates/a.yaml\nkind: ConfigMapList\napiVersion: v1\nitems:\n- kind: ConfigMap\n  data: {time: 2001-01-01, mode: 0644, on: "on"}\n` +
      `---\n# Source: shop/templates/b.yaml\n# nothing\n---\n# Source: shop/templates/c.yaml\nkind: Secret\n`,
  );
  expect(one).toEqual({
    template: "charts/db/templates/a.yaml",
    manifest: { kind: "ConfigMap", data: { time: "2001-01-01", mode: 420, true: "on" } },
  });
  expect(two).toEqual({ template: "templates/c.yaml", manifest: { kind: "Secret" } });
  const [twice] = readObjects("---\n# Source: shop/templates/a.yaml\nkind: A\nkind: B\n");
  expect(twice?.manifest).toEqual({ kind: "B" });
  expect(() => readObjects("---\n# Source: shop/templates/a.yaml\nkind: [\n")).toThrow(
    "templates/a.yaml gives no YAML: ",
  );
});
