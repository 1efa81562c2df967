// What previews and explanations say is what up does, on every machine, and registry and cluster are part of it.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import type { Explanation } from "../../commands/explain/explanation.ts";
import { get } from "../../platform/machine/http.ts";
import { type LoggedBuild, loggedBuilds } from "../../platform/report/build-log.ts";
import { seededRandom } from "../random.ts";
import {
  type Run,
  buildsOfStack,
  checkout,
  kubectl,
  manifestStatus,
  outputs,
  platform,
  previewChanges,
  read,
  run,
  startDelivered,
  up,
  withConfig,
  withFile,
} from "./checkout.ts";
import { recordConnections, recordRequests } from "./recording-proxy.ts";

const registry = `localhost:${platform.ports.registry}`;
const manifestType = "application/vnd.oci.image.manifest.v1+json";

const changed = (text: string): string => `${text}\n# changed\n`;

let work: string;

startDelivered();

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), "tinyolly-truth-"));
  // One test is another user.
  chmodSync(work, 0o755);
});

afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

function explain(...args: string[]): Run {
  return run("node", ["commands/explain/cli.ts", ...args]);
}

/** Changed items as `kind name`, and their causes. */
function explained(): Record<string, string[]> {
  const { status, output } = explain("--json");
  if (status !== 0) throw new Error(output);
  // The command's own JSON.
  const { items } = JSON.parse(output) as Explanation;
  return Object.fromEntries(
    items
      .filter(({ action }) => action !== "none")
      .map(({ kind, name, reasons }) => [
        `${kind} ${name}`,
        [...new Set(reasons.map(({ cause }) => cause))],
      ]),
  );
}

/** What the engine would change, as `kind name`. */
function previewed(): string[] {
  const kinds: Readonly<Record<string, string>> = {
    "docker-build:index:Image": "image",
    "command:local:Command": "chart",
    "kubernetes:argoproj.io/v1alpha1:Application": "application",
  };
  const items = previewChanges().flatMap(({ resource }) => {
    const [type = "", name = ""] = resource.split(" ");
    // What only waits is no item.
    const kind = name.endsWith("-rollout") ? undefined : kinds[type];
    return kind === undefined ? [] : [`${kind} ${name}`];
  });
  return [...new Set(items)].sort();
}

