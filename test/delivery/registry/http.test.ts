import { spawn } from "node:child_process";
import { describe, expect, onTestFinished, test } from "vitest";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import type { Tls } from "../../../delivery/registry/references.ts";
import { type FakeRegistryOptions } from "../../fake-registry-answers.ts";
import { type FakeRegistry, manifestOf, selfSigned, startRegistry } from "../../fake-registry.ts";
import { folderWith } from "../../folders.ts";
import { clientOf, messageOf, status } from "../../registry-questions.ts";

const manifest = manifestOf("one");
const digest = `sha256:${sha256(JSON.stringify(manifest))}`;
const certificate = selfSigned();

/** A registry with `a/web:v1`, closed after the test. */
async function serve(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const registry = await startRegistry({ manifests: { "a/web:v1": manifest }, ...options });
  onTestFinished(() => registry.close());
  return registry;
}

describe("TLS", () => {
  test("any certificate will do under skip-verify", async () => {
    const registry = await serve({ tls: certificate });
    expect(await clientOf(registry, { tls: "skip-verify" }).hasManifest("a/web", digest)).toBe(
      true,
    );
  });

  test("a server without TLS will do under skip-verify", async () => {
    const registry = await serve();
    const client = clientOf(registry, { tls: "skip-verify" });
    expect(await client.getManifest("a/web", "v1")).toMatchObject({ digest });
    expect(await client.hasManifest("a/web", digest)).toBe(true);
  });

  test("another host needs a good certificate also under skip-verify", async () => {
    const elsewhere = await serve({ tls: certificate });
    const registry = await serve({
      tls: certificate,
      behaviour: status(307, { location: `${elsewhere.url}/v2/a/web/manifests/v1` }),
    });
    const question = clientOf(registry, { tls: "skip-verify" }).getManifest("a/web", "v1");
    expect(await messageOf(question, elsewhere)).toContain(
      "the certificate of HOST is not accepted (DEPTH_ZERO_SELF_SIGNED_CERT)",
    );
  });

  test("another host needs TLS also under skip-verify", async () => {
    const elsewhere = await serve();
    const location = `https://${elsewhere.host}/v2/a/web/manifests/v1`;
    const registry = await serve({ tls: certificate, behaviour: status(307, { location }) });
    const question = clientOf(registry, { tls: "skip-verify" }).getManifest("a/web", "v1");
    expect(await messageOf(question, elsewhere)).toContain("HOST does not speak TLS");
  });

  const mismatches: [string, Tls, boolean, string][] = [
    [
      "a certificate that nobody vouches for",
      "verify",
      true,
      "the certificate of HOST is not accepted (DEPTH_ZERO_SELF_SIGNED_CERT); add its authority to NODE_EXTRA_CA_CERTS, or set registryPushTls to skip-verify for a registry of your own",
    ],
    [
      "plain HTTP under verify",
      "verify",
      false,
      "HOST does not speak TLS; if that is meant, set registryPushTls to plain-http, or TLS=plain-http where a command takes it",
    ],
    [
      "TLS under plain-http",
      "plain-http",
      true,
      "the registry closed the connection without an answer; check registryPush and registryPushTls",
    ],
  ];
  test.each(mismatches)("%s is an error", async (_, tls, serves, problem) => {
    const registry = await serve(serves ? { tls: certificate } : {});
    expect(await messageOf(clientOf(registry, { tls }).getManifest("a/web", "v1"), registry)).toBe(
      `HOST/a/web:v1 could not be read: ${problem}`,
    );
  });

  /** Asks under `verify` in a process that trusts the certificate and does not close its clients; it has 10 s to end. */
  function askFromOutside(...registries: readonly FakeRegistry[]): Promise<string[]> {
    const script = `
      const { RegistryClient } = require("./delivery/registry/client.ts");
      for (const host of process.argv.slice(1))
        new RegistryClient({ host, tls: "verify" }).getManifest("a/web", "v1").then(
          (found) => console.log(found.digest),
          (error) => console.log(error.message),
        );`;
    const folder = folderWith({ "ca.pem": certificate.cert });
    const hosts = registries.map(({ host }) => host);
    const child = spawn(process.execPath, ["-e", script, ...hosts], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: `${folder}/ca.pem` },
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 10_000,
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    return new Promise((resolve) => {
      child.on("close", (code) => {
        resolve([...output.trim().split("\n").sort(), `exit code ${code ?? "none"}`]);
      });
    });
  }

  test("under verify a trusted certificate is good, plain HTTP is not, and idle connections keep no process", async () => {
    const good = await serve({ tls: certificate });
    const elsewhere = await serve();
    const location = `${elsewhere.url}/v2/a/web/manifests/v1`;
    const leaky = await serve({ tls: certificate, behaviour: status(307, { location }) });
    expect(await askFromOutside(good, leaky)).toEqual([
      `${leaky.host}/a/web:v1 could not be read: the registry refers to ${elsewhere.url}, which is not encrypted; set registryPushTls to plain-http if that is meant`,
      digest,
      "exit code 0",
    ]);
    expect(elsewhere.requests).toHaveLength(0);
  });
});
