import { closeSync, openSync, readFileSync, readdirSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { trimLogs } from "../../../platform/machine/logs.ts";
import { folderWith } from "../../folders.ts";

const limits = { largest: 100, kept: 20 };

test("a log that has grown too large is emptied, and its last whole lines stay beside it", () => {
  const long = `${"a long line\n".repeat(9)}last but one\nlast\n`;
  const folder = folderWith({ "a.log": long, "b.log": "short\n", "a.log.1": "before\n", c: long });
  trimLogs(folder, limits);
  expect(readdirSync(folder).sort()).toEqual(["a.log", "a.log.1", "b.log", "c"]);
  expect(readFileSync(join(folder, "a.log"), "utf8")).toBe("");
  expect(readFileSync(join(folder, "a.log.1"), "utf8")).toBe("last but one\nlast\n");
  expect(readFileSync(join(folder, "b.log"), "utf8")).toBe("short\n");
  expect(readFileSync(join(folder, "c"), "utf8")).toBe(long);
});

test("a server that writes to it goes on at the new end, and no hole is left", () => {
  const folder = folderWith({});
  const file = join(folder, "a.log");
  // As startService opens it.
  const server = openSync(file, "a");
  onTestFinished(() => {
    closeSync(server);
  });
  writeSync(server, "0123456789\n".repeat(20));
  trimLogs(folder, limits);
  writeSync(server, "next\n");
  expect(readFileSync(file, "utf8")).toBe("next\n");
  expect(statSync(file).size).toBe(5);
});

test("a platform without logs is left alone", () => {
  trimLogs(join(folderWith({}), "logs"));
});
