import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PublishRequest } from "../../../components/scripts/publish-chart.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { readTimings } from "../../../delivery/basics/timings.ts";
import { chartPushFolder } from "../../../delivery/registry/references.ts";
import { readChartSources } from "../../../delivery/sources/chart-sources.ts";
import { putImage } from "../../fake-image.ts";
import { mediaTypes, sendJson } from "../../fake-registry-answers.ts";
import { type FakeRegistry, startRegistry } from "../../fake-registry.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { runScript } from "../../run-script.ts";
import type { Ended } from "../../run-typescript.ts";
import { shopEndpoints, shopFiles } from "../../shop.ts";

let registry: FakeRegistry;
let refuses = false;

beforeEach(async () => {
  enterFolderWith(shopFiles);
  refuses = false;
  registry = await startRegistry({
    behaviour: (_, response) => {
      if (refuses) sendJson(response, 403, { errors: [{ code: "DENIED", message: "no" }] });
      return refuses;
    },
  });
  image = { ...image, digest: putImage(registry, "shop/api") };
  helm();
});

afterEach(() => registry.close());

const pushed = `sha256:${"5".repeat(64)}`;
let image = { repository: "pull.test/shop/api", tag: "v1", digest: "" };

/** Puts a helm on PATH that packages as Helm 4 does, keeps what it is told to push, and notes its arguments. */
function helm({ time = "", version = "v4.3.1", push = `echo "Digest: ${pushed}"` } = {}): void {
  const tar = `tar --create --sort=name --owner=0 --group=0 ${time} --directory="\${2%/*}" "\${2##*/}"`;
  writeFiles("bin", {
    helm: [
      "#!/bin/sh",
      'echo "$*" >> calls',
      'case "$1" in',
      `version) echo ${version} ;;`,
      `package) ${tar} | gzip -n > "$4/shop.tgz" ;;`,
      `push) cp "$2" pushed.tgz; ${push} ;;`,
      "*) exit 9 ;;",
      "esac",
      "",
    ].join("\n"),
  });
  chmodSync("bin/helm", 0o755);
}

function publish(
  changes: Partial<PublishRequest> = {},
  env: Record<string, string> = {},
): Promise<Ended> {
  const request: PublishRequest = {
    chart: "shop",
    path: "charts/shop",
    version: "1.2.3-v2.1.x-h1",
    appVersion: "v2.1.x-h1",
    key: "k".repeat(64),
    files: readChartSources("charts/shop"),
    images: { "api.image": image },
    platforms: ["linux/amd64"],
    pushFolder: chartPushFolder({ ...shopEndpoints, push: registry.host }),
    pushTls: "plain-http",
    ...changes,
  };
  const path = `${resolve("bin")}:${process.env["PATH"] ?? ""}`;
  return runScript("components/scripts/publish-chart.ts", request, {
    PATH: path,
    TINYOLLY_TIMINGS: "",
    ...env,
  });
}

/** Subcommands of helm that were run. */
function calls(): string[] {
  const lines = readFileSync("calls", "utf8").trim().split("\n");
  return lines.map((line) => line.split(" ")[0] ?? "");
}

/** Puts a chart with this layer into the registry, as another version of helm may have described it. */
function hold(layer: string): string {
  const type = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
  const layers = [{ mediaType: type, digest: layer, size: 1 }];
  const config = { mediaType: "application/vnd.cncf.helm.config.v1+json", digest: pushed, size: 1 };
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers };
  return registry.setManifest("shop/charts/shop", "1.2.3-v2.1.x-h1", manifest);
}

