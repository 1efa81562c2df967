import { describe, expect, test } from "vitest";
import { readReference, writeReference } from "../../../commands/release/reference.ts";
import { InputError } from "../../../delivery/basics/input-error.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("a reference", () => {
  test.each([
    ["ghcr.io/owner/webui:v1", { host: "ghcr.io", repository: "owner/webui", tag: "v1" }],
    [`localhost:30500/webui@${digest}`, { host: "localhost:30500", repository: "webui", digest }],
    [
      `[::1]:5000/a/b:v2.1.x-h0@${digest}`,
      { host: "[::1]:5000", repository: "a/b", tag: "v2.1.x-h0", digest },
    ],
  ])("%s is read, and written as it was", (text, expected) => {
    const read = readReference(text);
    expect(read).toEqual({ tag: undefined, digest: undefined, ...expected });
    expect(writeReference(read)).toBe(text);
  });

  test.each([
    "webui:v1",
    "ghcr.io/webui",
    "ghcr.io/WebUI:v1",
    "https://ghcr.io/webui:v1",
    "ghcr.io/webui:",
    "ghcr.io/webui:-v1",
    "ghcr.io/webui@sha256:abc",
    `ghcr.io/webui:v1@${digest}@${digest}`,
    "ghcr.io:99999/webui:v1",
    "",
  ])("%j is refused", (text) => {
    expect(() => readReference(text)).toThrow(
      new InputError(
        `REF is "${text}", but must be host/repository with :tag, @sha256:… or both, such as ghcr.io/owner/webui:v1; ` +
          "a release is host/…/releases:v2.1.8",
      ),
    );
  });
});