test("explanation, preview and up agree on random edits", () => {
  const random = seededRandom(20);
  const comment = (text: string): string => `${text}\n# ${random.word()}\n`;
  const edits: [file: string, change: (text: string) => string][] = [
    ["apps/tinyolly/common/storage.py", comment],
    ["apps/tinyolly/Dockerfile", comment],
    ["apps/demo/frontend.py", comment],
    ["apps/opamp-server/main.go", (text) => `${text}\n// ${random.word()}\n`],
    ["charts/tinyolly/values.yaml", comment],
    ["charts/tinyolly-demos/Chart.yaml", comment],
    ["charts/tinyolly/.helmignore", comment],
    ["apps/demo/.dockerignore", comment],
    ["apps/python-base/requirements.in", comment],
  ];

  for (let round = 0; round < 5; round++) {
    const chosen = random.shuffle(edits).slice(0, 1 + random.below(3));
    const before = chosen.map(([file]) => [file, read(file)] as const);
    for (const [file, change] of chosen) writeFileSync(join(checkout, file), change(read(file)));
    const said = Object.keys(explained()).sort();
    expect(said).toEqual(previewed());
    if (round === 4) {
      const { output, status } = up();
      // Created is what this stack had only taken as published until now.
      const done = [
        ...output.matchAll(
          /(?:docker-build:index:(Image)|command:local:(Command)|v1alpha1:(Application)) (?![\w-]*-rollout)([\w-]+) (?:created|updated) \(/g,
        ),
      ];
      const kinds = { Image: "image", Command: "chart", Application: "application" } as const;
      const did = done.map(([, ...parts]) => {
        const [type, name] = parts.filter(Boolean);
        // One of the three that the pattern has.
        return `${kinds[type as keyof typeof kinds]} ${name ?? ""}`;
      });
      expect([...new Set(did)].sort()).toEqual(said);
      expect(status).toBe(0);
      expect(explained()).toEqual({});
    }
    for (const [file, text] of before) writeFileSync(join(checkout, file), text);
  }
  expect(up().status).toBe(0);
  expect(explained()).toEqual({});
  expect(previewed()).toEqual([]);
});

test("a setting of the environment changes the Application only", async () => {
  await withConfig({ chartValues: { tinyolly: { webui: { replicas: 1 } } } }, () => {
    expect(explained()).toEqual({ "application tinyolly": ["settings"] });
    expect(previewed()).toEqual(["application tinyolly"]);
  });
});

describe("what is gone is noticed and put back with the least work", () => {
  const published = outputs;

  // What an earlier stack has published is taken as it is, and then follows what it holds: this one publishes all of it itself.
  beforeAll(async () => {
    await unpublish(published());
    expect(up().status).toBe(0);
  });

  test("an image that was deleted", async () => {
    const { digest, tag } = published().images["webui"] ?? { digest: "", tag: "" };
    await remove("tinyolly/webui", digest);
    expect(explained()).toEqual({ "image webui": ["missing-image"] });
    expect(previewed()).toEqual(["image webui"]);
    const started = Date.now();
    const { output, status } = up();
    expect(output).toMatch(/warning: missing-image: tinyolly\/webui:\S+ is not in/);
    const builds = buildsOfStack(started);
    expect(builds.map(({ image }) => image.split("/").at(-1))).toEqual([`webui:${tag}`]);
    expect(hasRun(builds, "npm ci")).toBe(false);
    expect(status).toBe(0);
    expect(await manifestStatus("tinyolly/webui", tag)).toBe(200);
    expect(published().images["webui"]?.digest).toBe(digest);
    expect(explained()).toEqual({});
    expect(previewed()).toEqual([]);
  });

  test("a tag that was moved", async () => {
    const { digest, tag } = published().images["demo"] ?? { digest: "", tag: "" };
    const empty = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`;
    await put("tinyolly/demo", tag, empty, "application/vnd.oci.image.index.v1+json");
    expect(explained()).toEqual({ "image demo": ["tag-moved"] });
    expect(previewed()).toEqual(["image demo"]);
    expect(up().status).toBe(0);
    const manifest = await get(`http://${registry}/v2/tinyolly/demo/manifests/${tag}`, {
      accept: manifestType,
    });
    expect(manifest.status).toBe(200);
    expect(published().images["demo"]?.digest).toBe(digest);
    expect(explained()).toEqual({});
  });

  test("a chart that was deleted", async () => {
    const { digest, version } = published().charts["tinyolly"] ?? { digest: "", version: "" };
    await remove("tinyolly/charts/tinyolly", digest);
    expect(explained()).toEqual({ "chart tinyolly": ["missing-chart"] });
    expect(previewed()).toEqual(["chart tinyolly"]);
    expect(up().status).toBe(0);
    expect(await manifestStatus("tinyolly/charts/tinyolly", version)).toBe(200);
    expect(published().charts["tinyolly"]?.digest).toBe(digest);
    expect(explained()).toEqual({});
  });

  test("an Application that was edited, and one that was deleted", () => {
    const patch = '--patch={"spec":{"source":{"targetRevision":"0.0.1"}}}';
    const application = ["applications.argoproj.io", "--namespace=argocd"];
    run("kubectl", ["patch", ...application, "tinyolly", "--type=merge", patch]);
    run("kubectl", ["delete", ...application, "tinyolly-demos", "--timeout=120s"]);
    expect(explained()).toEqual({
      "application tinyolly": ["edited"],
      "application tinyolly-demos": ["missing-application"],
    });
    expect(previewed()).toEqual(["application tinyolly", "application tinyolly-demos"]);
    expect(up().status).toBe(0);
    // The shape of a Kubernetes list.
    const { items } = kubectl("get", ...application) as {
      items: { metadata: { name: string }; spec: { source: { targetRevision: string } } }[];
    };
    const revisions = items.map(({ metadata, spec }) => [
      metadata.name,
      spec.source.targetRevision,
    ]);
    const { charts } = published();
    expect(Object.fromEntries(revisions)).toEqual({
      tinyolly: charts["tinyolly"]?.version,
      "tinyolly-demos": charts["tinyolly-demos"]?.version,
    });
    expect(explained()).toEqual({});
  });

  test("nothing is asked when told so", () => {
    const kubeconfig = join(work, "nowhere.yaml");
    writeFileSync(kubeconfig, "contexts: [{name: tinyolly}]\n");
    const { output, status } = run("node", ["commands/explain/cli.ts"], {
      TINYOLLY_OFFLINE: "1",
      KUBECONFIG: kubeconfig,
    });
    expect(output).toContain("registry and cluster were not asked");
    expect(status).toBe(0);
  });
});

