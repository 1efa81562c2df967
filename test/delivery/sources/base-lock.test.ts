import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { isDigest } from "../../../delivery/registry/references.ts";
import { readBaseLock, writeBaseLock } from "../../../delivery/sources/base-lock.ts";
import { enterFolderWith } from "../../folders.ts";
import { seededRandom } from "../../random.ts";

const file = "bases.lock.yaml";
const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;

beforeEach(() => {
  enterFolderWith({});
});

describe("a lock file", () => {
  test("is written for people, sorted, whatever the order of its entries", () => {
    const entries: [string, string][] = [
      ["python:3.14-slim", digest("1")],
      ["Nginx", digest("2")],
      ["ghcr.io:443/a/b:c", digest("3")],
    ];
    writeBaseLock(file, new Map(entries));
    const text = readFileSync(file, "utf8");
    expect(text).toBe(
      "# Digests of the images that Dockerfiles start from, so that a moved tag changes no build unseen.\n" +
        "# `make bases` shows what their tags hold now, `make bases UPDATE=1` takes it.\n" +
        `"Nginx": ${digest("2")}\n` +
        `"ghcr.io:443/a/b:c": ${digest("3")}\n` +
        `"python:3.14-slim": ${digest("1")}\n`,
    );
    writeBaseLock(file, new Map(entries.reverse()));
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  test("is read as it was written, whatever the references", () => {
    const random = seededRandom(1);
    const odd = ["yes", "1.0", "a: b", '"quoted"', "#1", "*a", "host:5000/x@y", "ö", "null"];
    const lock = new Map(
      random.shuffle(odd).map((reference, i) => [reference, digest(i.toString(16))]),
    );
    writeBaseLock(file, lock);
    expect(readBaseLock(file)).toEqual(lock);
  });

  test("replaces the one before in one step", () => {
    writeFileSync(file, "old");
    writeBaseLock(file, new Map([["nginx", digest("1")]]));
    writeBaseLock(file, new Map());
    expect(readBaseLock(file)).toEqual(new Map());
    expect(readdirSync(".")).toEqual([file]);
  });

  test.each([
    ["that is missing", undefined],
    ["that is empty", ""],
    ["with a comment alone", "# nothing yet\n"],
    ["with an empty map", "{}\n"],
  ])("%s locks nothing", (_, text) => {
    if (text !== undefined) writeFileSync(file, text);
    expect(readBaseLock(file)).toEqual(new Map());
  });
});

describe("a lock file is refused", () => {
  const must = "must have sha256: and 64 hexadecimal digits; make bases UPDATE=1 writes it";
  const map = `${file} must map image references to digests; make bases UPDATE=1 writes it`;

  test.each<[what: string, text: string, message: string]>([
    [
      "with a digest that is too short",
      `nginx: ${digest("1")}\npython: sha256:12\n`,
      `${file}: "python" has "sha256:12", but ${must}`,
    ],
    [
      "with upper-case digits",
      `nginx: ${digest("A")}\n`,
      `${file}: "nginx" has "${digest("A")}", but ${must}`,
    ],
    ["without a digest", "nginx:\n", `${file}: "nginx" has null, but ${must}`],
    ["with a map", "nginx: {a: 1}\n", `${file}: "nginx" has {"a":1}, but ${must}`],
    ["that is a list", `- nginx\n`, map],
    ["that is a text", `nginx\n`, map],
  ])("%s", (_, text, message) => {
    writeFileSync(file, text);
    expect(() => readBaseLock(file)).toThrow(new InputError(message));
  });

  test.each([
    ["that is no YAML", `nginx: [${digest("1")}`],
    ["that names a reference twice", `nginx: ${digest("1")}\nnginx: ${digest("2")}\n`],
  ])("%s, with the line", (_, text) => {
    writeFileSync(file, text);
    expect(() => readBaseLock(file)).toThrow(InputError);
    expect(() => readBaseLock(file)).toThrow(/^bases\.lock\.yaml is not valid YAML: .* at line \d/);
  });
});

test.each([
  [digest("a"), true],
  [`nginx@${digest("a")}`, false],
  [`${digest("a")}0`, false],
  [`${digest("a")}\n`, false],
  ["sha512:00", false],
])("whether %j is a digest: %s", (text, expected) => {
  expect(isDigest(text)).toBe(expected);
});
