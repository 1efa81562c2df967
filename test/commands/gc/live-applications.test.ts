import { describe, expect, test } from "vitest";
import { applicationName, recordedLocations } from "../../../commands/gc/live-applications.ts";
import { InputError } from "../../../delivery/basics/input-error.ts";
import type { ExportedResource } from "../../../delivery/settings/stack-state.ts";

test("an Application is named with its cluster", () => {
  const town = { cluster: { context: "town" }, namespace: "argocd" };
  expect(applicationName({ metadata: { name: "shop" } }, town)).toBe("Application shop in town");
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
