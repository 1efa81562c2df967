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
import type { ReleaseSettings } from "../../../delivery/plan/fingerprint.ts";
import {
  type Found,
  type SavedPlan,
  followPlan,
  planToSave,
  readPlan,
  savePlan,
} from "../../../delivery/plan/saved-plan.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { type Planned, plannedShop } from "../../planned.ts";
import { shop, shopFiles, shopPublishing } from "../../shop.ts";

const file = "plan.json";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

function toSave({ now, applications }: Planned, found: Found = {}): SavedPlan {
  return planToSave(now, applications, found);
}

function follow(planned: Planned, found: Found = {}): void {
  followPlan(file, planned.plan, () => toSave(planned, found));
}

describe("a saved plan", () => {
  test("is followed while everything is as it was", () => {
    savePlan(file, toSave(plannedShop()));
    expect(() => {
      follow(plannedShop());
    }).not.toThrow();
  });

  test("is JSON for people, with all fingerprints", () => {
    const now = toSave(plannedShop());
    savePlan(file, now);
    const text = readFileSync(file, "utf8");
    expect(JSON.parse(text)).toEqual(now);
    expect(text).toMatch(/^\{\n {2}"form": 2,\n {2}"images": \{\n.*\n\}\n$/s);
  });

  test("that nobody names is not looked for", () => {
    expect(() => {
      followPlan(undefined, plannedShop().plan, () => toSave(plannedShop()));
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
    savePlan(file, toSave(plannedShop()));
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

  const argocd = { namespace: "argocd", project: "default" };
  const waits = (waitSeconds: number): Planned =>
    plannedShop({
      application: {
        argocd: { ...argocd, destinationServer: "https://kubernetes.default.svc", waitSeconds },
      },
    });
  const released = (releasing: Partial<ReleaseSettings>): Planned =>
    plannedShop({ options: { versions: { line: "v2.1", release: "v2.1.8" } }, releasing });
  const signing = { kind: "key", key: "cosign.key" };
  const again: Found = { "image web": { pushes: 1 } };

  test.each<
    [what: string, before: () => [Planned, Found?], after: () => [Planned, Found?], changed: string]
  >([
    ["up waits longer", () => [waits(1)], () => [waits(2)], "waitSeconds"],
    ["aliases changed", () => [released({})], () => [released({ aliases: ["latest"] })], "aliases"],
    ["signing changed", () => [released({})], () => [released({ signing })], "signing"],
    ["an image was lost", () => [waits(0)], () => [waits(0), again], "image web in the registry"],
    ["an image came back", () => [waits(0), again], () => [waits(0)], "image web in the registry"],
    [
      "a chart was published by others",
      () => [waits(0)],
      () => [waits(0), { "chart shop": { existing: "sha256:1" } }],
      "chart shop in the registry",
    ],
    [
      "an alias of the release was lost, and an Application edited",
      () => [released({})],
      () => [released({}), { release: { pushes: 1 }, "application shop": { repairs: 1 } }],
      "release in the registry, application shop in the cluster",
    ],
  ])("%s", (_, before, after, changed) => {
    savePlan(file, toSave(...before()));
    expect(() => {
      follow(...before());
    }).not.toThrow();
    expect(() => {
      follow(...after());
    }).toThrow(`not as planned in plan.json: ${changed} changed since; `);
  });

  test("a release is made, where content decided", () => {
    savePlan(file, toSave(plannedShop()));
    expect(() => {
      follow(released({}));
    }).toThrow(/: release changed since; /);
  });

  test("an image, a chart and its Application were added", () => {
    const less = { images: { api: shop.images.api }, charts: { tools: shop.charts.tools } };
    savePlan(file, toSave(plannedShop({ deliverables: less })));
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
        "plan.json is not a plan; name the file that make explain SAVE=… wrote",
      ],
    ),
    [
      "an older version saved it",
      () => {
        writeFileSync(file, JSON.stringify(plannedShop().now));
      },
      `plan.json was saved by another version of this project and does not hold everything that is compared; ` +
        `save it again with make explain SAVE=plan.json`,
    ],
  ])("%s", (_, make, message) => {
    make();
    expect(() => {
      follow(plannedShop());
    }).toThrow(new InputError(message));
  });
});

test.each(["", "{}", "# Notes", '{"name": "tinyolly"}'])(
  "a plan is not saved over a file that holds %j",
  (text) => {
    writeFileSync(file, text);
    expect(() => {
      savePlan(file, toSave(plannedShop()));
    }).toThrow("plan.json is there already, and is no plan; name another file");
    expect(readFileSync(file, "utf8")).toBe(text);
  },
);

test("a plan is saved over an earlier one", () => {
  const plan = toSave(plannedShop());
  savePlan(file, plan);
  savePlan(file, plan);
  expect(readPlan(file)).toEqual(JSON.parse(JSON.stringify(plan)));
});
