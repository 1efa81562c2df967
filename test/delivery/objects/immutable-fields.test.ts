import { describe, expect, test } from "vitest";
import {
  isRecreated,
  refusedObject,
  refusedUpdate,
} from "../../../delivery/objects/immutable-fields.ts";

type Fields = Readonly<Record<string, unknown>>;

const template = (image: string): Fields => ({ spec: { containers: [{ name: "a", image }] } });
const claim = (storage: string, more: Fields = {}): Fields => ({
  metadata: { name: "data" },
  spec: { resources: { requests: { storage } }, ...more },
});

describe("an update is refused", () => {
  test.each<[kind: string, path: string, before: Fields, after: Fields]>([
    [
      "apps/Deployment",
      "spec.selector",
      { spec: { selector: { a: 1 } } },
      { spec: { selector: {} } },
    ],
    [
      "apps/DaemonSet",
      "spec.selector",
      { spec: { selector: { a: 1 } } },
      { spec: { selector: {} } },
    ],
    ["apps/StatefulSet", "spec.serviceName", { spec: { serviceName: "a" } }, { spec: {} }],
    [
      "apps/StatefulSet",
      "spec.podManagementPolicy",
      { spec: {} },
      { spec: { podManagementPolicy: "Parallel" } },
    ],
    [
      "apps/StatefulSet",
      "spec.volumeClaimTemplates",
      { spec: { volumeClaimTemplates: [claim("1Gi")] } },
      { spec: { volumeClaimTemplates: [claim("2Gi")] } },
    ],
    [
      "batch/Job",
      "spec.template",
      { spec: { template: template("a:1") } },
      { spec: { template: template("a:2") } },
    ],
    [
      "/Service",
      "spec.clusterIP",
      { spec: { clusterIP: "None" } },
      { spec: { clusterIP: "10.0.0.1" } },
    ],
    ["/Service", "spec.clusterIP", { spec: {} }, { spec: { clusterIP: "None" } }],
    ["/Secret", "type", {}, { type: "kubernetes.io/tls" }],
    [
      "/ConfigMap",
      "data",
      { immutable: true, data: { a: "1" } },
      { immutable: true, data: { a: "2" } },
    ],
    ["/PersistentVolumeClaim", "spec.resources.requests.storage", claim("2Gi"), claim("1Gi")],
    ["storage.k8s.io/StorageClass", "provisioner", { provisioner: "a" }, { provisioner: "b" }],
  ])("of a %s in %s", (kind, path, before, after) => {
    expect(refusedUpdate(kind, before, after)).toEqual({
      paths: [path],
      cure: expect.stringMatching(/take the change back|name that follows/) as string,
    });
  });
});

describe("an update is taken", () => {
  test.each<[what: string, kind: string, before: Fields, after: Fields]>([
    [
      "the template of a StatefulSet",
      "apps/StatefulSet",
      { spec: { template: template("a:1") } },
      { spec: { template: template("a:2") } },
    ],
    [
      "a default",
      "apps/StatefulSet",
      { spec: {} },
      { spec: { podManagementPolicy: "OrderedReady" } },
    ],
    [
      "the same size in other words",
      "apps/StatefulSet",
      { spec: { volumeClaimTemplates: [claim("1Gi")] } },
      { spec: { volumeClaimTemplates: [claim("1024Mi", { volumeMode: "Filesystem" })] } },
    ],
    ["a claim that grows", "/PersistentVolumeClaim", claim("1Gi"), claim("2Gi")],
    [
      "an address that is filled in again",
      "/Service",
      { spec: { clusterIP: "10.0.0.1" } },
      { spec: {} },
    ],
    ["the data of a ConfigMap", "/ConfigMap", { data: { a: "1" } }, { data: { a: "2" } }],
    [
      "anything of a NetworkPolicy",
      "networking.k8s.io/NetworkPolicy",
      { spec: { a: 1 } },
      { spec: { a: 2 } },
    ],
    [
      "another parallelism of a Job",
      "batch/Job",
      { spec: { parallelism: 1 } },
      { spec: { parallelism: 2 } },
    ],
  ])("%s", (_, kind, before, after) => {
    expect(refusedUpdate(kind, before, after)).toBeUndefined();
  });
});

test("Argo CD deletes and makes anew what its annotation or its kind says", () => {
  const forced = { metadata: { annotations: { "argocd.argoproj.io/sync-options": "Force=true" } } };
  const [before, after] = ["a:1", "a:2"].map((image) => ({
    ...forced,
    spec: { template: template(image) },
  }));
  expect(refusedUpdate("batch/Job", before ?? {}, after ?? {})).toBeUndefined();
  expect(isRecreated("batch/Job", before ?? {}, after ?? {})).toBe(true);
  expect(isRecreated("batch/Job", before ?? {}, before ?? {})).toBe(false);
  const [role, other] = ["a", "b"].map((name) => ({ roleRef: { name } }));
  expect(isRecreated("rbac.authorization.k8s.io/RoleBinding", role ?? {}, other ?? {})).toBe(true);
});

test("an object that does not fit an annotation is refused", () => {
  const big = { kind: "ConfigMap", data: { a: "x".repeat(256 * 1024) } };
  expect(refusedObject(big)?.cure).toContain("256 KiB");
  expect(refusedObject({ kind: "ConfigMap", data: { a: "x".repeat(200 * 1024) } })).toBeUndefined();
});
