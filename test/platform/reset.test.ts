import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { project } from "../../platform/settings.ts";
import { folderWith } from "../folders.ts";
import { mount } from "../mounts.ts";

test("a reset deletes a platform whose killed BuildKit left mounts, and nothing that was mounted", () => {
  const folder = folderWith({ "others/file": "" });
  const state = join(folder, "state");
  for (const name of ["mounted", "bound"])
    mkdirSync(join(state, "buildkit", name), { recursive: true });
  mount(["-t", "tmpfs", "tmpfs"], join(state, "buildkit/mounted"));
  mount(["--bind", join(folder, "others")], join(state, "buildkit/bound"));
  const args = ["platform/cli.ts", "reset"];
  const run = spawnSync(process.execPath, args, {
    cwd: project,
    encoding: "utf8",
    env: { ...process.env, TINYOLLY_STATE: state, TINYOLLY_CACHE: join(folder, "cache") },
  });
  expect(run.stderr).toContain(`deleted ${state}`);
  expect(run.status).toBe(0);
  expect(existsSync(state)).toBe(false);
  expect(readdirSync(join(folder, "others"))).toEqual(["file"]);
});
