import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import type { ArgoCd } from "./components/application";
import { InputError } from "./components/input-error";
import type { PlanOptions } from "./components/plan";
import { type Endpoints, type Tls, hostProblem, namespaceProblem } from "./components/references";
import { releaseLine } from "./components/version";
import { deliverables } from "./deliverables";

/** All that a stack decides. Keys, types, defaults and meanings are declared in Pulumi.yaml. */
export interface Settings {
  readonly registry: Endpoints;
  readonly builder: string;
  /** What decides keys, tags and versions besides the sources. */
  readonly plan: PlanOptions;
  /** Where Applications are made; undefined where a stack only publishes. */
  readonly cluster: Cluster | undefined;
  readonly argocd: ArgoCd;
  readonly chartValues: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Where Argo CD runs; inputs of the Kubernetes provider. */
export interface Cluster {
  /** Path of a kubeconfig; left out means KUBECONFIG or ~/.kube/config. */
  readonly kubeconfig?: string;
  readonly context: string;
  /** Keeps resources when only the kubeconfig changes. */
  readonly clusterIdentifier: string;
}

const keys = [
  "registryPush",
  "registryPushTls",
  "registryPull",
  "registryInCluster",
  "registryInClusterPlainHttp",
  "registryNamespace",
  "builder",
  "platforms",
  "release",
  "deploy",
  "kubeconfig",
  "kubeContext",
  "argocdNamespace",
  "argocdProject",
  "destinationServer",
  "waitSeconds",
  "chartValues",
] as const;

type Key = (typeof keys)[number];

const platformNames = [
  "linux/386",
  "linux/amd64",
  "linux/arm/v6",
  "linux/arm/v7",
  "linux/arm64",
  "linux/ppc64le",
  "linux/riscv64",
  "linux/s390x",
];
const tlsModes: readonly Tls[] = ["verify", "skip-verify", "plain-http"];
const releasePattern =
  /^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;

/**
 * Reads the stack's configuration; the only place that does.
 *
 * @throws InputError that names each wrong key, what it holds and what is allowed.
 */
export function readSettings(): Settings {
  const config = new pulumi.Config();
  const problems = unknownKeys(config.name);
  const reject = (key: Key, value: unknown, allowed: string | undefined): void => {
    if (allowed !== undefined) problems.push(wrongValue(key, value, allowed));
  };

  const registry: Endpoints = {
    push: config.require("registryPush"),
    // Checked below.
    pushTls: config.require<Tls>("registryPushTls"),
    pull: config.require("registryPull"),
    inCluster: config.require("registryInCluster"),
    inClusterPlainHttp: config.requireBoolean("registryInClusterPlainHttp"),
    namespace: config.require("registryNamespace"),
  };
  reject("registryPush", registry.push, hostProblem(registry.push));
  reject("registryPushTls", registry.pushTls, oneOf(registry.pushTls, tlsModes));
  reject("registryPull", registry.pull, hostProblem(registry.pull));
  reject("registryInCluster", registry.inCluster, hostProblem(registry.inCluster));
  reject("registryNamespace", registry.namespace, namespaceProblem(registry.namespace));

  const builder = config.require("builder");
  reject(
    "builder",
    builder,
    /^[\w.-]+$/.test(builder) ? undefined : "the name of a buildx builder, such as tinyolly",
  );
  const platforms = config.requireObject<string[]>("platforms");
  const platformsFit =
    platforms.length > 0 &&
    new Set(platforms).size === platforms.length &&
    platforms.every((platform) => platformNames.includes(platform));
  reject(
    "platforms",
    platforms,
    platformsFit ? undefined : `one or more different ones of ${platformNames.join(", ")}`,
  );

  const release = config.get("release") ?? "";
  const releaseFits = release === "" || releasePattern.test(release);
  reject("release", release, releaseFits ? undefined : "a release such as v2.1.8, or nothing");

  const deploy = config.requireBoolean("deploy");
  const kubeconfig = config.get("kubeconfig") ?? "";
  const context = config.require("kubeContext");
  const cluster: Cluster = {
    ...(kubeconfig === "" ? {} : { kubeconfig }),
    context,
    clusterIdentifier: context,
  };
  if (deploy) problems.push(...contextProblems(cluster));

  const chartValues = config.requireObject<Record<string, Record<string, unknown>>>("chartValues");
  const charts = Object.keys(deliverables.charts);
  const valuesFit = Object.entries(chartValues).every(
    ([name, values]) => charts.includes(name) && isMap(values),
  );
  reject(
    "chartValues",
    chartValues,
    valuesFit ? undefined : `a map of values for each of ${charts.join(", ")}`,
  );

  for (const key of ["argocdNamespace", "argocdProject", "destinationServer"] as const) {
    const value = config.require(key);
    reject(
      key,
      value,
      value.trim() === "" ? "something; its default is in Pulumi.yaml" : undefined,
    );
  }
  const waitSeconds = config.requireNumber("waitSeconds");
  const waitFits = Number.isInteger(waitSeconds) && waitSeconds >= 0 && waitSeconds <= 3600;
  reject("waitSeconds", waitSeconds, waitFits ? undefined : "a whole number from 0 to 3600");

  const settings: Settings = {
    registry,
    builder,
    plan: {
      platforms,
      versions: { line: releaseLine(newestVersion()), release: release || undefined },
      pullFolder: `${registry.pull}/${registry.namespace}`,
    },
    cluster: deploy ? cluster : undefined,
    argocd: {
      namespace: config.require("argocdNamespace"),
      project: config.require("argocdProject"),
      destinationServer: config.require("destinationServer"),
      waitSeconds,
    },
    chartValues,
  };
  if (problems.length > 0) throw new InputError(problems.join("\n"));
  return settings;
}

/** Pulumi checks the types of declared keys and lets every other key pass. */
function unknownKeys(project: string): string[] {
  const known: readonly string[] = keys;
  return Object.keys(pulumi.runtime.allConfig())
    .filter(
      (key) => key.startsWith(`${project}:`) && !known.includes(key.slice(project.length + 1)),
    )
    .map(
      (key) =>
        `"${key}" is not a configuration key of this project; Pulumi.yaml lists them: ${known.join(", ")}`,
    );
}

function wrongValue(key: Key, value: unknown, allowed: string): string {
  return `"${key}" is ${JSON.stringify(value)}, but must be ${allowed}; set it with: pulumi config set ${key} …`;
}

function oneOf(value: string, allowed: readonly string[]): string | undefined {
  return allowed.includes(value) ? undefined : `one of ${allowed.join(", ")}`;
}

function isMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Found here, since the provider would only say so after the images are built. */
function contextProblems({ kubeconfig, context }: Cluster): string[] {
  const named = kubeconfig ?? process.env["KUBECONFIG"] ?? "";
  const files = (named === "" ? join(homedir(), ".kube/config") : named)
    .split(delimiter)
    .filter((file) => existsSync(file));
  const contexts = files.flatMap(contextNames);
  if (contexts.includes(context)) return [];
  const where =
    files.length === 0
      ? `no kubeconfig is there`
      : `${files.join(", ")} has ${contexts.join(", ") || "no context"}`;
  return [
    `"kubeContext" is "${context}", but ${where}; set kubeContext and kubeconfig, start the platform with make platform-up, ` +
      `or set deploy to false to publish only`,
  ];
}

/** Names of a kubeconfig's contexts; none where the file is not one. */
function contextNames(file: string): string[] {
  try {
    // Any YAML; what is not a map has no contexts.
    const { contexts } = Object(parse(readFileSync(file, "utf8"))) as { contexts?: unknown };
    if (!Array.isArray(contexts)) return [];
    return contexts.flatMap((entry: unknown) => {
      const { name } = Object(entry) as { name?: unknown };
      return typeof name === "string" ? [name] : [];
    });
  } catch {
    return [];
  }
}

/** Newest version tag before HEAD, else the version in package.json. */
function newestVersion(): string {
  try {
    const args = ["describe", "--tags", "--abbrev=0", "--match=v[0-9]*.[0-9]*.[0-9]*"];
    return execFileSync("git", args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    // package.json of this project has a version.
    return (JSON.parse(readFileSync("package.json", "utf8")) as { version: string }).version;
  }
}
