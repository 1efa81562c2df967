// What fails while Argo CD and the node are at work: `up` says what and why, and the next one converges.
import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import { statFields } from "../../platform/start-time";
import { servicePid, stopService } from "../../platform/processes";
import {
  checkout,
  kubectl,
  outputs,
  platform,
  restart,
  run,
  startUp,
  up,
  withConfig,
  withFile,
} from "./checkout";
import { api, list, podUids, ui, until, untilHealthy } from "./pods";

/** Exports traces one after the other until all is well again after an outage; prints the id of each that was acknowledged. */
const exportTraces = `
import secrets, time, grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
end, refused, after = time.monotonic() + 120, 0, 0
with grpc.insecure_channel("tinyolly-otlp-receiver:4343") as channel:
    stub = TraceServiceStub(channel)
    while time.monotonic() < end and after < 100:
        trace, now = secrets.token_bytes(16), time.time_ns()
        span = {"trace_id": trace, "span_id": secrets.token_bytes(8), "name": "load",
                "start_time_unix_nano": now - 1000, "end_time_unix_nano": now}
        service = {"key": "service.name", "value": {"string_value": "load"}}
        request = ExportTraceServiceRequest(resource_spans=[
            {"resource": {"attributes": [service]}, "scope_spans": [{"spans": [span]}]}])
        try:
            stub.Export(request, timeout=2)
            print("ok", trace.hex(), flush=True)
            after += refused > 0
        except grpc.RpcError:
            refused += 1
            time.sleep(0.1)
        time.sleep(0.01)
`;

const persistence = { persistence: { enabled: true } };

beforeAll(() => {
  expect(up().status).toBe(0);
});

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

      await withConfig({ waitSeconds: 30 }, () => {
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

test("a chart that does not render fails up with the template's own words, and leaves the pods as they are", async () => {
  const before = podUids("tinyolly-demos");
  await withFile(
    "charts/tinyolly-demos/templates/service-backend.yaml",
    (text) => `${text}\n{{ fail "no backend today" }}\n`,
    () => {
      const started = Date.now();
      const { status, output } = up();
      expect(status).not.toBe(0);
      expect(output).toContain("no backend today");
      // It does not wait for what cannot come.
      expect(Date.now() - started).toBeLessThan(90_000);
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
  await withConfig({ chartValues: values, waitSeconds: 45 }, () => {
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
  const load = spawn(
    "kubectl",
    [
      "exec",
      "--namespace=tinyolly",
      "deploy/tinyolly-otlp-receiver",
      "--",
      "python3",
      "-c",
      exportTraces,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  const first = new Promise<void>((resolve) => {
    load.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      resolve();
    });
  });
  const ended = new Promise<void>((resolve) =>
    load.once("close", () => {
      resolve();
    }),
  );
  await first;
  await sleep(2000);
  process.kill(pidInNode("redis-server *:6379"), "SIGKILL");
  await ended;

  const acknowledged = output
    .trim()
    .split("\n")
    .filter((line) => line.startsWith("ok "));
  expect(acknowledged.length).toBeGreaterThan(150);
  await untilHealthy();
  const lost: string[] = [];
  for (const line of acknowledged) {
    const id = line.slice(3);
    const trace = await api(`/api/traces/${id}`).catch(() => undefined);
    if (trace === undefined) lost.push(id);
  }
  expect(lost).toEqual([]);
  expect(restarts()).toEqual({
    ...before,
    "tinyolly-redis-0": (before["tinyolly-redis-0"] ?? 0) + 1,
  });
});

test("a node that is killed comes back with its pods and their data", async () => {
  // The API's list of traces, newest first.
  const { traces } = (await api("/api/traces?limit=1")) as { traces: { traceId: string }[] };
  const known = traces[0]?.traceId ?? "";
  expect(known).toMatch(/^[0-9a-f]{32}$/);
  // Redis writes to disk once a second.
  await sleep(2000);
  process.kill(servicePid(platform.state, "node") ?? 0, "SIGKILL");
  await until("the kubelet is gone with the node", 20, () =>
    servicePid(platform.state, "kubelet") === undefined ? true : undefined,
  );
  await expect(fetch(ui)).rejects.toThrow();
  const { status, output } = restart();
  expect(output).toContain("started kubelet");
  expect(status).toBe(0);
  await until("the web UI answers", 120, async () => ((await fetch(ui)).ok ? true : undefined));
  await untilHealthy();
  expect(await until("the trace", 30, () => api(`/api/traces/${known}`))).toMatchObject({
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
      await until("Argo CD has the new version", 120, () => {
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
  const cli = ["--require", "./run-typescript.cjs", "platform/cli.ts"];
  const first = spawn("node", [...cli, "deploy"], { cwd: checkout, stdio: "ignore" });
  const ended = new Promise<number | null>((resolve) => first.once("close", resolve));
  await until("the lock is taken", 30, () =>
    readdirSync(`${platform.state}.lock`).length > 0 ? true : undefined,
  );
  const { status, output } = run("node", [...cli, "deploy"]);
  expect(status).toBe(1);
  expect(output).toContain(`make up (process ${first.pid ?? 0}, since `);
  expect(await ended).toBe(0);
});

/** Pid on this machine of a process of the platform's node. */
function pidInNode(command: string): number {
  const init = Number(readFileSync(`${platform.state}/node/init.pid`, "utf8"));
  const isInside = (pid: number): boolean =>
    pid === init || (pid > 1 && isInside(Number(statFields(pid)?.[1] ?? 0)));
  const found = readdirSync("/proc").find((name) => {
    if (!/^\d+$/.test(name)) return false;
    return commandLine(name).trim() === command && isInside(Number(name));
  });
  if (found === undefined) throw new Error(`no ${command} in the node`);
  return Number(found);
}

/** What a process calls itself; empty when it has ended. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0] ?? "";
  } catch {
    return "";
  }
}
