import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { planApplications, readSettings } from "../../../delivery/settings/settings.ts";
import type { GitFacts } from "../../../delivery/sources/git-facts.ts";
import { enterFolderWith, folderWith, writeFiles } from "../../folders.ts";
import { planShop, shop, shopFiles } from "../../shop.ts";
import { handedOver, stackConfig } from "../../stacks.ts";

const kubeconfig = "contexts: [{name: kind}, {name: tinyolly}]\n";

let folder = "";

beforeEach(() => {
  folder = enterFolderWith({ "package.json": '{"version": "2.1.0"}', kubeconfig });
  vi.stubEnv("KUBECONFIG", join(folder, "kubeconfig"));
  return () => vi.unstubAllEnvs();
});

/** Reads the settings of the local stack with some keys changed. */
function read(
  changes: Readonly<Record<string, unknown>> = {},
  stack: "local" | "prod" = "local",
  env: NodeJS.ProcessEnv = {},
) {
  const { KUBECONFIG } = process.env;
  const config = handedOver({ ...stackConfig(stack), ...changes });
  return readSettings(config, { KUBECONFIG, ...env }, () => git);
}

/** A clean tree at an annotated tag. */
const git: GitFacts = {
  commit: "0".repeat(40),
  time: "2026-11-25T12:00:00.000Z",
  shallow: false,
  dirty: [],
  tags: [{ name: "v2.1.8", annotated: true }],
  known: ["v2.1.8"],
  repository: undefined,
};

describe("the settings of", () => {
  const argocd = {
    namespace: "argocd",
    project: "default",
    destinationServer: "https://kubernetes.default.svc",
    waitSeconds: 300,
  };

  test("the local stack", () => {
    expect(read()).toEqual({
      publishing: {
        endpoints: {
          push: "registry.tinyolly.test:49443",
          pushTls: "skip-verify",
          pull: "docker-registry.registry.svc.cluster.local:5000",
          inCluster: "docker-registry.registry.svc.cluster.local:5000",
          inClusterPlainHttp: true,
          namespace: "tinyolly",
        },
        builder: "tinyolly",
        registryCache: false,
      },
      builder: undefined,
      plan: {
        platforms: ["linux/amd64"],
        versions: { line: "v2.1", release: undefined },
        pullFolder: "docker-registry.registry.svc.cluster.local:5000/tinyolly",
        bases: new Map(),
        chartLock: new Map(),
        largestFile: 2 ** 30,
      },
      aliases: [],
      releaseProblems: [],
      releasesFromGit: false,
      baseLock: "bases.lock.yaml",
      cluster: { context: "tinyolly", clusterIdentifier: "tinyolly" },
      argocd,
      namePrefix: "",
      chartValues: { tinyolly: { redis: { persistence: { enabled: true } } } },
      offline: false,
      planFile: undefined,
      redeploys: undefined,
      keepReleases: 10,
    });
  });

  test("the prod stack", () => {
    expect(read({}, "prod")).toEqual({
      publishing: {
        endpoints: {
          push: "ghcr.io",
          pushTls: "verify",
          pull: "ghcr.io",
          inCluster: "ghcr.io",
          inClusterPlainHttp: false,
          namespace: "ryanfaircloth/tinyolly",
        },
        builder: "tinyolly",
        registryCache: true,
      },
      builder: undefined,
      plan: {
        platforms: ["linux/amd64", "linux/arm64"],
        versions: { line: "v2.1", release: "v2.1.8" },
        pullFolder: "ghcr.io/ryanfaircloth/tinyolly",
        bases: new Map(),
        chartLock: new Map(),
        largestFile: 2 ** 30,
      },
      aliases: ["latest", "v{major}", "v{major}.{minor}"],
      releaseProblems: [],
      releasesFromGit: true,
      baseLock: "bases.lock.yaml",
      cluster: undefined,
      argocd,
      namePrefix: "",
      chartValues: {},
      offline: false,
      planFile: undefined,
      redeploys: undefined,
      keepReleases: 10,
      signing: {
        kind: "keyless",
        identity: String.raw`^https://github\.com/ryanfaircloth/tinyolly/\.github/workflows/delivery\.yml@refs/tags/v`,
        issuer: "https://token.actions.githubusercontent.com",
      },
    });
  });
});

