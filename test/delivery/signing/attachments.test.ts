import { beforeEach, expect, test, vi } from "vitest";
import { hasSignature, readAttachments } from "../../../delivery/signing/attachments.ts";
import { predicateTypes, readStatement } from "../../../delivery/signing/sigstore-bundle.ts";
import { MemoryRegistry, bundleOf, keyPair } from "./memory-registry.ts";

const signer = keyPair();
const digest = `sha256:${"a".repeat(64)}`;

let registry = new MemoryRegistry();

beforeEach(() => {
  registry = new MemoryRegistry();
});

/** How many bundles there are of each kind. */
async function counts(): Promise<Record<string, number>> {
  const attachments = await readAttachments(registry, "web", digest);
  return Object.fromEntries(
    Object.entries(attachments).map(([kind, { length }]) => [kind, length]),
  );
}

test("bundles are sorted by what they say to be, all of them", async () => {
  registry.attach("web", digest, "signature", signer);
  registry.attach("web", digest, "signature", keyPair());
  registry.attach("web", digest, "sbom", signer, { a: 1 });
  registry.attach("web", `sha256:${"b".repeat(64)}`, "provenance", signer);
  registry.attach("elsewhere", digest, "provenance", signer);
  expect(await counts()).toEqual({ signature: 2, sbom: 1, provenance: 0 });
  const { sbom } = await readAttachments(registry, "web", digest);
  expect(sbom[0] && readStatement(sbom[0])?.predicate).toEqual({ a: 1 });
});

test("without an annotation, the statement says what it is", async () => {
  const bundle = bundleOf(predicateTypes.provenance, digest, {}, signer);
  registry.attachBundle("web", digest, bundle);
  expect(await counts()).toEqual({ signature: 0, sbom: 0, provenance: 1 });
});

test("what is no bundle, what nobody asks for and what is gone is left out", async () => {
  const bundle = bundleOf(predicateTypes.sbom, digest, {}, signer);
  const type = "dev.sigstore.bundle.predicateType";
  registry.attachBundle("web", digest, bundle, { [type]: "https://cyclonedx.org/bom" });
  const read = vi.spyOn(registry, "getBlob");
  expect(await counts()).toEqual({ signature: 0, sbom: 0, provenance: 0 });
  expect(read).not.toHaveBeenCalled();
  registry.attachBundle("web", digest, "no bundle", { [type]: predicateTypes.sbom });
  const subject = { digest };
  registry.put("web", { artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json", subject });
  registry.put("web", {
    artifactType: "text/plain",
    subject,
    layers: [registry.putBlob(bundle, "application/vnd.dev.sigstore.bundle.v0.3+json")],
  });
  const layer = registry.putBlob("x", "application/vnd.dev.sigstore.bundle.v0.3+json");
  const gone = { ...layer, digest: `sha256:${"c".repeat(64)}` };
  registry.put("web", { artifactType: layer.mediaType, subject, layers: [gone] });
  expect(await counts()).toEqual({ signature: 0, sbom: 0, provenance: 0 });
});

test("a digest has a signature where one is listed, and other bundles are none", async () => {
  const read = vi.spyOn(registry, "getBlob");
  registry.attach("web", digest, "provenance", signer);
  registry.put("web", { artifactType: "text/plain", subject: { digest } });
  expect(await hasSignature(registry, "web", digest)).toBe(false);
  registry.attach("web", digest, "signature", keyPair());
  expect(await hasSignature(registry, "web", digest)).toBe(true);
  expect(read).not.toHaveBeenCalled();
});
