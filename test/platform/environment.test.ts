import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { parse } from "yaml";
import {
  enterStack,
  environment,
  stackConfig,
  stackEnvironment,
} from "../../platform/environment.ts";
import {
  type PlatformSettings,
  compileCache,
  project,
  readPlatformSettings,
} from "../../platform/settings.ts";
import { folderWith, writeFiles } from "../folders.ts";

let state = "";

beforeEach(() => {
  state = folderWith({});
  vi.stubEnv("PULUMI_HOME", undefined);
  vi.stubEnv("PATH", "/usr/bin:/bin");
});

afterEach(() => {
  vi.unstubAllEnvs();
});

function settings(changes: NodeJS.ProcessEnv = {}): PlatformSettings {
  return readPlatformSettings({ TINYOLLY_STATE: state, TINYOLLY_CACHE: "/tools", ...changes });
}

function config(file: string): Record<string, unknown> {
  // Pulumi itself checks the form of the file.
  return (parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> }).config;
}

test("a shell gets exactly these variables, with the platform's tools first on PATH", () => {
  expect(environment(settings())).toEqual({
    PULUMI_HOME: "/tools/pulumi",
    PULUMI_BACKEND_URL: `file://${state}/pulumi?metadata=skip`,
    PULUMI_CONFIG_PASSPHRASE: "",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NODE_COMPILE_CACHE: compileCache,
    BUILDX_CONFIG: `${state}/buildx`,
    DOCKER_BUILDKIT: "1",
    KUBECONFIG: `${state}/kubeconfig`,
    PATH: `${state}/bin:/tools/pulumi/versions/3.259.0/bin:/usr/bin:/bin`,
  });
});

test("the state's address is right for every folder", () => {
  const odd = join(state, "50% #1?");
  const { PULUMI_BACKEND_URL: url = "" } = environment(settings({ TINYOLLY_STATE: odd }));
  expect(url).toBe(`file://${state}/50%25%20%231%3F/pulumi?metadata=skip`);
});

test("another stack keeps its own backend, builder and cluster, and gets credentials by a helper", () => {
  const folder = folderWith({
    "Pulumi.yaml": "config: {registryPush: {default: there.test}}\n",
    "Pulumi.prod.yaml": "config: {tinyolly:registryPush: ghcr.io}\n",
    "Pulumi.dark.yaml": "config: {tinyolly:registryToken: {secure: v1:abc}}\n",
  });
  const home = process.cwd();
  process.chdir(folder);
  onTestFinished(() => {
    process.chdir(home);
  });
  const env = {
    TINYOLLY_STATE: state,
    TINYOLLY_CACHE: "/tools",
    PATH: "/own/bin",
    HOME: "/home/me",
  };
  const docker = join(project, ".tinyolly/docker");
  expect(stackEnvironment("prod", env)).toEqual({
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NODE_COMPILE_CACHE: compileCache,
    DOCKER_BUILDKIT: "1",
    PATH: `${docker}/bin:/own/bin:${state}/bin:${join(project, "node_modules/.bin")}`,
    TINYOLLY_REGISTRY_HOST: "ghcr.io",
    TINYOLLY_STACK: "",
    DOCKER_CONFIG: docker,
    HELM_REGISTRY_CONFIG: `${docker}/config.json`,
    BUILDX_CONFIG: "/home/me/.docker/buildx",
    TINYOLLY_DOCKER_CONFIG: "/home/me/.docker",
  });
  writeFiles(state, { "cache/pulumi/versions/3.259.0/bin/pulumi": "" });
  expect(stackEnvironment("prod", { ...env, TINYOLLY_CACHE: `${state}/cache` })).toMatchObject({
    PULUMI_HOME: `${state}/cache/pulumi`,
    PATH: `${docker}/bin:/own/bin:${state}/bin:${state}/cache/pulumi/versions/3.259.0/bin`,
  });
  expect(stackEnvironment("dark", env)).toMatchObject({
    TINYOLLY_REGISTRY_HOST: "there.test",
    TINYOLLY_STACK: "dark",
  });
  const token = { TINYOLLY_REGISTRY_TOKEN: "t0ken", TINYOLLY_REGISTRY_HOST: "mine.test" };
  expect(stackEnvironment("prod", { ...env, ...token })).toMatchObject({
    TINYOLLY_REGISTRY_HOST: "mine.test",
  });
  const host = { TINYOLLY_REGISTRY_HOST: "mine.test" };
  expect(stackEnvironment("prod", { ...env, ...host })).toMatchObject({
    TINYOLLY_REGISTRY_HOST: "ghcr.io",
  });
});

