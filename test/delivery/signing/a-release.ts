import {
  artifact,
  descriptorOf,
  emptyBlob,
  emptyDescriptor,
} from "../../../delivery/registry/artifact.ts";
import { RegistryClient } from "../../../delivery/registry/client.ts";
import { attachReferrer } from "../../../delivery/registry/referrers.ts";
import type { ReleaseRecord } from "../../../delivery/releases/record.ts";
import { storeRelease } from "../../../delivery/releases/store.ts";
import { putImage, putIndex } from "../../fake-image.ts";
import type { FakeRegistry } from "../../fake-registry.ts";
import { releasedImage } from "../../released-image.ts";

/** What {@link putRelease} put into a registry. */
export interface PutRelease {
  readonly record: ReleaseRecord;
  /** `sha256:…` of the record's manifest. */
  readonly digest: string;
  /** `sha256:…` of the signature of `web`. */
  readonly signature: string;
}

/** Content of the chart's one layer. */
const chartContent = Buffer.from("chart");

/** Puts a release of two images, one for two platforms and signed, and one chart into a registry. */
export async function putRelease(
  registry: FakeRegistry,
  { namespace = "shop", release = "v2.1.8", content = "" } = {},
): Promise<PutRelease> {
  const client = new RegistryClient({ host: registry.host, tls: "plain-http" });
  try {
    const both = ["linux/amd64", "linux/arm64"];
    const web = putIndex(
      registry,
      `${namespace}/web`,
      Object.fromEntries(both.map((one) => [one, one])),
    );
    const api = putImage(registry, `${namespace}/api`, "linux/amd64", content);
    const chart = await putChart(client, `${namespace}/charts/shop`);
    const signature = await sign(client, `${namespace}/web`, web);
    for (const [name, digest] of [
      ["web", web],
      ["api", api],
    ] as const) {
      const manifest = await client.getManifest(`${namespace}/${name}`, digest);
      if (manifest) await client.putManifest(`${namespace}/${name}`, release, manifest);
    }
    const record: ReleaseRecord = {
      form: 1,
      release,
      images: {
        web: releasedImage({ path: "web", tag: release, digest: web, platforms: both }),
        api: releasedImage({ path: "api", tag: release, digest: api }),
      },
      charts: {
        shop: {
          ...{ path: "charts/shop", key: "c", version: "1.2.3", digest: chart },
          ...{ pullFrom: `${registry.host}/${namespace}`, images: ["api", "web"] },
        },
      },
      source: { commit: "0".repeat(40), time: "2026-11-25T12:00:00.000Z", dirty: false },
      tools: {},
    };
    const { digest } = await storeRelease(client, namespace, record);
    return { record, digest, signature };
  } finally {
    client.close();
  }
}

async function putChart(client: RegistryClient, repository: string): Promise<string> {
  const layer = descriptorOf(chartContent, "application/vnd.cncf.helm.chart.content.v1.tar+gzip");
  await client.uploadBlob(repository, emptyDescriptor, emptyBlob);
  await client.uploadBlob(repository, layer, chartContent);
  return client.putManifest(
    repository,
    "1.2.3",
    artifact({ artifactType: "application/vnd.cncf.helm.config.v1+json", layers: [layer] }),
  );
}

async function sign(client: RegistryClient, repository: string, digest: string): Promise<string> {
  const content = Buffer.from(`signature of ${digest}`);
  const layer = descriptorOf(content, "application/vnd.example.signature");
  const subject = await client.getManifest(repository, digest);
  if (!subject) throw new Error(`${digest} is not there`);
  await client.uploadBlob(repository, emptyDescriptor, emptyBlob);
  await client.uploadBlob(repository, layer, content);
  return attachReferrer(
    client,
    repository,
    artifact({
      artifactType: "application/vnd.example.signature",
      layers: [layer],
      subject: { ...subject, size: subject.bytes.length },
    }),
  );
}
