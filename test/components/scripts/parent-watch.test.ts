// A script as the command plugin starts it, whose parent is killed.
import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startTime } from "../../../platform/machine/start-time.ts";
import { folderWith } from "../../folders.ts";

const project = resolve(import.meta.dirname, "../../..");
const soon = { timeout: 5000 };

/** Starts a command by a shell that leads a group of its own, as the plugin does. */
const parent = `
  const { spawn } = require("node:child_process");
  const options = { detached: true, stdio: ["pipe", "inherit", "inherit"] };
  spawn("/bin/sh", ["-c", process.argv[1]], options);
  setInterval(() => undefined, 1000);`;
/** Runs `sleep`, and says both pids. */
const script = `
  import { spawn } from "node:child_process";
  import { runScript } from "${project}/components/scripts/script.ts";
  runScript(() => new Promise((done) => {
    const sleep = spawn("sleep", ["600"]);
    process.stdout.write(JSON.stringify([process.pid, sleep.pid]) + "\\n");
    sleep.once("exit", () => done());
  }));`;

test.each([
  ["the child of a shell", ""],
  ["in the place of the shell", "exec "],
])("a script and what it started end soon after the plugin was killed: %s", async (_, shell) => {
  const file = join(folderWith({ "script.ts": script }), "script.ts");
  const command = `${shell}node ${file}\n:`;
  const args = ["--eval", parent, command];
  const plugin = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise<Buffer>((read) => plugin.stdout.once("data", read));
  // What the script prints.
  const pids = JSON.parse(line.toString()) as number[];
  onTestFinished(() => {
    plugin.kill("SIGKILL");
    for (const pid of pids) if (startTime(pid) !== undefined) process.kill(pid, "SIGKILL");
  });
  expect(pids.map((pid) => startTime(pid))).not.toContain(undefined);
  plugin.kill("SIGKILL");
  await expect.poll(() => pids.filter((pid) => startTime(pid) !== undefined), soon).toEqual([]);
});
