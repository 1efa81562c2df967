import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { live, say } from "../../../platform/report/live.ts";

const up = (lines: number): string => `\u001B[${lines}A`;
const clear = "\u001B[1G\u001B[0J";

let written: string;
const before = Object.fromEntries(
  ["isTTY", "columns", "rows"].map((name) => [
    name,
    Object.getOwnPropertyDescriptor(process.stderr, name),
  ]),
);

function setTerminal(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    Object.defineProperty(process.stderr, name, { value, configurable: true });
}

beforeEach(() => {
  written = "";
  setTerminal({ isTTY: true, columns: 12, rows: 4 });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written += String(text);
    return true;
  });
});

afterEach(() => {
  live("");
  vi.restoreAllMocks();
  for (const [name, descriptor] of Object.entries(before))
    if (descriptor) Object.defineProperty(process.stderr, name, descriptor);
    else Reflect.deleteProperty(process.stderr, name);
});

test("lines take the place of those before, and what is said stands above them", () => {
  expect(live("[a] one\n[b] two")).toBe(true);
  expect(written).toBe(`${clear}[a] one\n[b] two`);
  written = "";
  live("[a] three");
  expect(written).toBe(`${up(1)}${clear}[a] three`);
  written = "";
  say("done");
  expect(written).toBe(`${clear}done\n${clear}[a] three`);
  written = "";
  live("");
  say("end");
  expect(written).toBe(`${clear}end\n`);
});

test("no line is wider than the terminal, and no more are shown than it has", () => {
  live(`${"x".repeat(20)}\n2\n3\n4\n5`);
  expect(written).toBe(`${clear}${"x".repeat(11)}\n2\n3`);
});

test("nothing is shown where there is no terminal", () => {
  setTerminal({ isTTY: false });
  expect(live("[a] one")).toBe(false);
  say("done");
  expect(written).toBe("done\n");
});
