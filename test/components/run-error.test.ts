import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { InputError, readAll } from "../../components/input-error";
import { orRunError } from "../../components/run-error";

function thrownBy(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return error;
  }
}

test("what was read is returned", () => {
  expect(orRunError(() => 42)).toBe(42);
});

test("wrong input becomes an error that Pulumi prints without a stack trace", () => {
  const error = thrownBy(() =>
    orRunError(() => {
      throw new InputError("wrong");
    }),
  );
  expect(pulumi.RunError.isInstance(error)).toBe(true);
  expect(error).toHaveProperty("message", "wrong");
});

test("any other error stays as it is, with its stack trace", () => {
  const bug = new TypeError("bug");
  const error = thrownBy(() =>
    orRunError(() => {
      throw bug;
    }),
  );
  expect(error).toBe(bug);
});

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
