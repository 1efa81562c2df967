import { describe, expect, test } from "vitest";
import type { Phase, Timing } from "../../../delivery/basics/timings.ts";
import { type RunTimes, breakdown, wallTime } from "../../../platform/report/breakdown.ts";
import type { Span } from "../../../platform/report/build-log.ts";

const start = 1_000_000;

const span = (from: number, to: number): Span => ({ start: start + from, end: start + to });

const timing = (phase: Phase, from: number, to: number): Timing => ({ phase, ...span(from, to) });

const run = (part: Partial<RunTimes>): RunTimes => ({
  ...span(0, 20_000),
  builds: [],
  timings: [],
  ...part,
});

describe("the breakdown of a run", () => {
  test("shows each step that happened, in order, and the total", () => {
    const builds = [{ ...span(2000, 8000), pushes: [span(6500, 7000), span(7000, 7500)] }];
    const timings = [
      timing("roll-out", 12_000, 19_950),
      timing("plan", 600, 1900),
      timing("package", 8100, 9400),
      timing("sync", 9500, 12_000),
    ];
    expect(breakdown(run({ builds, timings }))).toBe(
      [
        "step      seconds",
        "plan       1.9",
        "build      5.0",
        "push       1.0",
        "package    1.3",
        "sync       2.5",
        "roll-out   8.0",
        "total     20.0",
        "",
      ].join("\n"),
    );
  });

  test("leaves out what did not happen, and the run before", () => {
    const timings = [
      timing("plan", 600, 2000),
      timing("sync", 2000, 2049),
      timing("package", -900, -400),
    ];
    expect(breakdown(run({ timings, ...span(0, 2400) }))).toBe(
      ["step   seconds", "plan   2.0", "sync   0.0", "total  2.4", ""].join("\n"),
    );
  });

  test("counts what ran side by side once, and pushes not as builds", () => {
    const builds = [
      { ...span(1000, 5000), pushes: [span(4000, 5000)] },
      { ...span(2000, 4500), pushes: [span(4200, 4400)] },
    ];
    expect(breakdown(run({ builds }))).toBe(
      ["step   seconds", "build   3.3", "push    1.0", "total  20.0", ""].join("\n"),
    );
  });
});

test.each<[what: string, spans: readonly Span[], ms: number]>([
  ["of nothing", [], 0],
  ["of one after the other, whatever their order", [span(20, 30), span(0, 10)], 20],
  ["of those that overlap", [span(0, 10), span(5, 30)], 30],
  ["of one within another", [span(0, 30), span(5, 10), span(29, 31)], 31],
  ["of those that touch", [span(0, 10), span(10, 20)], 20],
])("the wall time %s", (_, spans, ms) => {
  expect(wallTime(spans)).toBe(ms);
});