test("preview and explain only read, and leave no file behind but what they rendered", async () => {
  const kubernetes = await kubectlProxy();
  const api = await recordRequests(kubernetes.port);
  const store = await recordRequests(platform.ports.registry);
  const socket = join(work, "builder.sock");
  const builder = await recordConnections(socket, join(platform.state, "buildkitd.sock"));
  const kubeconfig = join(work, "kubeconfig");
  const cluster = { server: `http://127.0.0.1:${api.port}` };
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: "proxy", cluster }],
      users: [{ name: "proxy", user: {} }],
      contexts: [{ name: "tinyolly", context: { cluster: "proxy", user: "proxy" } }],
    }),
  );
  const instance = join(work, "buildx/instances/tinyolly");
  mkdirSync(join(work, "buildx/instances"), { recursive: true });
  const original = readFileSync(
    join(process.env["BUILDX_CONFIG"] ?? "", "instances/tinyolly"),
    "utf8",
  );
  writeFileSync(instance, original.replace(join(platform.state, "buildkitd.sock"), socket));
  const env = { KUBECONFIG: kubeconfig, BUILDX_CONFIG: join(work, "buildx") };
  const proxied = { registryPush: `localhost:${store.port}`, registryPushTls: "plain-http" };
  try {
    await withConfig(proxied, async () => {
      expect((await runAsync("pulumi", upArgs("local"))).status).toBe(0);
      await withFile("apps/demo/backend.py", changed, async () => {
        store.seen.length = 0;
        const before = files();
        const args = ["preview", "--stack=local", "--diff", "--non-interactive"];
        expect((await runAsync("pulumi", args, env)).status).toBe(0);
        const explanation = ["commands/explain/cli.ts"];
        expect((await runAsync("node", explanation, env)).status).toBe(0);
        expect(files().filter(isNotKept)).toEqual(before.filter(isNotKept));
      });
    });
    expect(store.seen.length).toBeGreaterThan(5);
    expect(store.seen.filter((request) => !/^(?:GET|HEAD) /.test(request))).toEqual([]);
    expect(api.seen.length).toBeGreaterThan(2);
    // A dry run stores nothing.
    expect(api.seen.filter((request) => !/^(?:GET|HEAD) |[?&]dryRun=All/.test(request))).toEqual(
      [],
    );
    expect(builder.seen).toEqual([]);
  } finally {
    for (const proxy of [api, store, builder]) proxy.close();
    kubernetes.stop();
  }
  expect(up().status).toBe(0);
});

