import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import {
  editedPaths,
  listApplications,
  readLiveApplications,
} from "../../../delivery/rollout/live-applications.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";

const cluster = { context: "town", clusterIdentifier: "town" };

beforeEach(() => {
  const folder = enterFolderWith({});
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"] ?? ""}`);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Puts a `kubectl` on PATH that notes its arguments and does as the script says. */
function kubectl(script: string, files: Readonly<Record<string, string>> = {}): void {
  writeFiles(".", {
    ...files,
    kubectl: `#!/bin/sh\nfor each in "$@"; do echo "$each"; done > arguments\n${script}\n`,
  });
  chmodSync("kubectl", 0o755);
}

describe("the live Applications", () => {
  const items = [
    { metadata: { name: "shop", labels: {} }, spec: { project: "default" }, status: {} },
    {
      metadata: { name: "tools", annotations: { "tinyolly/owner": "tinyolly/dev" } },
      spec: { project: "other" },
    },
  ];

  test("are read by name, in the named context, within ten seconds", async () => {
    kubectl("cat list.json", { "list.json": JSON.stringify({ kind: "List", items }) });
    expect(await readLiveApplications(cluster, "argocd")).toEqual(
      new Map([
        ["shop", { spec: { project: "default" } }],
        ["tools", { spec: { project: "other" }, owner: "tinyolly/dev" }],
      ]),
    );
    expect(readFileSync("arguments", "utf8").trim().split("\n")).toEqual([
      "get",
      "--raw=/apis/argoproj.io/v1alpha1/namespaces/argocd/applications",
      "--context=town",
      "--request-timeout=10s",
    ]);
  });

  test("are listed whole", async () => {
    kubectl("cat list.json", { "list.json": JSON.stringify({ kind: "List", items }) });
    expect(await listApplications(cluster, "argocd")).toEqual(items);
  });

  test("are read with the kubeconfig of the stack, whatever its name", async () => {
    kubectl("echo '{\"items\": []}'");
    const kubeconfig = "my cluster.yaml; echo";
    expect(await readLiveApplications({ ...cluster, kubeconfig }, "argocd")).toEqual(new Map());
    expect(readFileSync("arguments", "utf8")).toMatch(/\n--kubeconfig=my cluster\.yaml; echo\n$/);
  });
});

describe("the live Applications cannot be read:", () => {
  const goWithout = "or set TINYOLLY_OFFLINE=1 to go without";

  test.each<[what: string, script: string, problem: string]>([
    [
      "the cluster does not answer",
      "echo 'E1122 memcache.go: dial tcp: refused' >&2; " +
        "echo 'The connection to the server 127.0.0.1:6443 was refused' >&2; exit 1",
      "The connection to the server 127.0.0.1:6443 was refused",
    ],
    [
      "Argo CD is not installed",
      `echo "error: the server doesn't have a resource type \\"applications\\"" >&2; exit 1`,
      `error: the server doesn't have a resource type "applications"`,
    ],
  ])("%s", async (_, script, problem) => {
    kubectl(script);
    await expect(readLiveApplications(cluster, "argocd")).rejects.toThrow(
      new InputError(
        `the Applications in the cluster "town" cannot be read: ${problem}; start it ` +
          `(make platform-up starts the platform's), ${goWithout}`,
      ),
    );
  });

  test("kubectl that asks for a name gets none", async () => {
    kubectl(
      'echo "Please enter Username: " >&2; read -r name || { echo "error: EOF" >&2; exit 1; }',
    );
    await expect(
      readLiveApplications({ context: "c", clusterIdentifier: "c" }, "argocd"),
    ).rejects.toThrow('the Applications in the cluster "c" cannot be read: error: EOF; start it');
  });

  test.each<[what: string, script: string]>([
    ["kubectl prints no list", "echo '{}'"],
    ["kubectl prints no JSON", "echo no"],
  ])("%s", async (_, script) => {
    kubectl(script);
    await expect(listApplications(cluster, "argocd")).rejects.toThrow(
      new InputError(
        'the Applications in the cluster "town" cannot be read: kubectl printed no list; run it by hand',
      ),
    );
  });

  test("kubectl is not on PATH, and nothing else helps", async () => {
    vi.stubEnv("PATH", join(process.cwd(), "nowhere"));
    await expect(listApplications(cluster, "argocd")).rejects.toThrow(
      new InputError(
        `kubectl is not on PATH, so the Applications in the cluster "town" cannot be read; install it, ` +
          `run eval "$(make -s env)" to use the platform's`,
      ),
    );
  });

  test("kubectl is not on PATH", async () => {
    vi.stubEnv("PATH", join(process.cwd(), "nowhere"));
    await expect(readLiveApplications(cluster, "argocd")).rejects.toThrow(
      new InputError(
        `kubectl is not on PATH, so the Applications in the cluster "town" cannot be read; install it, ` +
          `run eval "$(make -s env)" to use the platform's, ${goWithout}`,
      ),
    );
  });
});

describe("edited are", () => {
  const planned = {
    project: "default",
    source: { targetRevision: "1", helm: { valuesObject: { a: [1, { b: 2, c: 3 }] } } },
    syncOptions: ["CreateNamespace=true"],
  };

  test.each<[what: string, live: unknown, paths: readonly string[]]>([
    ["no paths of what is as planned", planned, []],
    [
      "no paths where only the order of keys is another",
      {
        syncOptions: ["CreateNamespace=true"],
        source: { helm: { valuesObject: { a: [1, { c: 3, b: 2 }] } }, targetRevision: "1" },
        project: "default",
      },
      [],
    ],
    ["no paths that were not planned", { ...planned, revisionHistoryLimit: 1 }, []],
    ["a value that is another one", { ...planned, project: "other" }, ["spec.project"]],
    ["a value of another type", { ...planned, project: ["default"] }, ["spec.project"]],
    ["a field that is gone", { project: "default", source: planned.source }, ["spec.syncOptions"]],
    [
      "fields far below, in order",
      { ...planned, source: { targetRevision: "2", helm: { valuesObject: {} } } },
      ["spec.source.helm.valuesObject.a", "spec.source.targetRevision"],
    ],
    [
      "lists with one entry more",
      { ...planned, syncOptions: ["CreateNamespace=true", "Replace=true"] },
      ["spec.syncOptions"],
    ],
    [
      "lists in another order",
      {
        ...planned,
        source: { ...planned.source, helm: { valuesObject: { a: [{ b: 2, c: 3 }, 1] } } },
      },
      ["spec.source.helm.valuesObject.a"],
    ],
    ["all of nothing", undefined, ["spec"]],
    ["all of what is no map", "text", ["spec"]],
    ["all of null", null, ["spec"]],
  ])("%s", (_, live, paths) => {
    expect(editedPaths(planned, live)).toEqual(paths);
  });

  test.each<[string, unknown, unknown, string[]]>([
    ["a null is there", { a: null }, { a: null }, []],
    ["a null was dropped", { a: null, b: { c: null } }, { b: {} }, []],
    ["a null was dropped in a list", { a: [null, { b: null, c: 1 }] }, { a: [{ c: 1 }] }, []],
    ["a null was added", { a: 1 }, { a: 1, b: null }, []],
    ["a null became a value", { a: null }, { a: 1 }, ["spec.a"]],
    ["a value became a null", { a: 1 }, { a: null }, ["spec.a"]],
  ])("where %s", (_, given, live, paths) => {
    expect(editedPaths(given, live)).toEqual(paths);
  });
});
