import { createServer } from "node:net";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { type Check, examine } from "../../platform/doctor.ts";
import { readPlatformSettings } from "../../platform/settings.ts";
import { enterFolderWith } from "../folders.ts";
import { freePort } from "../free-port.ts";

let folder: string;

beforeEach(() => {
  folder = enterFolderWith({ "temporary/keep": "" });
});

async function checks(env: NodeJS.ProcessEnv = {}): Promise<ReadonlyMap<string, Check>> {
  const settings = readPlatformSettings({
    TINYOLLY_STATE: `${folder}/state`,
    TINYOLLY_CACHE: folder,
    ...env,
  });
  const path = process.env["PATH"] ?? "";
  return new Map(
    (await examine(settings, { PATH: path, TMPDIR: `${folder}/temporary` })).map((check) => [
      check.what,
      check,
    ]),
  );
}

test("programs, servers and disks are told, and what is as it should be is fine", async () => {
  const found = await checks();
  expect(found.get("git")).toMatchObject({
    state: "fine",
    found: expect.stringMatching(/^\d.* in \//) as string,
  });
  expect(found.get("servers")).toMatchObject({
    state: "fine",
    found: expect.stringMatching(/^0 of \d+ run$/) as string,
  });
  expect(found.get(folder)?.found).toMatch(/ free$/);
  expect(found.has("leftovers")).toBe(false);
});

test("a port that somebody has is told with the variable that moves it", async () => {
  const port = await freePort();
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const found = await checks({ TINYOLLY_PORT_UI: String(port) });
  expect(found.get(`port ${port}`)).toMatchObject({
    state: "missing",
    found: expect.stringMatching(/^node .* has it; end it, or set TINYOLLY_PORT_UI,/) as string,
  });
});

test("what a killed test left is told", async () => {
  mkdirSync(`${folder}/temporary/tinyolly-test-x`);
  expect((await checks()).get("leftovers")).toMatchObject({ state: "odd" });
});
