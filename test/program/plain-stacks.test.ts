import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const project = resolve(import.meta.dirname, "../..");

test("nobody maps stacks, and they are still there", () => {
  const script = `
    require("source-map-support/register");
    console.log(typeof Error.prepareStackTrace, new Error("here").stack.split("\\n").length > 1);`;
  const args = ["--import", "./program/preload.ts", "--eval", script];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: project, encoding: "utf8" });
  expect({ stdout, stderr }).toEqual({ stdout: "undefined true\n", stderr: "" });
});