test("every key that Pulumi.yaml declares is read, and no other", () => {
  const declared = stackConfig("local");
  for (const key of Object.keys(declared)) {
    const { [key]: left, ...others } = declared;
    expect(left).toBeDefined();
    expect(() => readSettings(handedOver(others), {}), key).toThrow(
      new InputError(`"${key}" is not set; set it with: pulumi config set ${key} …`),
    );
  }
});

test("what stands in the way of a release is told apart from wrong keys, since explanations do without one", () => {
  const config = handedOver(stackConfig("prod"));
  const settings = readSettings(config, {}, () => ({ ...git, tags: [] }));
  expect(settings.plan.versions.release).toBeUndefined();
  expect(settings.releaseProblems).toEqual([
    "HEAD (0000000000) has no tag; tag it with: git tag --annotate v2.1.9 --message v2.1.9",
  ]);
});

test("a release that is named is none from Git", () => {
  expect(read({ release: "v2.1.9" }, "prod").releasesFromGit).toBe(false);
});

test("a clock behind the newest commit stands in the way of a release, and of nothing else", () => {
  vi.setSystemTime(new Date(0));
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const problem =
    "the clock says 1970-01-01T00:00:00.000Z, but the newest commit is of 2026-11-25T12:00:00.000Z; " +
    "set it (timedatectl set-ntp true)";
  expect(read({}, "prod").releaseProblems).toEqual([problem]);
  expect(read({ release: "v2.1.8" }).releaseProblems).toEqual([problem]);
  expect(read().releaseProblems).toEqual([]);
});

describe("without a git that answers", () => {
  test.each<[what: string, changes: Record<string, unknown>, env: NodeJS.ProcessEnv]>([
    ["a release can be named", { release: "v2.1.8" }, {}],
    ["a recorded release can be deployed", {}, { TINYOLLY_RELEASE: "v2.1.7" }],
  ])("%s", (_, changes, env) => {
    vi.stubEnv("PATH", join(folder, "nowhere"));
    const config = handedOver({ ...stackConfig("prod"), ...changes });
    const { plan } = readSettings(config, env);
    expect(plan.versions.release).toBe(changes["release"]);
  });

  test("no release is made of a tag", () => {
    vi.stubEnv("PATH", join(folder, "nowhere"));
    expect(() => readSettings(handedOver(stackConfig("prod")), {})).toThrow(/^git cannot be run /);
  });
});

test("only releases can be signed", () => {
  expect(read({ signing: "key" }).releaseProblems).toEqual([
    '"signing" is "key", but only releases are signed, and this stack publishes by content; ' +
      'set "versioning" to git-tag, name a "release", or sign nothing: pulumi config set signing none',
  ]);
  expect(read({ signing: "key", release: "v2.1.8" }).releaseProblems).toEqual([]);
});

test("a recorded release to deploy comes from the environment", () => {
  expect(read({}, "local", { TINYOLLY_RELEASE: "v2.1.7" }).redeploys).toBe("v2.1.7");
  expect(read({}, "local", { TINYOLLY_RELEASE: "" }).redeploys).toBeUndefined();
});

test("a release, values and a wait are read", () => {
  const chartValues = { tinyolly: { webui: { replicas: 2 } }, "tinyolly-demos": {} };
  const settings = read({ release: "v2.1.8", chartValues, waitSeconds: 0 });
  expect(settings.plan.versions.release).toBe("v2.1.8");
  expect(settings.chartValues).toEqual(chartValues);
  expect(settings.argocd.waitSeconds).toBe(0);
});

test("nothing is signed, unless the stack says how", () => {
  expect(read().signing).toBeUndefined();
  expect(read({ signing: "key" }).signing).toEqual({
    kind: "key",
    key: "cosign.key",
    publicKey: "cosign.pub",
  });
  expect(read({ signing: "keyless", signingIdentity: "^https://ci\\.test/" }).signing).toEqual({
    kind: "keyless",
    identity: "^https://ci\\.test/",
    issuer: "https://token.actions.githubusercontent.com",
  });
});

test.each(["v2.1.8", "v0.0.1", "v2.2.0-rc.1"])("%s is a release", (release) => {
  expect(read({ release }).plan.versions.release).toBe(release);
});

