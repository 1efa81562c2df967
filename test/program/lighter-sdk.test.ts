// What the SDK loads in a program of this project, and that all of it is there for who asks.
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

/** What a script prints as JSON, after Node has imported what Pulumi.yaml names. */
function printed(script: string, env: NodeJS.ProcessEnv = {}): unknown {
  const body = `const pulumi = require("@pulumi/pulumi"); require("@pulumi/pulumi/cmd/run/tracing.js");
    require("@pulumi/pulumi/runtime/closure/v8Hooks.js").isInitializedAsync();
    const loaded = (part) => Object.values(require.cache).some((module) => module.filename?.includes(part));
    Promise.resolve((${script})()).then((value) => console.log(JSON.stringify(value)))`;
  const args = ["--import", "./program/preload.ts", "--eval", body];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: { ...process.env, TRACEPARENT: undefined, ...env },
  });
  return stdout === "" ? stderr : (JSON.parse(stdout) as unknown);
}

const parts = [
  "typescript/lib",
  "closure/v8Hooks",
  "pulumi/automation",
  "opentelemetry/sdk-trace-base",
];
const loads = `() => ${JSON.stringify(parts)}.filter(loaded)`;

test("nothing is loaded that serializes functions, runs other programs or traces", () => {
  expect(printed(loads)).toEqual([]);
});

test("a program that is traced has what that takes", () => {
  const env = { TRACEPARENT: `00-${"1".repeat(32)}-${"2".repeat(16)}-01` };
  expect(printed(loads, env)).toEqual(["opentelemetry/sdk-trace-base"]);
});

test("functions are serialized by TypeScript, once one is", () => {
  const serialize = `async () => (await pulumi.runtime.serializeFunction(() => 40 + 2)).text.includes("40 + 2")`;
  expect(printed(serialize)).toBe(true);
});

test("other programs are run, once one is", () => {
  expect(printed("() => typeof pulumi.automation.LocalWorkspace.createOrSelectStack")).toBe(
    "function",
  );
});
