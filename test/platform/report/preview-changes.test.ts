import { beforeEach, describe, expect, test, vi } from "vitest";
import { previewChanges } from "../../../platform/report/preview-changes.ts";

const hash = (digit: string): string => digit.repeat(64);
const urn = (types: string, name: string): string =>
  `urn:pulumi:local::tinyolly::${types}::${name}`;
const step = (
  op: string,
  types: string,
  name: string,
  before?: object,
  after?: object,
): object => ({
  ...{ op, urn: urn(types, name) },
  ...(before && { oldState: { inputs: before } }),
  ...(after && { newState: { inputs: after } }),
});
const show = (digest: object): string[] => previewChanges(JSON.stringify(digest)).split("\n");

beforeEach(() => {
  vi.stubEnv("NO_COLOR", "1");
});

describe("a preview in few words", () => {
  test("names what is done, in the order in which it is, and the properties that cause it", () => {
    const steps = [
      step("same", "pulumi:pulumi:Stack", "tinyolly-local", {}, {}),
      step(
        "replace",
        "tinyolly:index:Application$command:local:Command",
        "shop-rollout",
        { stdin: '{"a":1}', triggers: ["a"], wait: 1 },
        { stdin: "04da6b54-80e4-46f7-96ec-b56ff0331ba9", triggers: ["b"], wait: 2 },
      ),
      step("create", "tinyolly:index:Chart$command:local:Command", "shop", undefined, {
        stdin: "x",
      }),
      step(
        "update",
        "tinyolly:index:Image",
        "demo",
        { key: hash("a"), sources: { "main.py": "1", gone: "1", same: "1" } },
        { key: hash("b"), sources: { "main.py": "2", "new.py": "3", same: "1" } },
      ),
    ];
    expect(show({ steps, changeSummary: { create: 1, replace: 1, update: 1, same: 1 } })).toEqual([
      "[demo] image: update",
      `    key                 ${"a".repeat(12)} → ${"b".repeat(12)}`,
      "    sources.gone        removed",
      '    sources["main.py"]  1 → 2',
      '    sources["new.py"]   added 3',
      "[chart shop] package and publish",
      "[app shop] roll out",
      "    stdin     changes",
      "    triggers  changes",
      "    wait      1 → 2",
      "1 to create, 1 to replace, 1 to update, 1 unchanged; VERBOSE=1 shows all of Pulumi's diff",
      "",
    ]);
  });

  test("shows the first of many properties, and cuts long ones", () => {
    const many = (value: string): object =>
      Object.fromEntries(
        Array.from({ length: 10 }, (_, i) => [`p${i}`, `${value}${"x".repeat(60)}`]),
      );
    const lines = show({
      steps: [step("update", "tinyolly:index:Image", "demo", many("a"), many("b"))],
    });
    expect(lines[1]).toBe(`    p0  a${"x".repeat(46)}… → b${"x".repeat(46)}…`);
    expect(lines[9]).toBe("    and 2 more");
  });

  test("is one line where nothing changes", () => {
    const steps = [step("same", "tinyolly:index:Image", "demo", {}, {})];
    expect(previewChanges(JSON.stringify({ steps, changeSummary: { same: 1 } }))).toBe(
      "1 unchanged\n",
    );
  });

  test("says what Pulumi warns of and why it failed, without its marks", () => {
    const diagnostics = [
      { severity: "info", message: "planning" },
      { severity: "warning", message: "<{%fg 3%}>up is refused: no tag<{%reset%}>\n" },
      { severity: "error", message: "error: no such file" },
    ];
    expect(show({ steps: [step("same", "a", "b")], diagnostics })).toEqual([
      "warning: up is refused: no tag",
      "error: no such file",
      "",
    ]);
    expect(previewChanges("")).toBe("");
  });
});