describe("a key that", () => {
  const setRelease =
    "a semantic version after a v and without build metadata, such as v2.1.8; set it with: pulumi config set release …";
  const aHost =
    "a host name with an optional port, such as ghcr.io or localhost:30500, without scheme or path";

  test.each<[string, Record<string, unknown>, string]>([
    [
      "does not exist",
      { registryPsuh: "ghcr.io" },
      '"tinyolly:registryPsuh" is not a configuration key of this project (did you mean registryPush?); Pulumi.yaml lists them',
    ],
    [
      "is like none of them",
      { colour: "red" },
      '"tinyolly:colour" is not a configuration key of this project; Pulumi.yaml lists them: ' +
        "registryPush, registryPushTls, registryPull, registryInCluster, registryInClusterPlainHttp, " +
        "registryNamespace, registryUser, builder, builderDriver, builderNodes, registryCache, baseLock, largestFile, platforms, versioning, release, aliases, deploy, kubeconfig, kubeContext, argocdNamespace, " +
        "argocdProject, namePrefix, destinationServer, waitSeconds, chartValues, keepReleases, signing, signingKey, signingPublicKey, " +
        "signingIdentity, signingIssuer, registryToken",
    ],
    [
      "should be a TLS mode",
      { registryPushTls: "none" },
      '"registryPushTls" is "none", but must be one of verify, skip-verify, plain-http; ' +
        "set it with: pulumi config set registryPushTls …",
    ],
    ...[-1, 0, 1.5, 2 ** 53].map((largestFile): [string, Record<string, unknown>, string] => [
      `should be bytes of a file and is ${largestFile}`,
      { largestFile },
      `"largestFile" is ${largestFile}, but must be a whole number of bytes above 0; ` +
        "set it with: pulumi config set largestFile …",
    ]),
    ...[-1, 0, 1.5].map((keepReleases): [string, Record<string, unknown>, string] => [
      `should be a number of releases and is ${keepReleases}`,
      { keepReleases },
      `"keepReleases" is ${keepReleases}, but must be a whole number of at least 1; ` +
        "set it with: pulumi config set keepReleases …",
    ]),
    ...[-1, 3601, 1.5].map((waitSeconds): [string, Record<string, unknown>, string] => [
      `should be seconds to wait and is ${waitSeconds}`,
      { waitSeconds },
      `"waitSeconds" is ${waitSeconds}, but must be a whole number from 0 to 3600; ` +
        "set it with: pulumi config set waitSeconds …",
    ]),
    [
      "should name Argo CD's namespace and is blank",
      { argocdNamespace: " " },
      '"argocdNamespace" is " ", but must be something; its default is in Pulumi.yaml; ' +
        "set it with: pulumi config set argocdNamespace …",
    ],
    [
      "should be platforms and has one twice",
      { platforms: ["linux/amd64", "linux/amd64"] },
      '"platforms" is ["linux/amd64","linux/amd64"], but must be one or more different ones of linux/386, linux/amd64, ' +
        "linux/arm/v6, linux/arm/v7, linux/arm64, linux/ppc64le, linux/riscv64, linux/s390x; " +
        "set it with: pulumi config set --path 'platforms[0]' …",
    ],
    [
      "should be a host and has a scheme",
      { registryPush: "https://ghcr.io" },
      `"registryPush" is "https://ghcr.io", but must be ${aHost}; set it with: pulumi config set registryPush …`,
    ],
    [
      "should be a host and has a path",
      { registryPull: "ghcr.io/owner" },
      `"registryPull" is "ghcr.io/owner", but must be ${aHost}; set it with: pulumi config set registryPull …`,
    ],
    [
      "should be a host and has an impossible port",
      { registryInCluster: "registry:70000" },
      '"registryInCluster" is "registry:70000", but must be a port from 1 to 65535; ' +
        "set it with: pulumi config set registryInCluster …",
    ],
    [
      "should be a registry path and has capitals",
      { registryNamespace: "Owner/tinyolly" },
      '"registryNamespace" is "Owner/tinyolly", but must be lower-case path segments, such as tinyolly or ' +
        "owner/tinyolly; set it with: pulumi config set registryNamespace …",
    ],
    [
      "should name a builder and has a space",
      { builder: "my builder" },
      '"builder" is "my builder", but must be the name of a buildx builder, such as tinyolly; ' +
        "set it with: pulumi config set builder …",
    ],
    [
      "should be platforms and has an unknown one",
      { platforms: ["linux/amd64", "linux/x86"] },
      '"platforms" is ["linux/amd64","linux/x86"], but must be one or more different ones of linux/386, linux/amd64, ' +
        "linux/arm/v6, linux/arm/v7, linux/arm64, linux/ppc64le, linux/riscv64, linux/s390x; " +
        "set it with: pulumi config set --path 'platforms[0]' …",
    ],
    [
      "should be platforms and is empty",
      { platforms: [] },
      '"platforms" is [], but must be one or more different ones of linux/386, linux/amd64, ' +
        "linux/arm/v6, linux/arm/v7, linux/arm64, linux/ppc64le, linux/riscv64, linux/s390x; " +
        "set it with: pulumi config set --path 'platforms[0]' …",
    ],
    [
      "should say where versions come from",
      { versioning: "git" },
      `"versioning" is "git", but must be one of content, git-tag; set it with: pulumi config set versioning …`,
    ],
    [
      "holds an alias that is a version",
      { aliases: ["latest", "v1.2.3"] },
      `"aliases" is "v1.2.3", but must be tags that are no version, such as latest, v{major} or v{major}.{minor}; set it with: pulumi config set aliases …`,
    ],
    [
      "should be a release and has no v",
      { release: "2.1.8" },
      `"release" is "2.1.8", but must be ${setRelease}`,
    ],
    [
      "should be a release and has a leading zero",
      { release: "v2.01.8" },
      `"release" is "v2.01.8", but must be ${setRelease}`,
    ],
    [
      "should be a release and has build metadata",
      { release: "v2.1.8+1" },
      `"release" is "v2.1.8+1", but must be ${setRelease}`,
    ],
    [
      "should be values by chart and has an unknown chart",
      { chartValues: { tinyoly: {} } },
      '"chartValues" is {"tinyoly":{}}, but must be a map of values for each of tinyolly, tinyolly-demos; ' +
        "set it with: pulumi config set --path 'chartValues.NAME' …",
    ],
    [
      "should be values by chart and has a list",
      { chartValues: { tinyolly: [] } },
      '"chartValues" is {"tinyolly":[]}, but must be a map of values for each of tinyolly, tinyolly-demos; ' +
        "set it with: pulumi config set --path 'chartValues.NAME' …",
    ],
    [
      "should say how to sign and does not",
      { signing: "gpg" },
      '"signing" is "gpg", but must be one of none, key, keyless; set it with: pulumi config set signing …',
    ],
    [
      "is wrong does not hide another",
      { builder: "", registryNamespace: "/" },
      '"registryNamespace" is "/", but must be lower-case path segments, such as tinyolly or owner/tinyolly; ' +
        "set it with: pulumi config set registryNamespace …\n" +
        '"builder" is "", but must be the name of a buildx builder, such as tinyolly; ' +
        "set it with: pulumi config set builder …",
    ],
    ...["platforms", "builderNodes", "chartValues"].map(
      (key): [string, Record<string, unknown>, string] => [
        `should be ${key} and is not even JSON`,
        { [key]: "linux/amd64" },
        `"${key}" is "linux/amd64", but must be JSON; set it with: pulumi config set ${key} …`,
      ],
    ),
  ])("%s is named with what is allowed", (_, changes, message) => {
    expect(() => read(changes)).toThrow(new InputError(message));
  });
});

