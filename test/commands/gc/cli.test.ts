import { chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ReleaseRecord } from "../../../delivery/releases/record.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { releasedImage } from "../../released-image.ts";
import { type Ended, runTypeScript } from "../../run-typescript.ts";
import { pushChart, pushImage, pushIndex, pushRecord, pushReferrer } from "./artifacts.ts";
import { type DeletableOptions, DeletableRegistry } from "./deletable-registry.ts";

const project = resolve(import.meta.dirname, "../../..");
const key = "0".repeat(64);

let registry: DeletableRegistry;

/** Goes to a folder with a stack on a registry of its own, and a Pulumi and a cluster that hold nothing. */
async function enterStack(options: DeletableOptions = {}): Promise<void> {
  registry = await DeletableRegistry.start(options);
  onTestFinished(() => registry.close());
  enterFolderWith({
    "package.json": '{"version": "2.1.0"}',
    kubeconfig: "contexts: [{name: town}]",
    "Pulumi.local.yaml": [
      "config:",
      `  tinyolly:registryPush: ${registry.host}`,
      "  tinyolly:registryPushTls: plain-http",
      "  tinyolly:registryNamespace: space",
      "  tinyolly:kubeContext: town",
      "",
    ].join("\n"),
    "bin/pulumi": '#!/bin/sh\ncase "$2" in ls) cat stacks ;; *) cat "state-$4" ;; esac\n',
    "bin/kubectl": "#!/bin/sh\ncat applications\n",
    stacks: '[{"name": "local"}, {"name": "prod"}]',
    applications: '{"items": []}',
  });
  copyFileSync(join(project, "Pulumi.yaml"), "Pulumi.yaml");
  for (const program of ["pulumi", "kubectl"]) chmodSync(`bin/${program}`, 0o755);
  writeState("local", []);
  writeState("prod", []);
}

function gc(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return runTypeScript("commands/gc/cli.ts", args, {
    PATH: `${resolve("bin")}:${process.env["PATH"] ?? ""}`,
    KUBECONFIG: resolve("kubeconfig"),
    DOCKER_CONFIG: resolve("."),
    ...env,
  });
}

function writeState(
  stack: string,
  resources: readonly unknown[],
  pending: readonly unknown[] = [],
): void {
  const pending_operations = pending.map((resource) => ({ resource, type: "creating" }));
  writeFileSync(
    `state-${stack}`,
    JSON.stringify({ version: 3, deployment: { resources, pending_operations } }),
  );
}

function imageResource(name: string, tag: string, digest: string): unknown {
  const tags = [`${registry.host}/space/${name}:${tag}`];
  return {
    urn: `urn:pulumi:local::tinyolly::tinyolly:index:Image$docker-build:index:Image::${name}`,
    type: "docker-build:index:Image",
    inputs: { tags },
    outputs: { tags, digest },
  };
}

/** Record of a release with images by name, each as `tag@digest`. */
function recordOf(release: string, images: Readonly<Record<string, string>>): ReleaseRecord {
  return {
    form: 1,
    release,
    images: Object.fromEntries(
      Object.entries(images).map(([name, reference]) => {
        const [tag = "", digest = ""] = reference.split("@");
        return [name, releasedImage({ path: name, key, tag, digest })];
      }),
    ),
    charts: {},
    tools: {},
  };
}

/** Without what differs from run to run, and from one version of zlib to another. */
function plain(text: string): string {
  return text
    .replaceAll(registry.host, "registry")
    .replaceAll(/sha256:[0-9a-f]{12,64}/g, "sha256:…")
    .replaceAll(/\b\d{3} B\b/g, "123 B");
}

