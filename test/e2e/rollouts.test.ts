// A roll-out that cannot succeed ends `up` as soon as that is sure, with the cause; one that is only slow is waited for.
import { expect, test } from "vitest";
import { startDelivered, up, withFile } from "./checkout.ts";

/** Seconds after the first proof within which `up` must end, and what one needs until then: a build of nothing, a sync, two crashes. */
const soon = 15;
const untilProof = 45;

startDelivered();

/** Has the chart of the demo deploy one more pod for the time of `body`. */
function withPod(pod: string, body: () => void): Promise<void> {
  const image = `include "tinyolly-demos.image" (dict "image" .Values.frontend.image "key" "frontend.image" "defaultTag" .Chart.AppVersion "folder" .Values.imageFolder)`;
  const indented = pod.replaceAll("IMAGE", image).replaceAll("\n", "\n      ");
  const deployment = `
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: more
spec:
  selector: { matchLabels: { app: more } }
  template:
    metadata: { labels: { app: more } }
    spec:
      ${indented}
`;
  return withFile(
    "charts/tinyolly-demos/templates/service-backend.yaml",
    (text) => text + deployment,
    body,
  );
}

const container = (more: string, image = "{{ IMAGE }}"): string => `containers:
  - name: more
    image: ${image}
    ${more.replaceAll("\n", "\n    ")}`;

test.each<[what: string, pod: string, why: RegExp]>([
  [
    "ends with the same exit again and again",
    // Without a probe it would be ready for a moment.
    container(`command: ["python", "-c", "import sys; print('no luck'); sys.exit(3)"]
readinessProbe: { exec: { command: ["test", "-f", "/ready"] } }`),
    /does not roll out: pod more-\S+: container more ended with exit code 3 again and again[^]*no luck/,
  ],
  [
    "has an image that is nowhere",
    container("", `{{ regexReplaceAll "@.*" (IMAGE) "@sha256:${"0".repeat(64)}" }}`),
    /does not roll out: pod more-\S+: the image of container more cannot be pulled/,
  ],
  [
    "fits on no node",
    `nodeSelector: { disk: none }\n${container("")}`,
    /does not roll out: pod more-\S+: it fits on no node: .*node affinity\/selector/,
  ],
  [
    "the cluster refuses",
    container("ports: [{ containerPort: 70000 }]"),
    /does not roll out: the cluster refuses Deployment more: .*70000.*must be between 1 and 65535/,
  ],
])("a pod that %s ends up soon, and the next one goes on", async (_, pod, why) => {
  await withPod(pod, () => {
    const start = performance.now();
    const { status, output } = up();
    expect(status).not.toBe(0);
    expect(output).toMatch(why);
    expect((performance.now() - start) / 1000).toBeLessThan(untilProof + soon);
  });
  const { status, output } = up();
  expect(status, output).toBe(0);
});

test("a pod that is ready after a while, and was down once before, is waited for", async () => {
  const start = `import os, sys, time
if not os.path.exists("/state/begun"):
    open("/state/begun", "w").close()
    sys.exit(1)
time.sleep(15)
open("/state/ready", "w").close()
time.sleep(3600)`;
  const pod = container(`command: ["python", "-c", ${JSON.stringify(start)}]
volumeMounts: [{ name: state, mountPath: /state }]
readinessProbe: { exec: { command: ["test", "-f", "/state/ready"] }, periodSeconds: 1 }`);
  await withPod(`volumes: [{ name: state, emptyDir: {} }]\n${pod}`, () => {
    const { status, output } = up();
    expect(status, output).toBe(0);
    expect(output).toMatch(/tinyolly-demos: Synced, Progressing.*; pod more-\S+ container more/);
  });
  const { status, output } = up();
  expect(status, output).toBe(0);
});
