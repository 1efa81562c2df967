import { statSync } from "node:fs";
import { resolve } from "node:path";
import { fields, isMap } from "../basics/json-fields.ts";

/** Driver of a buildx builder that is made from settings. */
export type BuilderDriver = "remote" | "kubernetes";

/** A buildx builder that is made from settings. */
export interface BuilderSettings {
  readonly name: string;
  readonly driver: BuilderDriver;
  /** One or more, none of which builds what another one does. */
  readonly nodes: readonly BuilderNode[];
}

/** One BuildKit of a builder. */
export interface BuilderNode {
  /** Platforms that it builds, such as `linux/arm64`. */
  readonly platforms: readonly string[];
  /** Address of its daemon, such as `tcp://arm.example.test:1234`; undefined with `kubernetes`, where buildx starts it. */
  readonly endpoint: string | undefined;
  /** buildx's driver options, such as `cacert` or `nodeselector`; paths are absolute. */
  readonly options: Readonly<Record<string, string>>;
}

/** What a stack says of its builder, and what decides whether that fits. */
export interface GivenBuilder {
  readonly name: string;
  /** As configured; `""` for a builder that exists already. */
  readonly driver: string;
  /** As configured. */
  readonly nodes: unknown;
  /** Platforms of every image. */
  readonly platforms: readonly string[];
  /** All platforms that there are. */
  readonly platformNames: readonly string[];
  /** Whether the registry's certificate is not to be verified. */
  readonly skipsVerification: boolean;
}

const files = ["cacert", "cert", "key"];

/** Options of each driver, by buildx's own names; those of 0.35, which the plugin is made with. */
const optionNames: Readonly<Record<BuilderDriver, readonly string[]>> = {
  remote: [...files, "servername"],
  kubernetes: [
    ...["namespace", "image", "replicas", "nodeselector", "tolerations", "serviceaccount"],
    ...["annotations", "labels", "schedulername", "rootless", "loadbalance", "timeout"],
    ...["requests.cpu", "requests.memory", "requests.ephemeral-storage"],
    ...["limits.cpu", "limits.memory", "limits.ephemeral-storage"],
    ...["persistent-volume-claim.requests.storage", "buildkit-root-volume-memory"],
    ...["qemu.install", "qemu.image", "env.…"],
  ],
};

/** Protocols that buildx has for remote builders, but the one of Windows. */
const protocols = ["tcp:", "unix:", "ssh:", "docker-container:", "kube-pod:"];

/**
 * Reads `builderDriver` and `builderNodes`; undefined where the builder exists already, or where something is wrong,
 * which is then added to `problems`.
 */
export function readBuilder(given: GivenBuilder, problems: string[]): BuilderSettings | undefined {
  const { name, driver, nodes } = given;
  const before = problems.length;
  if (driver !== "" && driver !== "remote" && driver !== "kubernetes") {
    problems.push(
      `"builderDriver" is "${driver}", but must be remote, kubernetes, or nothing for a builder that exists already; ` +
        `set it with: pulumi config set builderDriver …`,
    );
    return undefined;
  }
  if (!Array.isArray(nodes) || !nodes.every(isMap)) {
    problems.push(
      `"builderNodes" is ${JSON.stringify(nodes)}, but must be a list of maps, as in docs/builders.md; ` +
        `set it with: pulumi config set --path 'builderNodes[0].platforms[0]' …`,
    );
    return undefined;
  }
  if (driver === "") {
    if (nodes.length > 0)
      problems.push(
        `"builderNodes" has entries, but no driver says how they are reached; ` +
          `set it with: pulumi config set builderDriver remote, or kubernetes`,
      );
    return undefined;
  }
  if (nodes.length === 0) {
    problems.push(
      `"builderDriver" is "${driver}", but "builderNodes" is empty; ` +
        `add a node with: pulumi config set --path 'builderNodes[0].platforms[0]' …`,
    );
  }
  if (!/^[a-z][a-z0-9._-]*$/.test(name) || name === "default") {
    problems.push(
      `"builder" is "${name}", but one with a driver must have lower-case letters, digits, dots, dashes and underscores, ` +
        `a letter first, and not be default; set it with: pulumi config set builder …`,
    );
  }
  const read = nodes.map((node, i) => readNode(node, i, driver, given.platformNames, problems));
  problems.push(...combinationProblems(read, given));
  return problems.length === before ? { name, driver, nodes: read } : undefined;
}

