import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { applyOnce } from "../../../platform/cluster/kubectl.ts";
import { readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("objects are applied once, and again where they say something else or are gone", async () => {
  const state = folderWith({});
  const settings = readPlatformSettings({ TINYOLLY_STATE: state });
  const bin = folderWith({});
  const kubectl = (script: string): void => {
    writeFileSync(join(bin, "kubectl"), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, "kubectl"), 0o755);
  };
  vi.stubEnv("PATH", `${bin}:/usr/bin:/bin`);
  // The one that is there is asked for, with what stands for it as its input.
  kubectl(`[ "$2 $3 $4" = "get --no-headers --filename=-" ] && [ "$(cat)" = one ]`);
  let applied = 0;
  const apply = (text: string): Promise<void> =>
    applyOnce(settings, { name: "objects", text, get: ["--filename=-"], input: text }, () => {
      applied++;
    });
  await apply("one");
  await apply("one");
  expect(applied).toBe(1);
  await apply("two");
  expect(applied).toBe(2);
  await apply("two");
  expect(applied).toBe(3);
  await apply("one");
  await apply("one");
  expect(applied).toBe(4);
});

test("objects that could not be applied are applied again", async () => {
  const settings = readPlatformSettings({ TINYOLLY_STATE: folderWith({}) });
  const wanted = { name: "objects", text: "", get: [] };
  const failing = applyOnce(settings, wanted, () => Promise.reject(new Error("no cluster")));
  await expect(failing).rejects.toThrow("no cluster");
  let applied = false;
  await applyOnce(settings, wanted, () => {
    applied = true;
  });
  expect(applied).toBe(true);
});
