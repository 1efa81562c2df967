import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import { startTime } from "../platform/machine/start-time.ts";

/** Defines `programs`, and `sh`, which are the arguments that run a line of shell. */
const prelude = `
  const { Programs } = require("./test/programs.ts");
  const programs = new Programs();
  const print = (text) => process.stdout.write(text);
  const sh = (line) => ["sh", ["-c", line], ".", process.env, print];`;

/** Runs two programs, then one that cleans up; each says when it is done. */
const oneAfterAnother = `
  (async () => {
    const first = await programs.run(...sh("exec 2> /dev/null; trap 'echo ended; exit 3' INT TERM HUP; echo started; while :; do sleep 0.1; done"));
    const second = await programs.run(...sh("echo never"));
    const last = await programs.finish(...sh("echo cleans; sleep 0.3; echo cleaned"));
    console.log(first, second, last, programs.signal);
    process.exitCode = programs.status ?? 0;
  })();`;

/** Runs a script, and sends the signal to all processes of its group, as a terminal does, once it has said each of the texts. */
function interrupted(
  script: string,
  signal: NodeJS.Signals,
  ...texts: readonly string[]
): Promise<{ status: number | null; lines: readonly string[] }> {
  const args = ["--eval", prelude + script];
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const left = [...texts];
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (left[0] === undefined || !output.includes(`${left[0]}\n`)) return;
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
  expect(await interrupted(oneAfterAnother, signal, "started")).toEqual({
    status: code,
    lines: ["started", "ended", "cleans", "cleaned", `3 1 0 ${signal}`],
  });
});

test("all that run at the same time get the signal", async () => {
  const script = `
    const wait = sh("exec 2> /dev/null; trap 'exit 3' INT; echo started; while :; do sleep 0.1; done");
    Promise.all([programs.run(...wait), programs.run(...wait)]).then((all) => console.log(...all));`;
  const { lines } = await interrupted(script, "SIGINT", "started\nstarted");
  expect(lines).toEqual(["started", "started", "3 3"]);
});

test("what a program leaves running does not keep its end from being seen", async () => {
  const script = `programs.run(...sh("sleep 60 & echo $!; exit 5")).then((status) => {
    console.log(status);
    process.exit();
  });`;
  const { lines } = await interrupted(script, "SIGINT");
  process.kill(Number(lines[0]));
  expect(lines[1]).toBe("5");
});

test("a program that hangs is killed with what it started, and counts as failed", async () => {
  const script = `
    new Programs(300).run(...sh("sleep 60 & echo $!; wait")).then((status) => {
      console.log(status);
      process.exit();
    });`;
  const { lines } = await interrupted(script, "SIGINT");
  expect(lines.slice(1)).toEqual(["sh did not end within 0.3 s, and was killed", "1"]);
  await expect.poll(() => startTime(Number(lines[0]))).toBeUndefined();
});

test("who presses Ctrl-C again does not end the clean-up", async () => {
  const { status, lines } = await interrupted(oneAfterAnother, "SIGINT", "started", "cleans");
  expect({ status, lines: lines.slice(2) }).toEqual({
    status: 130,
    lines: ["cleans", "cleaned", "3 1 0 SIGINT"],
  });
});
