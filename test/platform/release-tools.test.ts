import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { provideReleaseTools } from "../../platform/release-tools";
import { folderWith } from "../folders";
import { programs } from "../release/programs";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("cosign and syft get a folder of their own for PATH", async () => {
  const bin = programs({
    cosign: "echo 'GitVersion:    v3.0.2'",
    syft: "echo 'Version:       1.30.0'",
  });
  vi.stubEnv("PATH", bin);
  const folder = join(folderWith({}), "bin");
  const lines: string[] = [];
  const log = (line: string): void => {
    lines.push(line);
  };
  expect(await provideReleaseTools(folderWith({}), log, folder)).toBe(folder);
  expect(readdirSync(folder).map((name) => readlinkSync(join(folder, name)))).toEqual([
    join(bin, "cosign"),
    join(bin, "syft"),
  ]);
  expect(lines).toEqual([]);
});
