import { expect, test } from "vitest";
import { asksCluster, readCapabilities } from "../../../delivery/objects/capabilities.ts";
import type { Manifest } from "../../../delivery/objects/rendered-object.ts";
import { schemaProblems } from "../../../delivery/objects/schema-problems.ts";

/** A small cluster, as an API server tells of itself. */
const answers: Readonly<Record<string, unknown>> = {
  "/version": { gitVersion: "v1.36.3-gke.100" },
  "/apis/example.test/v1": {
    resources: [
      { kind: "Route", verbs: ["get", "list", "watch"] },
      { kind: "Scale", verbs: ["get"] },
    ],
  },
  "/openapi/v3": {
    paths: Object.fromEntries(
      ["api/v1", "apis/apps/v1", "apis/apps", "apis/example.test/v1", "apis/example.test/v2"].map(
        (path) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=1` }],
      ),
    ),
  },
  "/openapi/v3/apis/apps/v1?hash=1": {
    components: {
      schemas: {
        Deployment: {
          type: "object",
          properties: {
            ...{
              apiVersion: { type: "string" },
              kind: { type: "string" },
              metadata: { type: "object" },
            },
            spec: { allOf: [{ $ref: "#/components/schemas/Spec" }] },
          },
          "x-kubernetes-group-version-kind": [{ group: "apps", version: "v1", kind: "Deployment" }],
        },
        Spec: {
          type: "object",
          required: ["selector"],
          properties: {
            selector: { type: "object", additionalProperties: { type: "string" } },
            replicas: { type: "integer" },
            partition: { oneOf: [{ type: "string" }, { type: "integer" }] },
          },
        },
      },
    },
  },
};

const read = (path: string): Promise<unknown> => Promise.resolve(structuredClone(answers[path]));

function problems(...manifests: readonly Manifest[]): Promise<string[]> {
  const objects = manifests.map((manifest) => ({
    template: "templates/web.yaml",
    manifest: { metadata: { name: "web" }, ...manifest },
  }));
  return schemaProblems(read, objects);
}

const deployment = (spec: unknown): Manifest => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  spec,
});

test("an object that the cluster takes is no problem", async () => {
  expect(
    await problems(deployment({ selector: { a: "b" }, replicas: null, partition: "1" })),
  ).toEqual([]);
});

test("each field that it would not take is named", async () => {
  const told = await problems(
    deployment({ selector: { a: 1 }, replicas: "2", replcas: 1 }),
    deployment({}),
  );
  const what = 'Deployment "web" (templates/web.yaml): ';
  expect(told).toEqual([
    `${what}spec.selector.a: Instance type "number" is invalid. Expected "string"`,
    `${what}spec.replicas: Instance type "string" is invalid. Expected "integer"`,
    `${what}there is no field spec.replcas; correct its name`,
    `${what}spec: Instance does not have required property "selector"`,
  ]);
});

test("an object that Argo CD is told not to validate is not judged", async () => {
  const metadata = {
    annotations: { "argocd.argoproj.io/sync-options": "Prune=false,Validate=false" },
  };
  expect(await problems({ ...deployment({}), metadata })).toEqual([]);
});

test("a kind that nobody defines is named, and one that comes along or may be missing is not", async () => {
  const route: Manifest = { apiVersion: "example.test/v1", kind: "Route" };
  expect(await problems(route)).toEqual([
    'Route "web" (templates/web.yaml): the cluster has no Route of example.test/v1; install what defines it, or leave it out by the chart\'s values',
  ]);
  const skipped = {
    name: "web",
    annotations: { "argocd.argoproj.io/sync-options": "SkipDryRunOnMissingResource=true" },
  };
  expect(await problems({ ...route, metadata: skipped })).toEqual([]);
  const definition: Manifest = {
    apiVersion: "example.test/v1",
    kind: "CustomResourceDefinition",
    spec: { group: "example.test", names: { kind: "Route" } },
  };
  expect(await problems(route, definition)).toEqual([
    expect.stringContaining("CustomResourceDefinition"),
  ]);
});

test("a chart is told of the cluster what Argo CD tells it, and kinds that it asks for", async () => {
  const texts = '{{ if .Capabilities.APIVersions.Has "example.test/v1/Route" }}';
  expect(asksCluster(texts)).toBe(true);
  expect(asksCluster("name: x\nkubeVersion: '>=1.30'")).toBe(true);
  expect(asksCluster("name: x")).toBe(false);
  expect(await readCapabilities(read, texts)).toEqual({
    kubeVersion: "1.36.3",
    apiVersions: ["apps/v1", "example.test/v1", "example.test/v1/Route", "example.test/v2", "v1"],
  });
});