test("a stack that was entered is left without a trace", () => {
  vi.stubEnv("TINYOLLY_STATE", state);
  vi.stubEnv("KUBECONFIG", "/own/config");
  vi.stubEnv("BUILDX_CONFIG", undefined);
  const before = { ...process.env };
  const leave = enterStack("local");
  expect(process.env["KUBECONFIG"]).toBe(`${state}/kubeconfig`);
  expect(process.env["BUILDX_CONFIG"]).toBe(`${state}/buildx`);
  leave();
  expect({ ...process.env }).toEqual(before);
});

test("with base images made here, their lock and their mirror are named as well", () => {
  const withLock = settings({ TINYOLLY_PORT_REGISTRY: "30501" });
  const before = environment(withLock);
  writeFiles(state, { "bases.lock.yaml": "" });
  expect(environment(withLock)).toEqual({
    ...before,
    TINYOLLY_BASE_LOCK: `${state}/bases.lock.yaml`,
    TINYOLLY_BASE_MIRROR: "localhost:30501/mirror",
  });
});

test("with a rehearsal, the private authority is trusted, and the stack's configuration is the usual one", () => {
  const rehearsing = settings({ TINYOLLY_REHEARSAL: "1", TINYOLLY_PORT_AIRGAP: "30601" });
  expect(environment(rehearsing)).toEqual({
    ...environment(settings()),
    NODE_EXTRA_CA_CERTS: `${state}/rehearsal/node.pem`,
    SSL_CERT_FILE: `${state}/rehearsal/all.pem`,
  });
});

test("a PULUMI_HOME of the user is kept", () => {
  vi.stubEnv("PULUMI_HOME", "/own");
  const { PULUMI_HOME, PATH } = environment(settings());
  expect([PULUMI_HOME, PATH]).toEqual([
    "/own",
    `${state}/bin:/own/versions/3.259.0/bin:/usr/bin:/bin`,
  ]);
});

test("on the usual ports the local stack's own configuration is used", () => {
  expect(stackConfig(settings())).toBeUndefined();
  expect(existsSync(join(state, "Pulumi.local.yaml"))).toBe(false);
});

test("on other ports a copy of it has the endpoints of this platform", () => {
  const moved = settings({
    TINYOLLY_PORT_REGISTRY_TLS: "50443",
    TINYOLLY_PORT_REGISTRY_IN_CLUSTER: "50500",
  });
  const file = join(state, "Pulumi.local.yaml");
  expect(environment(moved)["PULUMI_OPTION_CONFIG_FILE"]).toBe(file);
  const inCluster = "docker-registry.registry.svc.cluster.local:50500";
  expect(config(file)).toEqual({
    ...config(join(project, "Pulumi.local.yaml")),
    "tinyolly:registryPush": "registry.tinyolly.test:50443",
    "tinyolly:registryPull": inCluster,
    "tinyolly:registryInCluster": inCluster,
  });
  // Which other stacks must not read, in a shell that has it.
  const env = { TINYOLLY_STATE: state, TINYOLLY_CACHE: "/tools", PULUMI_OPTION_CONFIG_FILE: file };
  expect(stackEnvironment("prod", env)).toMatchObject({
    PULUMI_OPTION_CONFIG_FILE: "",
    TINYOLLY_REGISTRY_HOST: "ghcr.io",
  });
  const own = { ...env, PULUMI_OPTION_CONFIG_FILE: join(project, "Pulumi.prod.yaml") };
  expect(stackEnvironment("prod", own)).not.toHaveProperty("PULUMI_OPTION_CONFIG_FILE");
});
