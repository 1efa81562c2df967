import { expect, test } from "vitest";
import { formatBytes, table } from "../../../platform/report/table.ts";

test("columns are as wide as their widest cell, and no line ends in blanks", () => {
  const rows = [
    ["tinyolly", "v2.1.x", "built"],
    ["ui", "v2.1.10.x", ""],
  ];
  expect(table(["image", "tag", ""], rows)).toBe(
    "image     tag\n" + "tinyolly  v2.1.x     built\n" + "ui        v2.1.10.x\n",
  );
});

test("without rows there is the header", () => {
  expect(table(["image", "tag"], [])).toBe("image  tag\n");
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [12_345_678, "12.3 MB"],
  [4_000_000_000, "4.0 GB"],
  [5_000_000_000_000, "5000.0 GB"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
