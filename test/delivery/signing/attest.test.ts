import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { VerifyReport } from "../../../commands/release/verify.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { RegistryClient } from "../../../delivery/registry/client.ts";
import { releaseRecordType } from "../../../delivery/releases/record.ts";
import { signingProblem } from "../../../delivery/signing/signing-problem.ts";
import { predicateTypes } from "../../../delivery/signing/sigstore-bundle.ts";
import {
  type TrustRequest,
  type TrustResult,
  attachTrust,
} from "../../../delivery/signing/trust.ts";
import { readPlatformSettings } from "../../../platform/settings.ts";
import { platformTools, releaseTools } from "../../../platform/tools/catalog.ts";
import { type Tool, cachedPath } from "../../../platform/tools/find.ts";
import { RealRegistry } from "../../commands/release/real-registry.ts";
import {
  builder,
  configType,
  key,
  platforms,
  recordOf,
  source,
  tag,
} from "../../commands/release/trusted-shop.ts";
import { mediaTypes } from "../../fake-registry-answers.ts";
import { indexOf } from "../../fake-registry.ts";
import { writeFiles } from "../../folders.ts";
import { type Ended, runTypeScript } from "../../run-typescript.ts";

/** What was attached, and what was told of it. */
interface Attested {
  readonly result: TrustResult;
  readonly lines: readonly string[];
}

const { cache } = readPlatformSettings();
const tools = [...platformTools.filter(({ name }) => name === "registry"), ...releaseTools];
const missing = tools.filter((tool) => folderOf(tool) === undefined).map(({ name }) => name);
const path = [...tools.map(folderOf), process.env["PATH"]].join(":");

/** Folder of a tool in the cache, or nothing where PATH has it. */
function folderOf(tool: Tool): string | undefined {
  const cached = cachedPath(tool, cache);
  if (existsSync(cached)) return dirname(cached);
  const { accepts } = tool;
  if (accepts === undefined || accepts === "nothing") return undefined;
  const { stdout, stderr } = spawnSync(tool.name, accepts.args, { encoding: "utf8" });
  return accepts.pattern.test(`${stdout}${stderr}`) ? "" : undefined;
}

