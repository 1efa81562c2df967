import { describe, expect, it } from "vitest";
import { withMark } from "../../bench/checkout.ts";
import { type CaseResult, median } from "../../bench/measure.ts";
import { barPlot } from "../../bench/plot.ts";
import { formatRatio, formatSeconds, markdownTable, sections } from "../../bench/report.ts";

const measured: readonly CaseResult[] = [
  {
    id: "up",
    title: "No change, up",
    results: [
      { contender: "ours", seconds: [2.5, 2, 9] },
      { contender: "floor", seconds: [1, 3, 2] },
    ],
    target: { formula: "1.5 × floor", limit: 3 },
  },
  {
    id: "explain",
    title: "Explain",
    results: [{ contender: "ours", seconds: [0.5] }],
    target: { formula: "bake", limit: 0.4 },
  },
];

describe("median", () => {
  it.each([
    { values: [3], middle: 3 },
    { values: [10, 9, 2], middle: 9 },
    { values: [4, 1, 3, 2], middle: 2.5 },
  ])("of $values is $middle", ({ values, middle }) => {
    expect(median(values)).toBe(middle);
  });

  it("leaves its input in order", () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it("refuses nothing at all", () => {
    expect(() => median([])).toThrow("no value has no median");
  });
});

describe("sections", () => {
  it("reduces rounds to medians, and compares them with the first contender and the target", () => {
    expect(sections(measured)).toEqual([
      {
        title: "No change, up",
        rows: [
          { contender: "ours", seconds: 2.5, fastest: 2, slowest: 9, rounds: 3, ratio: 1 },
          { contender: "floor", seconds: 2, fastest: 1, slowest: 3, rounds: 3, ratio: 0.8 },
        ],
        target: { formula: "1.5 × floor", limit: 3, met: true },
      },
      {
        title: "Explain",
        rows: [
          { contender: "ours", seconds: 0.5, fastest: 0.5, slowest: 0.5, rounds: 1, ratio: 1 },
        ],
        target: { formula: "bake", limit: 0.4, met: false },
      },
    ]);
  });
});

describe("the table", () => {
  it("has a row for each contender, and the target beside the first", () => {
    expect(markdownTable(sections(measured)).split("\n")).toEqual([
      "| case          | contender | median  | range           | rounds | ratio  | target                       |",
      "| ------------- | --------- | ------- | --------------- | ------ | ------ | ---------------------------- |",
      "| No change, up | ours      | 2.50 s  | 2.00 s – 9.00 s | 3      | 1.00 × | ≤ 1.5 × floor (3.00 s): met  |",
      "|               | floor     | 2.00 s  | 1.00 s – 3.00 s | 3      | 0.80 × |                              |",
      "| Explain       | ours      | 0.500 s |                 |        | 1.00 × | ≤ bake (0.400 s): **missed** |",
      "",
    ]);
  });
});

describe("the plot", () => {
  const svg = barPlot(sections(measured));

  it("scales each case to its slowest bar or its target", () => {
    const widths = [...svg.matchAll(/<rect[^>]* width="([\d.]+)"/g)].map(([, width]) => width);
    expect(widths).toEqual(["466.7", "373.3", "560.0"]);
  });

  it("says how each contender compares with the first, and whether the target was met", () => {
    const texts = [...svg.matchAll(/<text[^>]*>(.*?)<\/text>/g)].map(([, text]) => text);
    expect(texts).toEqual([
      'No change, up <tspan class="target">target 1.5 × floor: met</tspan>',
      "ours",
      "2.50 s",
      "floor",
      "2.00 s · 0.80 ×",
      'Explain <tspan class="target">target bake: missed</tspan>',
      "ours",
      "0.500 s",
    ]);
  });

  it("marks each target on the row of the first contender", () => {
    const ticks = [...svg.matchAll(/<line class="tick" x1="([\d.]+)"/g)].map(([, x]) => x);
    expect(ticks).toEqual(["710.0", "598.0"]);
  });

  it("escapes what XML gives a meaning", () => {
    const [first] = sections(measured);
    expect(barPlot(first ? [{ ...first, title: "a < b & c" }] : [])).toContain("a &lt; b &amp; c");
  });
});

describe("numbers", () => {
  it.each([
    { seconds: 0.12345, text: "0.123 s" },
    { seconds: 1.2345, text: "1.23 s" },
    { seconds: 12.345, text: "12.3 s" },
    { seconds: 123.45, text: "123 s" },
  ])("$seconds seconds are written $text", ({ seconds, text }) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  it("ratios have two digits after the point", () => {
    expect(formatRatio(1.4567)).toBe("1.46 ×");
  });
});

describe("withMark", () => {
  it("begins every stage with the mark, in place of the one before", () => {
    const dockerfile = "FROM python:3.14-slim AS base\nRUN true\nFROM base\nCOPY . .\n";
    const once = withMark(dockerfile, "one");
    expect(once).toBe(
      "FROM python:3.14-slim AS base\nENV TINYOLLY_BENCH=one\nRUN true\nFROM base\nENV TINYOLLY_BENCH=one\nCOPY . .\n",
    );
    expect(withMark(once, "two")).toBe(once.replaceAll("one", "two"));
  });
});
