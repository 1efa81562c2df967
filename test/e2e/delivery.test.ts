// The main job with the real CLI, builder, registry and cluster, in the order in which a user does it.
import { spawnSync } from "node:child_process";
import { beforeAll, expect, test } from "vitest";
import {
  type Outputs,
  type Run,
  buildsOfStack,
  checkout,
  kubectl,
  manifestStatus,
  outputs,
  platform,
  platformCommand,
  previewChanges,
  run,
  startDelivered,
  up,
  withConfig,
  withFile,
} from "./checkout.ts";

const inCluster = `docker-registry.registry.svc.cluster.local:${platform.ports.registryInCluster}`;

interface Application {
  readonly metadata: { readonly finalizers: string[] };
  readonly spec: {
    readonly source: {
      readonly repoURL: string;
      readonly path: string;
      readonly targetRevision: string;
    };
    readonly syncPolicy: unknown;
  };
  readonly status?: {
    readonly sync?: { readonly status: string; readonly revision: string };
  };
}

// The shape of an Application as Argo CD's CRD has it.
const application = (name: string): Application =>
  kubectl("get", "applications.argoproj.io", name, "--namespace=argocd") as Application;

const chartSources = (): string =>
  run("sh", ["-c", "find charts -type f -exec sha256sum {} + | sort"]).output;
const sourcesBefore = chartSources();

let firstUp: Run;
let first: Outputs;

startDelivered();

beforeAll(async () => {
  const { images, charts } = outputs();
  expect(destroy().status).toBe(0);
  // The first up finds nothing that was published before.
  for (const [name, { digest }] of Object.entries(images))
    await unpublish(`tinyolly/${name}`, digest);
  for (const [name, { digest }] of Object.entries(charts))
    await unpublish(`tinyolly/charts/${name}`, digest);
  firstUp = up();
  first = outputs();
});

test("the first up publishes four images, their base and two charts and makes two Applications", async () => {
  expect(firstUp.output).toContain("25 created");
  expect(firstUp.status).toBe(0);
  expect(Object.keys(first.images)).toEqual([
    "demo",
    "opamp-server",
    "python-base",
    "tinyolly",
    "webui",
  ]);
  for (const [name, { repository, tag, digest }] of Object.entries(first.images)) {
    expect(repository).toBe(`${inCluster}/tinyolly/${name}`);
    expect(tag).toMatch(/^v2\.1\.x-h[0-9a-f]{12}$/);
    expect(await manifestStatus(`tinyolly/${name}`, tag)).toBe(200);
    expect(await manifestStatus(`tinyolly/${name}`, digest)).toBe(200);
  }
  expect(Object.keys(first.charts)).toEqual(["tinyolly", "tinyolly-demos"]);
  for (const [name, { version, digest }] of Object.entries(first.charts)) {
    expect(await manifestStatus(`tinyolly/charts/${name}`, version)).toBe(200);
    expect(await manifestStatus(`tinyolly/charts/${name}`, digest)).toBe(200);
    const { metadata, spec } = application(name);
    expect(metadata.finalizers).toEqual(["resources-finalizer.argocd.argoproj.io/foreground"]);
    expect(spec.source).toMatchObject({
      repoURL: `oci://${inCluster}/tinyolly/charts/${name}`,
      path: ".",
      targetRevision: version,
    });
    expect(spec.syncPolicy).toMatchObject({
      automated: { prune: true, selfHeal: true },
    });
  }
});

test("Argo CD reads the pushed charts over plain HTTP and applies them", async () => {
  for (const [name, { digest }] of Object.entries(first.charts)) {
    await expect
      .poll(() => application(name).status?.sync, { timeout: 120_000, interval: 1000 })
      .toMatchObject({ status: "Synced", revision: digest });
  }
  const deployments = kubectl("get", "deployments", "--namespace=tinyolly") as { items: unknown[] };
  expect(deployments.items).toHaveLength(4);
});

test("nothing that reaches the cluster names a push endpoint", () => {
  const pushEndpoints = [
    "registry.tinyolly.test",
    "localhost",
    String(platform.ports.registryTls),
    "127.0.0.1",
  ];
  for (const [name, { version }] of Object.entries(first.charts)) {
    const chart = `oci://localhost:${platform.ports.registry}/tinyolly/charts/${name}`;
    const rendered = run("helm", ["template", name, chart, "--version", version, "--plain-http"]);
    expect(rendered.status).toBe(0);
    const images = [...rendered.output.matchAll(/^\s+image: (.*)$/gm)].map(
      ([, image = ""]) => image,
    );
    expect(images.length).toBeGreaterThan(1);
    for (const endpoint of pushEndpoints) {
      expect(images.filter((image) => image.includes(endpoint))).toEqual([]);
      expect(JSON.stringify(application(name).spec)).not.toContain(endpoint);
    }
  }
});

