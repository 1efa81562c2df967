// Programs as the language host starts them, with a server that stands for the engine.
import { type ChildProcess, spawn } from "node:child_process";
import { type AddressInfo, type Server, createServer } from "node:net";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startTime } from "../../platform/machine/start-time.ts";
import { folderWith } from "../folders.ts";

const project = resolve(import.meta.dirname, "../..");
/** What the language host runs: the SDK, which loads the program. */
const sdk = join(project, "node_modules/@pulumi/pulumi/cmd/run/index.js");
const soon = { timeout: 5000 };

/** A server on loopback that takes connections and says nothing. */
async function engine(): Promise<Server> {
  const server = createServer((socket) => socket.on("error", () => undefined));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => void server.close());
  return server;
}

/** Starts a program as the leader of a group, as the CLI does with the language host. */
function start(runner: string, program: string, server: Server): ChildProcess {
  // A listening TCP server has an address of this kind.
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const run = ["--import", join(project, "program/preload.ts"), runner];
  const engine = ["--monitor", address, "--engine", address, "--project", "p", "--stack", "s"];
  const child = spawn(process.execPath, [...run, ...engine, program], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => {
    try {
      process.kill(-(child.pid ?? 0), "SIGKILL");
    } catch {
      // It has ended, as it should.
    }
  });
  return child;
}

const ended = ({ pid }: ChildProcess): boolean => startTime(pid ?? 0) === undefined;

/** A program in the place of the SDK, which says what it started. */
function inPlaceOfSdk(source: string): string {
  const runner = "node_modules/@pulumi/pulumi/cmd/run/index.js";
  return join(folderWith({ [runner]: source }), runner);
}

async function firstLine(child: ChildProcess): Promise<string> {
  const chunk = await new Promise<Buffer>((read) => child.stdout?.once("data", read));
  return chunk.toString().trim();
}

test("a program ends with its engine, and what it started as well", async () => {
  const server = await engine();
  const runner = inPlaceOfSdk(`
    const { pid } = require("node:child_process").spawn("sleep", ["600"]);
    setInterval(() => undefined, 1000);
    console.log(pid);`);
  const child = start(runner, "index.ts", server);
  const sleeper = Number(await firstLine(child));
  expect(startTime(sleeper)).toBeDefined();
  server.close();
  await expect.poll(() => ended(child), soon).toBe(true);
  await expect.poll(() => startTime(sleeper), soon).toBeUndefined();
});

test("a program goes on while its engine is there", async () => {
  const server = await engine();
  let asked = 0;
  const enough = new Promise<void>((resolved) =>
    server.on("connection", () => {
      if (++asked === 3) resolved();
    }),
  );
  const child = start(inPlaceOfSdk("setInterval(() => undefined, 1000);"), "index.ts", server);
  await enough;
  expect(ended(child)).toBe(false);
});

test.each([
  ["a program that cannot be loaded", "throw new Error('no program');"],
  ["a program that says something", "setInterval(() => console.log('more'), 10);"],
])("%s ends where nobody reads what the SDK prints", async (_, source) => {
  const server = await engine();
  const program = join(folderWith({ "index.js": source }), "index.js");
  const child = start(sdk, program, server);
  child.stdout?.destroy();
  child.stderr?.destroy();
  await new Promise((connected) => server.once("connection", connected));
  server.close();
  await expect.poll(() => ended(child), soon).toBe(true);
});

test("a process without an engine is no program, and ends when it has done its work", async () => {
  const server = await engine();
  const script = join(folderWith({ "script.js": "console.log('done');" }), "script.js");
  const child = start(script, "", server);
  server.close();
  expect(await firstLine(child)).toBe("done");
  const status = await new Promise((closed) => child.once("exit", closed));
  expect(status).toBe(0);
});
