// A real Docker engine, a real kind and a real kubeadm. Not shown: Docker Hub and GitHub, for which a mirror and a file stand; kindnet and
// kind's provisioner of volumes, for which the platform's own stand in the node's image; and dex, at which nobody logs in.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyProject } from "../../commands/rehearse/stage.ts";
import { selfSigned } from "../../platform/machine/state-files.ts";
import { readPlatformSettings } from "../../platform/settings.ts";
import { benchTools } from "../../bench/tools.ts";
import { provideTools } from "../../platform/tools/provide.ts";
import { DockerEngine, machineAddress } from "../kind/engine.ts";
import { makeImages, nodeImage, providePrograms } from "../kind/images.ts";
import { type Run, run } from "./checkout.ts";

const settings = readPlatformSettings();
const folder = mkdtempSync(join(tmpdir(), "kind-"));
const checkout = join(folder, "checkout");
const authorities = join(folder, "authorities.crt");
const internet = ["registry-1.docker.io", "auth.docker.io", "raw.githubusercontent.com"];
const manifests = "application/vnd.oci.image.manifest.v1+json";
let engine: DockerEngine | undefined;
let before: unknown;

/** What of this machine must stay as it is. */
function machine(): unknown {
  return {
    hosts: readFileSync("/etc/hosts", "utf8"),
    run: readdirSync("/run").sort(),
    firewall: run("nft", ["list", "ruleset"], {}, "/").output,
    groups: readdirSync("/sys/fs/cgroup", { recursive: true, encoding: "utf8" }).filter((name) =>
      name.includes("tinyolly-kind-"),
    ),
  };
}

const log = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

beforeAll(async () => {
  before = machine();
  const programs = await providePrograms(settings, log);
  const names = internet.map((name) => `DNS:${name}`).join();
  const { certificate } = selfSigned(join(folder, "internet"), "/CN=internet", names);
  const bundle = ["/etc/ssl/certs/ca-certificates.crt", certificate];
  writeFileSync(authorities, bundle.map((file) => readFileSync(file, "utf8")).join("\n"));
  const registry = `http://${machineAddress}:${settings.ports.registry}`;
  await makeImages(settings, programs, join(folder, "images"), { registry, authorities }, log);
  rmSync(join(folder, "images"), { recursive: true });
  const buildx = await provideTools(
    benchTools.filter(({ name }) => name === "buildx"),
    settings.cache,
    log,
  );
  mkdirSync(join(folder, "bin"));
  for (const name of ["kind", "kubectl", "helm"])
    symlinkSync(programs.path(name), join(folder, "bin", name));
  mkdirSync(join(folder, "docker-config/cli-plugins"), { recursive: true });
  symlinkSync(
    buildx.get("buildx")?.path ?? "",
    join(folder, "docker-config/cli-plugins/docker-buildx"),
  );
  copyProject(checkout);
  // They are older than the packages that are there.
  for (const name of ["package.json", "package-lock.json"]) utimesSync(join(checkout, name), 0, 0);
  engine = await DockerEngine.start(folder, internet);
  const served = join(import.meta.dirname, "../kind/internet.ts");
  await engine.serve([
    ...[process.execPath, served, join(folder, "internet")],
    ...[registry, programs.manifest],
  ]);
});

