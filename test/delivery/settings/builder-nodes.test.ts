import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { type GivenBuilder, readBuilder } from "../../../delivery/settings/builder-nodes.ts";
import { folderWith } from "../../folders.ts";

const platformNames = ["linux/amd64", "linux/arm64", "linux/s390x"];
const amd64 = { endpoint: "tcp://amd.test:1234", platforms: ["linux/amd64"] };
const arm64 = { endpoint: "tcp://arm.test:1234", platforms: ["linux/arm64"] };

let folder = "";

beforeEach(() => {
  const home = process.cwd();
  folder = folderWith({ "ca.pem": "", "cert.pem": "", "key.pem": "" });
  process.chdir(folder);
  return () => {
    process.chdir(home);
  };
});

/** Reads a builder of two remote nodes with some of it changed. */
function read(changes: Partial<GivenBuilder> = {}) {
  const problems: string[] = [];
  const given: GivenBuilder = {
    name: "smith",
    driver: "remote",
    nodes: [amd64, arm64],
    platforms: ["linux/amd64", "linux/arm64"],
    platformNames,
    skipsVerification: false,
    ...changes,
  };
  return { builder: readBuilder(given, problems), problems };
}

describe("a builder", () => {
  test("that exists already has no settings", () => {
    expect(read({ driver: "", nodes: [] })).toEqual({ builder: undefined, problems: [] });
  });

  test("of remote daemons has the options of each, with absolute paths", () => {
    const tls = { cacert: "ca.pem", cert: "cert.pem", key: join(folder, "key.pem") };
    const { builder, problems } = read({ nodes: [{ ...amd64, ...tls, servername: "b" }, arm64] });
    expect(problems).toEqual([]);
    expect(builder).toEqual({
      name: "smith",
      driver: "remote",
      nodes: [
        {
          ...amd64,
          options: {
            cacert: join(folder, "ca.pem"),
            cert: join(folder, "cert.pem"),
            key: join(folder, "key.pem"),
            servername: "b",
          },
        },
        { ...arm64, options: {} },
      ],
    });
  });

  test("of a cluster has options as texts, however deep they are set", () => {
    const { builder, problems } = read({
      driver: "kubernetes",
      nodes: [
        {
          platforms: ["linux/amd64", "linux/arm64"],
          nodeselector: "kubernetes.io/arch=arm64",
          replicas: 2,
          rootless: true,
          requests: { cpu: 1, memory: "2Gi" },
          "limits.memory": "4Gi",
          env: { HTTPS_PROXY: "http://proxy.test:3128" },
        },
      ],
    });
    expect(problems).toEqual([]);
    expect(builder?.nodes).toEqual([
      {
        platforms: ["linux/amd64", "linux/arm64"],
        endpoint: undefined,
        options: {
          nodeselector: "kubernetes.io/arch=arm64",
          replicas: "2",
          rootless: "true",
          "requests.cpu": "1",
          "requests.memory": "2Gi",
          "limits.memory": "4Gi",
          "env.HTTPS_PROXY": "http://proxy.test:3128",
        },
      },
    ]);
  });

  test.each([
    "tcp://10.0.0.1:1234",
    "unix:///run/buildkit.sock",
    "ssh://user@arm.test",
    "docker-container://buildkit",
    "kube-pod://buildkit-0?namespace=build",
  ])("may be at %s", (endpoint) => {
    expect(read({ nodes: [{ ...amd64, endpoint }, arm64] }).problems).toEqual([]);
  });

  test("that skips verification is fine while one node builds all that is asked for", () => {
    const changes = { skipsVerification: true, platforms: ["linux/arm64"] };
    expect(read(changes).problems).toEqual([]);
  });
});

