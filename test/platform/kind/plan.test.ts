import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { renameContext, resetSteps, statusCommands, upSteps } from "../../../platform/kind/plan.ts";
import { readKindSettings } from "../../../platform/kind/settings.ts";
import {
  PlatformError,
  portVariables,
  project,
  readPlatformSettings,
  registryHosts,
} from "../../../platform/settings.ts";

const { ports } = readPlatformSettings({});
const settings = readKindSettings({ TINYOLLY_STATE: "/state" });
const secrets = {
  "tls.crt": "CERTIFICATE",
  "tls.key": "PRIVATE PART",
  "http-secret": "HTTP SECRET",
};
const steps = upSteps(settings, secrets);

function text(file: string): string {
  return readFileSync(join(project, "platform/kind", file), "utf8");
}

interface Service {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly type: string;
    readonly ports: readonly { readonly port: number; readonly nodePort: number }[];
  };
}

/** Objects of one kind in a file. */
function objects(file: string, kind: string): unknown[] {
  return parseAllDocuments(text(file))
    .filter((document) => document.get("kind") === kind)
    .map((document): unknown => document.toJS());
}

test("what is waited for of the registry is that it answers at the addresses of its Services", () => {
  const [answers] = steps.filter(({ name }) => name === "registry answers");
  const urls = answers?.command.filter((word) => /^https?:/.test(word));
  const node = "tinyolly-control-plane";
  expect(urls).toEqual([`http://${node}:30500/v2/`, `https://${node}:30443/v2/`]);
  expect(answers?.again).toBe(true);
});

test("the node's ports are those of the embedded platform, and on loopback only", () => {
  // As kind documents it.
  const cluster = parse(text("cluster.yaml")) as {
    networking: Record<string, string>;
    nodes: { extraPortMappings: unknown[] }[];
  };
  const listenAddress = "127.0.0.1";
  expect(cluster.networking["apiServerAddress"]).toBe(listenAddress);
  expect(cluster.nodes.map(({ extraPortMappings }) => extraPortMappings)).toEqual([
    [
      { listenAddress, hostPort: ports.registryTls, containerPort: 30443 },
      { listenAddress, hostPort: ports.registry, containerPort: 30500 },
      { listenAddress, hostPort: ports.ui, containerPort: 30080 },
      { listenAddress, hostPort: ports.otlp, containerPort: 30317 },
      { listenAddress, hostPort: ports.otlpHttp, containerPort: 30318 },
    ],
  ]);
});

test("the Services have these ports of the node, and the registry's its in-cluster name", () => {
  const services = [
    ...objects("registry.yaml", "Service"),
    ...objects("namespaces.yaml", "Service"),
  ] as Service[]; // Services by their kind.
  const [{ metadata }] = services as [Service];
  expect(`${metadata.name}.${metadata.namespace}.svc.cluster.local`).toBe(registryHosts.inCluster);
  expect(services.map(({ spec }) => spec.type)).toEqual(["NodePort", "NodePort", "NodePort"]);
  expect(
    services.map(({ spec }) => spec.ports.map(({ port, nodePort }) => [port, nodePort])),
  ).toEqual([
    [
      [ports.registryInCluster, 30500],
      [5443, 30443],
    ],
    [[80, 30080]],
    [
      [4343, 30317],
      [4318, 30318],
    ],
  ]);
});

test("nodes pull from the NodePort of the registry under its in-cluster name", () => {
  const mirror = steps.find(({ name }) => name === "registry mirror");
  const folder = `/etc/containerd/certs.d/${registryHosts.inCluster}:${ports.registryInCluster}`;
  expect(mirror?.command.at(-1)).toBe(`mkdir -p ${folder} && cat > ${folder}/hosts.toml`);
  expect(mirror?.input?.text).toContain('[host."http://tinyolly-control-plane:30500"]\n');
});

test("the builder takes the certificate of the push endpoint as it is", () => {
  expect(text("buildkitd.toml")).toContain(
    `[registry."${registryHosts.tls}:${portVariables.registryTls[1]}"]\n  insecure = true\n`,
  );
});

test("both servers of the registry are restricted", () => {
  // Deployments by their kind.
  const [deployment] = objects("registry.yaml", "Deployment") as [
    {
      spec: {
        template: { spec: { securityContext: object; containers: { securityContext: object }[] } };
      };
    },
  ];
  const { securityContext, containers } = deployment.spec.template.spec;
  expect(securityContext).toEqual({
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    fsGroup: 65532,
    seccompProfile: { type: "RuntimeDefault" },
  });
  const restricted = {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  };
  expect(containers.map((container) => container.securityContext)).toEqual([
    restricted,
    restricted,
  ]);
});

test("Argo CD's version is that of the embedded platform", () => {
  const module = readFileSync(join(project, "platform/go.mod"), "utf8");
  const version = /github\.com\/argoproj\/argo-cd\/v3 (v[\d.]+)/.exec(module)?.[1] ?? "";
  const manifest = steps.find(({ name }) => name === "Argo CD")?.command.at(-1);
  expect(manifest).toBe(
    `--filename=https://raw.githubusercontent.com/argoproj/argo-cd/${version}/manifests/install.yaml`,
  );
});

test("secrets reach the cluster by standard input alone", () => {
  const inArguments = steps.filter(({ command }) =>
    Object.values(secrets).some((value) => command.join(" ").includes(value)),
  );
  expect(inArguments).toEqual([]);
  expect(
    steps
      .filter(({ input }) => input?.text.includes("PRIVATE PART"))
      .map(({ name, input }): unknown => [name, parse(input?.text ?? "")]),
  ).toEqual([
    [
      "registry's Secret",
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "docker-registry", namespace: "registry" },
        type: "Opaque",
        stringData: secrets,
      },
    ],
  ]);
});

test("every use of kubectl and kind names the kubeconfig of the state folder", () => {
  const all = [...steps, ...resetSteps(settings)]
    .map(({ command }) => command)
    .concat(Object.values(statusCommands(settings)));
  const writers = all.filter(
    ([program, verb]) => program === "kubectl" || (program === "kind" && verb !== "get"),
  );
  expect(writers.length).toBeGreaterThan(10);
  for (const command of writers) expect(command).toContain("--kubeconfig=/state/kubeconfig");
});

const kindsOwn = {
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "kind-tinyolly", cluster: { server: "https://127.0.0.1:41234" } }],
  users: [{ name: "kind-tinyolly", user: { "client-key-data": "a2V5" } }],
  contexts: [
    { name: "kind-tinyolly", context: { cluster: "kind-tinyolly", user: "kind-tinyolly" } },
  ],
  "current-context": "kind-tinyolly",
};

test("the kubeconfig's context gets the name that the stack local has", () => {
  expect(parse(renameContext(JSON.stringify(kindsOwn)))).toEqual({
    ...kindsOwn,
    contexts: [{ name: "tinyolly", context: { cluster: "kind-tinyolly", user: "kind-tinyolly" } }],
    "current-context": "tinyolly",
  });
});

test.each([
  ["no text", "", 0],
  ["no context", "contexts: []", 0],
  ["two contexts", "contexts: [{name: a}, {name: b}]", 2],
])("%s is no kubeconfig of kind", (_, config, count) => {
  expect(() => renameContext(config)).toThrow(
    new PlatformError(`kind get kubeconfig gave ${count} contexts where one is expected`),
  );
});
