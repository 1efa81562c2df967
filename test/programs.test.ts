import { spawn } from "node:child_process";
import { expect, test } from "vitest";

/** Runs two programs, then one that cleans up; each says when it is done. */
const script = `
  const { Programs } = require("./test/programs.ts");
  const programs = new Programs();
  const talk = (what) => ["sh", ["-c", what], ".", process.env];
  (async () => {
    const first = await programs.run(...talk("trap 'echo ended; exit 3' INT TERM HUP; echo started; while :; do sleep 0.1; done"));
    const second = await programs.run(...talk("echo never"));
    const last = await programs.finish(...talk("echo cleans; sleep 0.3; echo cleaned"));
    console.log(first, second, last, programs.signal);
    process.exitCode = programs.status ?? 0;
  })();`;

/** Runs the script, and sends the signal to all processes of its group, as a terminal does, once it says each of the words. */
function interrupted(
  signal: NodeJS.Signals,
  ...words: readonly string[]
): Promise<{ status: number | null; lines: readonly string[] }> {
  const child = spawn(process.execPath, ["--require", "./run-typescript.cjs", "--eval", script], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const left = [...words];
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (left[0] === undefined || !output.split("\n").includes(left[0])) return;
    left.shift();
    process.kill(-(child.pid ?? 0), signal);
  });
  return new Promise((resolve) => {
    child.once("close", (status) => {
      resolve({ status, lines: output.trim().split("\n") });
    });
  });
}

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("%s ends the program that runs once, then all is cleaned up", async (signal, code) => {
  expect(await interrupted(signal, "started")).toEqual({
    status: code,
    lines: ["started", "ended", "cleans", "cleaned", `3 1 0 ${signal}`],
  });
});

test("who presses Ctrl-C again does not end the clean-up", async () => {
  const { status, lines } = await interrupted("SIGINT", "started", "cleans");
  expect({ status, lines: lines.slice(2) }).toEqual({
    status: 130,
    lines: ["cleans", "cleaned", "3 1 0 SIGINT"],
  });
});
