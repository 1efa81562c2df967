import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { enterSigner, provideReleaseTools } from "../../../platform/tools/release-tools.ts";
import { programs } from "../../commands/release/programs.ts";
import { enterFolderWith, folderWith } from "../../folders.ts";

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

test("whether a stack signs is read from the file that the given variables name", async () => {
  enterFolderWith({
    "Pulumi.yaml": "config: {signing: {default: keyless}}\n",
    "Pulumi.prod.yaml": "config: {tinyolly:signing: none}\n",
    "another.yaml": "config: {}\n",
  });
  const bin = programs({});
  vi.stubEnv("PATH", bin);
  vi.stubEnv("PULUMI_OPTION_CONFIG_FILE", "another.yaml");
  await enterSigner("prod", { PULUMI_OPTION_CONFIG_FILE: "" });
  expect(process.env["PATH"]).toBe(bin);
});