test("keys of other namespaces are none of ours", () => {
  const configuration = { ...handedOver(stackConfig("local")), "kubernetes:context": "elsewhere" };
  expect(() => readSettings(configuration)).not.toThrow();
});

test("a builder is made of nodes, for the platforms of the stack and the registry that it pushes to", () => {
  const nodes = ["linux/amd64", "linux/arm64"].map((platform) => ({
    endpoint: `tcp://${platform.slice(6)}.test:1234`,
    platforms: [platform],
  }));
  const builder = { builderDriver: "remote", builderNodes: nodes };
  const platforms = ["linux/amd64", "linux/arm64"];
  expect(read({ ...builder, platforms, registryPushTls: "verify" }).builder).toEqual({
    name: "tinyolly",
    driver: "remote",
    nodes: nodes.map((node) => ({ ...node, options: {} })),
  });
  expect(() => read({ ...builder, platforms })).toThrow('"registryPushTls" is "skip-verify"');
  expect(() => read({ ...builder, platforms: ["linux/s390x"] })).toThrow(
    '"platforms" has linux/s390x',
  );
});

test("builds share layers through the registry where the stack says so", () => {
  expect(read({ registryCache: true }).publishing.registryCache).toBe(true);
});

test("the largest file that is taken is the stack's", () => {
  expect(read({ keepReleases: 3 }).keepReleases).toBe(3);
  expect(read({ largestFile: 4711 }).plan.largestFile).toBe(4711);
});