// test/run.ts provides them.
describe.skipIf(missing.length > 0)("with the real registry, cosign and syft", () => {
  const folder = mkdtempSync(join(tmpdir(), "tinyolly-attest-"));
  const env = { PATH: path, COSIGN_PASSWORD: "secret", NO_PROXY: "*" };
  const file = (name: string): string => join(folder, name);
  let registry: RealRegistry;
  let layer: Buffer;
  let rootfs: unknown;
  let request: TrustRequest;
  let first: Attested;

  beforeAll(async () => {
    const registryTool = tools[0];
    if (!registryTool) throw new Error("the catalog has no registry");
    const own = folderOf(registryTool) ?? "";
    registry = await RealRegistry.start(own === "" ? "registry" : join(own, "registry"));
    for (const prefix of ["cosign", "other"]) {
      cosign("generate-key-pair", `--output-key-prefix=${file(prefix)}`);
    }
    request = await publish();
    first = await attest(request);
  }, 120_000);

  afterAll(() => {
    registry.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function cosign(...args: readonly string[]): { status: number | null; stdout: string } {
    return spawnSync("cosign", args, { encoding: "utf8", env: { ...process.env, ...env } });
  }

  /** Attaches, and resolves to what was attached and told. */
  async function attest(what: TrustRequest, change: NodeJS.ProcessEnv = {}): Promise<Attested> {
    const lines: string[] = [];
    const reader = new RegistryClient(what.registry);
    try {
      const result = await attachTrust(what, {
        ...{ reader, env: { ...process.env, ...env, ...change } },
        log: (line) => lines.push(line),
      });
      return { result, lines };
    } finally {
      reader.close();
    }
  }

  /** Publishes an image with a Python package for two platforms, a chart and a record. */
  async function publish(): Promise<TrustRequest> {
    writeFiles(file("root/usr/lib/python3/site-packages/fastapi-1.0.dist-info"), {
      METADATA: "Metadata-Version: 2.4\nName: fastapi\nVersion: 1.0\nLicense: MIT\n\n",
    });
    const tar = spawnSync("tar", ["--create", `--directory=${file("root")}`, "usr"]).stdout;
    layer = gzipSync(tar);
    rootfs = { type: "layers", diff_ids: [`sha256:${sha256(tar)}`] };
    const children: Record<string, string> = {};
    for (const platform of platforms) {
      const [os, architecture] = platform.split("/");
      const config = { os, architecture, rootfs };
      children[platform] = await registry.putImage("shop/web", config, configType, layer);
    }
    const image = await registry.put("shop/web", indexOf(children), tag);
    const helm = "application/vnd.cncf.helm.config.v1+json";
    const chart = await registry.putImage("shop/charts/shop", {}, helm, layer, "1.2.3");
    const record = await registry.put(
      "shop/releases",
      {
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        artifactType: releaseRecordType,
        config: await registry.putBlob("shop/releases", "{}", "application/vnd.oci.empty.v1+json"),
        layers: [
          await registry.putBlob(
            "shop/releases",
            JSON.stringify(recordOf({ image, chart })),
            releaseRecordType,
          ),
        ],
      },
      "v2.1.8",
    );
    const build = { name: "web", key, platforms, buildArgs: {}, bases: {} };
    const images = [{ name: "web", digest: image }];
    const chartBuild = { name: "shop", key, version: "1.2.3", images };
    return {
      registry: { host: registry.host, tls: "plain-http" },
      signing: { kind: "key", key: file("cosign.key") },
      images: [{ ...build, repository: "shop/web", digest: image }],
      charts: [{ ...chartBuild, repository: "shop/charts/shop", digest: chart }],
      record: { repository: "shop/releases", digest: record },
      source,
      builder,
    };
  }

  function verify(ref: string, ...flags: readonly string[]): Promise<Ended> {
    const args = ["--ref", `${registry.host}/${ref}`, "--tls", "plain-http"];
    const own = flags.includes("--key") ? [] : ["--key", file("cosign.pub")];
    return runTypeScript("commands/release/verify-cli.ts", [...args, ...own, ...flags], env);
  }

  /** Lines of checks that did not hold, without the path of the key. */
  async function problems(ref: string, ...flags: readonly string[]): Promise<string[]> {
    const { status, stdout } = await verify(ref, "--json", ...flags);
    expect(status).toBe(1);
    // What --json prints.
    const { checks, holds } = JSON.parse(stdout) as VerifyReport;
    expect(holds).toBe(false);
    return checks
      .filter(({ result }) => result === "failed" || result === "absent")
      .map((one) => `${one.subject} ${one.check} ${one.result}: ${one.detail}`)
      .map((line) => line.replaceAll(`${folder}/`, ""));
  }

  test("all is attached once, and a second run writes nothing", async () => {
    expect(first.lines).toHaveLength(5);
    const before = registry.writes();
    expect(before).toBeGreaterThan(0);
    const second = await attest(request);
    expect(second.result).toEqual(first.result);
    expect(second.lines.join()).not.toContain("attached");
    expect(registry.writes()).toBe(before);
  });

  test("the release holds, and cosign says so too", async () => {
    const { status, stdout } = await verify("shop/releases:v2.1.8");
    expect(stdout).toContain("image web linux/arm64  licences         listed   1 MIT\n");
    expect(stdout).toMatch(/: all 15 checks hold\n$/);
    expect(status).toBe(0);
    const flags = [`--key=${file("cosign.pub")}`, "--insecure-ignore-tlog"];
    const image = `${registry.host}/shop/web@${request.images[0]?.digest ?? ""}`;
    expect(cosign("verify", ...flags, image).status).toBe(0);
    const provenance = ["verify-attestation", "--type=slsaprovenance1", ...flags, image];
    expect(cosign(...provenance)).toMatchObject({ status: 0 });
    const chart = `${registry.host}/shop/charts/shop:1.2.3`;
    expect(cosign("verify-attestation", "--type=spdxjson", ...flags, chart).status).toBe(0);
    const wrong = [`--key=${file("other.pub")}`, "--insecure-ignore-tlog"];
    expect(cosign("verify", ...wrong, image).status).not.toBe(0);
  });

  test("a signature by another key fails", async () => {
    const lines = await problems("shop/releases:v2.1.8", "--key", file("other.pub"));
    expect(lines[0]).toBe("release signature failed: it is signed by another key than other.pub");
    expect(lines).toHaveLength(10);
  });

  test("a list of contents that was tampered with fails", async () => {
    const [image] = request.images;
    const index = await fetch(
      `http://${registry.host}/v2/shop/web/manifests/${image?.digest ?? ""}`,
      { headers: { accept: mediaTypes.index } },
    );
    // Written above.
    const { manifests } = (await index.json()) as { manifests: { digest: string }[] };
    const undo = await registry.replaceBundle(
      "shop/web",
      manifests[1]?.digest ?? "",
      predicateTypes.sbom,
      (text) => {
        // As cosign writes it.
        const bundle = JSON.parse(text) as { dsseEnvelope: { payload: string } };
        const payload = Buffer.from(bundle.dsseEnvelope.payload, "base64").toString();
        expect(payload).toContain("fastapi");
        const changed = Buffer.from(payload.replaceAll("fastapi", "slowapi")).toString("base64");
        return JSON.stringify({
          ...bundle,
          dsseEnvelope: { ...bundle.dsseEnvelope, payload: changed },
        });
      },
    );
    expect(await problems("shop/releases:v2.1.8")).toEqual([
      "image web linux/arm64 sbom failed: it was changed after cosign.pub signed it",
    ]);
    await undo();
    expect((await verify("shop/releases:v2.1.8")).status).toBe(0);
  });

  test("a missing platform fails", async () => {
    const config = { os: "linux", architecture: "amd64", rootfs };
    const only = await registry.putImage("half/web", config, configType, layer);
    const digest = await registry.put("half/web", indexOf({ "linux/amd64": only }), tag);
    const [image] = request.images;
    if (!image) throw new Error("nothing was published");
    const half = { ...image, repository: "half/web", digest };
    await attest({ ...request, images: [half], charts: [] });
    expect(await problems(`half/web:${tag}`)).toEqual([
      "image web platforms failed: linux/arm64 is missing",
    ]);
  });

  test("a moved tag fails", async () => {
    const digest = request.images[0]?.digest ?? "";
    const moved = await registry.put("shop/web", indexOf({}), tag);
    expect(await problems("shop/releases:v2.1.8")).toEqual([
      `image web tag failed: ${tag} leads to ${moved}, not to ${digest}`,
    ]);
    expect(await problems(`shop/web:${tag}@${digest}`)).toEqual([
      `image web tag failed: ${tag} leads to ${moved}, not to ${digest}`,
    ]);
  });

  test("a key whose password is wrong is found before anything is signed", async () => {
    const all = { ...process.env, ...env };
    const signing = {
      kind: "key",
      key: file("cosign.key"),
      publicKey: file("cosign.pub"),
    } as const;
    expect(signingProblem(signing, all)).toBeUndefined();
    const wrong = { ...all, COSIGN_PASSWORD: "wrong" };
    expect(signingProblem(signing, wrong)).toMatch(/cosign cannot read the key ".*" \(.*decrypt/);
    expect(signingProblem({ ...signing, publicKey: file("other.pub") }, all)).toContain(
      "does not belong to",
    );
    const before = registry.writes();
    const refused = attest(request, { COSIGN_PASSWORD: "wrong" });
    await expect(refused).rejects.toThrow(/^cosign cannot read the key ".*" \(.*decrypt.*\n?$/);
    await expect(refused).rejects.not.toThrow("wrong");
    expect(registry.writes()).toBe(before);
  });
});
