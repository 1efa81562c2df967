import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runRound } from "../../../commands/watch/round.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: new Date(2026, 10, 22, 17, 42, 0) });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Plays a round with an explanation of 0.4 s and an `up` of 3.2 s; returns what it printed and did. */
async function play(
  statuses: { explain: number; up?: number },
  stopAfter?: number,
): Promise<string[]> {
  const lines: string[] = [];
  const start = Date.now();
  const round = runRound({
    explain: async () => {
      await new Promise((resolve) => setTimeout(resolve, 400));
      return { status: statuses.explain, output: "explanation\n" };
    },
    up: async () => {
      lines.push("(up)");
      await new Promise((resolve) => setTimeout(resolve, 3200));
      return statuses.up ?? 0;
    },
    print: (text) => lines.push(text),
    stopped: () => stopAfter !== undefined && Date.now() - start > stopAfter,
  });
  await vi.runAllTimersAsync();
  await round;
  return lines;
}

test("where something changes, the explanation comes first, then up, then a line with the times", async () => {
  expect(await play({ explain: 2 })).toEqual([
    "explanation\n",
    "(up)",
    "explained in 0.4 s, up in 3.2 s; 17:42:03\n",
  ]);
});

test("where nothing changes, there is one line and no up", async () => {
  expect(await play({ explain: 0 })).toEqual(["nothing to do, explained in 0.4 s; 17:42:00\n"]);
});

test("where the explanation fails, there is no up", async () => {
  expect(await play({ explain: 1 })).toEqual([
    "explanation\n",
    "explanation failed after 0.4 s; 17:42:00\n",
  ]);
});

test("a failed up is said, and is no error of the round", async () => {
  expect(await play({ explain: 2, up: 255 })).toEqual([
    "explanation\n",
    "(up)",
    "explained in 0.4 s, up failed after 3.2 s; 17:42:03\n",
  ]);
});

test("stopped while it explains, it says nothing and starts no up", async () => {
  expect(await play({ explain: 2 }, 200)).toEqual([]);
});

test("an up that ends with an error after it was stopped was cancelled", async () => {
  expect(await play({ explain: 2, up: 1 }, 1000)).toEqual([
    "explanation\n",
    "(up)",
    "explained in 0.4 s, up cancelled after 3.2 s; 17:42:03\n",
  ]);
});
