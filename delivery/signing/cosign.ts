import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../basics/input-error.ts";
import type { RegistryAddress } from "../registry/types.ts";
import { lastLine, runTool } from "./run-tool.ts";
import type { Signer } from "./signing.ts";
import type { Attached } from "./sigstore-bundle.ts";

/** Services that a signature by key needs: none. Without this, cosign asks Sigstore for its own. */
const noServices = {
  mediaType: "application/vnd.dev.sigstore.signingconfig.v0.2+json",
  rekorTlogConfig: {},
  tsaConfig: {},
};
const noRoots = { mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1" };

const cosignTypes: Readonly<Record<Exclude<Attached, "signature">, string>> = {
  sbom: "spdxjson",
  provenance: "slsaprovenance1",
};

/** Signs and attests digests of one registry with cosign, as Sigstore bundles that refer to them. */
export class Cosign {
  private readonly flags: readonly string[];
  private readonly env: NodeJS.ProcessEnv;
  private readonly registry: RegistryAddress;
  private readonly folder: string;

  /** @param folder A private folder for what cosign reads from files. */
  public constructor(
    registry: RegistryAddress,
    signer: Signer,
    folder: string,
    env: NodeJS.ProcessEnv,
  ) {
    this.registry = registry;
    this.folder = folder;

    // Bundles belong to the digest, whatever a user has set for other images.
    this.env = { ...env, COSIGN_REPOSITORY: "" };
    this.flags = ["--yes", ...signerFlags(signer, folder), ...registryFlags(registry)];
  }

  /** Attaches a signature to a digest. */
  public async sign(repository: string, digest: string): Promise<void> {
    await this.run(["sign", ...this.flags], `${repository}@${digest}`);
  }

  /** Attaches a signed statement with this predicate to a digest. */
  public async attest(
    repository: string,
    digest: string,
    kind: Exclude<Attached, "signature">,
    predicate: unknown,
  ): Promise<void> {
    const file = join(mkdtempSync(join(this.folder, "predicate-")), `${kind}.json`);
    writeFileSync(file, JSON.stringify(predicate));
    const args = ["attest", `--type=${cosignTypes[kind]}`, `--predicate=${file}`, ...this.flags];
    await this.run(args, `${repository}@${digest}`);
  }

  private async run(args: readonly string[], subject: string): Promise<void> {
    const reference = `${this.registry.host}/${subject}`;
    const { status, stderr } = await runTool("cosign", [...args, reference], this.env);
    if (status === 0) return;
    throw new InputError(`cosign ${args[0] ?? ""} ${reference} failed: ${cosignReason(stderr)}`);
  }
}

/**
 * The public key that belongs to a private one, in PEM. Reads no registry.
 *
 * @throws InputError when cosign cannot read the key.
 */
export async function publicKey(key: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { status, stdout, stderr } = await runTool("cosign", ["public-key", `--key=${key}`], env);
  if (status === 0) return stdout;
  throw new InputError(
    `cosign cannot read the key "${key}" (${cosignReason(stderr)}); check it, and COSIGN_PASSWORD, which must hold its password`,
  );
}

/** Why cosign failed, in its own words. */
export function cosignReason(stderr: string): string {
  return lastLine(stderr).replace(/^.*error during command execution: /, "");
}

function signerFlags(signer: Signer, folder: string): string[] {
  if (signer.kind === "keyless") return [];
  const services = join(folder, "services.json");
  const roots = join(folder, "roots.json");
  writeFileSync(services, JSON.stringify(noServices));
  writeFileSync(roots, JSON.stringify(noRoots));
  return [`--key=${signer.key}`, `--signing-config=${services}`, `--trusted-root=${roots}`];
}

function registryFlags({ tls }: RegistryAddress): string[] {
  if (tls === "verify") return [];
  const http = "--allow-http-registry";
  return tls === "plain-http" ? [http] : [http, "--allow-insecure-registry"];
}