function readNode(
  given: unknown,
  index: number,
  driver: BuilderDriver,
  platformNames: readonly string[],
  problems: string[],
): BuilderNode {
  const { platforms, endpoint, ...rest } = fields(given);
  const reject = (key: string, value: unknown, allowed: string): void => {
    const path = `builderNodes[${index}].${key}`;
    const is = value === undefined ? "missing" : JSON.stringify(value);
    problems.push(
      `"${path}" is ${is}, but must be ${allowed}; set it with: pulumi config set --path '${path}' …`,
    );
  };
  const known = Array.isArray(platforms)
    ? platforms.filter((each): each is string => platformNames.includes(String(each)))
    : [];
  if (!Array.isArray(platforms) || known.length === 0 || known.length !== platforms.length)
    reject("platforms", platforms, `one or more of ${platformNames.join(", ")}`);
  const address = typeof endpoint === "string" ? endpoint : undefined;
  if (driver === "remote" && !isEndpoint(address))
    reject(
      "endpoint",
      endpoint,
      "such as tcp://arm.example.test:1234 or unix:///run/buildkit.sock",
    );
  if (driver === "kubernetes" && endpoint !== undefined)
    reject("endpoint", endpoint, "left out, since buildx starts the builders of a cluster");

  const options: Record<string, string> = {};
  for (const [key, value] of flatten(rest)) {
    if (!isOption(driver, key)) {
      problems.push(
        `"builderNodes[${index}].${key}" is no option of the driver ${driver}, which has ${optionNames[driver].join(", ")}; ` +
          `remove it with: pulumi config rm --path 'builderNodes[${index}].${key}'`,
      );
    } else if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
      reject(key, value, "a text, a number, true or false");
    else if (driver === "remote" && files.includes(key)) {
      options[key] = resolve(String(value));
      if (!statSync(options[key], { throwIfNoEntry: false })?.isFile())
        reject(key, value, "a file, absolute or relative to the project");
    } else options[key] = String(value);
  }
  const { cacert, cert, key, servername } = options;
  if (cacert === undefined && [cert, key, servername].some((one) => one !== undefined))
    reject("cacert", cacert, "the file of the CA that the node's certificate comes from");
  if ((cert === undefined) !== (key === undefined)) {
    reject(
      cert === undefined ? "cert" : "key",
      undefined,
      "set where the other of cert and key is",
    );
  }
  return { platforms: known, endpoint: address, options };
}

function combinationProblems(
  nodes: readonly BuilderNode[],
  { platforms, skipsVerification }: GivenBuilder,
): string[] {
  const problems: string[] = [];
  const owners = new Map<string, number>();
  for (const [i, node] of nodes.entries()) {
    for (const platform of node.platforms) {
      const other = owners.get(platform);
      if (other !== undefined)
        problems.push(
          `"builderNodes" has ${platform} in [${other}] and in [${i}], but one node builds a platform; take it out of one of them`,
        );
      owners.set(platform, i);
    }
    const other = nodes.findIndex((each) => each.endpoint === node.endpoint);
    if (node.endpoint !== undefined && other < i)
      problems.push(
        `"builderNodes" has ${node.endpoint} in [${other}] and in [${i}]; give all platforms of a daemon to one node`,
      );
  }
  const unbuilt = platforms.filter((platform) => nodes.length > 0 && !owners.has(platform));
  if (unbuilt.length > 0) {
    problems.push(
      `"platforms" has ${unbuilt.join(", ")}, which no entry of "builderNodes" builds; add it to the platforms of a node, or take it out`,
    );
  }
  const atWork = new Set(platforms.map((platform) => owners.get(platform)));
  if (atWork.size > 1 && unbuilt.length === 0 && skipsVerification) {
    problems.push(
      `"registryPushTls" is "skip-verify", but what several nodes build is put together by buildx, which verifies certificates; ` +
        `set it to plain-http, or to verify with the registry's CA in the file that SSL_CERT_FILE names`,
    );
  }
  return problems;
}

/** `{ requests: { cpu: 1 } }` is `requests.cpu`, as `pulumi config set --path` writes it. */
function flatten(map: Readonly<Record<string, unknown>>, prefix = ""): [string, unknown][] {
  return Object.entries(map).flatMap(([key, value]): [string, unknown][] =>
    isMap(value) ? flatten(fields(value), `${prefix}${key}.`) : [[`${prefix}${key}`, value]],
  );
}

function isOption(driver: BuilderDriver, key: string): boolean {
  const isVariable = driver === "kubernetes" && /^env\.[A-Za-z_]\w*$/.test(key);
  return isVariable || optionNames[driver].includes(key);
}

function isEndpoint(address: string | undefined): boolean {
  if (address === undefined || !URL.canParse(address)) return false;
  const { protocol, hostname, port, pathname } = new URL(address);
  if (protocol === "tcp:") return hostname !== "" && port !== "";
  return protocols.includes(protocol) && (protocol !== "unix:" || pathname.length > 1);
}
