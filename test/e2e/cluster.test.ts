// What Argo CD and the node make of a delivery: the product runs, follows changes, and is put right.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { get, getInNode } from "../../platform/machine/http.ts";
import { withPage } from "./browser.ts";
import {
  checkout,
  kubectl,
  outputs,
  platform,
  run,
  startDelivered,
  up,
  withConfig,
  withFile,
} from "./checkout.ts";
import { api, isHealthy, list, podUids, python, ui, until, untilHealthy } from "./pods.ts";

startDelivered();

interface Status {
  readonly status: {
    readonly sync: { readonly status: string; readonly revision: string };
    readonly health: { readonly status: string };
  };
}

const statusOf = (name: string): Status["status"] =>
  // The status that Argo CD writes.
  (kubectl("get", "applications.argoproj.io", name, "--namespace=argocd") as Status).status;

const built = (output: string): string[] =>
  [...output.matchAll(/docker-build:index:Image (\S+) (?:created|updated|replaced) /g)].map(
    ([, name = ""]) => name,
  );
const isWholeCalculation = (spans: readonly string[]): boolean =>
  spans.length >= 3 &&
  /^GET \/calculate\s+demo-frontend/.test(spans[0] ?? "") &&
  spans.some((span) => span.includes("demo-backend"));

const packaged = (output: string): string[] =>
  [...output.matchAll(/command:local:Command (tinyolly(?:-demos)?) (?:created|updated) /g)].map(
    ([, name = ""]) => name,
  );

test("up returns when both Applications are Synced and Healthy at the revision that it pushed", () => {
  const { status, output } = up();
  expect(status, output).toBe(0);
  for (const [name, { digest }] of Object.entries(outputs().charts)) {
    const { sync, health } = statusOf(name);
    expect([sync.status, health.status, sync.revision]).toEqual(["Synced", "Healthy", digest]);
  }
});

test("pods run the images that were pushed, by digest", () => {
  const { images } = outputs();
  const digests = (namespace: string): Record<string, string> => {
    const pods = list("pods", namespace) as unknown as {
      metadata: { labels: Record<string, string> };
      spec: { containers: { image: string }[] };
    }[];
    return Object.fromEntries(
      pods.map(({ metadata, spec }) => [
        metadata.labels["app.kubernetes.io/component"] ?? "",
        spec.containers[0]?.image.split("@")[1] ?? "",
      ]),
    );
  };
  expect(digests("tinyolly")).toMatchObject({
    frontend: images["tinyolly"]?.digest,
    "otlp-receiver": images["tinyolly"]?.digest,
    webui: images["webui"]?.digest,
    "opamp-server": images["opamp-server"]?.digest,
  });
  expect(digests("tinyolly-demos")).toEqual({
    frontend: images["demo"]?.digest,
    backend: images["demo"]?.digest,
  });
});

test("the browser shows a trace of the demo through both services, its waterfall and its logs", async () => {
  await withPage("trace-of-the-demo", async (page) => {
    await page.goto(ui);
    // Of one in the middle of which a service was removed the other service's part is all there is.
    const row = page
      .getByRole("row")
      .filter({ hasText: "GET /calculate" })
      .filter({ hasText: "demo-frontend" })
      .filter({ hasText: "demo-backend" })
      .first();
    await row.waitFor({ timeout: 120_000 });
    await row.getByRole("link").first().click();

    const waterfall = page.getByRole("tree", { name: "Spans of the trace" });
    // Services send their spans apart from each other, and the page asks again for those to come.
    const spans = (): Promise<string[]> => waterfall.getByRole("treeitem").allInnerTexts();
    await expect.poll(spans, { timeout: 30_000 }).toSatisfy(isWholeCalculation);

    const logs = page.getByRole("list", { name: /Logs of this trace/ });
    await logs.getByRole("listitem").first().waitFor();
    await page.getByRole("link", { name: "Open in Logs" }).click();
    await page.waitForURL(/\/logs\?traceId=[0-9a-f]{32}/);
    const records = page.getByRole("list", { name: /^Log records/ });
    const shown = await records.getByRole("button").first().innerText();
    expect(shown).toMatch(/demo-(?:frontend|backend)/);
  });
});

test("the web UI answers its pages, 404 elsewhere, and the addresses of its release", async () => {
  for (const path of ["/", "/traces/0af7651916cd43dd8448eb211c80319c", "/metrics?name=any"])
    expect((await get(`${ui}${path}`)).status, path).toBe(200);
  const missing = await get(`${ui}/nosuch`);
  expect(missing.status).toBe(404);
  expect(missing.body).toBe((await get(`${ui}/traces`)).body);
  const { body } = await get(`${ui}/addresses.json`);
  expect(JSON.parse(body)).toEqual({
    otlp: "http://tinyolly-otlp-receiver.tinyolly.svc.cluster.local:4343",
    opamp: "ws://tinyolly-opamp-server.tinyolly.svc.cluster.local:4320/v1/opamp",
  });
});