test("up refuses what differs from the plan that it was told to follow, and names the file", async () => {
  const plan = join(work, "plan.json");
  expect(explain("--save", plan).status).toBe(0);
  expect(up({ TINYOLLY_PLAN: plan }).status).toBe(0);
  const before = outputs();
  await withFile("apps/demo/backend.py", changed, () => {
    const { output, status } = up({ TINYOLLY_PLAN: plan });
    expect(output).toContain("apps/demo/backend.py changed since");
    expect(output).not.toMatch(/updat(?:ing|ed) \(/);
    expect(status).not.toBe(0);
  });
  expect(outputs()).toEqual(before);
});

test("another checkout, umask, time, locale, order and user change nothing", () => {
  const second = join(work, "second checkout");
  const files = run("git", ["ls-files", "--cached", "--others", "--exclude-standard"]).output;
  const listed = files.includes("fatal")
    ? sources()
    : files.split("\n").filter((file) => file !== "");
  const umask = process.umask(0o077);
  try {
    for (const file of [...listed].reverse()) {
      mkdirSync(join(second, file, ".."), { recursive: true });
      writeFileSync(join(second, file), readFileSync(join(checkout, file)), {
        mode: (statSync(join(checkout, file)).mode & 0o100) === 0 ? 0o600 : 0o700,
      });
      utimesSync(join(second, file), 1_000_000_000, 1_000_000_000);
    }
  } finally {
    process.umask(umask);
  }
  symlinkSync(join(checkout, "node_modules"), join(second, "node_modules"));
  const locale = { LC_ALL: "tr_TR.UTF-8", LANG: "tr_TR.UTF-8", TZ: "Pacific/Apia" };
  const preview = spawnSync("pulumi", ["preview", "--stack=local", "--json", "--non-interactive"], {
    cwd: second,
    env: { ...process.env, ...locale },
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  // Pulumi's preview digest.
  const { steps } = JSON.parse(preview.stdout) as { steps: { op: string }[] };
  expect(new Set(steps.map(({ op }) => op))).toEqual(new Set(["same"]));

  spawnSync("chown", ["-R", "nobody", second]);
  const bin = join(work, "bin");
  mkdirSync(bin);
  const state = join(work, "state.json");
  writeFileSync(state, run("pulumi", ["stack", "export", "--stack=local"]).output);
  writeFileSync(join(bin, "pulumi"), `#!/bin/sh\ncat '${state}'\n`, { mode: 0o755 });
  const asNobody = spawnSync("setpriv", [...nobody, "node", "commands/explain/cli.ts"], {
    cwd: second,
    env: readable({ ...process.env, ...locale, PATH: `${bin}:${process.env["PATH"] ?? ""}` }),
    encoding: "utf8",
  });
  expect(asNobody.stdout + asNobody.stderr).toContain("stack local: up would change nothing");
});

test("a second builder with an empty cache makes the same bytes, and a third one takes its layers from the registry", async () => {
  const first = outputs();
  const config = { registryCache: true, builder: "second", deploy: false };
  const second = await startBuilder("second");
  try {
    await unpublish(first);
    await withStack("second", config, (stack) => {
      const { output, status } = run("pulumi", upArgs(stack));
      expect(status, output).toBe(0);
      expect(hasRun(second.builds(), "npm ci")).toBe(true);
      const made = stackOutputs(stack);
      expect(made.images).toEqual(first.images);
      expect(made.charts).toEqual(first.charts);
    });
  } finally {
    second.stop();
  }
  const third = await startBuilder("third");
  try {
    await unpublish(first);
    await withStack("third", { ...config, builder: "third" }, (stack) => {
      const { output, status } = run("pulumi", upArgs(stack));
      expect(status, output).toBe(0);
      expect(isCached(third.builds(), "npm ci")).toBe(true);
      expect(isCached(third.builds(), "pip --python")).toBe(true);
      expect(stackOutputs(stack).images).toEqual(first.images);
    });
  } finally {
    third.stop();
  }
});

test("a base that moves is seen, locked and built upon", async () => {
  const lock = process.env["TINYOLLY_BASE_LOCK"] ?? "";
  const before = readFileSync(lock, "utf8");
  const bases = (...args: string[]): Run => run("node", ["commands/bases/cli.ts", ...args]);
  expect(bases("--exit-code").status).toBe(0);
  const nginx = await get(`http://${registry}/v2/mirror/library/nginx/manifests/1.30-alpine`, {
    accept: manifestType,
  });
  const moved = JSON.stringify({ ...JSON.parse(nginx.body), annotations: { moved: "yes" } });
  try {
    await put("mirror/library/nginx", "1.30-alpine", moved, manifestType);
    expect(explained()).toEqual({});
    const shown = bases("--exit-code");
    expect(shown.output).toMatch(/nginx:1\.30-alpine .*moved/);
    expect(shown.status).toBe(2);
    expect(bases("--update").status).toBe(0);
    expect(explained()).toEqual({
      "image webui": ["base-moved"],
      "chart tinyolly": ["image-of-chart"],
      "application tinyolly": ["chart-of-application"],
    });
    expect(previewed()).toEqual(Object.keys(explained()).sort());
  } finally {
    await put("mirror/library/nginx", "1.30-alpine", nginx.body, manifestType);
    writeFileSync(lock, before);
  }
  expect(explained()).toEqual({});
});

/** Whether a build took the step with a command from the cache. */
function isCached(builds: readonly LoggedBuild[], command: string): boolean {
  return hasStep(builds, command, "CACHED");
}

/** Whether a build ran the step with a command; one that comes from the cache, or is not needed, says nothing. */
function hasRun(builds: readonly LoggedBuild[], command: string): boolean {
  return hasStep(builds, command, "\\d+\\.\\d+ ");
}

function hasStep(builds: readonly LoggedBuild[], command: string, said: string): boolean {
  return builds.some(({ log }) =>
    [...log.matchAll(new RegExp(`#(\\d+) \\[[^\\n]*${command}`, "g"))].some(([, step = ""]) =>
      new RegExp(`^#${step} ${said}`, "m").test(log),
    ),
  );
}

/** Another user, who may enter the folders that tests keep to themselves. */
const nobody = [
  "--reuid=nobody",
  "--clear-groups",
  "--inh-caps=+dac_read_search",
  "--ambient-caps=+dac_read_search",
] as const;

async function remove(repository: string, digest: string): Promise<void> {
  const url = `http://${registry}/v2/${repository}/manifests/${digest}`;
  expect((await fetch(url, { method: "DELETE" })).status).toBe(202);
}

/** Deletes what a stack has published, so that another one does not take it as it is. */
async function unpublish({ images, charts }: ReturnType<typeof outputs>): Promise<void> {
  const path = (reference: string): string => reference.replace(/^(?:oci:\/\/)?[^/]+\//, "");
  for (const { repository, digest } of Object.values(images))
    await remove(path(repository), digest);
  for (const { source, digest } of Object.values(charts)) await remove(path(source), digest);
}

async function put(repository: string, tag: string, body: string, type: string): Promise<void> {
  const url = `http://${registry}/v2/${repository}/manifests/${tag}`;
  const answer = await fetch(url, { method: "PUT", body, headers: { "content-type": type } });
  expect(answer.status).toBe(201);
}

/** Files of the checkout without those of the platform. */
function files(): string[] {
  const left = ["node_modules", ".tinyolly/platform"].flatMap((path) => [
    "-path",
    `./${path}`,
    "-o",
  ]);
  const args = ["-ignore_readdir_race", "(", ...left.slice(0, -1), ")", "-prune", "-o", "-printf"];
  const { output } = run("find", [...args, "%P\\n"]);
  return output.split("\n").filter(Boolean).sort();
}

/** Renderings and the schemas by which they are judged are kept. */
function isNotKept(file: string): boolean {
  return !/^\.tinyolly\/(?:renderings|schemas)(?:\/|$)/.test(file);
}

function sources(): string[] {
  return files().filter(
    (file) => statSync(join(checkout, file)).isFile() && !file.startsWith(".tinyolly"),
  );
}

/** The environment without what only root may read. */
function readable(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const lock = join(work, "bases.lock.yaml");
  cpSync(env["TINYOLLY_BASE_LOCK"] ?? "", lock);
  const settings = join(work, "stack.yaml");
  cpSync(env["PULUMI_OPTION_CONFIG_FILE"] ?? "", settings);
  const kubeconfig = join(work, "contexts.yaml");
  writeFileSync(kubeconfig, "contexts: [{name: tinyolly}]\n");
  return {
    ...env,
    HOME: work,
    TINYOLLY_OFFLINE: "1",
    TINYOLLY_BASE_LOCK: lock,
    PULUMI_OPTION_CONFIG_FILE: settings,
    KUBECONFIG: kubeconfig,
  };
}

/** Runs a program in the checkout while the proxies of this process go on. */
function runAsync(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: checkout, env: { ...process.env, ...env } });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("close", (status) => {
      resolve({ status, output });
    });
  });
}

