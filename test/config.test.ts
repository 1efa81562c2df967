import { execFileSync } from "node:child_process";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { InputError } from "../components/input-error";
import { readSettings } from "../config";
import { enterFolderWith, writeFiles } from "./folders";
import { handedOver, stackConfig } from "./stacks";

const kubeconfig = "contexts: [{name: kind}, {name: tinyolly}]\n";

let folder = "";

beforeEach(() => {
  folder = enterFolderWith({ "package.json": '{"version": "2.1.0"}', kubeconfig });
  vi.stubEnv("KUBECONFIG", join(folder, "kubeconfig"));
  return () => vi.unstubAllEnvs();
});

/** Reads the settings of the local stack with some keys changed. */
async function read(
  changes: Readonly<Record<string, unknown>> = {},
  stack: "local" | "prod" = "local",
) {
  await pulumi.runtime.setMocks(
    { newResource: () => ({ id: undefined, state: {} }), call: () => ({}) },
    "tinyolly",
    stack,
  );
  pulumi.runtime.setAllConfig(handedOver({ ...stackConfig(stack), ...changes }));
  return readSettings();
}

describe("the settings of", () => {
  test("the local stack", async () => {
    expect(await read()).toEqual({
      registry: {
        push: "registry.tinyolly.test:49443",
        pushTls: "skip-verify",
        pull: "docker-registry.registry.svc.cluster.local:5000",
        inCluster: "docker-registry.registry.svc.cluster.local:5000",
        inClusterPlainHttp: true,
        namespace: "tinyolly",
      },
      builder: "tinyolly",
      plan: {
        platforms: ["linux/amd64"],
        versions: { line: "v2.1", release: undefined },
        pullFolder: "docker-registry.registry.svc.cluster.local:5000/tinyolly",
      },
      cluster: { context: "tinyolly", clusterIdentifier: "tinyolly" },
      argocd: {
        namespace: "argocd",
        project: "default",
        destinationServer: "https://kubernetes.default.svc",
        waitSeconds: 0,
      },
      chartValues: {},
    });
  });

  test("the prod stack", async () => {
    expect(await read({}, "prod")).toEqual({
      registry: {
        push: "ghcr.io",
        pushTls: "verify",
        pull: "ghcr.io",
        inCluster: "ghcr.io",
        inClusterPlainHttp: false,
        namespace: "ryanfaircloth/tinyolly",
      },
      builder: "tinyolly",
      plan: {
        platforms: ["linux/amd64", "linux/arm64"],
        versions: { line: "v2.1", release: undefined },
        pullFolder: "ghcr.io/ryanfaircloth/tinyolly",
      },
      cluster: undefined,
      argocd: {
        namespace: "argocd",
        project: "default",
        destinationServer: "https://kubernetes.default.svc",
        waitSeconds: 0,
      },
      chartValues: {},
    });
  });
});

test("a release, values and a wait are read", async () => {
  const chartValues = { tinyolly: { webui: { replicas: 2 } }, "tinyolly-demos": {} };
  const settings = await read({ release: "v2.1.8", chartValues, waitSeconds: 300 });
  expect(settings.plan.versions.release).toBe("v2.1.8");
  expect(settings.chartValues).toEqual(chartValues);
  expect(settings.argocd.waitSeconds).toBe(300);
});

test.each(["v2.1.8", "v0.0.1", "v2.2.0-rc.1"])("%s is a release", async (release) => {
  expect((await read({ release })).plan.versions.release).toBe(release);
});

describe("a key that", () => {
  const setRelease =
    "a release such as v2.1.8, or nothing; set it with: pulumi config set release …";
  const aHost =
    "a host name with an optional port, such as ghcr.io or localhost:30500, without scheme or path";

  test.each<[string, Record<string, unknown>, string]>([
    [
      "does not exist",
      { registryPsuh: "ghcr.io" },
      '"tinyolly:registryPsuh" is not a configuration key of this project; Pulumi.yaml lists them: ' +
        "registryPush, registryPushTls, registryPull, registryInCluster, registryInClusterPlainHttp, " +
        "registryNamespace, builder, platforms, release, deploy, kubeconfig, kubeContext, argocdNamespace, " +
        "argocdProject, destinationServer, waitSeconds, chartValues",
    ],
    [
      "should be a TLS mode",
      { registryPushTls: "none" },
      '"registryPushTls" is "none", but must be one of verify, skip-verify, plain-http; ' +
        "set it with: pulumi config set registryPushTls …",
    ],
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
        "set it with: pulumi config set platforms …",
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
        "set it with: pulumi config set platforms …",
    ],
    [
      "should be platforms and is empty",
      { platforms: [] },
      '"platforms" is [], but must be one or more different ones of linux/386, linux/amd64, ' +
        "linux/arm/v6, linux/arm/v7, linux/arm64, linux/ppc64le, linux/riscv64, linux/s390x; " +
        "set it with: pulumi config set platforms …",
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
        "set it with: pulumi config set chartValues …",
    ],
    [
      "should be values by chart and has a list",
      { chartValues: { tinyolly: [] } },
      '"chartValues" is {"tinyolly":[]}, but must be a map of values for each of tinyolly, tinyolly-demos; ' +
        "set it with: pulumi config set chartValues …",
    ],
    [
      "is wrong does not hide another",
      { builder: "", registryNamespace: "/" },
      '"registryNamespace" is "/", but must be lower-case path segments, such as tinyolly or owner/tinyolly; ' +
        "set it with: pulumi config set registryNamespace …\n" +
        '"builder" is "", but must be the name of a buildx builder, such as tinyolly; ' +
        "set it with: pulumi config set builder …",
    ],
  ])("%s is named with what is allowed", async (_, changes, message) => {
    await expect(read(changes)).rejects.toThrow(new InputError(message));
  });
});