test("the packaged chart carries its images by digest and leaves the sources as they are", () => {
  const { version } = first.charts["tinyolly"] ?? { version: "" };
  const chart = `oci://localhost:${platform.ports.registry}/tinyolly/charts/tinyolly`;
  const values = run("helm", [
    "show",
    "values",
    chart,
    "--version",
    version,
    "--plain-http",
  ]).output;
  for (const image of ["tinyolly", "webui", "opamp-server"]) {
    expect(values).toContain(first.images[image]?.digest);
  }
  expect(chartSources()).toBe(sourcesBefore);
});

test("a second up changes nothing", () => {
  expect(previewChanges()).toEqual([]);
  const { status, output } = up();
  expect(output).toContain("25 unchanged");
  expect(status).toBe(0);
});

test("one changed file changes exactly its image, its chart and its Application", async () => {
  await withFile(
    "apps/demo/backend.py",
    (text) => `${text}\n# changed\n`,
    () => {
      expect(
        previewChanges()
          .map(({ op, resource }) => `${op} ${resource}`)
          .sort(),
      ).toEqual([
        "replace command:local:Command tinyolly-demos-rollout",
        "update command:local:Command tinyolly-demos",
        "update docker-build:index:Image demo",
        "update kubernetes:argoproj.io/v1alpha1:Application tinyolly-demos",
        "update tinyolly:index:Application tinyolly-demos",
        "update tinyolly:index:Chart tinyolly-demos",
        "update tinyolly:index:Image demo",
      ]);
      const explained = run("pulumi", [
        "preview",
        "--stack=local",
        "--diff",
        "--color=never",
      ]).output;
      expect(explained).toMatch(/~ backend\.py\s*: "[0-9a-f]{12}" => "[0-9a-f]{12}"/);
      const { output: short } = platformCommand("preview");
      expect(short).toMatch(/^ {4}sources\["backend\.py"\] +[0-9a-f]{12} → [0-9a-f]{12}$/m);
      expect(short.split("\n").length).toBeLessThan(30);

      const started = Date.now();
      const { status, output } = up();
      expect(status, output).toBe(0);
      const builds = buildsOfStack(started);
      expect(builds).toEqual([
        {
          image: expect.stringContaining("/tinyolly/demo:") as string,
          log: expect.stringMatching(/COPY .*backend\.py/) as string,
        },
      ]);
      expect(builds[0]?.log).not.toMatch(/pip|requirements/);
      const now = outputs();
      expect(now.images["demo"]?.digest).not.toBe(first.images["demo"]?.digest);
      expect(now.applications["tinyolly-demos"]?.revision).toBe(
        now.charts["tinyolly-demos"]?.version,
      );
      expect(now.charts["tinyolly-demos"]?.version).not.toBe(
        first.charts["tinyolly-demos"]?.version,
      );
      const others = ({ images, charts }: Outputs): unknown => [
        images["tinyolly"],
        images["webui"],
        images["opamp-server"],
        charts["tinyolly"],
      ];
      expect(others(now)).toEqual(others(first));
    },
  );
  // Back to the first content: the same digests come from the builder's cache.
  expect(up().status).toBe(0);
  expect(outputs()).toEqual(first);
});

test("a changed chart is packaged without a build", async () => {
  await withFile(
    "charts/tinyolly/values.yaml",
    (text) => `${text}\n# changed\n`,
    () => {
      expect(
        previewChanges()
          .map(({ resource }) => resource)
          .sort(),
      ).toEqual([
        "command:local:Command tinyolly",
        "command:local:Command tinyolly-rollout",
        "kubernetes:argoproj.io/v1alpha1:Application tinyolly",
        "tinyolly:index:Application tinyolly",
        "tinyolly:index:Chart tinyolly",
      ]);
    },
  );
});

test("the other push endpoint publishes the same digests", async () => {
  const nodePort = {
    registryPush: `localhost:${platform.ports.registry}`,
    registryPushTls: "plain-http",
  };
  await withConfig(nodePort, () => {
    const { status, output } = up();
    expect(output).not.toContain("error");
    expect(status).toBe(0);
    expect(outputs()).toEqual(first);
  });
  expect(up().status).toBe(0);
});

test("a stack that only publishes needs no cluster", async () => {
  await withConfig({ deploy: false, kubeContext: "nowhere" }, () => {
    const changes = previewChanges();
    expect(changes.map(({ op }) => op)).toEqual(changes.map(() => "delete"));
    expect(changes.map(({ resource }) => resource)).toContain(
      "kubernetes:argoproj.io/v1alpha1:Application tinyolly",
    );
  });
});

