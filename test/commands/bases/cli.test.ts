import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { readBaseLock } from "../../../delivery/sources/base-lock.ts";
import { enterCheckout } from "../../checkout.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "../../fake-registry.ts";
import { writeFiles } from "../../folders.ts";
import { type Ended, runTypeScript } from "../../run-typescript.ts";

const project = resolve(import.meta.dirname, "../../..");
const images = ["golang:1.26-alpine", "nginx:1.30-alpine", "node:24-alpine", "python:3.14-slim"];
let registry: FakeRegistry;

beforeEach(async () => {
  enterCheckout();
  for (const file of ["Pulumi.yaml", "Pulumi.local.yaml"]) copyFileSync(join(project, file), file);
  writeFiles(".", { kubeconfig: "contexts: [{name: tinyolly}]" });
  registry = await startRegistry({
    manifests: Object.fromEntries(images.map((image) => [`library/${image}`, manifestOf(image)])),
  });
  onTestFinished(() => registry.close());
});

function bases(...args: string[]): Promise<Ended> {
  return runTypeScript("commands/bases/cli.ts", args, {
    KUBECONFIG: resolve("kubeconfig"),
    PULUMI_OPTION_CONFIG_FILE: "Pulumi.local.yaml",
    TINYOLLY_BASE_LOCK: "bases.lock.yaml",
    TINYOLLY_BASE_MIRROR: registry.host,
  });
}

test("bases shows what is not locked, takes it when told to, and shows what moved", async () => {
  const before = await bases("--exit-code");
  expect(before.stdout.replaceAll(/[0-9a-f]{12}\b/g, "…")).toBe(
    [
      "base                locked  now",
      "golang:1.26-alpine  -       sha256:…  not locked",
      "nginx:1.30-alpine   -       sha256:…  not locked",
      "node:24-alpine      -       sha256:…  not locked",
      "python:3.14-slim    -       sha256:…  not locked",
      "",
    ].join("\n"),
  );
  expect(before).toMatchObject({
    status: 2,
    stderr: "make bases UPDATE=1 writes bases.lock.yaml\n",
  });
  expect(existsSync("bases.lock.yaml")).toBe(false);

  const taken = await bases("--update", "--exit-code");
  expect(taken).toMatchObject({
    status: 0,
    stderr: "wrote bases.lock.yaml; make explain shows what is built anew\n",
  });
  const lock = readBaseLock("bases.lock.yaml");
  expect([...lock.keys()]).toEqual(images);

  const nginx = registry.setManifest("library/nginx", "1.30-alpine", manifestOf("newer"));
  const text = readFileSync("bases.lock.yaml", "utf8");
  writeFiles(".", { "bases.lock.yaml": `${text}"debian:13": sha256:${"1".repeat(64)}\n` });
  const moved = await bases("--json", "--exit-code");
  expect(moved.status).toBe(2);
  expect(JSON.parse(moved.stdout)).toEqual({
    file: "bases.lock.yaml",
    bases: images.map((reference) => ({
      reference,
      locked: lock.get(reference),
      current: reference.startsWith("nginx") ? nginx : lock.get(reference),
    })),
    unused: ["debian:13"],
  });
});

test("bases refuses an unknown option in one line, with exit code 1", async () => {
  const { status, stdout, stderr } = await bases("--upgrade");
  expect(stderr).toMatch(/^bases: Unknown option '--upgrade'.*\n$/);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
});