/** Pushes what a stack, a release and an Application use, and what nobody does. */
async function fill(): Promise<void> {
  const web = await pushImage(registry, { repository: "space/webui", tag: "v2" }, "os", "web 2");
  const old = await pushImage(registry, { repository: "space/webui", tag: "v1" }, "os", "web 1");
  const demo = await pushImage(registry, { repository: "space/demo", tag: "v0" }, "os", "demo");
  const chart = await pushChart(
    registry,
    { repository: "space/charts/tinyolly", tag: "0.1.0" },
    { demo: { image: { repository: "pull.test/space/demo", tag: "v0", digest: demo } } },
  );
  await pushChart(registry, { repository: "space/charts/tinyolly", tag: "0.0.1" }, {});
  const api = await pushImage(registry, { repository: "space/opamp-server", tag: "v2.1.8" }, "api");
  await pushRecord(
    registry,
    "space/releases",
    recordOf("v2.1.8", { "opamp-server": `v2.1.8@${api}` }),
  );
  await pushRecord(registry, "space/releases", recordOf("v2.1.7", { webui: `v1@${old}` }));
  await pushImage(registry, { repository: "space/webui", tag: "cache" }, "layers");
  await pushImage(registry, { repository: "elsewhere/webui", tag: "v1" }, "os", "web 1");
  writeState("prod", [imageResource("webui", "v2", web)]);
  const source = {
    repoURL: "oci://in-cluster.test:5000/space/charts/tinyolly",
    path: ".",
    targetRevision: "0.1.0",
  };
  const application = {
    metadata: { name: "tinyolly" },
    spec: { source: { ...source, targetRevision: "0.2.0" } },
    status: { history: [{ id: 0, revision: chart, source }] },
  };
  writeFileSync("applications", JSON.stringify({ items: [application] }));
}

const garbage = ["space/charts/tinyolly:0.0.1", "space/releases:v2.1.7", "space/webui:v1"];

/** Tags that are there. */
function tags(): string[] {
  return registry.all().filter((name) => !name.includes("@"));
}