describe("a chart", () => {
  test("that the registry does not have is packaged with version and images, and pushed", async () => {
    const { status, stdout, stderr } = await publish({}, { TINYOLLY_TIMINGS: "timings" });
    expect(stderr).toMatch(
      new RegExp(
        `^pushing oci://${registry.host}/shop/charts/shop:1\\.2\\.3-v2\\.1\\.x-h1 \\(\\d+ bytes\\)\n$`,
      ),
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: `{"digest":"${pushed}"}\n` });
    expect(calls()).toEqual(["package", "push"]);
    expect(readFileSync("calls", "utf8")).toMatch(
      new RegExp(`\npush \\S+/shop\\.tgz oci://${registry.host}/shop/charts --plain-http\n$`),
    );
    const content = gunzipSync(readFileSync("pushed.tgz")).toString();
    const key = `dev.tinyolly.key: ${"k".repeat(64)}`;
    for (const text of ["version: 1.2.3-v2.1.x-h1", "appVersion: v2.1.x-h1", image.digest, key])
      expect(content).toContain(text);
    expect(readFileSync("charts/shop/Chart.yaml", "utf8")).toBe(
      shopFiles["charts/shop/Chart.yaml"],
    );
    expect(readTimings("timings").map(({ phase }) => phase)).toEqual(["package"]);
    const requests = registry.requests.map(({ method, path }) => `${method} ${path}`);
    expect(requests[0]).toBe(`GET /v2/shop/api/manifests/${image.digest}`);
    expect(requests.at(-1)).toBe("GET /v2/shop/charts/shop/manifests/1.2.3-v2.1.x-h1");
  });

  test("that the registry has with the same bytes is left alone, with the digest that it has", async () => {
    await publish();
    rmSync("calls");
    const digest = hold(`sha256:${sha256(readFileSync("pushed.tgz"))}`);
    expect(await publish()).toEqual({ status: 0, stdout: `{"digest":"${digest}"}\n`, stderr: "" });
    expect(calls()).toEqual(["package"]);
  });
});

describe("nothing is pushed", () => {
  const failure = (message: string): Ended => ({
    status: 1,
    stdout: "",
    stderr: `chart "shop" 1.2.3-v2.1.x-h1: ${message}\n`,
  });

  afterEach(() => {
    expect(existsSync("pushed.tgz")).toBe(false);
  });

  test("where the registry has the version with other bytes", async () => {
    hold(`sha256:${"7".repeat(64)}`);
    expect(await publish()).toEqual(
      failure(
        `oci://${registry.host}/shop/charts/shop has this version with other content, and published versions are ` +
          "never overwritten; raise the version in charts/shop/Chart.yaml, or delete that version from the registry",
      ),
    );
  });

  test("where the registry does not say what it has", async () => {
    refuses = true;
    const { status, stderr } = await publish();
    const question = `${registry.host}/shop/api@${image.digest}`;
    expect(stderr).toContain(
      `chart "shop" 1.2.3-v2.1.x-h1: the registry could not be asked what it has, so nothing was pushed: ` +
        `${question} could not be read: `,
    );
    expect(status).toBe(1);
  });

  test("while an image of the chart is not in the registry with all its platforms", async () => {
    const lost = { ...image, digest: `sha256:${"6".repeat(64)}` };
    const where = `${registry.host}/shop/api@`;
    const next = "The chart was not pushed; run pulumi up again, which pushes what is missing";
    expect(await publish({ images: { "api.image": lost } })).toEqual(
      failure(`${where}${lost.digest} is not in the registry\n${next}`),
    );
    expect(await publish({ platforms: ["linux/arm64"] })).toEqual(
      failure(`linux/arm64 of ${where}${image.digest} holds a program for linux/amd64\n${next}`),
    );
    expect(existsSync("calls")).toBe(false);
  });

  test("by Helm 3, which would package the same with other bytes each time", async () => {
    helm({ time: "--mtime=@1700000000", version: "v3.19.0" });
    expect(await publish()).toEqual(
      failure(
        "helm v3.19.0 cannot package reproducibly; Helm 4 is needed: " +
          `eval "$(make -s env)" puts the platform's first`,
      ),
    );
  });

  test("without helm", async () => {
    expect(await publish({}, { PATH: "nowhere" })).toEqual(
      failure(
        `helm is not on PATH; install Helm 4, or run eval "$(make -s env)" to use the platform's`,
      ),
    );
  });
});

test("a push that fails is told in helm's own last words", async () => {
  helm({ push: "echo 'Error: denied' >&2; exit 1" });
  const { status, stderr } = await publish();
  expect(stderr).toMatch(/\nchart "shop" 1\.2\.3-v2\.1\.x-h1: helm push failed: Error: denied\n$/);
  expect(status).toBe(1);
});

test("a file that is saved after it was planned is named, and nothing is pushed", async () => {
  helm();
  const files = readChartSources("charts/shop");
  writeFiles(".", { "charts/shop/values.yaml": "api: {image: {}, replicas: 7}\n" });
  const { status, stdout, stderr } = await publish({ files });
  expect(stderr).toContain("charts/shop/values.yaml changed since it was planned");
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
});

test("a file that comes after the plan is not packaged", async () => {
  helm();
  const files = readChartSources("charts/shop");
  const before = await publish({ files });
  writeFiles(".", { "charts/shop/templates/new.yaml": "kind: Secret\n" });
  expect(await publish({ files })).toMatchObject({ status: 0, stdout: before.stdout });
});