describe("the lock of base images", () => {
  const nginx = `sha256:${"1".repeat(64)}`;
  const node = `sha256:${"2".repeat(64)}`;
  const python = `sha256:${"3".repeat(64)}`;

  beforeEach(() => {
    writeFiles(folder, {
      "bases.lock.yaml": `nginx: ${nginx}\n`,
      "machine.yaml": `node: ${node}\n`,
      "stack.yaml": `python: ${python}\n`,
    });
  });

  test.each([
    ["bases.lock.yaml", "where nothing is said", "", {}, ["nginx", nginx]],
    [
      "machine.yaml",
      "where this machine names it",
      "",
      { TINYOLLY_BASE_LOCK: "machine.yaml" },
      ["node", node],
    ],
    [
      "stack.yaml",
      "where the stack names it, whatever the machine does",
      "stack.yaml",
      { TINYOLLY_BASE_LOCK: "machine.yaml" },
      ["python", python],
    ],
  ] as const)("is %s %s", (file, _, key, env, entry) => {
    const { baseLock, plan } = read({ baseLock: key }, "local", env);
    expect(baseLock).toBe(file);
    expect([...plan.bases]).toEqual([entry]);
  });

  test("locks nothing where it is not there", () => {
    expect(read({ baseLock: "missing.yaml" }).plan.bases.size).toBe(0);
  });

  test("is refused when it holds something else", () => {
    writeFiles(folder, { "stack.yaml": "python: latest\n" });
    expect(() => read({ baseLock: "stack.yaml" })).toThrow(
      new InputError(
        'stack.yaml: "python" has "latest", but must have sha256: and 64 hexadecimal digits; ' +
          "make bases UPDATE=1 writes it",
      ),
    );
  });
});

test.each([
  ["1", true],
  ["0", true],
  ["", false],
  [undefined, false],
])("with TINYOLLY_OFFLINE=%s a run is offline: %s", (value, offline) => {
  expect(read({}, "local", { TINYOLLY_OFFLINE: value }).offline).toBe(offline);
});

test.each([
  ["plan.json", "plan.json"],
  [undefined, undefined],
])("with TINYOLLY_PLAN=%s the plan to follow is %s", (value, planFile) => {
  expect(read({}, "local", { TINYOLLY_PLAN: value }).planFile).toBe(planFile);
});

