import { expect, test } from "vitest";
import { type ReleaseRecord, readRecord, writeRecord } from "../../../delivery/releases/record.ts";
import { releasedImage } from "../../released-image.ts";

const record: ReleaseRecord = {
  form: 1,
  release: "v2.1.8",
  images: {
    webui: releasedImage({ path: "webui", digest: `sha256:${"1".repeat(64)}` }),
  },
  charts: {},
  tools: { node: "20.0.0", helm: "v4.0.0" },
};

test("a record is read as it was written, and written the same in whatever order it was made", () => {
  const text = writeRecord(record);
  expect(readRecord(Buffer.from(text), "here")).toEqual(record);
  const { tools, ...others } = record;
  expect(writeRecord({ tools: { helm: tools["helm"] ?? "", node: "20.0.0" }, ...others })).toBe(
    text,
  );
});

const digest = `sha256:${"1".repeat(64)}`;
const chart = {
  ...{ path: "charts/shop", key: "c", version: "1.2.3", digest },
  ...{ pullFrom: "pull.test/shop", images: [] },
};

test.each<[change: unknown, problem: string]>([
  [{ release: "../v1" }, 'its release is "../v1", but must be a tag, such as v2.1.8'],
  [{ images: { web: null } }, "the path of image web is left out, but must be a path"],
  ...["../../victim/web", "web/../api", "./web", "web//api", "", "/web", "%2e%2e/web"].map(
    (path): [unknown, string] => [
      { images: { web: releasedImage({ path, digest }) } },
      `the path of image web is "${path}", but must be lower-case path segments, such as tinyolly or owner/tinyolly`,
    ],
  ),
  ...["..", "", "a/b", "v1?x", "-v1", "v".repeat(129)].map((tag): [unknown, string] => [
    { images: { web: releasedImage({ path: "web", digest, tag }) } },
    `the tag of image web is "${tag}", but must be a tag, such as v2.1.8`,
  ]),
  ...["", "sha256:../../x", `${digest}0`].map((digest): [unknown, string] => [
    { images: { web: releasedImage({ path: "web", digest }) } },
    `the digest of image web is "${digest}", but must be sha256: and 64 digits`,
  ]),
  [
    { charts: { shop: { ...chart, path: "../charts/shop" } } },
    'the path of chart shop is "../charts/shop", but must be lower-case path segments, such as tinyolly or owner/tinyolly',
  ],
  [
    { charts: { shop: { ...chart, version: 1 } } },
    "the version of chart shop is 1, but must be a tag, such as v2.1.8",
  ],
  [
    { charts: { shop: { ...chart, digest: "1.2.3" } } },
    'the digest of chart shop is "1.2.3", but must be sha256: and 64 digits',
  ],
])("a record with %j is refused", (change, problem) => {
  const text = JSON.stringify({ ...record, ...Object(change) });
  expect(() => readRecord(Buffer.from(text), "here")).toThrow(
    `here is not as it was written: ${problem}; delete it, and publish or copy the release again`,
  );
});

test.each([
  ["", "here is no release record; name a release that make releases lists"],
  ["{}", "here is no release record; name a release that make releases lists"],
  [
    JSON.stringify({ ...record, images: [] }),
    "here is no release record; name a release that make releases lists",
  ],
  [
    JSON.stringify({ ...record, form: 2 }),
    "here has form 2, and this version knows form 1; use the version of this project that made it",
  ],
])("%j is refused", (text, message) => {
  expect(() => readRecord(Buffer.from(text), "here")).toThrow(message);
});
