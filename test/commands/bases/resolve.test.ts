import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { resolveBases } from "../../../commands/bases/resolve.ts";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { sendJson } from "../../fake-registry-answers.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "../../fake-registry.ts";

const locked = `sha256:${"1".repeat(64)}`;
let registry: FakeRegistry;

beforeEach(async () => {
  registry = await startRegistry();
  onTestFinished(() => registry.close());
});

/** Where the references are asked for when the fake registry mirrors Docker Hub. */
async function asked(...references: string[]): Promise<string[]> {
  await resolveBases(references, new Map(), `${registry.host}/mirror`).catch(() => undefined);
  return registry.requests.map(({ path }) => path);
}

describe("a base image", () => {
  test.each([
    ["python:3.14-slim", "/v2/mirror/library/python/manifests/3.14-slim"],
    ["nginx", "/v2/mirror/library/nginx/manifests/latest"],
    ["grafana/grafana:12", "/v2/mirror/grafana/grafana/manifests/12"],
    ["docker.io/nginx:1", "/v2/mirror/library/nginx/manifests/1"],
    ["docker.io/docker/dockerfile:1", "/v2/mirror/docker/dockerfile/manifests/1"],
  ])("%s of Docker Hub is asked of the mirror: %s", async (reference, path) => {
    expect(await asked(reference)).toEqual([path]);
  });

  test("of another registry is asked there, by plain HTTP on this machine as builders do", async () => {
    const digest = registry.setManifest("team/base", "v1", manifestOf("base"));
    const port = registry.host.replace(/^.*:/, "");
    const references = [`127.0.0.1:${port}/team/base:v1`, `localhost:${port}/team/base:v1`];
    const bases = await resolveBases(references, new Map(), "nowhere.test/mirror");
    expect(bases.map(({ current }) => current)).toEqual([digest, digest]);
  });

  test("has what the lock has and what its tag holds now", async () => {
    const digest = registry.setManifest("library/nginx", "1", manifestOf("nginx"));
    const other = registry.setManifest("library/python", "3", manifestOf("python"));
    const lock = new Map([["nginx:1", locked]]);
    expect(await resolveBases(["python:3", "nginx:1"], lock, registry.host)).toEqual([
      { reference: "python:3", locked: undefined, current: other },
      { reference: "nginx:1", locked, current: digest },
    ]);
  });

  test("that carries its digest is left out", async () => {
    registry.setManifest("library/nginx", "1", manifestOf("nginx"));
    const references = [`python@${locked}`, `python:3@${locked}`, "nginx:1"];
    const bases = await resolveBases(references, new Map(), registry.host);
    expect(bases.map(({ reference }) => reference)).toEqual(["nginx:1"]);
    expect(registry.requests).toHaveLength(1);
  });

  test("is read only", async () => {
    expect(await resolveBases([], new Map(), registry.host)).toEqual([]);
    await asked("python:3", "nginx:1");
    expect(new Set(registry.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
  });
});

describe("a base image is refused", () => {
  test("that the registry does not have", async () => {
    await expect(resolveBases(["nginx:9"], new Map(), registry.host)).rejects.toThrow(
      new InputError(
        `nginx:9 is not in ${registry.host}; correct the FROM in its Dockerfile, or the dependency in its Chart.yaml, or push it there`,
      ),
    );
  });

  test("whose registry says anything else", async () => {
    const closed = await startRegistry({
      behaviour: (_, response) => {
        sendJson(response, 403, {});
        return true;
      },
    });
    onTestFinished(() => closed.close());
    await expect(resolveBases(["nginx:9"], new Map(), closed.host)).rejects.toThrow(
      `${closed.host}/library/nginx:9 could not be read: `,
    );
  });
});