test("a second stack on the same Argo CD says whose the Applications are, and has its own beside them", async () => {
  const second = (...args: string[]): Run =>
    run("pulumi", [...args, "--stack=second", "--non-interactive", "--color=never"]);
  const names = (): string[] => {
    const { items } = kubectl("get", "applications.argoproj.io", "--namespace=argocd") as {
      items: { metadata: { name: string } }[];
    };
    return items.map(({ metadata }) => metadata.name).filter((name) => name.includes("tinyolly"));
  };
  const before = names();
  expect(second("stack", "init").status).toBe(0);
  try {
    const refused = second("up", "--yes", "--skip-preview");
    expect(refused.output).toContain(
      'Application "tinyolly" in argocd is of the stack tinyolly/local; give this one names of its own: pulumi config set namePrefix second-',
    );
    expect(refused.status).not.toBe(0);
    await withConfig({ namePrefix: "second-", waitSeconds: 0 }, () => {
      const { status, output } = second("up", "--yes", "--skip-preview");
      expect(status, output).toBe(0);
      expect(names().sort()).toEqual([...before, ...before.map((name) => `second-${name}`)].sort());
      expect(second("destroy", "--yes", "--skip-preview").status).toBe(0);
    });
    expect(names()).toEqual(before);
    expect(previewChanges()).toEqual([]);
  } finally {
    second("stack", "rm", "--yes", "--force");
  }
});

test("the platform's status says that every server is ready", () => {
  const args = ["platform/cli.ts", "status", "--json"];
  const { stdout, status } = spawnSync("node", args, { cwd: checkout, encoding: "utf8" });
  // The command's own JSON.
  const services = JSON.parse(stdout) as { name: string; health: string; pid: number }[];
  expect(services.map(({ health }) => health)).toEqual(services.map(() => "ready"));
  expect(services.length).toBeGreaterThan(8);
  expect(status).toBe(0);
});

test("every server listens on loopback only", () => {
  const sockets = spawnSync("sh", ["-c", "cat /proc/net/tcp /proc/net/tcp6"], {
    encoding: "utf8",
  }).stdout;
  const ours = new Set(
    Object.values(platform.ports).map((port: number) =>
      port.toString(16).toUpperCase().padStart(4, "0"),
    ),
  );
  const addresses = sockets
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state]) => state === "0A" && ours.has(local.split(":")[1] ?? ""))
    .map(([, local = ""]) => local.split(":")[0] ?? "")
    // Builders of a suite that runs beside this one have links of their own, in 198.18.0.0/15.
    .filter((address) => !/1[23]C6$/.test(address));
  expect(addresses.length).toBeGreaterThan(8);
  expect(new Set(addresses)).toEqual(new Set(["0100007F"]));
});

test("no secret of the platform shows in process arguments or in the stack's state", () => {
  const secrets = run("sh", ["-c", `cat ${platform.state}/secrets/*`]).output;
  const values = secrets.match(/[0-9a-f]{48}/g) ?? [];
  expect(values.length).toBeGreaterThan(1);
  const seen =
    run("sh", ["-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]).output +
    run("pulumi", ["stack", "export", "--stack=local"]).output;
  expect(values.filter((value) => seen.includes(value))).toEqual([]);
});

test("destroy removes the Applications, and the registry keeps what was published", async () => {
  const destroyed = destroy();
  expect(destroyed.output).toContain("25 deleted");
  expect(destroyed.status).toBe(0);
  const left = kubectl(
    "get",
    "applications.argoproj.io,secrets",
    "--namespace=argocd",
    "--selector=!app.kubernetes.io/part-of",
  ) as { items: { metadata: { name: string } }[] };
  // Other suites have Applications of other names.
  const names = left.items.map(({ metadata }) => metadata.name);
  expect(names.filter((name) => name.startsWith("tinyolly"))).toEqual([]);
  for (const [name, { digest }] of Object.entries(first.images)) {
    expect(await manifestStatus(`tinyolly/${name}`, digest)).toBe(200);
  }
});

test("up after destroy brings the same release back", () => {
  expect(up().status).toBe(0);
  expect(outputs()).toEqual(first);
});

function destroy(): Run {
  const args = ["destroy", "--stack=local", "--yes", "--skip-preview", "--non-interactive"];
  return run("pulumi", args);
}

/** Deletes a manifest, so that no stack takes it as it is. */
async function unpublish(repository: string, digest: string): Promise<void> {
  const url = `http://localhost:${platform.ports.registry}/v2/${repository}/manifests/${digest}`;
  expect((await fetch(url, { method: "DELETE" })).status).toBe(202);
}
