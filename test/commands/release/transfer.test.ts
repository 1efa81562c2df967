import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import {
  type Transfer,
  transferRecord,
  transferRelease,
} from "../../../commands/release/transfer.ts";
import type { RegistryClient } from "../../../delivery/registry/client.ts";
import { storeRelease } from "../../../delivery/releases/store.ts";
import { type PutRelease, putRelease } from "../../delivery/signing/a-release.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "../../fake-registry.ts";
import { clientOf } from "../../registry-questions.ts";

let there: FakeRegistry;
let target: RegistryClient;
let original: PutRelease;
let transfer: Transfer;
/** Runs before each request to the target that writes. */
let beforeWrite: ((path: string) => void) | undefined;

beforeEach(async () => {
  beforeWrite = undefined;
  const here = await startRegistry();
  there = await startRegistry({
    behaviour: ({ method, path }) => {
      if (method !== "GET" && method !== "HEAD") beforeWrite?.(path);
      return false;
    },
  });
  onTestFinished(async () => {
    await here.close();
    await there.close();
  });
  target = clientOf(there);
  original = await putRelease(here);
  const { record } = original;
  transfer = {
    ...{ record, source: clientOf(here), from: "shop", target, to: "far/away" },
    log: () => undefined,
  };
});

/** Tags that were put into the target. */
const tags = (): string[] =>
  there.requests
    .filter(({ method, path }) => method === "PUT" && /\/manifests\/(?!sha256[:-])/.test(path))
    .map(({ path }) => path.replace(/.*far\/away\//, ""));

describe("a version that somebody else publishes", () => {
  let other = "";

  const publish = (): void => {
    other = there.setManifest("far/away/api", "v2.1.8", manifestOf("other"));
  };

  const failure = (given: Transfer): Promise<unknown> =>
    transferRelease(given).catch((error: unknown) => error);

  test("while the release is signed stays, and nothing is tagged", async () => {
    const attest = (): Promise<void> => {
      publish();
      return Promise.resolve();
    };
    expect(String(await failure({ ...transfer, attest }))).toBe(
      `InputError: ${there.host}/far/away has other content under the same versions: image api v2.1.8 (${other}); published ` +
        "versions are never overwritten, and nothing was tagged, so give the release another version",
    );
    expect(tags()).toEqual([]);
  });

  test("while others get theirs stays", async () => {
    beforeWrite = (path) => {
      if (path.endsWith("/web/manifests/v2.1.8")) publish();
    };
    expect(String(await failure(transfer))).toBe(
      `InputError: ${there.host}/far/away/api:v2.1.8 was published with other content in the meantime (${other}); ` +
        "published versions are never overwritten, so give the release the next version",
    );
    expect(tags()).toEqual(["web/manifests/v2.1.8"]);
    expect((await target.getManifest("far/away/api", "v2.1.8"))?.digest).toBe(other);
  });
});

describe("a record", () => {
  test("gets its tag in the target", async () => {
    await transferRelease(transfer);
    expect(await transferRecord(transfer, original.digest)).toBe(original.digest);
    expect(tags().slice(-1)).toEqual(["releases/manifests/v2.1.8"]);
  });

  test("of the same images and charts that is there already stays", async () => {
    const own = { ...original.record, tools: { node: "20.0.1" } };
    const { digest } = await storeRelease(target, "far/away", own);
    await transferRelease(transfer);
    expect(await transferRecord(transfer, original.digest)).toBe(digest);
    expect((await target.getManifest("far/away/releases", "v2.1.8"))?.digest).toBe(digest);
    expect(await target.hasManifest("far/away/releases", original.digest)).toBe(false);
  });
});