describe("settings of a builder", () => {
  const set = (path: string): string => `set it with: pulumi config set --path '${path}' …`;
  const allPlatforms = "one or more of linux/amd64, linux/arm64, linux/s390x";

  test.each<[string, Partial<GivenBuilder>, string]>([
    [
      "with an unknown driver",
      { driver: "docker" },
      '"builderDriver" is "docker", but must be remote, kubernetes, or nothing for a builder that exists already; ' +
        "set it with: pulumi config set builderDriver …",
    ],
    [
      "with nodes and no driver",
      { driver: "" },
      '"builderNodes" has entries, but no driver says how they are reached; ' +
        "set it with: pulumi config set builderDriver remote, or kubernetes",
    ],
    [
      "with nodes that are no list",
      { nodes: arm64 },
      '"builderNodes" is {"endpoint":"tcp://arm.test:1234","platforms":["linux/arm64"]}, but must be a list of maps, ' +
        `as in docs/builders.md; ${set("builderNodes[0].platforms[0]")}`,
    ],
    [
      "with a node that is no map",
      { nodes: ["tcp://arm.test:1234"] },
      '"builderNodes" is ["tcp://arm.test:1234"], but must be a list of maps, as in docs/builders.md; ' +
        set("builderNodes[0].platforms[0]"),
    ],
    [
      "with a driver and no nodes",
      { nodes: [] },
      '"builderDriver" is "remote", but "builderNodes" is empty; ' +
        "add a node with: pulumi config set --path 'builderNodes[0].platforms[0]' …",
    ],
    ...["default", "Smith", "7th"].map((name): [string, Partial<GivenBuilder>, string] => [
      `with the name ${name}`,
      { name },
      `"builder" is "${name}", but one with a driver must have lower-case letters, digits, dots, dashes and underscores, ` +
        "a letter first, and not be default; set it with: pulumi config set builder …",
    ]),
    [
      "without platforms of a node",
      { nodes: [amd64, { endpoint: arm64.endpoint }], platforms: ["linux/amd64"] },
      `"builderNodes[1].platforms" is missing, but must be ${allPlatforms}; ${set("builderNodes[1].platforms")}`,
    ],
    ...[["linux/arm64", "linux/x86"], []].map(
      (platforms): [string, Partial<GivenBuilder>, string] => [
        `with the platforms ${JSON.stringify(platforms)} of a node`,
        { nodes: [amd64, { ...arm64, platforms }], platforms: ["linux/amd64"] },
        `"builderNodes[1].platforms" is ${JSON.stringify(platforms)}, but must be ${allPlatforms}; ` +
          set("builderNodes[1].platforms"),
      ],
    ),
    ...[undefined, "arm.test:1234", "tcp://arm.test", "unix://", "http://arm.test:1234", 7].map(
      (endpoint): [string, Partial<GivenBuilder>, string] => [
        `with a remote node at ${String(endpoint)}`,
        { nodes: [{ ...amd64, endpoint }, arm64] },
        `"builderNodes[0].endpoint" is ${endpoint === undefined ? "missing" : JSON.stringify(endpoint)}, but must be ` +
          `such as tcp://arm.example.test:1234 or unix:///run/buildkit.sock; ${set("builderNodes[0].endpoint")}`,
      ],
    ),
    [
      "with an endpoint in a cluster",
      { driver: "kubernetes", nodes: [amd64], platforms: ["linux/amd64"] },
      '"builderNodes[0].endpoint" is "tcp://amd.test:1234", but must be left out, since buildx starts the builders of a cluster; ' +
        set("builderNodes[0].endpoint"),
    ],
    [
      "with an option that remote nodes do not have",
      { nodes: [{ ...amd64, namespace: "build" }, arm64] },
      '"builderNodes[0].namespace" is no option of the driver remote, which has cacert, cert, key, servername; ' +
        "remove it with: pulumi config rm --path 'builderNodes[0].namespace'",
    ],
    [
      "with an option that clusters do not have",
      {
        driver: "kubernetes",
        nodes: [{ platforms: ["linux/arm64"], requests: { gpu: 1 } }],
        platforms: ["linux/arm64"],
      },
      '"builderNodes[0].requests.gpu" is no option of the driver kubernetes, which has namespace, image, replicas, ' +
        "nodeselector, tolerations, serviceaccount, annotations, labels, schedulername, rootless, loadbalance, timeout, " +
        "requests.cpu, requests.memory, requests.ephemeral-storage, limits.cpu, limits.memory, limits.ephemeral-storage, " +
        "persistent-volume-claim.requests.storage, buildkit-root-volume-memory, qemu.install, qemu.image, env.…; " +
        "remove it with: pulumi config rm --path 'builderNodes[0].requests.gpu'",
    ],
    [
      "with a list for an option",
      {
        driver: "kubernetes",
        nodes: [{ platforms: ["linux/arm64"], tolerations: ["a"] }],
        platforms: ["linux/arm64"],
      },
      '"builderNodes[0].tolerations" is ["a"], but must be a text, a number, true or false; ' +
        set("builderNodes[0].tolerations"),
    ],
    [
      "with a CA that is not there",
      { nodes: [{ ...amd64, cacert: "none.pem" }, arm64] },
      '"builderNodes[0].cacert" is "none.pem", but must be a file, absolute or relative to the project; ' +
        set("builderNodes[0].cacert"),
    ],
    [
      "with a server's name and no CA",
      { nodes: [{ ...amd64, servername: "b" }, arm64] },
      '"builderNodes[0].cacert" is missing, but must be the file of the CA that the node\'s certificate comes from; ' +
        set("builderNodes[0].cacert"),
    ],
    ...[
      ["cert", "key"],
      ["key", "cert"],
    ].map(([given = "", missing = ""]): [string, Partial<GivenBuilder>, string] => [
      `with a ${given} and no ${missing}`,
      { nodes: [{ ...amd64, cacert: "ca.pem", [given]: `${given}.pem` }, arm64] },
      `"builderNodes[0].${missing}" is missing, but must be set where the other of cert and key is; ` +
        set(`builderNodes[0].${missing}`),
    ]),
    [
      "with two nodes for a platform",
      { nodes: [amd64, { ...arm64, platforms: ["linux/arm64", "linux/amd64"] }] },
      '"builderNodes" has linux/amd64 in [0] and in [1], but one node builds a platform; take it out of one of them',
    ],
    [
      "with one daemon twice",
      { nodes: [amd64, { ...arm64, endpoint: amd64.endpoint }] },
      '"builderNodes" has tcp://amd.test:1234 in [0] and in [1]; give all platforms of a daemon to one node',
    ],
    [
      "with a platform that no node builds",
      { platforms: ["linux/amd64", "linux/s390x"] },
      '"platforms" has linux/s390x, which no entry of "builderNodes" builds; add it to the platforms of a node, or take it out',
    ],
    [
      "with several nodes and a certificate that is not verified",
      { skipsVerification: true },
      '"registryPushTls" is "skip-verify", but what several nodes build is put together by buildx, which verifies certificates; ' +
        "set it to plain-http, or to verify with the registry's CA in the file that SSL_CERT_FILE names",
    ],
  ])("%s are refused", (_, changes, message) => {
    expect(read(changes)).toEqual({ builder: undefined, problems: [message] });
  });

  test("are all looked at, whatever is wrong with the first", () => {
    const { problems } = read({ nodes: [{ platforms: [] }, { platforms: [] }] });
    expect(problems).toHaveLength(5);
  });
});
