import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { readOptions } from "../../../delivery/basics/command-line.ts";
import { InputError } from "../../../delivery/basics/input-error.ts";

const declared = {
  stack: { type: "string", default: "local" },
  json: { type: "boolean" },
} as const;

function read(...args: string[]) {
  const before = process.argv;
  process.argv = ["node", "script", ...args];
  try {
    return readOptions(declared);
  } finally {
    process.argv = before;
  }
}

test("options are read, with their defaults", () => {
  expect({ ...read("--json") }).toEqual({ stack: "local", json: true });
});

test.each([[["--jsn"]], [["--stack"]], [["extra"]]])("%j is wrong input", (args) => {
  expect(() => read(...args)).toThrow(InputError);
});

test("work goes on, without a stack trace, where nobody reads what it says", () => {
  const script = `
    require("./delivery/basics/command-line.ts").runMain("talk", async () => {
      for (let line = 0; line < 20; line++) {
        process.stdout.write("x".repeat(100000));
        await new Promise((next) => setTimeout(next, 5));
      }
      process.stderr.write("done");
      return 0;
    });`;
  const talk = 'node --eval "$SCRIPT"';
  const { stderr } = spawnSync("sh", ["-c", `${talk} | true`], {
    encoding: "utf8",
    env: { ...process.env, SCRIPT: script },
  });
  expect(stderr).toBe("done");
});

test("a command that never comes to its end has failed", () => {
  const script = `
    require("./delivery/basics/command-line.ts").runMain("wait", () => new Promise(() => undefined));`;
  const args = ["--eval", script];
  expect(spawnSync(process.execPath, args).status).toBe(1);
});

test.each([
  ["EIO", 0],
  ["ENOSPC", 1],
])(
  "what a terminal that was closed answers to writing is no failure, another error is: %s",
  (code, status) => {
    const script = `
    require("./delivery/basics/command-line.ts").runMain("talk", async () => {
      process.stdout.emit("error", Object.assign(new Error("write"), { code: "${code}" }));
      return 0;
    });`;
    const args = ["--eval", script];
    expect(spawnSync(process.execPath, args).status).toBe(status);
  },
);
