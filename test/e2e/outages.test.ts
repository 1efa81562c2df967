// What fails while Argo CD and the node are at work: `up` says what and why, and the next one converges.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { withLock } from "../../platform/machine/lock.ts";
import { servicePid, stopService } from "../../platform/machine/processes.ts";
import {
  deploy,
  kubectl,
  outputs,
  platform,
  restart,
  startDelivered,
  startUp,
  up,
  withConfig,
  withFile,
} from "./checkout.ts";
import { api, list, podUids, processBelow, ui, until, untilHealthy } from "./pods.ts";

/** Exports traces one after the other until standard input ends; prints the id of each that was acknowledged. */
const exportTraces = `
import secrets, sys, threading, time, grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
stopped = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
with grpc.insecure_channel("tinyolly-otlp-receiver:4343") as channel:
    stub = TraceServiceStub(channel)
    while not stopped.wait(0.01):
        trace, now = secrets.token_bytes(16), time.time_ns()
        span = {"trace_id": trace, "span_id": secrets.token_bytes(8), "name": "load",
                "start_time_unix_nano": now - 1000, "end_time_unix_nano": now}
        service = {"key": "service.name", "value": {"string_value": "load"}}
        request = ExportTraceServiceRequest(resource_spans=[
            {"resource": {"attributes": [service]}, "scope_spans": [{"spans": [span]}]}])
        try:
            stub.Export(request, timeout=2)
            print("ok", trace.hex(), flush=True)
        except grpc.RpcError:
            stopped.wait(0.1)
`;

const persistence = { persistence: { enabled: true } };

startDelivered();

test("an image that the registry lost before the node pulled it is named with the cure, and the next up pushes it again", async () => {
  await withFile(
    "apps/demo/backend.py",
    (text) => `${text}\n# changed ${Date.now()}\n`,
    async () => {
      // The controller is away, so that nothing is pulled before the image is lost.
      expect(await stopService(platform.state, "argocd-application-controller")).toBe(true);
      await withConfig({ waitSeconds: 1 }, () => {
        expect(up().status).not.toBe(0);
      });
      const digest = outputs().images["demo"]?.digest ?? "";
      const registry = `http://localhost:${platform.ports.registry}`;
      const url = `${registry}/v2/tinyolly/demo/manifests/${digest}`;
      expect((await fetch(url, { method: "DELETE" })).status).toBe(202);
      expect(restart().status).toBe(0);
      await until("the node cannot pull it", () =>
        waitingReasons("tinyolly-demos", /ErrImagePull|ImagePullBackOff/),
      );

      await withConfig({ waitSeconds: 2 }, () => {
        const { status, output } = up({ TINYOLLY_OFFLINE: "1" });
        expect(status).not.toBe(0);
        expect(output).toContain(digest);
        expect(output).toMatch(/pulumi up/);
      });
      const { status, output } = up();
      expect(output).toMatch(/demo.*missing|missing.*demo/s);
      expect(status, output).toBe(0);
    },
  );
  expect(up().status).toBe(0);
});

test("a chart that only Argo CD cannot render fails up with the template's own words, and leaves the pods as they are", async () => {
  const before = podUids("tinyolly-demos");
  // One that renders anything here.
  const bin = mkdtempSync(join(tmpdir(), "tinyolly-helm-"));
  onTestFinished(() => {
    rmSync(bin, { recursive: true });
  });
  const path = process.env["PATH"] ?? "";
  const helm = `#!/bin/sh\n[ "$1" = template ] || PATH='${path}' exec helm "$@"\n`;
  writeFileSync(join(bin, "helm"), helm, { mode: 0o755 });
  await withFile(
    "charts/tinyolly-demos/templates/service-backend.yaml",
    (text) => `${text}\n{{ fail "no backend today" }}\n`,
    () => {
      const { status, output } = up({ PATH: `${bin}:${path}` });
      expect(status).not.toBe(0);
      expect(output).toContain("no backend today");
      // It does not wait for what cannot come.
      expect(output).toContain("does not roll out");
    },
  );
  expect(podUids("tinyolly-demos")).toEqual(before);
  const { status, output } = up();
  expect(status, output).toBe(0);
});

test("a pod that cannot start is named with the end of its log", async () => {
  const values = {
    tinyolly: {
      redis: persistence,
      frontend: { extraEnv: [{ name: "PYTHONHOME", value: "/nowhere" }] },
    },
  };
  const short = { chartValues: values, waitSeconds: 2 };
  await withConfig(short, async () => {
    expect(up().status).not.toBe(0);
    await until("it has crashed", () => waitingReasons("tinyolly", /CrashLoopBackOff/));
    const { status, output } = up();
    expect(status).not.toBe(0);
    expect(output).toMatch(/tinyolly-frontend-\w+-\w+/);
    expect(output).toContain("Fatal Python error");
  });
  expect(up().status).toBe(0);
});

