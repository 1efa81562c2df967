import { appendFileSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeEach, describe, expect, test } from "vitest";
import type { ExplainedItem, Explanation } from "../../../commands/explain/explanation.ts";
import { fates } from "../../../delivery/objects/fate.ts";
import { causes } from "../../../delivery/plan/reasons.ts";
import { enterFolderWith } from "../../folders.ts";
import { explained, plannedShop, stateAfter } from "../../planned.ts";
import { shop, shopFiles } from "../../shop.ts";

const file = resolve(import.meta.dirname, "../../../docs/explain.schema.json");
// Any JSON; the tests look into it.
const schema = JSON.parse(readFileSync(file, "utf8")) as Schema;
const isExplanation = new Ajv2020({ strictTypes: false }).compile(schema);

interface Schema {
  readonly description?: string;
  readonly additionalProperties?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly oneOf?: readonly (Schema & { readonly const: string })[];
  readonly $defs?: Readonly<Record<string, Schema>>;
}

beforeEach(() => {
  enterFolderWith(shopFiles);
});

const item: ExplainedItem = {
  kind: "image",
  name: "web",
  action: "update",
  from: "v1",
  to: "v2",
  reasons: [{ cause: "source", subject: "apps/web/index.html", from: "1", to: "2" }],
};
const explanation: Explanation = {
  version: 4,
  stack: "local",
  items: [item],
  checked: true,
  problems: [],
  warnings: [],
};

describe("the published schema takes", () => {
  test("a first explanation, one without changes and one with all kinds of them", async () => {
    const first = await explained([], plannedShop());
    const state = stateAfter(plannedShop());
    const same = await explained(state, plannedShop());
    appendFileSync("apps/web/index.html", "more");
    appendFileSync("apps/api/Dockerfile", "# more\n");
    const less = { ...shop, charts: { shop: shop.charts.shop } };
    const changed = await explained(state, plannedShop({ deliverables: less }));
    for (const one of [first, same, changed, explanation]) {
      expect(isExplanation(JSON.parse(JSON.stringify(one))), JSON.stringify(one)).toBe(true);
    }
  });

  test.each(fates)("the fate %s of an object, with a field and a cure", (fate) => {
    const fields = [{ path: "spec.a", from: null, to: { b: 1 }, open: true }];
    const object = { group: "apps", kind: "Deployment", name: "web", fate, template: "a", fields };
    const objects = [{ ...object, because: ["a"], cure: "b", namespace: "c", openName: true }];
    expect(isExplanation({ ...explanation, items: [{ ...item, objects, gaps: ["d"] }] })).toBe(
      true,
    );
  });

  test.each(causes)("the cause %s", (cause) => {
    const reasons = [{ cause, subject: "it" }];
    expect(isExplanation({ ...explanation, items: [{ ...item, reasons }] })).toBe(true);
  });
});

describe("the published schema refuses", () => {
  const withItem = (change: Readonly<Record<string, unknown>>): unknown => ({
    ...explanation,
    items: [{ ...item, ...change }],
  });
  test.each<[string, unknown]>([
    ["another version", { ...explanation, version: 1 }],
    ["an unknown field", { ...explanation, note: "" }],
    ["an unknown field of an item", withItem({ digest: "" })],
    ["an unknown kind", withItem({ kind: "secret" })],
    ["an unknown action", withItem({ action: "destroy" })],
    ["a change without a reason", withItem({ reasons: [] })],
    ["a reason without a change", withItem({ action: "none" })],
    ["a deletion that leads to a version", withItem({ action: "delete" })],
    ["an unknown cause", withItem({ reasons: [{ cause: "magic", subject: "" }] })],
    [
      "an unknown field of a reason",
      withItem({ reasons: [{ cause: "source", subject: "", by: "" }] }),
    ],
    ["a value that is no text", withItem({ reasons: [{ cause: "source", subject: "", to: 1 }] })],
  ])("%s", (_, value) => {
    expect(isExplanation(value)).toBe(false);
  });
});

describe("the published schema", () => {
  test("has the causes of the program, each with what it means", () => {
    const { oneOf = [] } = schema.$defs?.["cause"] ?? {};
    expect(oneOf.map((cause) => cause.const).sort()).toEqual([...causes].sort());
    for (const { description = "" } of oneOf) expect(description).toMatch(/^[A-Z].+\.$/);
  });

  test("is closed and describes every property", () => {
    const { item, reason } = schema.$defs ?? {};
    for (const one of [schema, item, reason]) {
      expect(one?.additionalProperties).toBe(false);
      expect(one?.description).toMatch(/\.$/);
      for (const [name, property] of Object.entries(one?.properties ?? {})) {
        if (!("$ref" in property)) expect(property.description, name).toMatch(/^[A-Z].+\.$/);
        for (const choice of property.oneOf ?? []) expect(choice.description, name).toMatch(/\.$/);
      }
    }
  });
});
