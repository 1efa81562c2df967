import { describe, expect, test } from "vitest";
import { isSameTemplate, restartsPods } from "../../../delivery/objects/pod-template.ts";

type Fields = Readonly<Record<string, unknown>>;

function template(container: Fields = {}, pod: Fields = {}, metadata: Fields = {}): Fields {
  return {
    metadata: { labels: { app: "web" }, ...metadata },
    spec: { containers: [{ name: "web", image: "web@sha256:1", ...container }], ...pod },
  };
}

describe("two pod templates are one to the API server where", () => {
  test.each<[what: string, other: Fields]>([
    ["a default is written out", template({ imagePullPolicy: "IfNotPresent" })],
    [
      "many are",
      template({ terminationMessagePath: "/dev/termination-log" }, { restartPolicy: "Always" }),
    ],
    [
      "lists and maps are empty",
      template({ env: [], args: null }, { nodeSelector: {}, tolerations: [] }),
    ],
    ["a switch is off", template({ tty: false }, { hostNetwork: false })],
    ["resources are empty", template({ resources: {} })],
  ])("%s", (_, other) => {
    expect(isSameTemplate(template(), other)).toBe(true);
  });

  test.each<[what: string, before: Fields, after: Fields]>([
    [
      "quantities are equal",
      template({ resources: { limits: { cpu: "1000m", memory: "1Gi" } } }),
      template({ resources: { limits: { cpu: 1, memory: "1024Mi" } } }),
    ],
    [
      "requests are their limits",
      template({ resources: { limits: { memory: "64Mi" } } }),
      template({ resources: { limits: { memory: "64Mi" }, requests: { memory: "64Mi" } } }),
    ],
    [
      "a probe has its defaults",
      template({ livenessProbe: { httpGet: { port: 80 } } }),
      template({
        livenessProbe: {
          httpGet: { port: 80, path: "/", scheme: "HTTP" },
          timeoutSeconds: 1,
          initialDelaySeconds: 0,
        },
      }),
    ],
    [
      "a volume has its mode",
      template({}, { volumes: [{ name: "a", secret: { secretName: "a" } }] }),
      template({}, { volumes: [{ name: "a", secret: { secretName: "a", defaultMode: 420 } }] }),
    ],
    [
      "a port has its protocol",
      template({ ports: [{ containerPort: 80 }] }),
      template({ ports: [{ containerPort: 80, protocol: "TCP" }] }),
    ],
  ])("%s", (_, before, after) => {
    expect(isSameTemplate(before, after)).toBe(true);
  });
});

describe("they are two where", () => {
  test.each<[what: string, before: Fields, after: Fields]>([
    ["the image is another one", template(), template({ image: "web@sha256:2" })],
    [
      "a tag asks for every pull",
      template({ image: "a:1" }),
      template({ image: "a:1", imagePullPolicy: "Always" }),
    ],
    [
      "variables come in another order",
      template({ env: [{ name: "A" }, { name: "B" }] }),
      template({ env: [{ name: "B" }, { name: "A" }] }),
    ],
    [
      "an annotation is empty, and was not there",
      template(),
      template({}, {}, { annotations: { a: "" } }),
    ],
    ["a label changes", template(), template({}, {}, { labels: { app: "api" } })],
    ["a container's context is there", template(), template({ securityContext: {} })],
    [
      "a volume is another one",
      template({}, { volumes: [{ name: "a", emptyDir: {} }] }),
      template({}, { volumes: [{ name: "a", emptyDir: { sizeLimit: "1Mi" } }] }),
    ],
  ])("%s", (_, before, after) => {
    expect(isSameTemplate(before, after)).toBe(false);
  });
});

describe("a changed template", () => {
  const [before, after] = [template(), template({ image: "web@sha256:2" })];

  test.each<[kind: string, spec: Fields, restarts: boolean]>([
    ["Deployment", {}, true],
    ["Deployment", { replicas: 0 }, false],
    ["Deployment", { paused: true }, false],
    ["StatefulSet", { replicas: 3, updateStrategy: { rollingUpdate: { partition: 2 } } }, true],
    ["StatefulSet", { replicas: 2, updateStrategy: { rollingUpdate: { partition: 2 } } }, false],
    ["DaemonSet", { updateStrategy: { type: "OnDelete" } }, false],
    ["DaemonSet", {}, true],
    ["CronJob", {}, false],
  ])("of a %s with %o restarts pods: %s", (kind, spec, restarts) => {
    const [old, now] = [before, after].map((one) => ({ spec: { ...spec, template: one } }));
    expect(restartsPods(kind, old ?? {}, now ?? {})).toBe(restarts);
  });

  test("is none where only the workload changes", () => {
    const [old, now] = [1, 2].map((replicas) => ({ spec: { replicas, template: before } }));
    expect(restartsPods("Deployment", old ?? {}, now ?? {})).toBe(false);
  });
});
