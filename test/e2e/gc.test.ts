// Cleaning a real registry, on what the stacks of a real Pulumi refer to. It needs both on PATH and no platform; the cluster is
// made up. What no tag leads to cannot be found in this registry, so it stays.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ManifestNode, RepositoryContent, Root } from "../../commands/gc/garbage.ts";
import { sha256 } from "../../delivery/basics/sha256.ts";
import {
  type Target,
  pushChart,
  pushImage,
  pushIndex,
  pushRecord,
  pushReferrer,
} from "../commands/gc/artifacts.ts";
import { mustStay } from "../commands/gc/must-stay.ts";
import { mediaTypes } from "../fake-registry-answers.ts";
import { freePort } from "../free-port.ts";
import { type Random, seededRandom } from "../random.ts";
import { releasedImage } from "../released-image.ts";
import { type Ended, runTypeScript } from "../run-typescript.ts";

const project = resolve(import.meta.dirname, "../..");
const home = process.cwd();
const accept = Object.values(mediaTypes).join(", ");

let folder: string;
let host: string;
let server: ChildProcess | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tinyolly-gc-"));
  process.chdir(folder);
  host = `127.0.0.1:${await freePort()}`;
  const config = {
    version: "0.1",
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: join(folder, "store") }, delete: { enabled: true } },
    http: { addr: host },
  };
  writeFileSync("registry.json", JSON.stringify(config));
  await startRegistry();
  copyFileSync(join(project, "Pulumi.yaml"), "Pulumi.yaml");
  writeFileSync("package.json", '{"version": "2.1.0"}');
  writeFileSync("kubeconfig", "contexts: [{name: town}]");
  for (const path of ["state", "bin", "docker"]) mkdirSync(path);
  writeFileSync("bin/kubectl", "#!/bin/sh\ncat applications\n");
  chmodSync("bin/kubectl", 0o755);
  for (const stack of ["local", "prod"]) pulumi("stack", "init", stack);
});

afterAll(() => {
  server?.kill();
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});

