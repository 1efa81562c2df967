import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { parse } from "yaml";
import { deliverables } from "../../deliverables.ts";
import { InputError, readAll } from "../basics/input-error.ts";
import { isMap } from "../basics/json-fields.ts";
import { didYouMean } from "../basics/nearest.ts";
import { once } from "../basics/once.ts";
import { variable } from "../basics/variable.ts";
import type { ApplicationPlan, ArgoCd, DeployedChart } from "../plan/application-spec.ts";
import type { Publishing } from "../plan/fingerprint.ts";
import type { PlannedRelease } from "../plan/fingerprints.ts";
import type { PlanOptions } from "../plan/plan.ts";
import { type Versioning, aliasProblem, chooseRelease, releaseLine } from "../plan/version.ts";
import {
  type Endpoints,
  type Tls,
  chartRef,
  hostProblem,
  namespaceProblem,
  pullFolder,
  tlsModes,
} from "../registry/references.ts";
import type { Cluster } from "../rollout/live-applications.ts";
import { clockProblem } from "../signing/signing-problem.ts";
import { type Signing, readSigning, signer, signingKeys } from "../signing/signing.ts";
import { baseLockFile, readBaseLock } from "../sources/base-lock.ts";
import { chartLockFile } from "../sources/chart-dependencies.ts";
import { type GitFacts, factsIfAny, readGitFacts } from "../sources/git-facts.ts";
import { type BuilderSettings, readBuilder } from "./builder-nodes.ts";
import { secretKeys } from "./open-secrets.ts";

/** All that a stack decides. Keys, types, defaults and meanings are declared in Pulumi.yaml. */
export interface Settings {
  /** How images and charts are published. */
  readonly publishing: Publishing;
  /** Builder that is made from settings; undefined where it exists already. */
  readonly builder: BuilderSettings | undefined;
  /** What decides keys, tags and versions besides the sources. */
  readonly plan: PlanOptions;
  /** Templates of the tags that follow the newest release, such as `latest`. */
  readonly aliases: readonly string[];
  /** What stands in the way of a release; nothing where it can be made, or where none is asked for. */
  readonly releaseProblems: readonly string[];
  /** Whether the release is a tag of Git, whose commit must hold all that is shipped. */
  readonly releasesFromGit: boolean;
  /** File that locks base images. */
  readonly baseLock: string;
  /** Where Applications are made; undefined where a stack only publishes. */
  readonly cluster: Cluster | undefined;
  readonly argocd: ArgoCd;
  /** Put before the names of Applications and of the namespaces that they deploy to; `""` puts nothing. */
  readonly namePrefix: string;
  readonly chartValues: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** How what is published is signed; undefined where it is not. */
  readonly signing: Signing | undefined;
  /** Whether registry and cluster are not asked for what is published there. */
  readonly offline: boolean;
  /** Saved plan that must be followed; undefined for none. */
  readonly planFile: string | undefined;
  /** Recorded release at which the Applications are pointed, instead of what the sources give; undefined for the latter. */
  readonly redeploys: string | undefined;
  /** Number of releases of each kind that make gc keeps. */
  readonly keepReleases: number;
}

