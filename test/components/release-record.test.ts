import { expect, test } from "vitest";
import { type ReleaseRecord, readRecord, writeRecord } from "../../components/release-record";
import { releasedImage } from "../released-image";

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
