// Images for several platforms: cross-compiled by one builder, and by two builders in networks of their own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { copyProject } from "../../commands/rehearse/stage.ts";
import { fields } from "../../delivery/basics/json-fields.ts";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { type Builders, startBuilders } from "../../platform/ghcr/builders.ts";
import { get } from "../../platform/machine/http.ts";
import { registryHosts } from "../../platform/settings.ts";
import { type Run, platform, run as runIn } from "./checkout.ts";

const work = mkdtempSync(join(tmpdir(), "tinyolly-builders-"));
/** A copy of the project, in which this suite ships other images. */
const checkout = join(work, "checkout");
const platforms = ["linux/amd64", "linux/arm64"];
const client = new RegistryClient({
  host: `localhost:${platform.ports.registry}`,
  tls: "plain-http",
});

const run = (command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Run =>
  runIn(command, args, env, checkout);

const stacks: string[] = [];

beforeAll(() => {
  copyProject(checkout);
});

afterAll(() => {
  client.close();
  for (const stack of stacks) {
    pulumi(stack, {}, ["destroy", "--yes", "--skip-preview"]);
    pulumi(stack, {}, ["stack", "rm", "--yes"]);
    rmSync(join(process.env["BUILDX_CONFIG"] ?? "", "instances", stack), { force: true });
  }
  rmSync(work, { recursive: true, force: true });
});

/** Makes the checkout ship one image and nothing else. */
function shipOnly(name: string, path: string): void {
  writeFileSync(
    join(checkout, "deliverables.ts"),
    `export const deliverables = { images: { ${JSON.stringify(name)}: { path: ${JSON.stringify(path)} } }, charts: {} } as const;\n`,
  );
}

function pulumi(
  stack: string,
  values: Readonly<Record<string, unknown>>,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Run {
  const document = parseDocument("config: {}");
  const config = { deploy: false, platforms, registryNamespace: stack, ...values };
  for (const [key, value] of Object.entries(config))
    document.setIn(["config", `tinyolly:${key}`], value);
  const file = join(work, `${stack}.yaml`);
  writeFileSync(file, document.toString());
  const all = [...args, `--stack=${stack}`, "--non-interactive", "--color=never"];
  return run("pulumi", all, { ...env, PULUMI_OPTION_CONFIG_FILE: file });
}

function init(stack: string): void {
  stacks.push(stack);
  expect(pulumi(stack, {}, ["stack", "init"]).status).toBe(0);
}

function up(
  stack: string,
  values: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv = {},
): Run {
  return pulumi(stack, values, ["up", "--yes", "--skip-preview"], env);
}

/** Digest and tag of the only image of a stack. */
function published(stack: string, name: string): { digest: string; tag: string } {
  const { output } = pulumi(stack, {}, ["stack", "output", "images", "--json"]);
  // The exports of index.ts.
  const images = JSON.parse(output) as Record<string, { digest: string; tag: string }>;
  return images[name] ?? { digest: "", tag: "" };
}

/** What an index has for each platform: the architecture in the image's own configuration. */
async function architectures(repository: string, tag: string): Promise<Record<string, unknown>> {
  const index = await client.getManifest(repository, tag);
  const found: Record<string, unknown> = {};
  for (const { digest, platform: name = "none" } of index?.children ?? []) {
    const manifest = await read(repository, `manifests/${digest}`);
    const { digest: config } = fields(manifest["config"]);
    found[name] = (await read(repository, `blobs/${String(config)}`))["architecture"];
  }
  return found;
}

async function read(repository: string, path: string): Promise<Readonly<Record<string, unknown>>> {
  const kinds = ["oci.image.manifest.v1", "docker.distribution.manifest.v2"];
  const accept = kinds.map((kind) => `application/vnd.${kind}+json`).join(", ");
  const url = `http://localhost:${platform.ports.registry}/v2/${repository}/${path}`;
  return fields(JSON.parse((await get(url, { accept })).body));
}

const both = { "linux/amd64": "amd64", "linux/arm64": "arm64" };

describe("one builder", () => {
  const values = { registryPush: `${registryHosts.tls}:${platform.ports.registryTls}` };

  test("cross-compiles for the other platform, into one index", async () => {
    shipOnly("opamp-server", "apps/opamp-server");
    init("cross");
    const { status, output } = up("cross", values);
    expect(output).toContain("+ 4 created");
    expect(status).toBe(0);
    const { tag, digest } = published("cross", "opamp-server");
    expect((await client.getManifest("cross/opamp-server", tag))?.digest).toBe(digest);
    expect(await architectures("cross/opamp-server", tag)).toEqual(both);
  });

  test("pushes nothing when nothing changed", () => {
    const { output } = up("cross", values);
    expect(output).toContain("4 unchanged");
  });
});

/** The settings of a builder of these nodes. */
function builderOf({ builders }: Builders, name: string): Readonly<Record<string, unknown>> {
  return {
    builder: name,
    builderDriver: "remote",
    builderNodes: builders.map(({ node }) => node),
  };
}

const greeting = join(checkout, "apps/greeting");
const oneEach = [["linux/amd64"], ["linux/arm64"]];

describe("two builders in two networks", () => {
  let started: Builders;

  beforeAll(async () => {
    const registry = { names: [registryHosts.tls], port: platform.ports.registry };
    started = await startBuilders({ folder: join(work, "builders"), platforms, registry });
    shipOnly("greeting", "apps/greeting");
    mkdirSync(greeting);
    writeFileSync(join(greeting, "greeting"), "hello\n");
    const lines = ["FROM scratch", "ARG TARGETPLATFORM", "COPY greeting /"];
    writeFileSync(
      join(greeting, "Dockerfile"),
      [...lines, "LABEL built.for=$TARGETPLATFORM", ""].join("\n"),
    );
  });

  afterAll(() => started.stop());

  const values = (): Readonly<Record<string, unknown>> => ({
    ...builderOf(started, "pair"),
    registryPush: `${registryHosts.tls}:${platform.ports.registry}`,
    registryPushTls: "plain-http",
  });

  test("build one platform each, and one index refers to both", async () => {
    init("pair");
    const { status, output } = up("pair", values());
    expect(output).toContain("+ 4 created");
    expect(status).toBe(0);
    expect(started.builders.map(({ built }) => built())).toEqual(oneEach);
    const { tag, digest } = published("pair", "greeting");
    expect((await client.getManifest("pair/greeting", tag))?.digest).toBe(digest);
    expect(await architectures("pair/greeting", tag)).toEqual(both);
  });

  test("build and push nothing when nothing changed", () => {
    const { output } = up("pair", values());
    expect(output).toContain("4 unchanged");
    expect(started.builders.map(({ built }) => built())).toEqual(oneEach);
  });

  test("reach package registries through the proxy of their network", () => {
    const [builder] = started.builders;
    const folder = join(checkout, "apps/opamp-server");
    const mirror = `${registryHosts.tls}:${platform.ports.registry}/mirror/library`;
    const { output, status } = run("buildctl", [
      ...(builder?.buildctl ?? []),
      ...["build", "--progress=plain", "--frontend=dockerfile.v0", "--opt=target=source"],
      ...[`--local=context=${folder}`, `--local=dockerfile=${folder}`],
      `--opt=context:golang:1.26-alpine=docker-image://${mirror}/golang:1.26-alpine`,
      `--opt=build-arg:HTTPS_PROXY=${builder?.proxy ?? ""}`,
    ]);
    expect(output).toMatch(/RUN .*go mod download\n#\d+ DONE/);
    expect(status).toBe(0);
  });

  test("build an edit that leaves the size of a file as it is", () => {
    const before = published("pair", "greeting");
    writeFileSync(join(greeting, "greeting"), "again\n");
    expect(up("pair", values()).status).toBe(0);
    expect(published("pair", "greeting").digest).not.toBe(before.digest);
  });
});

describe("a registry with a private CA", () => {
  test("gets the index of two builders where SSL_CERT_FILE names that CA", async () => {
    const ca = join(platform.state, "registry-tls/tls.crt");
    const started = await startBuilders({
      folder: join(work, "trusting"),
      platforms,
      registry: { names: [registryHosts.tls], port: platform.ports.registryTls, ca },
    });
    try {
      const values = {
        ...builderOf(started, "trusting"),
        registryPush: `${registryHosts.tls}:${platform.ports.registryTls}`,
        registryPushTls: "verify",
      };
      init("trusting");
      const { status, output } = up("trusting", values, {
        SSL_CERT_FILE: ca,
        NODE_EXTRA_CA_CERTS: ca,
      });
      expect(output).toContain("+ 4 created");
      expect(status).toBe(0);
      expect(started.builders.map(({ built }) => built())).toEqual(oneEach);
      const { tag } = published("trusting", "greeting");
      expect(await architectures("trusting/greeting", tag)).toEqual(both);
    } finally {
      await started.stop();
    }
  });
});