/** Speaks to the cluster without TLS, so that requests can be seen. */
function kubectlProxy(): Promise<{ port: number; stop: () => void }> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn("kubectl", ["proxy", "--port=0"]);
    child.once("error", reject);
    child.stdout?.on("data", (chunk: Buffer) => {
      const port = /:(\d+)/.exec(chunk.toString())?.[1];
      if (port !== undefined) resolve({ port: Number(port), stop: () => child.kill() });
    });
  });
}

/** Starts a BuildKit with an empty cache, known to buildx by `name`. */
async function startBuilder(
  name: string,
): Promise<{ builds: () => LoggedBuild[]; stop: () => void }> {
  const socket = join(work, `${name}.sock`);
  const config = readFileSync(join(platform.state, "config/buildkitd.toml"), "utf8")
    .replace(/^root = .*$/m, `root = ${JSON.stringify(join(work, name))}`)
    .replace(/address = .*$/m, `address = [${JSON.stringify(`unix://${socket}`)}]`);
  const file = join(work, `${name}.toml`);
  writeFileSync(file, config);
  const child = spawn("buildkitd", ["--config", file], { stdio: "ignore" });
  const instances = join(process.env["BUILDX_CONFIG"] ?? "", "instances");
  const own = readFileSync(join(instances, "tinyolly"), "utf8");
  writeFileSync(
    join(instances, name),
    own
      .replaceAll(join(platform.state, "buildkitd.sock"), socket)
      .replaceAll('"tinyolly', `"${name}`),
  );
  await expect
    .poll(() => run("buildctl", [`--addr=unix://${socket}`, "debug", "workers"]).status, {
      timeout: 60_000,
    })
    .toBe(0);
  return {
    builds: () => loggedBuilds(`unix://${socket}`, 0),
    stop: () => {
      child.kill();
      rmSync(join(instances, name), { force: true });
    },
  };
}

/** A stack beside the local one, with its configuration and some keys changed. */
async function withStack(
  stack: string,
  values: Readonly<Record<string, unknown>>,
  body: (stack: string) => void,
): Promise<void> {
  const local = process.env["PULUMI_OPTION_CONFIG_FILE"] ?? "";
  const document = parseDocument(readFileSync(local, "utf8"));
  for (const [key, value] of Object.entries(values))
    document.setIn(["config", `tinyolly:${key}`], value);
  const file = join(work, `${stack}.yaml`);
  writeFileSync(file, document.toString());
  process.env["PULUMI_OPTION_CONFIG_FILE"] = file;
  try {
    expect(run("pulumi", ["stack", "init", stack, "--non-interactive"]).status).toBe(0);
    body(stack);
    await Promise.resolve();
  } finally {
    run("pulumi", ["destroy", `--stack=${stack}`, "--yes", "--skip-preview", "--non-interactive"]);
    run("pulumi", ["stack", "rm", stack, "--yes", "--non-interactive", "--preserve-config"]);
    process.env["PULUMI_OPTION_CONFIG_FILE"] = local;
  }
}

function upArgs(stack: string): string[] {
  return [
    "up",
    `--stack=${stack}`,
    "--yes",
    "--skip-preview",
    "--non-interactive",
    "--color=never",
  ];
}

function stackOutputs(stack: string): ReturnType<typeof outputs> {
  // The exports of index.ts.
  return JSON.parse(
    run("pulumi", ["stack", "output", `--stack=${stack}`, "--json"]).output,
  ) as ReturnType<typeof outputs>;
}
