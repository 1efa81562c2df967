// The whole life of a release, as make rehearse lives it, with images and charts that take no time.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { small } from "../../commands/rehearse/product.ts";
import { Stage } from "../../commands/rehearse/stage.ts";
import { life } from "../../commands/rehearse/steps.ts";
import { readPlatformSettings } from "../../platform/settings.ts";
import { enterReleaseTools } from "../../platform/tools/release-tools.ts";

const work = mkdtempSync(join(tmpdir(), "tinyolly-rehearsal-"));
const stage = new Stage({
  settings: readPlatformSettings(),
  product: small,
  folder: join(work, "stage"),
  namespace: "life/small",
});

beforeAll(async () => {
  await enterReleaseTools();
  stage.build();
});

afterAll(async () => {
  await stage.destroy();
  rmSync(work, { recursive: true, force: true });
});

// Each step stands on those before it, so none is tried after one that failed.
let broken = false;
beforeEach(({ skip }) => {
  skip(broken, "a step before it failed");
});
afterEach(({ task }) => {
  broken ||= task.result?.state === "fail";
});

test.each(life.map((step) => [step.name, step] as const))("%s", async (_, { run }) => {
  expect(await run(stage)).not.toBe("");
});
