import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { orRunError } from "../../components/run-error.ts";
import { InputError, readAll } from "../../delivery/basics/input-error.ts";

/** A reader that fails at once, and one that fails later. */
function failingWith(error: Error): [string, () => Promise<never> | never][] {
  return [
    [
      "at once",
      () => {
        throw error;
      },
    ],
    ["later", () => Promise.reject(error)],
  ];
}

test.each([
  ["at once", () => 42],
  ["later", () => Promise.resolve(42)],
])("what was read %s is returned", async (_, read) => {
  expect(await orRunError(read)).toBe(42);
});

test.each(failingWith(new InputError("wrong")))(
  "wrong input that is seen %s becomes an error that Pulumi prints without a stack trace",
  async (_, read) => {
    const error: unknown = await orRunError(read).catch((thrown: unknown) => thrown);
    expect(pulumi.RunError.isInstance(error)).toBe(true);
    expect(error).toHaveProperty("message", "wrong");
  },
);

const bug = new TypeError("bug");

test.each(failingWith(bug))(
  "any other error that comes %s stays as it is, with its stack trace",
  async (_, read) => {
    await expect(orRunError(read)).rejects.toBe(bug);
  },
);

test("all problems of wrong input are collected, and the rest is read", () => {
  const problems: string[] = [];
  const results = readAll([1, 2, 3, 4], problems, (item) => {
    if (item % 2 === 0) throw new InputError(`${item} is even`);
    return item;
  });
  expect(results).toEqual([1, 3]);
  expect(problems).toEqual(["2 is even", "4 is even"]);
});

test("a bug ends the reading at once", () => {
  const read = (): never => {
    throw new TypeError("bug");
  };
  expect(() => readAll([1], [], read)).toThrow(TypeError);
});
