import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test, vi } from "vitest";
import { Foreground } from "../../../commands/watch/foreground.ts";
import { folderWith } from "../../folders.ts";

/** Tells that it is ready, and 300 ms after the first SIGINT how many there were; `patience` of them do not end it. */
const countsInterrupts = (ready: string, patience = 0): string => `
  let count = 0;
  process.on("SIGINT", () => {
    count += 1;
    if (count === ${patience} + 1)
      setTimeout(() => { process.stdout.write(String(count)); process.exit(7); }, 300);
  });
  setInterval(() => {}, 1000);
  require("node:fs").writeFileSync(${JSON.stringify(ready)}, String(process.pid));`;

function readyFile(): string {
  return join(folderWith({}), "ready");
}

async function until(file: string): Promise<number> {
  await vi.waitUntil(() => existsSync(file) && readFileSync(file, "utf8") !== "", 10_000);
  return Number(readFileSync(file, "utf8"));
}

test("exit code and captured output of a program are returned", async () => {
  const program = 'process.stdout.write("ä".repeat(100_000)); process.exitCode = 3';
  const finished = await new Foreground().run(process.execPath, ["-e", program], { capture: true });
  expect(finished).toEqual({ status: 3, output: "ä".repeat(100_000) });
});

test("a program that is not there counts as failed, and its name is said", async () => {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const finished = await new Foreground().run("no-such-program", [], { capture: true });
  expect(finished).toEqual({ status: 1, output: "" });
  expect(write).toHaveBeenCalledExactlyOnceWith(
    "no-such-program cannot be run: spawn no-such-program ENOENT\n",
  );
  write.mockRestore();
});

test("an interrupted program gets one SIGINT and is waited for", async () => {
  const ready = readyFile();
  const foreground = new Foreground();
  const running = foreground.run(process.execPath, ["-e", countsInterrupts(ready)], {
    capture: true,
  });
  await until(ready);
  expect(foreground.interrupt()).toBe("SIGINT");
  expect(await running).toEqual({ status: 7, output: "1" });
});

test("a second interrupt is a second SIGINT, and the third kills", async () => {
  const ready = readyFile();
  const foreground = new Foreground();
  const program = countsInterrupts(ready, 2);
  const running = foreground.run(process.execPath, ["-e", program], { capture: true });
  await until(ready);
  expect([1, 2, 3].map(() => foreground.interrupt())).toEqual(["SIGINT", "SIGINT", "SIGKILL"]);
  expect(await running).toEqual({ status: 1, output: "" });
});

test("nothing is interrupted where nothing runs, and the next program starts anew", async () => {
  const foreground = new Foreground();
  await foreground.run(process.execPath, ["-e", "0"]);
  expect([1, 2, 3].map(() => foreground.interrupt())).toEqual([undefined, undefined, undefined]);
  const ready = readyFile();
  const running = foreground.run(process.execPath, ["-e", countsInterrupts(ready)], {
    capture: true,
  });
  await until(ready);
  foreground.interrupt();
  expect(await running).toEqual({ status: 7, output: "1" });
});

test("what the terminal sends to the process group does not reach the program", async () => {
  const ready = readyFile();
  const parent = `
    const { Foreground } = require(${JSON.stringify(resolve("commands/watch/foreground.ts"))});
    const foreground = new Foreground();
    process.on("SIGINT", () => foreground.interrupt());
    void foreground
      .run(process.execPath, ["-e", ${JSON.stringify(countsInterrupts(ready))}], { capture: true })
      .then(({ output }) => process.stdout.write(output));`;
  const args = ["-e", parent];
  const group = spawn(process.execPath, args, { detached: true });
  const output = group.stdout.setEncoding("utf8").toArray();
  await until(ready);
  process.kill(-(group.pid ?? Number.NaN), "SIGINT");
  await once(group, "close");
  expect((await output).join("")).toBe("1");
});