async function startRegistry(): Promise<void> {
  server = spawn("registry", ["serve", "registry.json"], {
    stdio: "ignore",
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(100);
  }
  throw new Error("registry did not start; it has to be on PATH");
}

/** Stops the registry, lets it delete what nothing refers to, and starts it again. */
async function collect(): Promise<void> {
  const ended = new Promise((done) => server?.once("exit", done));
  server?.kill();
  await ended;
  const { status, stdout, stderr } = spawnSync("registry", ["garbage-collect", "registry.json"], {
    encoding: "utf8",
  });
  expect(status, `${stdout}${stderr}`).toBe(0);
  await startRegistry();
}

function environment(): Record<string, string> {
  return {
    PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`,
    PULUMI_HOME: join(folder, "home"),
    PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: "",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_OPTION_CONFIG_FILE: "gc.yaml",
    KUBECONFIG: join(folder, "kubeconfig"),
    DOCKER_CONFIG: join(folder, "docker"),
  };
}

function pulumi(...args: string[]): void {
  const env = { ...process.env, ...environment() };
  const run = spawnSync("pulumi", [...args, "--non-interactive"], { encoding: "utf8", env });
  expect(run.status, `${run.stdout}${run.stderr}`).toBe(0);
}

/** Cleans a namespace of the registry. */
function gc(namespace: string, ...args: string[]): Promise<Ended> {
  writeFileSync(
    "gc.yaml",
    [
      "config:",
      `  tinyolly:registryPush: ${host}`,
      "  tinyolly:registryPushTls: plain-http",
      `  tinyolly:registryNamespace: ${namespace}`,
      "  tinyolly:kubeContext: town",
      "",
    ].join("\n"),
  );
  return runTypeScript("commands/gc/cli.ts", args, environment());
}

/** Gives a stack a state with images, each as `repository:tag` and digest. */
function setState(stack: string, images: readonly (readonly [string, string])[]): void {
  const root = `urn:pulumi:${stack}::tinyolly::pulumi:pulumi:Stack::tinyolly-${stack}`;
  const resources = images.map(([reference, digest], index) => ({
    urn: `urn:pulumi:${stack}::tinyolly::docker-build:index:Image::image-${index}`,
    custom: true,
    id: `${index}`,
    type: "docker-build:index:Image",
    parent: root,
    inputs: { tags: [`${host}/${reference}`] },
    outputs: { tags: [`${host}/${reference}`], digest },
  }));
  const deployment = {
    manifest: { time: "2026-01-01T00:00:00Z", magic: "", version: "" },
    resources: [{ urn: root, custom: false, type: "pulumi:pulumi:Stack" }, ...resources],
  };
  writeFileSync("deployment.json", JSON.stringify({ version: 3, deployment }));
  pulumi("stack", "import", "--stack", stack, "--file", "deployment.json");
}

function setApplications(...items: unknown[]): void {
  writeFileSync("applications", JSON.stringify({ items }));
}

/** The registry, over HTTP. */
const target: Target = {
  async putBlob(repository, bytes) {
    const digest = `sha256:${sha256(bytes)}`;
    const start = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: "POST" });
    const upload = new URL(start.headers.get("location") ?? "", `http://${host}`);
    upload.searchParams.set("digest", digest);
    const headers = { "content-type": "application/octet-stream" };
    const end = await fetch(upload, { method: "PUT", headers, body: new Uint8Array(bytes) });
    expect(end.status).toBe(201);
    return digest;
  },
  async putManifest(repository, tag, bytes, mediaType) {
    const digest = `sha256:${sha256(bytes)}`;
    const end = await fetch(`http://${host}/v2/${repository}/manifests/${tag ?? digest}`, {
      method: "PUT",
      headers: { "content-type": mediaType },
      body: new Uint8Array(bytes),
    });
    expect(end.status, await end.text()).toBe(201);
    return digest;
  },
};

async function isThere(repository: string, reference: string): Promise<boolean> {
  const url = `http://${host}/v2/${repository}/manifests/${reference}`;
  return (await fetch(url, { method: "HEAD", headers: { accept } })).status === 200;
}

/** Pulls a manifest with all that it lists, byte by byte; undefined where any of it is not there or is damaged. */
async function pull(repository: string, reference: string): Promise<string | undefined> {
  const url = `http://${host}/v2/${repository}`;
  const answer = await fetch(`${url}/manifests/${reference}`, { headers: { accept } });
  if (answer.status !== 200) return undefined;
  const bytes = Buffer.from(await answer.arrayBuffer());
  // A manifest or an index, as the tests push them.
  const { config, layers, manifests } = JSON.parse(bytes.toString()) as {
    config?: { digest: string };
    layers?: { digest: string }[];
    manifests?: { digest: string }[];
  };
  for (const { digest } of manifests ?? [])
    if ((await pull(repository, digest)) !== digest) return undefined;
  for (const { digest } of [...(config ? [config] : []), ...(layers ?? [])]) {
    const blob = await fetch(`${url}/blobs/${digest}`);
    const content = Buffer.from(await blob.arrayBuffer());
    if (`sha256:${sha256(content)}` !== digest) return undefined;
  }
  return `sha256:${sha256(bytes)}`;
}

function blobFile(digest: string): string {
  const hex = digest.slice("sha256:".length);
  return join("store/docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
}

describe("a real registry", () => {
  test("loses what nothing uses, bytes included, and keeps all the rest", async () => {
    const web = { repository: "space/webui" };
    const amd = await pushImage(target, web, "os", "web amd64");
    const arm = await pushImage(target, web, "os", "web arm64");
    const oldArm = await pushImage(target, web, "os", "old arm64");
    const index = await pushIndex(target, { ...web, tag: "v2" }, amd, arm);
    await pushIndex(target, { ...web, tag: "latest" }, amd, arm);
    const old = await pushIndex(target, { ...web, tag: "v1" }, amd, oldArm);
    const signature = await pushReferrer(target, web, index, "signed");
    const signatureTag = index.replace(":", "-");
    await pushIndex(target, { ...web, tag: signatureTag }, signature);
    const oldSignature = await pushReferrer(target, web, old, "signed too");
    await pushIndex(target, { ...web, tag: old.replace(":", "-") }, oldSignature);
    const demo = await pushImage(target, { repository: "space/demo", tag: "v0" }, "os", "demo");
    await pushImage(target, { repository: "space/demo", tag: "v1" }, "os", "web amd64");
    const charts = "space/charts/tinyolly";
    const values = {
      demo: { image: { repository: "pull.test/space/demo", tag: "v0", digest: demo } },
    };
    const chart = await pushChart(target, { repository: charts, tag: "0.1.0" }, values);
    const oldChart = await pushChart(target, { repository: charts, tag: "0.0.1" }, {});
    const api = await pushImage(target, { repository: "space/opamp-server", tag: "v2.1.8" }, "api");
    const record = await pushRecord(target, "space/releases", {
      form: 1,
      release: "v2.1.8",
      images: { "opamp-server": releasedImage({ path: "opamp-server", digest: api }) },
      charts: {},
      tools: {},
    });
    const elsewhere = await pushIndex(
      target,
      { repository: "spaceship/webui", tag: "v1" },
      await pushImage(target, { repository: "spaceship/webui" }, "os", "old arm64"),
    );
    setState("local", []);
    setState("prod", [["space/webui:v2", index]]);
    setApplications({
      metadata: { name: "tinyolly" },
      spec: { source: { repoURL: `oci://${host}/${charts}`, path: ".", targetRevision: "0.1.0" } },
      status: { history: [{ id: 0, revision: chart }] },
    });

    const dry = await gc("space");
    expect(dry).toMatchObject({ status: 0, stderr: "" });
    expect(dry.stdout).toMatch(/^would delete 6 manifests and 1 tag and free /m);
    expect(await pull("space/webui", "v1")).toBe(old);

    const { status, stdout, stderr } = await gc("space", "--delete");
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^deleted 6 manifests and 1 tag and freed /m);
    await collect();

    for (const [repository, reference, digest] of [
      ["space/webui", "v2", index],
      ["space/webui", signature, signature],
      ["space/demo", "v0", demo],
      [charts, "0.1.0", chart],
      ["space/opamp-server", "v2.1.8", api],
      ["space/releases", "v2.1.8", record],
      ["spaceship/webui", "v1", elsewhere],
    ] as const)
      expect(await pull(repository, reference), `${repository} ${reference}`).toBe(digest);
    expect(await isThere("space/webui", signatureTag)).toBe(true);
    for (const [repository, reference] of [
      ["space/webui", "latest"],
      ["space/webui", "v1"],
      ["space/webui", old],
      ["space/webui", oldArm],
      ["space/webui", oldSignature],
      ["space/webui", old.replace(":", "-")],
      ["space/demo", "v1"],
      [charts, "0.0.1"],
      [charts, oldChart],
    ] as const)
      expect(await isThere(repository, reference), `${repository} ${reference}`).toBe(false);
    expect(existsSync(blobFile(`sha256:${sha256("signed too")}`))).toBe(false);
    // Another namespace has it as well.
    expect(existsSync(blobFile(`sha256:${sha256("old arm64")}`))).toBe(true);

    expect((await gc("space", "--delete")).stdout).toMatch(/^nothing to delete: /m);
  });

  test("keeps exactly what is used of whatever was pushed at random", async () => {
    setApplications();
    let [gone, kept] = [0, 0];
    for (let seed = 1; seed <= 8; seed++) {
      const namespace = `random${seed}`;
      const random = seededRandom(seed);
      const contents = await pushRandom(random, namespace);
      const used = contents.flatMap(({ repository, tags, manifests }) => [
        ...[...tags.keys()]
          .filter(() => random.below(5) === 0)
          .map((tag) => [`${repository}:${tag}`, ""] as const),
        ...[...manifests.keys()]
          .filter(() => random.below(12) === 0)
          .map((digest) => [`${repository}:none`, digest] as const),
      ]);
      setState(
        "local",
        used.filter((_, index) => index % 2 === 0),
      );
      setState(
        "prod",
        used.filter((_, index) => index % 2 === 1),
      );
      const roots = used.map(([reference, digest]): Root => {
        const [repository = "", tag = ""] = reference.split(":");
        return digest === ""
          ? { repository, reference: tag, by: "" }
          : { reference: digest, by: "" };
      });

      const { status, stderr } = await gc(namespace, "--delete");
      expect(status, stderr).toBe(0);
      await collect();
      for (const content of contents) {
        const { repository, tags, manifests } = content;
        const stay = mustStay(content, roots);
        const found = reachable(content);
        for (const reference of [...tags.keys(), ...manifests.keys()]) {
          const what = `seed ${seed}: ${repository} ${reference}`;
          if (stay.has(reference)) {
            kept++;
            expect(await pull(repository, reference), what).toBe(tags.get(reference) ?? reference);
          } else if (found.has(reference)) {
            gone++;
            expect(await isThere(repository, reference), what).toBe(false);
          }
        }
      }
    }
    expect(Math.min(gone, kept)).toBeGreaterThan(50);
  });
});

/** Tags, and digests that they lead to. */
function reachable({ tags, manifests }: RepositoryContent): Set<string> {
  const found = new Set<string>();
  const add = (digest: string): void => {
    if (found.has(digest)) return;
    found.add(digest);
    const { children = [], subject } = manifests.get(digest) ?? {};
    for (const each of children) add(each);
    if (subject !== undefined) add(subject);
  };
  for (const [tag, digest] of tags) {
    found.add(tag);
    add(digest);
  }
  return found;
}

/** Pushes images that share layers, indexes that share images, and signatures of any of them, to three repositories. */
async function pushRandom(random: Random, namespace: string): Promise<RepositoryContent[]> {
  const contents: RepositoryContent[] = [];
  for (const name of ["webui", "demo", "tinyolly"]) {
    const repository = `${namespace}/${name}`;
    const tags = new Map<string, string>();
    const manifests = new Map<string, ManifestNode>();
    const note = (digest: string, node: Partial<ManifestNode>, tag: string | undefined): void => {
      manifests.set(digest, { children: [], blobs: new Map(), ...node });
      if (tag !== undefined) tags.set(tag, digest);
    };
    const count = 4 + random.below(8);
    for (let number = 0; number < count; number++) {
      const tag = random.below(3) > 0 ? `t${number}` : undefined;
      const place = { repository, ...(tag !== undefined && { tag }) };
      const known = random.shuffle([...manifests.keys()]);
      const kind = known.length === 0 ? 0 : random.below(4);
      if (kind <= 1) {
        const layers = ["os", `layer ${random.below(6)}`, `layer ${random.below(6)}`];
        note(await pushImage(target, place, ...layers), {}, tag);
      } else if (kind === 2) {
        const children = known.slice(0, 1 + random.below(3));
        note(await pushIndex(target, place, ...children), { children }, tag);
      } else {
        const [subject = ""] = known;
        const referrer = await pushReferrer(target, { repository }, subject, `about ${number}`);
        note(referrer, { subject }, undefined);
        const about = [...manifests].flatMap(([digest, node]) =>
          node.subject === subject ? [digest] : [],
        );
        const fallback = subject.replace(":", "-");
        const listed = await pushIndex(target, { repository, tag: fallback }, ...about);
        note(listed, { children: about }, fallback);
      }
    }
    contents.push({ repository, tags, manifests });
  }
  return contents;
}