afterAll(async () => {
  await engine?.end();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a program as a user of the engine would. */
function user(...command: string[]): Run {
  if (!engine) throw new Error("there is no engine");
  const others = /^(TINYOLLY_(?!CACHE$)|PULUMI_|KUBECONFIG$|BUILDX_|DOCKER_|CONTRACT_|MAKE)/;
  const own = Object.entries(process.env).filter(([name]) => !others.test(name));
  const env = {
    ...Object.fromEntries(own),
    NO_COLOR: "1",
    PLATFORM: "kind",
    TINYOLLY_KIND_IMAGE: nodeImage,
    SSL_CERT_FILE: authorities,
    NODE_EXTRA_CA_CERTS: authorities,
    DOCKER_CONFIG: join(folder, "docker-config"),
    PATH: [join(folder, "bin"), process.env["PATH"] ?? ""].join(":"),
  };
  return engine.run(command, env, checkout);
}

/** Output of a program that ends well. */
function output(...command: string[]): string {
  const { status, output: text } = user(...command);
  if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}:\n${text}`);
  return text;
}

function kubectl(...args: string[]): string {
  return output("kubectl", `--kubeconfig=${checkout}/.tinyolly/kind/kubeconfig`, ...args);
}

function http(...args: string[]): string {
  const quiet = ["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"];
  return user("curl", ...quiet, ...args).output;
}

function webuiImage(): string {
  const path = "{.spec.template.spec.containers[0].image}";
  return kubectl(
    "--namespace=tinyolly",
    "get",
    "deployment/tinyolly-webui",
    `--output=jsonpath=${path}`,
  );
}

test("up makes the cluster, and delivers to it", () => {
  expect(output("make", "up")).toContain("\nThe web UI is http://127.0.0.1:5002\n");
  expect(http("http://127.0.0.1:5002/")).toBe("200");
  expect(webuiImage()).toMatch(
    /^docker-registry\.registry\.svc\.cluster\.local:5000\/tinyolly\/webui@sha256:/,
  );
});

test("the registry answers at its three addresses", () => {
  expect(http("http://localhost:30500/v2/")).toBe("200");
  expect(http("--insecure", "https://registry.tinyolly.test:49443/v2/")).toBe("200");
  const inCluster = "http://docker-registry.registry.svc.cluster.local:5000/v2/";
  const asked = ["curl", "--silent", "--show-error", "--fail", inCluster];
  expect(
    kubectl("--namespace=argocd", "exec", "deployment/argocd-repo-server", "--", ...asked),
  ).toContain("{}");
});

test("a second up changes nothing, and puts an end to what a killed one left", () => {
  const locks = join(checkout, ".tinyolly/kind/pulumi/.pulumi/locks/organization/tinyolly/local");
  mkdirSync(locks, { recursive: true });
  const ended = {
    pid: 4_194_303,
    username: "root",
    hostname: hostname(),
    timestamp: "2026-01-01T00:00:00Z",
  };
  writeFileSync(join(locks, "00000000-0000-4000-8000-000000000000.json"), JSON.stringify(ended));
  // Five images, two charts, two Applications.
  expect(output("make", "up").match(/ {2}unchanged$/gm)).toHaveLength(9);
});

test("one changed file is explained, and rolled out", () => {
  const file = "apps/tinyolly-ui/nginx.conf.template";
  const image = webuiImage();
  appendFileSync(join(checkout, file), "# changed\n");
  const explained = output("make", "explain");
  expect(explained).toContain("up would build 1 image, publish 1 chart, update 1 application");
  expect(explained).toContain(file);
  output("make", "up");
  expect(webuiImage()).not.toBe(image);
  expect(http("http://127.0.0.1:5002/")).toBe("200");
});

test("an image that vanished is pushed again", () => {
  const [, digest = ""] = webuiImage().split("@");
  const url = `http://localhost:30500/v2/tinyolly/webui/manifests/${digest}`;
  expect(http("--request", "DELETE", url)).toBe("202");
  expect(output("make", "explain")).toContain("is not in registry.tinyolly.test:49443");
  output("make", "up");
  expect(http("--header", `Accept: ${manifests}`, url)).toBe("200");
});

test("open, logs, doctor and status know the cluster", () => {
  expect(output("make", "open")).toContain("http://127.0.0.1:5002\n");
  expect(output("make", "logs", "APP=otlp-receiver")).toMatch(/^\[pod\/tinyolly-otlp-receiver-/m);
  expect(output("make", "doctor")).toMatch(/^cluster +fine +4 of 4 parts run$/m);
  expect(output("make", "platform-status")).toMatch(/^registry +\S+, localhost:30500 +ready$/m);
});

test("down stops all, and the next up brings it back without a build", () => {
  output("make", "down");
  expect(output("docker", "ps", "--quiet")).toBe("");
  // There is nothing left for which the cluster would have to be started.
  output("make", "down");
  expect(output("docker", "ps", "--quiet")).toBe("");
  expect(user("make", "open").output).toContain("the platform does not run");
  expect(output("make", "up")).not.toMatch(/ {2}built$/m);
  expect(http("http://127.0.0.1:5002/")).toBe("200");
});

test("reset leaves nothing, and this machine is as it was", async () => {
  output("make", "platform-reset");
  expect(output("docker", "ps", "--all", "--quiet")).toBe("");
  expect(existsSync(join(checkout, ".tinyolly/kind"))).toBe(false);
  await engine?.end();
  engine = undefined;
  expect(machine()).toEqual(before);
});
