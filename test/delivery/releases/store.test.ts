import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { RegistryClient } from "../../../delivery/registry/client.ts";
import type { ReleaseRecord } from "../../../delivery/releases/record.ts";
import { storeRelease } from "../../../delivery/releases/store.ts";
import { type FakeRegistry, startRegistry } from "../../fake-registry.ts";
import { clientOf } from "../../registry-questions.ts";
import { releasedImage } from "../../released-image.ts";

let registry: FakeRegistry;
let client: RegistryClient;

beforeEach(async () => {
  registry = await startRegistry();
  onTestFinished(() => registry.close());
  client = clientOf(registry);
});

function recordOf(image: string, tool: string): ReleaseRecord {
  const digest = `sha256:${image.repeat(64)}`;
  return {
    ...{ form: 1, release: "v2.1.8", images: { web: releasedImage({ path: "web", digest }) } },
    ...{ charts: {}, tools: { node: tool } },
  };
}

const stored = (): string | undefined => registry.store.manifest("shop/releases", "v2.1.8")?.digest;

describe("a record that is stored while another one is signed", () => {
  /** Stores a record of image 1 while somebody else stores another one. */
  async function storeBeside(other: ReleaseRecord): Promise<{ outcome: unknown; other: string }> {
    let digest = "";
    const store = storeRelease(client, "shop", recordOf("1", "20.0.0"), async () => {
      ({ digest } = await storeRelease(client, "shop", other));
    });
    const outcome = await store.catch((error: unknown) => error);
    return { outcome, other: digest };
  }

  test("stays where it has other content", async () => {
    const { outcome, other } = await storeBeside(recordOf("2", "20.0.0"));
    expect(String(outcome)).toBe(
      `InputError: ${registry.host}/shop/releases:v2.1.8 records other images or charts, and releases are never overwritten; ` +
        "release another version",
    );
    expect(stored()).toBe(other);
  });

  test("is taken where it has the same", async () => {
    const { outcome, other } = await storeBeside(recordOf("1", "20.0.1"));
    expect(outcome).toEqual({ digest: other, isNew: false });
    expect(stored()).toBe(other);
  });
});
