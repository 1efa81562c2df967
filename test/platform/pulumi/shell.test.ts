// Pulumi is a script here that says what it gets and takes its time to end.
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { startTime } from "../../../platform/machine/start-time.ts";
import { folderWith, writeFiles } from "../../folders.ts";

const project = resolve(import.meta.dirname, "../../..");
const soon = { timeout: 5000 };

let folder = "";

beforeEach(() => {
  folder = folderWith({});
  const pulumi = [
    "#!/bin/sh",
    'say() { echo "$*" >>"$SAID"; }',
    'for signal in INT TERM; do trap "say $signal; sleep 0.5; say ended; exit 7" $signal; done',
    'say "$$"',
    "while :; do sleep 0.1; done",
  ];
  writeFiles(folder, { "bin/pulumi": pulumi.join("\n"), said: "" });
  chmodSync(join(folder, "bin/pulumi"), 0o755);
});

/** What Pulumi has said since it told its pid. */
function said(): string[] {
  return readFileSync(join(folder, "said"), "utf8").trim().split("\n").slice(1);
}

/** Runs the script beside this process, by the words before it if there are any. Resolves once Pulumi runs. */
async function start(
  ...before: readonly string[]
): Promise<{ child: ChildProcess; pulumi: number }> {
  const script = `
    require("./platform/pulumi/shell.ts").runPulumi(["up"]).then((status) => { process.exitCode = status; });`;
  const [command = "", ...args] = [...[...before, process.execPath, "--eval", script]];
  const env = {
    ...process.env,
    SAID: join(folder, "said"),
    PATH: [join(folder, "bin"), process.env["PATH"]].join(delimiter),
  };
  const child = spawn(command, args, { cwd: project, env, detached: true, stdio: "ignore" });
  let pulumi = 0;
  await expect
    .poll(() => (pulumi = Number(readFileSync(join(folder, "said"), "utf8"))))
    .toBeGreaterThan(0);
  onTestFinished(() => {
    child.kill("SIGKILL");
    if (startTime(pulumi) !== undefined) process.kill(pulumi, "SIGKILL");
  });
  return { child, pulumi };
}

function end(child: ChildProcess): Promise<readonly [number | null, NodeJS.Signals | null]> {
  return new Promise((resolved) =>
    child.once("exit", (status, signal) => {
      resolved([status, signal]);
    }),
  );
}

test.each([
  ["SIGINT", "INT"],
  ["SIGTERM", "TERM"],
  ["SIGHUP", "TERM"],
] as const)(
  "%s to the process or its group ends Pulumi once, and then the process",
  async (signal, got) => {
    for (const sign of [1, -1]) {
      writeFiles(folder, { said: "" });
      const { child } = await start();
      const ended = end(child);
      process.kill(sign * (child.pid ?? 0), signal);
      expect(await ended).toEqual([null, signal]);
      expect(said()).toEqual([got, "ended"]);
    }
  },
);

test.each([1, -1])("Pulumi ends where the process or its group is killed: %d", async (sign) => {
  const { child, pulumi } = await start();
  process.kill(sign * (child.pid ?? 0), "SIGKILL");
  await expect.poll(() => startTime(pulumi), soon).toBeUndefined();
  expect(said()).toEqual(["TERM", "ended"]);
});

test("the status is Pulumi's", async () => {
  const { child, pulumi } = await start();
  const ended = end(child);
  process.kill(pulumi, "SIGTERM");
  expect(await ended).toEqual([7, null]);
});