test("a pod and the kubelet both reach the registry by its in-cluster name", () => {
  const host = `docker-registry.registry.svc.cluster.local:${platform.ports.registryInCluster}`;
  const code = `import urllib.request as r; print(r.urlopen("http://${host}/v2/", timeout=5).status)`;
  expect(python("tinyolly", "deploy/tinyolly-frontend", code).trim()).toBe("200");
  // The kubelet pulled from there, since no image of ours is anywhere else.
  const [pod] = list("pods", "tinyolly", "--selector=app.kubernetes.io/component=webui");
  const [status] = (pod?.status["containerStatuses"] ?? []) as { imageID: string }[];
  expect(status?.imageID).toContain(host);
});

test("a pod reaches nothing outside the platform", () => {
  const code = [
    "import socket",
    "for host, port in [('1.1.1.1', 53), ('10.244.0.1', 22), ('10.244.0.1', 2379)]:",
    "    try: socket.create_connection((host, port), 3); print('reached', host, port)",
    "    except OSError: pass",
  ].join("\n");
  expect(python("tinyolly", "deploy/tinyolly-frontend", code)).toBe("");
});

test("the node has a root of its own, in which a pod finds none of this machine's folders", () => {
  const init = readFileSync(join(platform.state, "node/init.pid"), "utf8");
  const root = `/proc/${init}/root`;
  for (const folder of ["home", "boot", "srv", "etc/ssh", "var/lib/dpkg", "dev/disk"])
    expect(existsSync(join(root, folder)), folder).toBe(false);
  expect(existsSync(join(root, platform.state, "secrets"))).toBe(false);
  expect(existsSync(join(root, platform.state, "node"))).toBe(true);
});

test("anonymous requests are refused by API server and kubelet, and the node may not read other Secrets", async () => {
  const { apiServer } = platform.ports;
  expect((await get(`https://127.0.0.1:${apiServer}/api`)).status).toBe(401);
  expect((await getInNode(platform, "https://10.244.0.1:10250/pods")).status).toBe(401);
  const kubelet = `--kubeconfig=${platform.state}/config/kubelet.kubeconfig`;
  const args = [kubelet, `--server=https://127.0.0.1:${apiServer}`, "auth", "can-i"];
  const may = (verb: string, what: string): string =>
    run("kubectl", [...args, verb, what, "--namespace=argocd"])
      .output.trim()
      .split("\n")
      .at(-1) ?? "";
  for (const answer of [may("list", "secrets"), may("delete", "deployments")])
    expect(answer).toMatch(/^no\b/);
});

test("etcd and Argo CD's Redis answer to none but the servers that need them", async () => {
  const { etcd, redis } = platform.ports;
  await expect(get(`https://127.0.0.1:${etcd}/health`)).rejects.toThrow();
  expect(run("redis-cli", ["-p", String(redis), "keys", "*"]).output).toContain("NOAUTH");
});

test("Secrets are encrypted in etcd", () => {
  const database = readFileSync(join(platform.state, "etcd/member/snap/db"), "latin1");
  /** What is stored beside a key. */
  const stored = (key: string): string =>
    database.slice(database.lastIndexOf(key) + key.length).slice(0, 2000);
  const secret = stored("/registry/secrets/tinyolly/tinyolly-redis");
  expect(secret.slice(0, 50)).toContain("k8s:enc:secretbox:v1:key");
  expect(secret.slice(0, 200)).not.toContain("password");
  const service = stored("/registry/services/specs/tinyolly/tinyolly-redis");
  expect(service.slice(0, 50)).toContain("k8s\0");
  expect(service).toContain("redis");
});

test("one changed line rolls only the pods that run it, and the new code answers", async () => {
  const before = podUids("tinyolly");
  const demos = podUids("tinyolly-demos");
  const answer = async (): Promise<string> => (await get(`${ui}/api/health`)).body;
  await withFile(
    "apps/tinyolly/app/routers/health.py",
    (text) =>
      text.replace('@router.get("/health")', '@router.get("/api/changed")\n@router.get("/health")'),
    async () => {
      expect((await get(`${ui}/api/changed`)).status).toBe(404);
      const { status, output } = up();
      expect(status, output).toBe(0);
      expect(built(output)).toEqual(["tinyolly"]);
      expect(packaged(output)).toEqual(["tinyolly"]);
      expect(await answer()).toBeTypeOf("string");
      await until("the new code answers", async () =>
        (await get(`${ui}/api/changed`)).status === 200 ? true : undefined,
      );
      const now = podUids("tinyolly");
      const changed = Object.keys(before).filter((name) => before[name] !== now[name]);
      expect(changed.sort()).toEqual(["frontend", "otlp-receiver"]);
      expect(podUids("tinyolly-demos")).toEqual(demos);
    },
  );
  const { status } = up();
  expect(status).toBe(0);
});