test("a registry that is down during a sync is named, and the next up catches up", async () => {
  await withFile(
    "charts/tinyolly-demos/values.yaml",
    (text) => `${text}\n# changed\n`,
    async () => {
      expect(await stopService(platform.state, "registry-in-cluster")).toBe(true);
      const { status, output } = up();
      expect(status).not.toBe(0);
      expect(output).toMatch(/connection refused|connect:/);
      expect(restart().status).toBe(0);
      const again = up();
      expect(again.status, again.output).toBe(0);
    },
  );
  expect(up().status).toBe(0);
});

test("Redis killed under load loses nothing that was acknowledged, and only Redis starts again", async () => {
  const restarts = (): Record<string, number> =>
    Object.fromEntries(
      list("pods", "tinyolly").map(({ metadata, status }) => {
        const [container] = status["containerStatuses"] as { restartCount: number }[];
        return [metadata.name, container?.restartCount ?? 0];
      }),
    );
  const before = restarts();
  const after = { ...before, "tinyolly-redis-0": (before["tinyolly-redis-0"] ?? 0) + 1 };
  const receiver = ["--namespace=tinyolly", "deploy/tinyolly-otlp-receiver"];
  const command = ["exec", "--stdin", ...receiver, "--", "python3", "-c", exportTraces];
  const load = spawn("kubectl", command, { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => {
    load.kill();
  });
  const acknowledged: string[] = [];
  createInterface(load.stdout).on("line", (line) => acknowledged.push(line.replace("ok ", "")));
  const ended = once(load, "close");
  const untilMore = (count: number): Promise<true> => {
    const goal = acknowledged.length + count;
    return until(`${count} traces more are acknowledged`, () =>
      acknowledged.length >= goal ? true : undefined,
    );
  };
  await untilMore(50);
  const init = Number(readFileSync(`${platform.state}/node/init.pid`, "utf8"));
  process.kill(processBelow(init, "redis-server *:6379") ?? 0, "SIGKILL");
  await until("Redis is back", () =>
    restarts()["tinyolly-redis-0"] === after["tinyolly-redis-0"] ? true : undefined,
  );
  await untilMore(50);
  load.stdin.end();
  await ended;

  await untilHealthy();
  const lost: string[] = [];
  for (const id of acknowledged) {
    const trace = await api(`/api/traces/${id}`).catch(() => undefined);
    if (trace === undefined) lost.push(id);
  }
  expect(lost).toEqual([]);
  expect(restarts()).toEqual(after);
});

test("a node that is killed comes back with its pods and their data", async () => {
  // Redis writes to disk once a second.
  const stored = BigInt(Date.now() - 10_000) * 1_000_000n;
  const known = await until("a trace that is on disk", async () => {
    // The API's list of traces, newest first.
    const { traces } = (await api("/api/traces?limit=500")) as {
      traces: { traceId: string; startTimeUnixNano: string }[];
    };
    return traces.find(({ startTimeUnixNano }) => BigInt(startTimeUnixNano) < stored)?.traceId;
  });
  process.kill(servicePid(platform.state, "node") ?? 0, "SIGKILL");
  await until("the kubelet is gone with the node", () =>
    servicePid(platform.state, "kubelet") === undefined ? true : undefined,
  );
  await expect(fetch(ui)).rejects.toThrow();
  const { status, output } = restart();
  expect(output).toContain("started kubelet");
  expect(status).toBe(0);
  await until("the web UI answers", async () => ((await fetch(ui)).ok ? true : undefined));
  await untilHealthy();
  expect(await until("the trace", () => api(`/api/traces/${known}`))).toMatchObject({
    traceId: known,
  });
});

test("Argo CD's controller killed in mid-sync holds up, and does not fail, an up", async () => {
  await withFile(
    "apps/demo/backend.py",
    (text) => `${text}\n# changed ${Date.now()}\n`,
    async () => {
      const revision = outputs().charts["tinyolly-demos"]?.version;
      const { ended } = startUp();
      await until("Argo CD has the new version", () => {
        // An Application.
        const { spec } = kubectl(
          "get",
          "applications.argoproj.io",
          "tinyolly-demos",
          "--namespace=argocd",
        ) as { spec: { source: { targetRevision: string } } };
        return spec.source.targetRevision === revision ? undefined : true;
      });
      process.kill(servicePid(platform.state, "argocd-application-controller") ?? 0, "SIGKILL");
      expect(restart().output).toContain("started argocd-application-controller");
      expect(await ended).toBe(0);
    },
  );
  expect(up().status).toBe(0);
});

test("of two make up at once the second says who is at work", async () => {
  await withLock(platform.state, "make up", async () => {
    const { status, output } = deploy();
    expect(status).toBe(1);
    expect(output).toContain(`make up (process ${process.pid}, since `);
    await Promise.resolve();
  });
});

/** Why containers of a namespace wait, where one of the reasons is looked for. */
function waitingReasons(namespace: string, wanted: RegExp): string[] | undefined {
  const reasons = list("pods", namespace).flatMap(({ status }) => {
    // As a Pod has them, once the kubelet has looked at it.
    const containers = (status["containerStatuses"] ?? []) as {
      state: { waiting?: { reason: string } };
    }[];
    return containers.flatMap(({ state }) => state.waiting?.reason ?? []);
  });
  return reasons.some((reason) => wanted.test(reason)) ? reasons : undefined;
}
