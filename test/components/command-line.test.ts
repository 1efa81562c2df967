import { expect, test } from "vitest";
import { readOptions } from "../../components/command-line";
import { InputError } from "../../components/input-error";

const declared = {
  stack: { type: "string", default: "local" },
  json: { type: "boolean" },
} as const;

function read(...args: string[]) {
  const before = process.argv;
  process.argv = ["node", "script", ...args];
  try {
    return readOptions(declared);
  } finally {
    process.argv = before;
  }
}

test("options are read, with their defaults", () => {
  expect({ ...read("--json") }).toEqual({ stack: "local", json: true });
});

test.each([[["--jsn"]], [["--stack"]], [["extra"]]])("%j is wrong input", (args) => {
  expect(() => read(...args)).toThrow(InputError);
});
