import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { ArtifactCopier } from "../../../commands/release/artifact-copy.ts";
import { OciLayout } from "../../../commands/release/oci-layout.ts";
import {
  artifact,
  descriptorOf,
  emptyBlob,
  emptyDescriptor,
} from "../../../delivery/registry/artifact.ts";
import type { Descriptor } from "../../../delivery/registry/types.ts";
import { type PutRelease, putRelease } from "../../delivery/signing/a-release.ts";
import { startRegistry } from "../../fake-registry.ts";
import { folderWith } from "../../folders.ts";
import { clientOf } from "../../registry-questions.ts";

const nowhere = `sha256:${"0".repeat(64)}`;
const end =
  "; get it again from where it comes from, and compare the digest that make bundle printed";

let folder = "";
let released: PutRelease;
let web = "";

/** A layout that holds an image for two platforms, and its signature. */
beforeEach(async () => {
  folder = folderWith({});
  const registry = await startRegistry();
  onTestFinished(() => registry.close());
  released = await putRelease(registry);
  web = released.record.images["web"]?.digest ?? "";
  const layout = OciLayout.create(folder, "a.tar");
  const copier = new ArtifactCopier(clientOf(registry), layout);
  await copier.copy({ from: "shop/web", to: "web", digest: web });
  copier.close();
  layout.finish();
});

const open = (): Promise<OciLayout> => OciLayout.open(folder, "a.tar");

const fileOf = (digest: string): string =>
  join(folder, "blobs/sha256", digest.replace("sha256:", ""));

/** A manifest as it is in the layout. */
function manifestOf(digest: string): {
  manifests: Descriptor[];
  config: Descriptor;
  layers: Descriptor[];
} {
  // The copier wrote it there.
  return JSON.parse(readFileSync(fileOf(digest), "utf8")) as ReturnType<typeof manifestOf>;
}

describe("an artifact is whole", () => {
  test("with all that it consists of", async () => {
    await expect((await open()).requireWhole("web", web)).resolves.toBeUndefined();
  });

  test.each<[what: string, digestOf: () => string | undefined]>([
    ["itself", () => web],
    ["a platform", () => manifestOf(web).manifests[1]?.digest],
    [
      "the config of a platform",
      () => manifestOf(manifestOf(web).manifests[1]?.digest ?? "").config.digest,
    ],
    ["the content of a signature", () => manifestOf(released.signature).layers[0]?.digest],
  ])("but not without %s", async (_, digestOf) => {
    const lost = digestOf() ?? "";
    rmSync(fileOf(lost));
    await expect((await open()).requireWhole("web", web)).rejects.toThrow(
      `a.tar is not the bundle that was made: web lacks ${lost}${end}`,
    );
  });

  test.each<[what: string, layer: Descriptor, problem: string]>([
    [
      "another size",
      { ...emptyDescriptor, size: 3 },
      `${emptyDescriptor.digest} of api has 2 bytes, and not the 3 that are stated`,
    ],
    [
      "no digest",
      { ...emptyDescriptor, digest: "sha256:../../index.json" },
      'it names "sha256:../../index.json", which is no digest',
    ],
  ])("but not where a layer has %s", async (_, layer, problem) => {
    const layout = await open();
    await layout.uploadBlob("api", emptyDescriptor, emptyBlob);
    const api = artifact({ artifactType: "text/plain", layers: [layer] });
    await layout.putManifest("api", "v1", api);
    await expect(layout.requireWhole("api", api.digest)).rejects.toThrow(
      `a.tar is not the bundle that was made: ${problem}${end}`,
    );
  });

  test("but not where it is no manifest", async () => {
    const layout = await open();
    await layout.uploadBlob("api", emptyDescriptor, emptyBlob);
    await expect(layout.requireWhole("api", emptyDescriptor.digest)).rejects.toThrow(
      `a.tar is not the bundle that was made: api@${emptyDescriptor.digest} is no manifest${end}`,
    );
  });
});

test.each<[what: string, change: Partial<Descriptor>, problem: string]>([
  ["is missing", { digest: nowhere }, `web lacks ${nowhere}`],
  ["has another size", { size: 1 }, "bytes, and not the 1 that are stated"],
  ["has no digest", { digest: "sha256:../../x" }, 'it names "sha256:../../x", which is no digest'],
])("a layout with an entry that %s is not opened", async (_, change, problem) => {
  const signature = descriptorOf(readFileSync(fileOf(released.signature)), "");
  const entry = { ...signature, ...change, annotations: { "dev.tinyolly.repository": "web" } };
  writeFileSync(join(folder, "index.json"), JSON.stringify({ manifests: [entry] }));
  await expect(open()).rejects.toThrow(problem);
});

test("nothing is read or written outside of the layout", async () => {
  const layout = await open();
  const outside = { ...emptyDescriptor, digest: "sha256:../../outside" };
  const problem = 'it names "sha256:../../outside", which is no digest';
  expect(await layout.getManifest("web", "sha256:../../index.json")).toBeUndefined();
  expect(() => layout.getBlob("web", outside)).toThrow(problem);
  expect(() => layout.downloadBlob("web", outside, join(folder, "copy"))).toThrow(problem);
  expect(() => layout.uploadBlob("web", outside, emptyBlob)).toThrow(problem);
  expect(existsSync(join(folder, "outside"))).toBe(false);
});
