import { expect, test } from "vitest";
import { imagePurl, ociPurl } from "../../../delivery/signing/package-url.ts";

const digest = `sha256:${"a".repeat(64)}`;
const version = `sha256%3A${"a".repeat(64)}`;

test("what is published is named by its digest alone", () => {
  expect(ociPurl("WebUI", digest)).toBe(`pkg:oci/webui@${version}`);
  expect(ociPurl("owner/webui", digest, "arm64")).toBe(`pkg:oci/webui@${version}?arch=arm64`);
});

test.each([
  [
    "python:3.14-slim",
    digest,
    `python@${version}?repository_url=docker.io%2Flibrary%2Fpython&tag=3.14-slim`,
  ],
  [
    "docker/dockerfile:1",
    digest,
    `dockerfile@${version}?repository_url=docker.io%2Fdocker%2Fdockerfile&tag=1`,
  ],
  [`ghcr.io/owner/Base@${digest}`, digest, `base@${version}?repository_url=ghcr.io%2Fowner%2FBase`],
  ["localhost:5000/base:v1", "", "base?repository_url=localhost%3A5000%2Fbase&tag=v1"],
  ["localhost/base", "", "base?repository_url=localhost%2Fbase"],
])("the base %s is named with the registry that it comes from", (reference, at, purl) => {
  expect(imagePurl(reference, at)).toBe(`pkg:oci/${purl}`);
});
