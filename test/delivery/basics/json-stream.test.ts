import { describe, expect, test } from "vitest";
import { JsonStream } from "../../../delivery/basics/json-stream.ts";

const objects = [{ a: 'quo"te} {' }, { b: { c: ["\\", "{"] } }, {}, { d: 'é\\"' }];
const text = objects.map((object) => `${JSON.stringify(object, undefined, 4)}\n`).join("");

describe("a stream of JSON objects", () => {
  test("is cut into its objects", () => {
    expect(new JsonStream().take(text)).toEqual(objects);
  });

  test.each([1, 2, 3, 7])("is the same in pieces of %s characters", (size) => {
    const stream = new JsonStream();
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
      text.slice(i * size, (i + 1) * size),
    );
    expect(pieces.flatMap((piece) => stream.take(piece))).toEqual(objects);
  });

  test("gives nothing before an object ends", () => {
    const stream = new JsonStream();
    expect(stream.take('{"a": "}"')).toEqual([]);
    expect(stream.take("}")).toEqual([{ a: "}" }]);
  });

  test("that is no JSON is an error", () => {
    expect(() => new JsonStream().take("no {}")).toThrow(SyntaxError);
  });
});