test("a change of the chart alone builds nothing, and one of a value neither builds nor packages", async () => {
  await withFile(
    "charts/tinyolly/values.yaml",
    (text) => `${text}\n# changed\n`,
    () => {
      const { status, output } = up();
      expect(status, output).toBe(0);
      expect([built(output), packaged(output)]).toEqual([[], ["tinyolly"]]);
    },
  );
  expect(up().status).toBe(0);

  const values = {
    tinyolly: { redis: { persistence: { enabled: true } }, webui: { replicas: 2 } },
  };
  await withConfig({ chartValues: values }, () => {
    const { status, output } = up();
    expect(status, output).toBe(0);
    expect([built(output), packaged(output)]).toEqual([[], []]);
    // Healthy was waited for at the new values, although the revision is the same.
    const [webui] = list("deployments", "tinyolly").filter(({ metadata }) =>
      metadata.name.endsWith("webui"),
    );
    expect(webui?.status["readyReplicas"]).toBe(2);
  });
  expect(up().status).toBe(0);
  expect(Object.keys(podUids("tinyolly")).length).toBe(5);
});

test("a deleted Deployment comes back, and one that was edited by hand is put right", async () => {
  const deployment = (): { uid: string; generation: number; replicas: unknown } | undefined =>
    list("deployments", "tinyolly")
      .filter(({ metadata }) => metadata.name === "tinyolly-webui")
      .map(({ metadata: { uid, generation }, spec }) => ({
        uid,
        generation,
        replicas: spec["replicas"],
      }))[0];
  const first = deployment();
  run("kubectl", ["delete", "deployment", "tinyolly-webui", "--namespace=tinyolly"]);
  await until("the Deployment is made again", () => {
    const now = deployment();
    return now !== undefined && now.uid !== first?.uid ? now : undefined;
  });
  await untilHealthy();

  const { generation = 0 } = deployment() ?? {};
  const edit = ["scale", "deployment", "tinyolly-webui", "--replicas=3", "--namespace=tinyolly"];
  expect(run("kubectl", edit).status).toBe(0);
  // By its two changes, the edit and what undoes it: the latter can be there before one can look.
  await until("the edit is undone", () => {
    const now = deployment();
    return now?.replicas === 1 && now.generation >= generation + 2 ? true : undefined;
  });
  await untilHealthy();
});

test("what the chart no longer has is removed from the cluster", async () => {
  const services = (): string[] =>
    list("services", "tinyolly")
      .map(({ metadata }) => metadata.name)
      .sort();
  const before = services();
  expect(before).toContain("tinyolly-opamp-server");
  const file = "charts/tinyolly/templates/service-opamp-server.yaml";
  await withFile(
    file,
    () => "",
    () => {
      const { status, output } = up();
      expect(status, output).toBe(0);
      expect(services()).toEqual(before.filter((name) => name !== "tinyolly-opamp-server"));
    },
  );
  expect(up().status).toBe(0);
  expect(services()).toEqual(before);
});

test("the demo's traffic goes on after all of this", async () => {
  const newest = async (): Promise<number> => {
    // The API's list of traces, newest first.
    const { traces } = (await api("/api/traces?service=demo-backend&limit=1")) as {
      traces: { startTimeUnixNano: string }[];
    };
    return Number(BigInt(traces[0]?.startTimeUnixNano ?? "0") / 1_000_000n);
  };
  const since = Date.now();
  await until("a trace that started now", async () =>
    (await newest()) > since ? true : undefined,
  );
  expect(isHealthy("tinyolly")).toBe(true);
});

test("the whole platform with its pods needs less than 2.5 GiB of memory", () => {
  const args = ["platform/cli.ts", "status", "--json"];
  const { stdout } = spawnSync("node", args, { cwd: checkout, encoding: "utf8" });
  // The command's own JSON.
  const services = JSON.parse(stdout) as { memory: number }[];
  const total = services.reduce((sum, { memory }) => sum + memory, 0);
  process.stdout.write(`memory of the platform: ${(total / 2 ** 30).toFixed(2)} GiB\n`);
  expect(total).toBeLessThan(2.5 * 2 ** 30);
});