describe("the context", () => {
  const cure =
    "set kubeContext and kubeconfig, start the platform with make platform-up, or set deploy to false to publish only";

  test.each(["contexts: {a: b}", "contexts: [null, 1]", "a: [", "text", "a: 1\n---\nb: 2"])(
    "in a kubeconfig that reads %j is not there",
    (text) => {
      writeFiles(folder, { kubeconfig: text });
      expect(() => read()).toThrow("has no context");
    },
  );

  test("is looked up in the kubeconfig that is set, which goes to the provider", () => {
    writeFiles(folder, { "my/kubeconfig": "contexts: [{name: far}]\n" });
    const path = join(folder, "my/kubeconfig");
    const { cluster } = read({ kubeconfig: path, kubeContext: "far" });
    expect(cluster).toEqual({ kubeconfig: path, context: "far", clusterIdentifier: "far" });
  });

  test("is looked up in every file of KUBECONFIG", () => {
    writeFiles(folder, { more: "contexts: [{name: far}]\n" });
    vi.stubEnv("KUBECONFIG", `${folder}/missing:${folder}/kubeconfig:${folder}/more`);
    expect(read({ kubeContext: "far" }).cluster?.context).toBe("far");
  });

  test("is looked up in the home folder without KUBECONFIG", () => {
    writeFiles(folder, { ".kube/config": "contexts: [{name: home}]\n" });
    vi.stubEnv("HOME", folder);
    vi.stubEnv("KUBECONFIG", "");
    expect(read({ kubeContext: "home" }).cluster?.context).toBe("home");
  });

  test("is not asked for where nothing is deployed", () => {
    expect(read({ deploy: false, kubeContext: "nowhere" }).cluster).toBeUndefined();
  });

  test("is refused when the kubeconfig lacks it, even if another is current", () => {
    writeFiles(folder, { kubeconfig: `current-context: kind\n${kubeconfig}` });
    expect(() => read({ kubeContext: "far" })).toThrow(
      new InputError(
        `"kubeContext" is "far", but ${folder}/kubeconfig has kind, tinyolly; ${cure}`,
      ),
    );
  });

  test.each(["", "contexts:\n", "contexts: []\n", "kind: Config\n"])(
    "is refused when the kubeconfig is %j",
    (text) => {
      writeFiles(folder, { kubeconfig: text });
      expect(() => read()).toThrow(
        new InputError(
          `"kubeContext" is "tinyolly", but ${folder}/kubeconfig has no context; ${cure}`,
        ),
      );
    },
  );

  test("is refused when there is no kubeconfig", () => {
    vi.stubEnv("KUBECONFIG", join(folder, "missing"));
    expect(() => read()).toThrow(
      new InputError(`"kubeContext" is "tinyolly", but no kubeconfig is there; ${cure}`),
    );
  });
});

describe("the line of development versions", () => {
  function git(cwd: string, ...args: string[]): void {
    const author = ["-c", "user.name=test", "-c", "user.email=test@example.test"];
    execFileSync("git", [...author, ...args], { cwd, stdio: "ignore" });
  }

  /** Tags and versions of the shop in a checkout. */
  function versionsIn(checkout: string): string[] {
    process.chdir(checkout);
    const { images, charts } = planShop(shop, read().plan);
    return [...images.map(({ tag }) => tag), ...charts.map(({ version }) => version)];
  }

  test("and with it every tag is the same in a checkout with Git, without Git and in a shallow clone", () => {
    const files = { ...shopFiles, "package.json": '{"version": "5.6.7"}' };
    const without = folderWith(files);
    const repository = folderWith(files);
    git(repository, "init");
    git(repository, "add", ".");
    git(repository, "commit", "-m", "first");
    git(repository, "tag", "v9.8.7");
    git(repository, "commit", "--allow-empty", "-m", "second");
    const shallow = join(folderWith({}), "clone");
    git(repository, "clone", "--depth=1", `file://${repository}`, shallow);

    const versions = versionsIn(without);
    expect(versions).toHaveLength(4);
    for (const version of versions) expect(version).toContain("v5.6.x-h");
    expect(versionsIn(repository)).toEqual(versions);
    expect(versionsIn(shallow)).toEqual(versions);
  });

  test("is refused when package.json holds no version", () => {
    writeFiles(folder, { "package.json": '{"version": "next"}' });
    expect(() => read()).toThrow('"next" is not a version such as 2.1.0');
  });
});

describe("names with a prefix", () => {
  test("are those of Applications and of their namespaces", () => {
    const settings = read({ namePrefix: "dev-" });
    const chart = { name: "tinyolly", version: "1", namespace: "olly", keepSecrets: [] };
    const [application] = planApplications([{ ...chart, images: new Map() }], settings);
    expect(application).toMatchObject({ name: "dev-tinyolly", chart: { namespace: "dev-olly" } });
    expect(application?.source).toMatch(/\/charts\/tinyolly$/);
  });

  test.each(["Dev-", "-dev", "dev_", "x".repeat(21)])("%s is refused", (namePrefix) => {
    expect(() => read({ namePrefix })).toThrow(
      `"namePrefix" is "${namePrefix}", but must be empty, or up to 20 lower-case letters, digits and dashes, such as dev-`,
    );
  });
});