const keys = [
  "registryPush",
  "registryPushTls",
  "registryPull",
  "registryInCluster",
  "registryInClusterPlainHttp",
  "registryNamespace",
  "registryUser",
  "builder",
  "builderDriver",
  "builderNodes",
  "registryCache",
  "baseLock",
  "largestFile",
  "platforms",
  "versioning",
  "release",
  "aliases",
  "deploy",
  "kubeconfig",
  "kubeContext",
  "argocdNamespace",
  "argocdProject",
  "namePrefix",
  "destinationServer",
  "waitSeconds",
  "chartValues",
  "keepReleases",
  ...signingKeys,
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
const versionings: readonly Versioning[] = ["content", "git-tag"];

/** Configuration of a stack as Pulumi hands it over: by key with namespace, all but strings as JSON. */
export type StackConfiguration = Readonly<Record<string, string>>;

/** Name of the project in Pulumi.yaml, before each key. */
export const project = "tinyolly";

/**
 * Reads a stack's configuration; the only place that does.
 *
 * @param asked Release that it must be; `""` asks for none.
 * @throws InputError that names each wrong key, what it holds and what is allowed.
 */
export function readSettings(
  configuration: StackConfiguration,
  env: NodeJS.ProcessEnv = process.env,
  readGit: () => GitFacts | undefined = readGitFacts,
  asked = "",
): Settings {
  const config = new Configuration(configuration);
  const problems = unknownKeys(configuration);
  const reject = (key: Key, value: unknown, allowed: string | undefined): void => {
    if (allowed !== undefined) problems.push(wrongValue(key, value, allowed));
  };

  const registry: Endpoints = {
    push: config.require("registryPush"),
    // Checked below.
    pushTls: config.require("registryPushTls") as Tls,
    pull: config.require("registryPull"),
    inCluster: config.require("registryInCluster"),
    inClusterPlainHttp: config.boolean("registryInClusterPlainHttp"),
    namespace: config.require("registryNamespace"),
  };
  reject("registryPush", registry.push, hostProblem(registry.push));
  reject("registryPushTls", registry.pushTls, oneOf(registry.pushTls, tlsModes));
  reject("registryPull", registry.pull, hostProblem(registry.pull));
  reject("registryInCluster", registry.inCluster, hostProblem(registry.inCluster));
  reject("registryNamespace", registry.namespace, namespaceProblem(registry.namespace));

  // Only looked for: the credential helper reads it.
  config.require("registryUser");

  const builder = config.require("builder");
  reject(
    "builder",
    builder,
    /^[\w.-]+$/.test(builder) ? undefined : "the name of a buildx builder, such as tinyolly",
  );
  // Pulumi has checked that it is a list of strings.
  const platforms = config.json("platforms") as string[];
  const platformsFit =
    platforms.length > 0 &&
    new Set(platforms).size === platforms.length &&
    platforms.every((platform) => platformNames.includes(platform));
  reject(
    "platforms",
    platforms,
    platformsFit ? undefined : `one or more different ones of ${platformNames.join(", ")}`,
  );
  const builderSettings = readBuilder(
    {
      name: builder,
      driver: config.require("builderDriver"),
      nodes: config.json("builderNodes"),
      platforms,
      platformNames,
      skipsVerification: registry.pushTls === "skip-verify",
    },
    problems,
  );

  const baseLock = baseLockFile(config.require("baseLock"), env);
  const [bases = new Map<string, string>()] = readAll([baseLock], problems, readBaseLock);
  const [chartLock = new Map<string, string>()] = readAll([chartLockFile], problems, readBaseLock);
  const largestFile = config.number("largestFile");
  const largestFits = Number.isSafeInteger(largestFile) && largestFile > 0;
  reject("largestFile", largestFile, largestFits ? undefined : "a whole number of bytes above 0");

  // Checked below.
  const versioning = config.require("versioning") as Versioning;
  reject("versioning", versioning, oneOf(versioning, versionings));
  const named = config.require("release");
  const redeploys = variable(env, "TINYOLLY_RELEASE");
  const needsGit = named === "" && redeploys === undefined;
  const git = once(needsGit ? readGit : () => factsIfAny(readGit));
  const own = ownVersion();
  const chosen = chooseRelease(versioning, named, git, own, asked);
  // Without a name, explanations can do without a release.
  if (named !== "") problems.push(...chosen.problems);
  // Pulumi has checked that it is a list of strings.
  const aliases = config.json("aliases") as string[];
  for (const alias of aliases) reject("aliases", alias, aliasProblem(alias));

  const deploy = config.boolean("deploy");
  const kubeconfig = config.require("kubeconfig");
  const context = config.require("kubeContext");
  const cluster: Cluster = {
    ...(kubeconfig === "" ? {} : { kubeconfig }),
    context,
    clusterIdentifier: context,
  };
  if (deploy) problems.push(...contextProblems(cluster, env));

  // Checked below.
  const chartValues = config.json("chartValues") as Record<string, Record<string, unknown>>;
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
  const namePrefix = config.require("namePrefix");
  const prefixFits = /^(?:[a-z0-9][a-z0-9-]{0,19})?$/.test(namePrefix);
  reject(
    "namePrefix",
    namePrefix,
    prefixFits
      ? undefined
      : "empty, or up to 20 lower-case letters, digits and dashes, such as dev-",
  );
  const waitSeconds = config.number("waitSeconds");
  const waitFits = Number.isInteger(waitSeconds) && waitSeconds >= 0 && waitSeconds <= 3600;
  reject("waitSeconds", waitSeconds, waitFits ? undefined : "a whole number from 0 to 3600");

  const keepReleases = config.number("keepReleases");
  const keepFits = Number.isSafeInteger(keepReleases) && keepReleases >= 1;
  reject("keepReleases", keepReleases, keepFits ? undefined : "a whole number of at least 1");

  const signing = readSigning(config, reject);
  const releaseProblems = [
    ...chosen.problems,
    ...(versioning === "git-tag" || named !== ""
      ? clockProblems(git())
      : unsignedProblems(signing)),
  ];

  const settings: Settings = {
    publishing: { endpoints: registry, builder, registryCache: config.boolean("registryCache") },
    builder: builderSettings,
    plan: {
      platforms,
      versions: { line: releaseLine(own), release: chosen.release },
      pullFolder: pullFolder(registry),
      bases,
      chartLock,
      largestFile,
    },
    aliases,
    releaseProblems,
    releasesFromGit: versioning === "git-tag" && named === "",
    baseLock,
    cluster: deploy ? cluster : undefined,
    argocd: {
      namespace: config.require("argocdNamespace"),
      project: config.require("argocdProject"),
      destinationServer: config.require("destinationServer"),
      waitSeconds,
    },
    namePrefix,
    chartValues,
    signing,
    offline: variable(env, "TINYOLLY_OFFLINE") !== undefined,
    planFile: variable(env, "TINYOLLY_PLAN"),
    redeploys,
    keepReleases,
  };
  if (problems.length > 0) throw new InputError(problems.join("\n"));
  return settings;
}

function clockProblems(git: GitFacts | undefined): string[] {
  const problem = git && clockProblem(new Date(), new Date(git.time));
  return problem === undefined ? [] : [problem];
}

function unsignedProblems(signing: Signing | undefined): string[] {
  if (!signing) return [];
  return [
    `"signing" is "${signing.kind}", but only releases are signed, and this stack publishes by content; ` +
      `set "versioning" to git-tag, name a "release", or sign nothing: pulumi config set signing none`,
  ];
}

/** The release that a stack makes, and what decides it besides its parts; undefined where content decides. */
export function planRelease({ plan, aliases, signing }: Settings): PlannedRelease | undefined {
  const version = plan.versions.release;
  if (version === undefined) return undefined;
  return { version, aliases, signing: signing && signer(signing) };
}

/** The Applications that a stack makes of charts, be they planned or recorded. */
export function planApplications(
  charts: readonly DeployedChart[],
  settings: Settings,
): ApplicationPlan[] {
  const { publishing, cluster, argocd, namePrefix, chartValues } = settings;
  if (!cluster) return [];
  return charts.map((chart) => ({
    name: `${namePrefix}${chart.name}`,
    chart: { ...chart, namespace: `${namePrefix}${chart.namespace}` },
    source: chartRef(publishing.endpoints, chart.name),
    plainHttp: publishing.endpoints.inClusterPlainHttp,
    context: cluster.context,
    kubeconfig: cluster.kubeconfig,
    values: chartValues[chart.name],
    argocd,
  }));
}

/** Typed access to declared keys; Pulumi has checked their types, and Pulumi.yaml has a default for each. */
class Configuration {
  readonly #values: StackConfiguration;

  public constructor(values: StackConfiguration) {
    this.#values = values;
  }

  public require(key: Key): string {
    const value = this.#values[`${project}:${key}`];
    if (value === undefined)
      throw new InputError(`"${key}" is not set; set it with: pulumi config set ${key} …`);
    return value;
  }

  public boolean(key: Key): boolean {
    return this.require(key) === "true";
  }

  public number(key: Key): number {
    return Number(this.require(key));
  }

  public json(key: Key): unknown {
    try {
      return JSON.parse(this.require(key));
    } catch (error) {
      if (error instanceof InputError) throw error;
      throw new InputError(wrongValue(key, this.require(key), "JSON"));
    }
  }
}

/** Pulumi checks the types of declared keys and lets every other key pass. */
function unknownKeys(configuration: StackConfiguration): string[] {
  const known: readonly string[] = [...keys, ...secretKeys];
  return Object.keys(configuration)
    .filter(
      (key) => key.startsWith(`${project}:`) && !known.includes(key.slice(project.length + 1)),
    )
    .map((key) => {
      const near = didYouMean(key.slice(project.length + 1), known);
      const others = near === "" ? `: ${known.join(", ")}` : "";
      return `"${key}" is not a configuration key of this project${near}; Pulumi.yaml lists them${others}`;
    });
}

function wrongValue(key: Key, value: unknown, allowed: string): string {
  // What the command sets as a whole is a text.
  const first = isMap(value) ? ".NAME" : Array.isArray(value) ? "[0]" : "";
  const set = first === "" ? key : `--path '${key}${first}'`;
  return `"${key}" is ${JSON.stringify(value)}, but must be ${allowed}; set it with: pulumi config set ${set} …`;
}

function oneOf(value: string, allowed: readonly string[]): string | undefined {
  return allowed.includes(value) ? undefined : `one of ${allowed.join(", ")}`;
}

/** Found here, since the provider would only say so after the images are built. */
function contextProblems({ kubeconfig, context }: Cluster, env: NodeJS.ProcessEnv): string[] {
  const named = kubeconfig ?? env["KUBECONFIG"] ?? "";
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

/** Version in package.json, which is the same in every checkout; a shallow clone has no tags, an archive no Git. */
export function ownVersion(): string {
  // package.json of this project has a version.
  return (JSON.parse(readFileSync("package.json", "utf8")) as { version: string }).version;
}
