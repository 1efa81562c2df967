import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { VerifyReport } from "../../../commands/release/verify.ts";
import { keyPair } from "../../delivery/signing/memory-registry.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "../../fake-registry.ts";
import { enterFolderWith } from "../../folders.ts";
import { type Ended, runTypeScript } from "../../run-typescript.ts";

const project = resolve(import.meta.dirname, "../../..");

let registry: FakeRegistry;

beforeEach(async () => {
  const pem = keyPair().publicKey.export({ type: "spki", format: "pem" }).toString();
  enterFolderWith({ "cosign.pub": pem });
  for (const file of ["Pulumi.yaml", "Pulumi.local.yaml"]) copyFileSync(join(project, file), file);
  registry = await startRegistry({ manifests: { "shop/web:v1": manifestOf("web") } });
  configure({});
});

afterEach(() => registry.close());

/** Lets the stack push to the registry of these tests. */
function configure(settings: Readonly<Record<string, string>>): void {
  const config = { registryPush: registry.host, registryPushTls: "plain-http", ...settings };
  const own = Object.entries(config).map(([key, value]) => `  tinyolly:${key}: ${value}\n`);
  writeFileSync("Pulumi.local.yaml", `config:\n${own.join("")}`);
}

function verify(args: readonly string[]): Promise<Ended> {
  return runTypeScript("commands/release/verify-cli.ts", args, {
    PULUMI_OPTION_CONFIG_FILE: "Pulumi.local.yaml",
  });
}

const ref = (): string => `${registry.host}/shop/web:v1`;

describe("verify exits with 1", () => {
  test("where checks failed, and tells which", async () => {
    const { status, stdout, stderr } = await verify(["--ref", ref()]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    expect(stdout).toContain("image web  signature        absent   nothing is attached\n");
    expect(stdout).toMatch(/: 4 of 5 checks failed\n$/);
  });

  test("and tells a machine the same", async () => {
    const { status, stdout } = await verify(["--ref", ref(), "--json", "--key", "cosign.pub"]);
    // What --json prints.
    const report = JSON.parse(stdout) as VerifyReport;
    expect(report).toMatchObject({ kind: "image", holds: false });
    expect(status).toBe(1);
  });
});

describe("verify exits with 2", () => {
  test.each<[string, () => readonly string[], () => string]>([
    [
      "without a reference",
      () => [],
      () =>
        "REF is missing; name an image, a chart or a release: make verify REF=ghcr.io/owner/webui:v1, " +
        "or REF=v2.1.8 for a release of the stack",
    ],
    [
      "for a release that the stack's registry does not have",
      () => ["--ref", "v2.1.8"],
      () =>
        `the registry has no ${registry.host}/tinyolly/releases:v2.1.8; name something that was published, or a release: ` +
        `${registry.host}/…/releases:v2.1.8`,
    ],
    [
      "without the public key",
      () => ["--ref", ref(), "--key", "none.pub"],
      () =>
        "there is no public key none.pub; name it with KEY=…, or write it: cosign public-key --key cosign.key > none.pub",
    ],
    [
      "for a way to speak to registries that does not exist",
      () => ["--ref", ref(), "--tls", "ssl"],
      () => 'TLS is "ssl", but must be one of verify, skip-verify, plain-http',
    ],
    [
      "for an identity without its issuer",
      () => ["--ref", ref(), "--identity", "^a", "--issuer", ""],
      () =>
        "an identity needs its issuer; give both, or set signingIdentity and signingIssuer: pulumi config set signingIssuer …",
    ],
    [
      "for another registry, which must be reached over TLS",
      () => ["--ref", `localhost:1/shop/web:v1`],
      () => "localhost:1/shop/web",
    ],
  ])("%s", async (_, args, message) => {
    const { status, stdout, stderr } = await verify(args());
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(`verify: ${message()}`);
  });
});

test("where an identity signs, no key is asked for, unless one is named", async () => {
  configure({ signing: "keyless", signingIdentity: "^https://ci\\.test/" });
  rmSync("cosign.pub");
  expect(await verify(["--ref", ref()])).toMatchObject({ status: 1, stderr: "" });
  expect(await verify(["--ref", ref(), "--key", "cosign.pub"])).toMatchObject({ status: 2 });
});
