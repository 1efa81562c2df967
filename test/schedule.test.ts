import { expect, test } from "vitest";
import { type Use, schedule } from "./schedule.ts";

interface Suite {
  readonly name: string;
  readonly uses: Use;
}

/** Runs suites that take one turn of the event loop each. Resolves to their names as they started, and which uses met. */
async function together(uses: readonly Use[], places: number, most = Infinity) {
  const running = new Set<string>();
  const started: string[] = [];
  const pairs = new Set<string>();
  const suites = uses.map((use, index): Suite => ({ name: `${use} ${index}`, uses: use }));
  const left = await schedule(
    suites,
    places,
    async ({ name }) => {
      for (const other of running)
        pairs.add(
          [other, name]
            .map((one) => one.split(" ")[0])
            .sort()
            .join("+"),
        );
      running.add(name);
      started.push(name);
      await new Promise(setImmediate);
      running.delete(name);
    },
    () => started.length >= most,
  );
  return { started, pairs: [...pairs].sort(), left: left.map(({ name }) => name) };
}

test("every suite runs once", async () => {
  const { started } = await together(["nothing", "stack", "alone", "platform", "stack"], 2);
  expect([...started].sort()).toEqual(["alone 2", "nothing 0", "platform 3", "stack 1", "stack 4"]);
});

test("one suite at a time stops servers, beside all others", async () => {
  const { pairs } = await together(
    ["alone", "alone", "stack", "platform", "nothing", "nothing"],
    6,
  );
  expect(pairs.filter((pair) => pair.includes("alone"))).toEqual([
    "alone+nothing",
    "alone+platform",
    "alone+stack",
  ]);
});

test("one suite at a time changes the stack, beside others on the platform", async () => {
  const { pairs } = await together(["stack", "stack", "platform", "platform"], 4);
  expect(pairs).toEqual(["platform+platform", "platform+stack"]);
});

test("what needs tools waits for the start, and then goes with all", async () => {
  const { pairs, started } = await together(["start", "tools", "alone", "tools", "stack"], 3);
  expect(started[0]).toBe("start 0");
  expect(pairs).toContain("alone+tools");
  expect(pairs.filter((pair) => pair.includes("start"))).toEqual([]);
});

test("so many run at once as there are places", async () => {
  const { pairs } = await together(["nothing", "nothing", "nothing"], 1);
  expect(pairs).toEqual([]);
});

test("nothing is started once the run has ended", async () => {
  const { started, left } = await together(["nothing", "nothing", "nothing"], 1, 2);
  expect(started).toEqual(["nothing 0", "nothing 1"]);
  expect(left).toEqual(["nothing 2"]);
});

test("a suite that throws ends the run with its error", async () => {
  const suites: Suite[] = [{ name: "one", uses: "nothing" }];
  const run = (): Promise<void> => Promise.reject(new Error("broken"));
  await expect(schedule(suites, 2, run, () => false)).rejects.toThrow("broken");
});
