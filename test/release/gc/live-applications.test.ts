import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { InputError } from "../../../components/input-error";
import type { ExportedResource } from "../../../explain/stack-state";
import {
  applicationName,
  readApplications,
  recordedLocations,
} from "../../../release/gc/live-applications";
import { enterFolderWith, writeFiles } from "../../folders";

const town = { cluster: { context: "town" }, namespace: "argocd" };

beforeEach(() => {
  const folder = enterFolderWith({});
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"] ?? ""}`);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Puts a `kubectl` on PATH that notes its arguments and does as the script says. */
function kubectl(script: string): void {
  writeFiles(".", { kubectl: `#!/bin/sh\necho "$@" > arguments\n${script}\n` });
  chmodSync("kubectl", 0o755);
}

describe("the Applications of an Argo CD", () => {
  test("are read whole, and named with their cluster", async () => {
    kubectl(`echo '{"items": [{"metadata": {"name": "shop"}, "status": {"history": []}}]}'`);
    const found = await readApplications(town);
    expect(found).toEqual([{ metadata: { name: "shop" }, status: { history: [] } }]);
    expect(found.map((application) => applicationName(application, town))).toEqual([
      "Application shop in town",
    ]);
    expect(readFileSync("arguments", "utf8")).toBe(
      "get applications.argoproj.io --namespace=argocd --output=json --context=town --request-timeout=10s\n",
    );
  });

  test.each<[what: string, script: string, problem: string]>([
    [
      "kubectl fails",
      "echo 'no route' >&2; exit 1",
      "no route; start it (make platform-up starts the platform's)",
    ],
    ["kubectl prints no list", "echo '{}'", "kubectl printed no list; run it by hand"],
    ["kubectl prints no JSON", "echo no", "kubectl printed no list; run it by hand"],
  ])("are refused where %s", async (_, script, problem) => {
    kubectl(script);
    await expect(readApplications(town)).rejects.toThrow(
      new InputError(`the Applications in the cluster "town" cannot be read: ${problem}`),
    );
  });

  test("are refused without kubectl", async () => {
    vi.stubEnv("PATH", join(process.cwd(), "nowhere"));
    await expect(readApplications(town)).rejects.toThrow(
      new InputError(
        `kubectl is not on PATH, so the Applications in the cluster "town" cannot be read; install it, run eval "$(make -s env)" to use the platform's`,
      ),
    );
  });
});

describe("a state says where its Applications are", () => {
  const urn = "urn:pulumi:local::shop::pulumi:providers:kubernetes::cluster";
  const provider = (inputs: Readonly<Record<string, unknown>>): ExportedResource => ({
    urn,
    type: "pulumi:providers:kubernetes",
    inputs,
  });
  const application: ExportedResource = {
    urn: "urn:pulumi:local::shop::kubernetes:argoproj.io/v1alpha1:Application::shop",
    type: "kubernetes:argoproj.io/v1alpha1:Application",
    provider: `${urn}::0123`,
    outputs: { metadata: { namespace: "argocd" } },
  };

  test("by the provider and the namespace of each", () => {
    const { outputs, ...pending } = { ...application, inputs: application.outputs ?? {} };
    expect(outputs).toBeDefined();
    const other = provider({ context: "other" });
    expect(
      recordedLocations("local", [
        { ...other, urn: `${urn}-2` },
        provider({ context: "town", kubeconfig: "here.yaml" }),
        application,
        pending,
      ]),
    ).toEqual(
      [0, 1].map(() => ({
        namespace: "argocd",
        cluster: { context: "town", kubeconfig: "here.yaml" },
      })),
    );
    expect(recordedLocations("local", [other])).toEqual([]);
  });

  test.each<[what: string, resources: readonly ExportedResource[]]>([
    ["no provider", [application]],
    ["a provider without a context", [provider({}), application]],
    [
      "a secret kubeconfig",
      [provider({ context: "town", kubeconfig: { ciphertext: "x" } }), application],
    ],
    ["no namespace", [provider({ context: "town" }), { ...application, outputs: {} }]],
  ])("or is refused with %s", (_, resources) => {
    expect(() => recordedLocations("local", resources)).toThrow(
      new InputError(
        'the state of stack "local" does not say in which cluster its Applications are; run pulumi up on it once more',
      ),
    );
  });
});