describe("gc", () => {
  test("says what it would delete and why, and deletes nothing", async () => {
    await enterStack();
    await fill();
    const before = registry.all();
    const { status, stdout, stderr } = await gc(["--keep", "1"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(plain(stdout)).toBe(
      [
        "in use: registry/space by 2 stacks (local, prod), 1 of 2 releases, 1 live Application, " +
          "the builders' caches",
        "",
        "not in use             tag or digest  size   why it goes",
        "space/releases         v2.1.7         123 B  nothing refers to it",
        "space/charts/tinyolly  0.0.1          123 B  nothing refers to it",
        "space/webui            v1             123 B  nothing refers to it",
        "",
        "in use                 tag or digest  by",
        "space/releases         v2.1.8         release v2.1.8",
        "space/charts/tinyolly  0.1.0          Application tinyolly in town",
        "space/demo             v0             chart tinyolly 0.1.0",
        "space/opamp-server     v2.1.8         release v2.1.8",
        "space/webui            cache          the builders' cache",
        "space/webui            v2             stack prod",
        "",
        "Application tinyolly in town refers to space/charts/tinyolly:0.2.0, which is not there",
        "would delete 3 manifests and free 2.1 kB, since others share the rest of their layers; 6 manifests are in use; make gc DELETE=1 deletes",
        "",
      ].join("\n"),
    );
    expect(registry.all()).toEqual(before);
    expect(registry.changes).toEqual([]);
  });

  test("deletes exactly that when it is told to, and nothing more the next time", async () => {
    await enterStack();
    await fill();
    const before = registry.all();
    const { status, stdout, stderr } = await gc(["--keep", "1", "--delete"]);
    expect(stderr).toBe(
      "deleted space/releases v2.1.7 (1 of 3)\n" +
        "deleted space/charts/tinyolly 0.0.1 (2 of 3)\n" +
        "deleted space/webui v1 (3 of 3)\n",
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^deleted 3 manifests and freed 2\.1 kB, since others share the rest of their layers; 6 manifests are in use; the space is free once the registry has collected/m,
    );
    const after = registry.all();
    expect(before.filter((name) => !after.includes(name) && !name.includes("@"))).toEqual(garbage);
    expect(after).toHaveLength(before.length - 6);
    expect(after.filter((name) => name.startsWith("elsewhere/"))).toHaveLength(2);

    const again = await gc(["--keep", "1", "--delete"]);
    expect(again).toMatchObject({ status: 0, stderr: "" });
    expect(again.stdout).toMatch(/^nothing to delete: 6 manifests are in use$/m);
  });

  test("keeps as many releases as the stack says", async () => {
    await enterStack();
    await fill();
    const { stdout } = await gc(["--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      version: 1,
      registry: `${registry.host}/space`,
      sources: {
        stacks: ["local", "prod"],
        releases: ["v2.1.8", "v2.1.7"],
        olderReleases: 0,
        applications: ["Application tinyolly in town"],
      },
      garbage: [{ repository: "space/charts/tinyolly", tags: ["0.0.1"] }],
      missing: [{ repository: "space/charts/tinyolly", reference: "0.2.0" }],
    });
  });

  test("keeps a digest that something else shares, with all that belongs to it", async () => {
    await enterStack();
    const [first, second, third] = [
      await pushImage(registry, { repository: "space/webui" }, "os", "amd64"),
      await pushImage(registry, { repository: "space/webui" }, "os", "arm64"),
      await pushImage(registry, { repository: "space/webui" }, "os", "riscv64"),
    ];
    const index = await pushIndex(
      registry,
      { repository: "space/webui", tag: "v2" },
      first,
      second,
    );
    await pushIndex(registry, { repository: "space/webui", tag: "v1" }, second, third);
    await pushIndex(registry, { repository: "space/webui", tag: "latest" }, first, second);
    await pushIndex(registry, { repository: "space/demo", tag: "v2" }, first, second);
    const signature = await pushReferrer(registry, { repository: "space/webui" }, index, "signed");
    const fallback = index.replace(":", "-");
    await pushIndex(registry, { repository: "space/webui", tag: fallback }, signature);
    writeState("prod", [imageResource("webui", "v2", index)]);

    const { status, stderr } = await gc(["--delete"]);
    expect(status).toBe(0);
    expect(plain(stderr)).toBe(
      [
        "deleted space/demo v2 (1 of 4)",
        "deleted space/webui latest (2 of 4)",
        "deleted space/webui v1 (3 of 4)",
        "deleted space/webui sha256:… (4 of 4)",
        "",
      ].join("\n"),
    );
    expect(tags()).toEqual([`space/webui:${fallback}`, "space/webui:v2"]);
    for (const digest of [index, first, second, signature])
      expect(registry.all()).toContain(`space/webui@${digest}`);
    expect(registry.all()).not.toContain(`space/webui@${third}`);
  });

  test("keeps the parts of an index that no tag leads to any more", async () => {
    await enterStack();
    const shared = await pushImage(registry, { repository: "space/webui" }, "os", "amd64");
    const moved = await pushIndex(registry, { repository: "space/webui" }, shared);
    const newer = await pushImage(registry, { repository: "space/webui" }, "os", "arm64");
    await pushIndex(registry, { repository: "space/webui", tag: "v1" }, shared, newer);
    writeState("prod", [imageResource("webui", "v1", moved)]);
    writeState("local", [imageResource("webui", "v1", moved)]);
    const { stderr } = await gc(["--delete"]);
    expect(stderr).toBe("");

    writeState("local", []);
    writeState("prod", [imageResource("webui", "v0", moved)]);
    expect(await gc(["--delete"])).toMatchObject({ status: 0 });
    expect(registry.all()).toEqual([`space/webui@${moved}`, `space/webui@${shared}`].sort());
  });

  test("keeps what an operation that was cut off was pushing", async () => {
    await enterStack();
    await pushImage(registry, { repository: "space/webui", tag: "v3" }, "os", "web 3");
    const { outputs, ...pending } = Object(imageResource("webui", "v3", "")) as {
      outputs: unknown;
    };
    expect(outputs).toBeDefined();
    writeState("local", [], [pending]);
    const { stdout } = await gc();
    expect(stdout).toMatch(/^nothing to delete: 1 manifest is in use$/m);
  });

  test("leaves tags that the registry cannot delete alone, and says so", async () => {
    await enterStack({ deletesTags: false });
    const web = await pushImage(registry, { repository: "space/webui", tag: "v2" }, "os");
    await pushImage(registry, { repository: "space/webui", tag: "latest" }, "os");
    await pushImage(registry, { repository: "space/webui", tag: "v1" }, "older");
    writeState("prod", [imageResource("webui", "v2", web)]);
    const { status, stdout, stderr } = await gc(["--delete"]);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: "deleted space/webui v1 (1 of 2)\n",
    });
    expect(stdout).toMatch(
      /^space\/webui latest stays: this registry does not delete tags alone$/m,
    );
    expect(stdout).toMatch(/^deleted 1 manifest and freed/m);
    expect(tags()).toEqual(["space/webui:latest", "space/webui:v2"]);
  });

  test("cleans what was shipped once, and leaves alone what others keep in the namespace", async () => {
    await enterStack();
    const old = await pushImage(registry, { repository: "space/renamed", tag: "v2.1.7" }, "os");
    await pushRecord(registry, "space/releases", recordOf("v2.1.7", { renamed: `v2.1.7@${old}` }));
    await pushRecord(registry, "space/releases", recordOf("v2.1.8", {}));
    const tag = "v2.1.x-h0123456789ab";
    for (const repository of ["space/formerly", "space/charts/formerly", "space/dev/webui"])
      await pushImage(registry, { repository, tag }, "os");
    await pushImage(registry, { repository: "space/blog", tag: "v1.0.0" }, "os");
    const { status, stdout } = await gc(["--keep", "1", "--delete"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^space\/blog is not this project's and is left alone$/m);
    expect(tags()).toEqual([
      "space/blog:v1.0.0",
      `space/dev/webui:${tag}`,
      "space/releases:v2.1.8",
    ]);
  });

  test("keeps the tag of the content of what a release lists, and of no other content", async () => {
    await enterStack();
    const tagged = (tag: string): Promise<string> =>
      pushImage(registry, { repository: "space/webui", tag }, "os");
    const web = await tagged("v2.1.8");
    const content = `v2.0.x-h${key.slice(0, 12)}`;
    for (const tag of [content, "v2.1.x-h0123456789ab"]) await tagged(tag);
    await pushRecord(registry, "space/releases", recordOf("v2.1.8", { webui: `v2.1.8@${web}` }));
    expect(await gc(["--delete"])).toMatchObject({ status: 0 });
    expect(tags()).toEqual([
      "space/releases:v2.1.8",
      `space/webui:${content}`,
      "space/webui:v2.1.8",
    ]);
  });

  test("finds what refers to an image where the registry lists it itself", async () => {
    await enterStack({ listsReferrers: true, hasCatalog: false });
    const web = await pushImage(registry, { repository: "space/webui", tag: "v2" }, "os");
    const signature = await pushReferrer(registry, { repository: "space/webui" }, web, "signed");
    await pushReferrer(registry, { repository: "space/webui" }, signature, "stamped");
    const { stderr } = await gc(["--delete"]);
    expect(stderr).toMatch(/\(3 of 3\)\n$/);
    expect(registry.all()).toEqual([]);
  });

  test("on the platform says how the space is freed, and takes the lock", async () => {
    await enterStack();
    await pushImage(registry, { repository: "space/webui", tag: "v1" }, "os");
    const state = resolve("platform");
    writeFiles(state, { kubeconfig: "contexts: [{name: town}]" });
    const env = { TINYOLLY_STATE: state, PULUMI_HOME: resolve("home"), PLATFORM: "" };
    const { status, stdout } = await gc(["--platform", "--delete"], env);
    expect(status).toBe(0);
    expect(stdout).toContain(
      `make platform-down, then ${state}/bin/registry garbage-collect ${state}/config/registry.json frees the space\n`,
    );
  });
});

describe("gc deletes nothing and exits with 1 when", () => {
  const since = "\nNothing was deleted, since what is in use has to be known first\n";

  test.each<[what: string, arrange: () => unknown, message: string | RegExp]>([
    [
      "a stack cannot be read",
      () => {
        writeFileSync("state-prod", "a new version is available");
      },
      `gc: pulumi stack export --stack prod printed no state; run it by hand to see what it says instead${since}`,
    ],
    [
      "a stack is gone since it was listed",
      () => {
        program(
          "pulumi",
          `case "$2" in ls) cat stacks ;; *) echo "error: no stack named 'x' found" >&2; exit 255 ;; esac`,
        );
      },
      `gc: the state of stack "local" cannot be read: error: no stack named 'x' found${since}`,
    ],
    [
      "the stacks cannot be listed",
      () => {
        program("pulumi", "echo 'error: not logged in' >&2; exit 255");
      },
      `gc: the stacks cannot be listed: error: not logged in${since}`,
    ],
    [
      "the list of stacks is none",
      () => {
        writeFileSync("stacks", "[{}]");
      },
      `gc: pulumi stack ls --json printed no list; run it by hand to see what it says instead${since}`,
    ],
    [
      "the stack itself is not in the backend",
      () => {
        writeFileSync("stacks", '[{"name": "prod"}]');
      },
      `gc: stack "local" is not in this backend, which has prod, so what it refers to is not known; set PULUMI_BACKEND_URL to its backend, or name another one with STACK=…${since}`,
    ],
    [
      "a stack is being updated",
      () => {
        writeFileSync("stacks", '[{"name": "local"}, {"name": "prod", "updateInProgress": true}]');
      },
      `gc: stack "prod" is being updated now; wait until pulumi up has ended, or run pulumi cancel where none runs${since}`,
    ],
    [
      "the cluster does not answer",
      () => {
        program("kubectl", "echo 'The connection to the server was refused' >&2; exit 1");
      },
      `gc: the Applications in the cluster "town" cannot be read: The connection to the server was refused; start it (make platform-up starts the platform's)${since}`,
    ],
    [
      "another stack's cluster does not answer",
      () => {
        program(
          "kubectl",
          `case "$*" in *context=far*) echo 'no route' >&2; exit 1 ;; *) cat applications ;; esac`,
        );
        const provider = "urn:pulumi:prod::tinyolly::pulumi:providers:kubernetes::cluster";
        writeState("prod", [
          { urn: provider, type: "pulumi:providers:kubernetes", inputs: { context: "far" } },
          {
            urn: "urn:pulumi:prod::tinyolly::kubernetes:argoproj.io/v1alpha1:Application::tinyolly",
            type: "kubernetes:argoproj.io/v1alpha1:Application",
            provider: `${provider}::0123`,
            outputs: { metadata: { namespace: "argocd" }, spec: {} },
          },
        ]);
      },
      `gc: the Applications in the cluster "far" cannot be read: no route; start it (make platform-up starts the platform's)${since}`,
    ],
    [
      "a release record is damaged",
      () => pushRecord(registry, "space/releases", { ...recordOf("v2.1.6", {}), form: 7 as 1 }),
      /^gc: 127\.0\.0\.1:\d+\/space\/releases:v2\.1\.6 has form 7, and this version knows form 1; .*\nNothing was deleted/,
    ],
    [
      "a release record is something else",
      () => pushImage(registry, { repository: "space/releases", tag: "latest" }, "no record"),
      /^gc: 127\.0\.0\.1:\d+\/space\/releases:latest holds no release record; delete that tag, or push the record again\nNothing was deleted/,
    ],
    [
      "a chart that is in use cannot be read",
      async () => {
        const repository = "space/charts/tinyolly";
        const broken = await registry.putManifest(
          repository,
          "0.3.1",
          Buffer.from(
            JSON.stringify({
              schemaVersion: 2,
              mediaType: "application/vnd.oci.image.manifest.v1+json",
              config: {
                mediaType: "application/vnd.cncf.helm.config.v1+json",
                digest: `sha256:${key}`,
                size: 2,
              },
              layers: [],
            }),
          ),
          "application/vnd.oci.image.manifest.v1+json",
        );
        writeState("prod", [imageResource("any", "v1", broken)]);
      },
      /^gc: the chart 127\.0\.0\.1:\d+\/space\/charts\/tinyolly@sha256:\w{64}, which is in use, cannot be read, so its images are not known; .*\nNothing was deleted/,
    ],
  ])("%s", async (_, arrange, message) => {
    await enterStack();
    await fill();
    await arrange();
    const before = registry.all();
    const { status, stdout, stderr } = await gc(["--delete", "--keep", "1"]);
    if (typeof message === "string") expect(stderr).toBe(message);
    else expect(stderr).toMatch(message);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(registry.all()).toEqual(before);
  });

  test.each<
    [what: string, args: readonly string[], env: Readonly<Record<string, string>>, message: RegExp]
  >([
    ["an option is not known", ["--dleete"], {}, /^gc: Unknown option '--dleete'/],
    [
      "the number of releases is none",
      ["--keep", "0"],
      {},
      /^gc: KEEP is "0", but must be a whole number of releases above 0\n$/,
    ],
    [
      "registry and cluster are not to be asked",
      [],
      { TINYOLLY_OFFLINE: "1" },
      /^gc: what is in use is not known without registry and cluster; unset TINYOLLY_OFFLINE\n$/,
    ],
  ])("%s", async (_, args, env, message) => {
    await enterStack();
    const { status, stdout, stderr } = await gc(["--delete", ...args], env);
    expect(stderr).toMatch(message);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  });

  test("the registry is GitHub's and there is no token for its API", async () => {
    await enterStack();
    const configuration = readFileSync("Pulumi.local.yaml", "utf8");
    writeFileSync("Pulumi.local.yaml", configuration.replace(registry.host, "ghcr.io"));
    const { status, stderr } = await gc([], { GITHUB_TOKEN: "", TINYOLLY_REGISTRY_TOKEN: "" });
    expect(stderr).toMatch(/^gc: ghcr\.io lists and deletes versions through GitHub's API only; /);
    expect(status).toBe(1);
  });

  test("the registry does not delete at all", async () => {
    await enterStack({ deletes: false });
    await fill();
    const before = registry.all();
    const { status, stderr } = await gc(["--delete", "--keep", "1"]);
    expect(plain(stderr)).toBe(
      "gc: registry does not delete manifests; turn deletion on in its settings (storage.delete.enabled of distribution), or delete by its own means\n",
    );
    expect(status).toBe(1);
    expect(registry.all()).toEqual(before);
  });

  test("a tag appears while it looks", async () => {
    await enterStack();
    await fill();
    let lists = 0;
    registry.onRequest = (_, path) => {
      if (!path.startsWith("/v2/space/webui/tags/") || ++lists !== 1) return;
      void pushImage(registry, { repository: "space/webui", tag: "v1-again" }, "os", "web 1");
    };
    const { status, stderr } = await gc(["--delete", "--keep", "1"]);
    expect(stderr).toMatch(
      /^gc: the tags of space\/webui changed while the registry was looked at, as when something is pushed or deployed; run it again$/m,
    );
    expect(status).toBe(1);
    expect(tags()).toContain("space/webui:v1");
  });

  test("a stack takes something into use while it looks", async () => {
    await enterStack();
    await fill();
    const [old] = registry.all().filter((name) => name.startsWith("elsewhere/webui@"));
    const digest = old?.split("@")[1] ?? "";
    program(
      "pulumi",
      `case "$2" in ls) cat stacks; [ ! -e next-prod ] || mv next-prod state-prod; [ ! -e after-prod ] || mv after-prod next-prod ;; *) cat "state-$4" ;; esac`,
    );
    writeState("prod", [imageResource("webui", "v2", "")]);
    writeFileSync(
      "after-prod",
      JSON.stringify({ deployment: { resources: [imageResource("webui", "v1", digest)] } }),
    );
    const before = registry.all();
    const { status, stderr } = await gc(["--delete", "--keep", "1"]);
    expect(stderr).toBe(
      "gc: what is in use changed while the registry was looked at, as when something is pushed or deployed; run it again\n",
    );
    expect(status).toBe(1);
    expect(registry.all()).toEqual(before);
  });
});

/** Replaces a program on PATH. */
function program(name: string, script: string): void {
  writeFileSync(`bin/${name}`, `#!/bin/sh\n${script}\n`);
}