test("keys of other namespaces are none of ours", async () => {
  await read();
  pulumi.runtime.setConfig("kubernetes:context", "elsewhere");
  expect(() => readSettings()).not.toThrow();
});

describe("the context", () => {
  const cure =
    "set kubeContext and kubeconfig, start the platform with make platform-up, or set deploy to false to publish only";

  test.each(["contexts: {a: b}", "contexts: [null, 1]", "a: [", "text", "a: 1\n---\nb: 2"])(
    "in a kubeconfig that reads %j is not there",
    async (text) => {
      writeFiles(folder, { kubeconfig: text });
      await expect(read({})).rejects.toThrow("has no context");
    },
  );

  test("is looked up in the kubeconfig that is set, which goes to the provider", async () => {
    writeFiles(folder, { "my/kubeconfig": "contexts: [{name: far}]\n" });
    const path = join(folder, "my/kubeconfig");
    const { cluster } = await read({ kubeconfig: path, kubeContext: "far" });
    expect(cluster).toEqual({ kubeconfig: path, context: "far", clusterIdentifier: "far" });
  });

  test("is looked up in every file of KUBECONFIG", async () => {
    writeFiles(folder, { more: "contexts: [{name: far}]\n" });
    vi.stubEnv("KUBECONFIG", `${folder}/missing:${folder}/kubeconfig:${folder}/more`);
    expect((await read({ kubeContext: "far" })).cluster?.context).toBe("far");
  });

  test("is looked up in the home folder without KUBECONFIG", async () => {
    writeFiles(folder, { ".kube/config": "contexts: [{name: home}]\n" });
    vi.stubEnv("HOME", folder);
    vi.stubEnv("KUBECONFIG", "");
    expect((await read({ kubeContext: "home" })).cluster?.context).toBe("home");
  });

  test("is not asked for where nothing is deployed", async () => {
    expect((await read({ deploy: false, kubeContext: "nowhere" })).cluster).toBeUndefined();
  });

  test("is refused when the kubeconfig lacks it, even if another is current", async () => {
    writeFiles(folder, { kubeconfig: `current-context: kind\n${kubeconfig}` });
    await expect(read({ kubeContext: "far" })).rejects.toThrow(
      new InputError(
        `"kubeContext" is "far", but ${folder}/kubeconfig has kind, tinyolly; ${cure}`,
      ),
    );
  });

  test.each(["", "contexts:\n", "contexts: []\n", "kind: Config\n"])(
    "is refused when the kubeconfig is %j",
    async (text) => {
      writeFiles(folder, { kubeconfig: text });
      await expect(read()).rejects.toThrow(
        new InputError(
          `"kubeContext" is "tinyolly", but ${folder}/kubeconfig has no context; ${cure}`,
        ),
      );
    },
  );

  test("is refused when there is no kubeconfig", async () => {
    vi.stubEnv("KUBECONFIG", join(folder, "missing"));
    await expect(read()).rejects.toThrow(
      new InputError(`"kubeContext" is "tinyolly", but no kubeconfig is there; ${cure}`),
    );
  });
});

describe("the line of development versions", () => {
  function git(...args: string[]): void {
    const author = ["-c", "user.name=test", "-c", "user.email=test@example.test"];
    execFileSync("git", [...author, ...args], { cwd: folder, stdio: "ignore" });
  }

  test("is that of package.json without version tags", async () => {
    writeFiles(folder, { "package.json": '{"version": "5.6.7"}' });
    git("init");
    git("commit", "--allow-empty", "-m", "first");
    git("tag", "nightly");
    expect((await read()).plan.versions.line).toBe("v5.6");
  });

  test("is that of the newest version tag before HEAD", async () => {
    git("init");
    git("commit", "--allow-empty", "-m", "first");
    git("tag", "v3.4.5");
    git("commit", "--allow-empty", "-m", "second");
    expect((await read()).plan.versions.line).toBe("v3.4");
  });

  test("is refused when package.json holds no version", async () => {
    writeFiles(folder, { "package.json": '{"version": "next"}' });
    await expect(read()).rejects.toThrow(
      new InputError('"next" is not a version such as v2.1.8; tag releases as vMAJOR.MINOR.PATCH'),
    );
  });
});
