import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { followPlan, savePlan } from "../../../delivery/plan/saved-plan.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { type Planned, plannedShop } from "../../planned.ts";
import { shop, shopFiles, shopPublishing } from "../../shop.ts";

const file = "plan.json";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

function follow(planned: Planned): void {
  followPlan(file, planned.plan, () => planned.now);
}

describe("a saved plan", () => {
  test("is followed while everything is as it was", () => {
    savePlan(file, plannedShop().now);
    expect(() => {
      follow(plannedShop());
    }).not.toThrow();
  });

  test("is JSON for people, with all fingerprints", () => {
    const { now } = plannedShop();
    savePlan(file, now);
    const text = readFileSync(file, "utf8");
    expect(JSON.parse(text)).toEqual(now);
    expect(text).toMatch(/^\{\n {2}"images": \{\n.*\n\}\n$/s);
  });

  test("that nobody names is not looked for", () => {
    expect(() => {
      followPlan(undefined, plannedShop().plan, () => plannedShop().now);
    }).not.toThrow();
    expect(existsSync(file)).toBe(false);
  });
});

describe("not followed is a plan since which", () => {
  const planned = (change: Parameters<typeof plannedShop>[0]) => () => plannedShop(change);

  test.each<[what: string, edit: () => void, after: () => Planned, changed: string]>([
    [
      "a file changed",
      () => {
        appendFileSync("apps/web/index.html", "more");
      },
      plannedShop,
      "apps/web/index.html",
    ],
    [
      "files of an image and of a chart changed, came and went",
      () => {
        rmSync("apps/web/scripts/start.sh");
        writeFiles(".", { "apps/api/new": "", "charts/shop/templates/a.yaml": "" });
      },
      plannedShop,
      "apps/web/scripts/start.sh, apps/api/new, charts/shop/templates/a.yaml",
    ],
    [
      "a Dockerfile that is in its own context changed, named once",
      () => {
        appendFileSync("apps/web/Dockerfile", "# more\n");
      },
      plannedShop,
      "apps/web/Dockerfile",
    ],
    [
      "the settings changed",
      () => undefined,
      planned({
        options: { platforms: ["linux/arm64"] },
        publishing: { ...shopPublishing, builder: "other" },
      }),
      "builder, platforms",
    ],
    [
      "an image and a chart were taken out",
      () => undefined,
      planned({
        deliverables: { images: { api: shop.images.api }, charts: { tools: shop.charts.tools } },
      }),
      "web, shop",
    ],
    [
      "a chart takes another image",
      () => undefined,
      planned({
        deliverables: {
          ...shop,
          charts: {
            ...shop.charts,
            tools: { ...shop.charts.tools, images: { "api.image": "web" } },
          },
        },
      }),
      "api.image, version",
    ],
    [
      "the values of an environment changed",
      () => undefined,
      planned({ application: { values: { web: { replicas: 2 } } } }),
      "values",
    ],
  ])("%s", (_, edit, after, changed) => {
    savePlan(file, plannedShop().now);
    edit();
    expect(() => {
      follow(after());
    }).toThrow(
      new InputError(
        `not as planned in plan.json: ${changed} changed since; ` +
          `look at make explain again and save a new plan, or leave PLAN out`,
      ),
    );
  });

  test("an image, a chart and its Application were added", () => {
    const less = { images: { api: shop.images.api }, charts: { tools: shop.charts.tools } };
    savePlan(file, plannedShop({ deliverables: less }).now);
    expect(() => {
      follow(plannedShop());
    }).toThrow(/^not as planned in plan\.json: web, shop changed since; /);
  });
});

describe("a plan that cannot be read is refused:", () => {
  const save = "save one with make explain SAVE=plan.json";

  test.each<[what: string, make: () => void, message: string]>([
    ["there is none", () => undefined, `there is no plan plan.json; ${save}`],
    [
      "it is a folder",
      () => {
        mkdirSync(file);
      },
      `there is no plan plan.json; ${save}`,
    ],
    ...["", "{", "null", "[]", '"text"', "{}", '{"images": {}, "charts": {}}'].map(
      (text): [string, () => void, string] => [
        `it holds ${text || "nothing"}`,
        () => {
          writeFileSync(file, text);
        },
        `plan.json is not a plan; ${save}`,
      ],
    ),
  ])("%s", (_, make, message) => {
    make();
    expect(() => {
      follow(plannedShop());
    }).toThrow(new InputError(message));
  });
});
