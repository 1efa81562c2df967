import { expect, test } from "vitest";
import { chartVersion, chartVersionPattern, imageTag, releaseLine } from "../../components/version";

const key = "0123456789abcdef";

test.each([
  ["v2.1.8", "v2.1"],
  ["2.1.0", "v2.1"],
  ["v10.0.3-rc.1", "v10.0"],
])("%s leads to the line %s", (version, line) => {
  expect(releaseLine(version)).toBe(line);
});

test("what is no version has no line", () => {
  expect(() => releaseLine("latest")).toThrow(
    '"latest" is not a version such as 2.1.0; give package.json one of the form MAJOR.MINOR.PATCH',
  );
});

test("development versions carry the key after a letter", () => {
  expect(imageTag({ line: "v2.1" }, key)).toBe("v2.1.x-h0123456789ab");
  expect(chartVersion({ line: "v2.1" }, "0.1.1", key)).toBe("0.1.1-v2.1.x-h0123456789ab");
});

test("a release is the tag, and charts keep their own version", () => {
  expect(imageTag({ line: "v2.1", release: "v2.1.8" }, key)).toBe("v2.1.8");
  expect(chartVersion({ line: "v2.1", release: "v2.1.8" }, "0.1.1", key)).toBe("0.1.1");
});

test.each([
  ["0.1.1", true],
  ["1.0.0-rc.1", true],
  ["0.1.1-v2.1.x-h0123456789ab", true],
  ["1.0", false],
  ["v1.0.0", false],
  ["01.0.0", false],
  ["1.0.0-01", false],
  ["1.0.0+build", false],
  ["", false],
])("%s as a chart version: %s", (version, fits) => {
  expect(chartVersionPattern.test(version)).toBe(fits);
});
