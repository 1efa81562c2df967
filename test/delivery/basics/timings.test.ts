import { existsSync, readdirSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { noteTiming, readTimings } from "../../../delivery/basics/timings.ts";
import { enterFolderWith } from "../../folders.ts";

beforeEach(() => {
  enterFolderWith({});
});

test("what is noted is read back, in order", () => {
  const env = { TINYOLLY_TIMINGS: "timings" };
  const before = Date.now();
  const end = noteTiming("plan", before - 10.4, env);
  expect(end).toBeGreaterThanOrEqual(before);
  noteTiming("package", end, env);
  const [first, second, ...others] = readTimings("timings");
  expect(first).toEqual({ phase: "plan", start: before - 10, end });
  expect(second).toMatchObject({ phase: "package", start: end });
  expect(others).toEqual([]);
});

test("nothing is written unless a file is named", () => {
  for (const env of [{}, { TINYOLLY_TIMINGS: "" }]) noteTiming("plan", 0, env);
  expect(readdirSync(".")).toEqual([]);
});

test("a file that cannot be written or read stops nobody", () => {
  const file = "no/where";
  noteTiming("plan", 0, { TINYOLLY_TIMINGS: file });
  expect(existsSync(file)).toBe(false);
  expect(readTimings(file)).toEqual([]);
});
