import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Rounds } from "../../../commands/watch/rounds.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Rounds that take a second each, and the times at which they started. */
function startRounds(): { rounds: Rounds; starts: number[]; ended: Promise<void> } {
  const began = Date.now();
  const starts: number[] = [];
  const rounds = new Rounds(async () => {
    starts.push(Date.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  });
  return { rounds, starts, ended: rounds.run() };
}

test("one round runs at the start, and none without a change", async () => {
  const { starts } = startRounds();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(starts).toEqual([0]);
});

test("a burst of changes is one round, once nothing has changed for 150 ms", async () => {
  const { rounds, starts } = startRounds();
  await vi.advanceTimersByTimeAsync(2000);
  for (let i = 0; i < 10; i++) {
    rounds.changed();
    await vi.advanceTimersByTimeAsync(100);
  }
  await vi.advanceTimersByTimeAsync(60_000);
  expect(starts).toEqual([0, 2900 + 150]);
});

test("changes during a round lead to exactly one more after it", async () => {
  const { rounds, starts } = startRounds();
  await vi.advanceTimersByTimeAsync(100);
  rounds.changed();
  await vi.advanceTimersByTimeAsync(500);
  rounds.changed();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(starts).toEqual([0, 1000]);
});

test("a change at the very end of a round waits for quiet, and is one more round with those before", async () => {
  const { rounds, starts } = startRounds();
  await vi.advanceTimersByTimeAsync(100);
  rounds.changed();
  await vi.advanceTimersByTimeAsync(850);
  rounds.changed();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(starts).toEqual([0, 950 + 150]);
});

test("stopped while idle, it ends at once and leaves no timer", async () => {
  const { rounds, starts, ended } = startRounds();
  await vi.advanceTimersByTimeAsync(2000);
  rounds.changed();
  rounds.stop();
  await ended;
  rounds.changed();
  expect(vi.getTimerCount()).toBe(0);
  expect(starts).toEqual([0]);
});

test.each([
  ["after a change", 1],
  ["without a change", 0],
])("stopped during a round %s, it ends with the round and starts no other", async (_, changes) => {
  const { rounds, starts, ended } = startRounds();
  let over = false;
  void ended.then(() => {
    over = true;
  });
  await vi.advanceTimersByTimeAsync(100);
  for (let i = 0; i < changes; i++) rounds.changed();
  await vi.advanceTimersByTimeAsync(500);
  rounds.stop();
  await vi.advanceTimersByTimeAsync(300);
  expect(over).toBe(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(over).toBe(true);
  expect(starts).toEqual([0]);
});

test("an error of a round ends all", async () => {
  const rounds = new Rounds(() => Promise.reject(new Error("a mistake in the program")));
  await expect(rounds.run()).rejects.toThrow("a mistake in the program");
});
