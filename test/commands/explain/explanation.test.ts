import { appendFileSync, rmSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { isChanged } from "../../../commands/explain/explanation.ts";
import type { Drift } from "../../../delivery/basics/drift.ts";
import type { Findings } from "../../../delivery/findings/finding.ts";
import type { StateResource } from "../../../delivery/findings/recorded.ts";
import { type Cause, causes } from "../../../delivery/plan/reasons.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import {
  type Planned,
  digestOf,
  explained,
  findingOf,
  plannedShop,
  stateAfter,
} from "../../planned.ts";
import { named, shop, shopFiles, shopOptions, shopPublishing } from "../../shop.ts";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

/** What changes, as `action kind name: causes`. */
async function changes(
  state: readonly StateResource[],
  planned: Planned,
  found?: Partial<Findings>,
): Promise<string[]> {
  const { items } = await explained(state, planned, found);
  return items.filter(isChanged).map(({ action, kind, name, reasons }) => {
    const why = reasons.map(({ cause }) => cause);
    return `${action} ${kind} ${name}: ${why.join(", ")}`;
  });
}

/** The state with other fields in the resources of a type and name. */
function changed(
  state: readonly StateResource[],
  type: string,
  name: string,
  change: (resource: StateResource) => StateResource,
): StateResource[] {
  return state.map((one) =>
    one.type === type && one.urn.endsWith(`::${name}`) ? change(one) : one,
  );
}

function withoutOutputs({ urn, type, inputs = {} }: StateResource): StateResource {
  return { urn, type, inputs };
}

describe("an explanation", () => {
  test("of a stack that was never brought up: everything is made for the first time", async () => {
    const planned = plannedShop();
    const { tag } = named(planned.plan.images, "web");
    const { version } = named(planned.plan.charts, "shop");
    const { items } = await explained([], planned);
    expect(items).toHaveLength(6);
    expect(named(items, "web")).toEqual({
      kind: "image",
      name: "web",
      action: "create",
      to: tag,
      reasons: [{ cause: "first-time", subject: tag }],
    });
    expect(items.filter(({ name }) => name === "shop")).toEqual([
      {
        kind: "chart",
        name: "shop",
        action: "create",
        to: version,
        reasons: [{ cause: "first-time", subject: version }],
      },
      {
        kind: "application",
        name: "shop",
        action: "create",
        to: version,
        reasons: [{ cause: "first-time", subject: version }],
      },
    ]);
  });

  test("after a good up names each thing with what is deployed, and no reason", async () => {
    const planned = plannedShop();
    const explanation = await explained(stateAfter(planned), planned);
    expect(explanation).toMatchObject({ version: 4, stack: "test", checked: true });
    expect(explanation.items.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "image web",
      "image api",
      "chart shop",
      "chart tools",
      "application shop",
      "application tools",
    ]);
    for (const item of explanation.items) {
      expect(item).toMatchObject({ action: "none", reasons: [] });
      expect(item.from).toBe(item.to);
    }
  });

  test("follows an edited file through image and chart to the Application", async () => {
    const before = plannedShop();
    appendFileSync("apps/web/index.html", "<p>Open");
    const after = plannedShop();
    const { items } = await explained(stateAfter(before), after);

    const [web, webNow] = [named(before.plan.images, "web"), named(after.plan.images, "web")];
    const [chart, chartNow] = [named(before.plan.charts, "shop"), named(after.plan.charts, "shop")];
    expect(items.filter(isChanged)).toEqual([
      {
        kind: "image",
        name: "web",
        action: "update",
        from: web.tag,
        to: webNow.tag,
        reasons: [
          {
            cause: "source",
            subject: "apps/web/index.html",
            from: before.now.images["web"]?.sources["index.html"],
            to: after.now.images["web"]?.sources["index.html"],
          },
        ],
        build: {
          steps: [{ name: "stage-1: COPY . /srv", fate: "runs", files: ["apps/web/index.html"] }],
          sameDigest: false,
        },
      },
      {
        kind: "chart",
        name: "shop",
        action: "update",
        from: chart.version,
        to: chartNow.version,
        reasons: [
          {
            cause: "image-of-chart",
            subject: "web.image",
            from: `web ${web.key.slice(0, 12)}`,
            to: `web ${webNow.key.slice(0, 12)}`,
          },
        ],
      },
      {
        kind: "application",
        name: "shop",
        action: "update",
        from: chart.version,
        to: chartNow.version,
        reasons: [
          {
            cause: "chart-of-application",
            subject: "version",
            from: chart.version,
            to: chartNow.version,
          },
        ],
      },
    ]);
  });

  test("of what is not shipped any more says what was deployed", async () => {
    const before = plannedShop();
    const deliverables = { images: { api: shop.images.api }, charts: { tools: shop.charts.tools } };
    const after = { ...plannedShop({ deliverables }), applications: [] };
    const { items } = await explained(stateAfter(before), {
      ...after,
      now: { ...after.now, applications: {} },
    });
    const subject = "not in deliverables.ts any more";
    const { version } = named(before.plan.charts, "shop");
    expect(items.filter(isChanged)).toEqual([
      {
        kind: "image",
        name: "web",
        action: "delete",
        from: named(before.plan.images, "web").tag,
        reasons: [{ cause: "removed", subject }],
      },
      {
        kind: "chart",
        name: "shop",
        action: "delete",
        from: version,
        reasons: [{ cause: "removed", subject }],
      },
      ...["shop", "tools"].map((name) => ({
        kind: "application",
        name,
        action: "delete",
        from: named(before.plan.charts, name).version,
        reasons: [{ cause: "removed", subject: `${subject}, or the stack does not deploy` }],
      })),
    ]);
  });
});

describe("after a run that failed halfway", () => {
  const image = "tinyolly:index:Image";
  const pushed = "docker-build:index:Image";

  test("an image that was never pushed is made for the first time", async () => {
    const planned = plannedShop();
    const state = stateAfter(planned).filter(
      ({ type, urn }) => !(type === pushed && urn.endsWith("::web")),
    );
    const half = changed(state, image, "web", withoutOutputs);
    expect(await changes(half, planned)).toEqual(["create image web: first-time"]);
  });

  test("an image whose push was cut off is made for the first time", async () => {
    const planned = plannedShop();
    const half = changed(stateAfter(planned), pushed, "web", withoutOutputs);
    expect(await changes(half, planned)).toEqual(["create image web: first-time"]);
  });

  test("what has a fingerprint ahead of what was pushed is still to be done", async () => {
    const before = plannedShop();
    appendFileSync("apps/web/index.html", "<p>Open");
    const after = plannedShop();
    const ahead = stateAfter(after);
    // The engine keeps what was pushed before, and drops the outputs of components that changed.
    const half = stateAfter(before).map((one, i) =>
      one.type.startsWith("tinyolly:") && JSON.stringify(one) !== JSON.stringify(ahead[i])
        ? withoutOutputs(ahead[i] ?? one)
        : one,
    );
    const { items } = await explained(half, after);
    expect(items.filter(isChanged)).toEqual([
      {
        kind: "image",
        name: "web",
        action: "update",
        from: named(before.plan.images, "web").tag,
        to: named(after.plan.images, "web").tag,
        reasons: [{ cause: "missing-image", subject: "the last run ended before web was pushed" }],
      },
      {
        kind: "chart",
        name: "shop",
        action: "update",
        from: named(before.plan.charts, "shop").version,
        to: named(after.plan.charts, "shop").version,
        reasons: [{ cause: "missing-chart", subject: "the last run ended before shop was pushed" }],
      },
      {
        kind: "application",
        name: "shop",
        action: "update",
        from: named(before.plan.charts, "shop").version,
        to: named(after.plan.charts, "shop").version,
        reasons: [
          {
            cause: "chart-of-application",
            subject: "version",
            from: named(before.plan.charts, "shop").version,
            to: named(after.plan.charts, "shop").version,
          },
          {
            cause: "missing-application",
            subject: "the last run ended before shop was applied",
          },
        ],
      },
    ]);
  });

  test("nothing is to be done once what it was about to make is taken back", async () => {
    const before = plannedShop();
    appendFileSync("apps/web/index.html", "<p>Open");
    const ahead = stateAfter(plannedShop());
    const half = stateAfter(before).map((one, i) =>
      one.type.startsWith("tinyolly:") && JSON.stringify(one) !== JSON.stringify(ahead[i])
        ? withoutOutputs(ahead[i] ?? one)
        : one,
    );
    expect(await changes(half, before)).toEqual([]);
    const moved = half.map((one) =>
      one.type === pushed
        ? { ...one, outputs: { ...one.outputs, tags: ["elsewhere.test/shop/web:v1"] } }
        : one,
    );
    expect(await changes(moved, before)).toContain("update image web: source, missing-image");
  });

  test("a release, whose tags stay the same, is still to be pushed", async () => {
    const planned = plannedShop({
      options: { versions: { line: "v2.1", release: "v2.1.8" } },
    });
    const half = changed(stateAfter(planned), image, "web", withoutOutputs);
    expect(await changes(half, planned)).toEqual(["update image web: missing-image"]);
  });
});

describe("what is gone", () => {
  const drift = { cause: "missing", detail: "web is not in push.test" } as const;
  const moved = { cause: "tag-moved", detail: "shop moved" } as const;
  const found: Partial<Findings> = {
    images: new Map([["web", findingOf({ pushes: 1, drift })]]),
    charts: new Map([["shop", findingOf({ pushes: 1, drift: moved })]]),
    applications: new Map([
      ["tools", { repairs: 1, drift: { cause: "edited", detail: "spec.project is not" } as const }],
    ]),
  };

  test("alone is pushed or applied again, as the only action", async () => {
    const planned = plannedShop();
    expect(await changes(stateAfter(planned), planned, found)).toEqual([
      "push image web: missing-image",
      "push chart shop: tag-moved",
      "push application tools: edited",
    ]);
  });

  test("is one more reason for what changes anyway", async () => {
    const before = plannedShop();
    appendFileSync("apps/web/index.html", "<p>Open");
    const { items } = await explained(stateAfter(before), plannedShop(), found);
    expect(named(items, "web")).toMatchObject({
      action: "update",
      reasons: [
        { cause: "source", subject: "apps/web/index.html" },
        { cause: "missing-image", subject: "web is not in push.test" },
      ],
    });
  });
});

test("a chart that was taken as published is made where an image in it is built again", async () => {
  const planned = plannedShop();
  const state = stateAfter(planned).filter(
    ({ type, urn }) => type !== "command:local:Command" || !urn.endsWith("::shop"),
  );
  const key = named(planned.plan.charts, "shop").key.slice(0, 12);
  const adopted = changed(state, "tinyolly:index:Chart", "shop", (one) => ({
    ...one,
    outputs: { digest: digestOf(""), adopted: { reference: "", key } },
  }));
  const drift = { cause: "image-of-chart", detail: "it holds web" } as const;
  const found = { charts: new Map([["shop", findingOf({ drift, warning: "it may fail" })]]) };
  expect(await changes(adopted, planned, found)).toEqual(["push chart shop: image-of-chart"]);
  expect((await explained(adopted, planned, found)).warnings).toEqual(["it may fail"]);
});

describe("a state that an older version wrote", () => {
  const components = ["Image", "Chart", "Application"];

  test.each<[string, (resource: StateResource) => StateResource]>([
    ["without inputs", ({ urn, type, outputs = {} }) => ({ urn, type, outputs })],
    ["with a key alone", (one) => ({ ...one, inputs: { key: "0".repeat(64) } })],
    [
      "with a part that this one does not know",
      (one) => ({ ...one, inputs: { ...one.inputs, hashes: { "index.html": "1" } } }),
    ],
  ])("%s is read as far as it goes", async (_, old) => {
    const planned = plannedShop();
    const state = stateAfter(planned).map((one) =>
      components.some((type) => one.type === `tinyolly:index:${type}`) ? old(one) : one,
    );
    const { items } = await explained(state, planned);
    const text = JSON.stringify(items);
    expect(text).not.toContain("undefined");
    expect(text).not.toContain("null");
    for (const item of items) {
      expect(item.from).toBe(item.to);
      expect(["update", "none"]).toContain(item.action);
    }
  });

  test("without a recipe is built anew, since the recipe is another one", async () => {
    const planned = plannedShop();
    const state = changed(stateAfter(planned), "tinyolly:index:Image", "web", (one) => {
      const inputs = { ...one.inputs };
      delete inputs["recipe"];
      return { ...one, inputs };
    });
    expect(await changes(state, planned)).toEqual(["update image web: tool-version"]);
  });
});

describe("the cause", () => {
  const state = (): StateResource[] => stateAfter(plannedShop());
  const digest = digestOf("");
  const imageFound = (cause: Drift["cause"]): Partial<Findings> => ({
    images: new Map([["web", findingOf({ pushes: 1, drift: { cause, detail: "" } })]]),
  });
  const applicationFound = (cause: Drift["cause"]): Partial<Findings> => ({
    applications: new Map([["shop", { repairs: 1, drift: { cause, detail: "" } }]]),
  });
  const appended = (file: string) => (): Planned => {
    appendFileSync(file, "\n# more\n");
    return plannedShop();
  };
  const older = (type: string, name: string, recipe: number) => () =>
    changed(state(), type, name, (one) => ({ ...one, inputs: { ...one.inputs, recipe } }));

  const web = "update image web";
  const shopChart = "update chart shop";
  const follows = [
    "update chart shop: image-of-chart",
    "update application shop: chart-of-application",
  ];

  interface Case {
    readonly before?: () => StateResource[];
    readonly after?: () => Planned;
    readonly found?: Partial<Findings>;
    readonly changes: readonly string[];
  }
  const cases: Readonly<Record<Cause, Case>> = {
    "first-time": {
      before: () => state().filter(({ urn }) => !urn.endsWith("::tools")),
      changes: ["create chart tools: first-time", "create application tools: first-time"],
    },
    source: {
      after: appended("apps/web/index.html"),
      changes: [`${web}: source`, ...follows],
    },
    dockerfile: {
      before: () => {
        writeFiles(".", { "apps/web/.dockerignore": "notes.txt\nDockerfile\n" });
        return state();
      },
      after: appended("apps/web/Dockerfile"),
      changes: [`${web}: dockerfile`, ...follows],
    },
    "build-arg": {
      after: () => {
        const images = { ...shop.images, web: { path: "apps/web", buildArgs: { A: "1" } } };
        return plannedShop({ deliverables: { ...shop, images } });
      },
      changes: [`${web}: build-arg`, ...follows],
    },
    "base-moved": {
      after: () => plannedShop({ options: { bases: new Map([["nginx", digest]]) } }),
      changes: [`${web}: base-moved`, ...follows],
    },
    "chart-source": {
      after: appended("charts/shop/templates/web.yaml"),
      changes: [`${shopChart}: chart-source`, "update application shop: chart-of-application"],
    },
    "image-of-chart": {
      after: () => {
        const images = { "web.image": "web", "api.image": "web" };
        const charts = { ...shop.charts, shop: { ...shop.charts.shop, images } };
        return plannedShop({ deliverables: { ...shop, charts } });
      },
      changes: [`${shopChart}: image-of-chart`, "update application shop: chart-of-application"],
    },
    "part-of-release": {
      before: () => stateAfter(released("v2.1.8")),
      after: () => {
        appendFileSync("charts/tools/values.yaml", "# more\n");
        return released("v2.1.8");
      },
      changes: ["update chart tools: chart-source", "update release release: part-of-release"],
    },
    "chart-of-application": {
      before: () =>
        changed(state(), "kubernetes:argoproj.io/v1alpha1:Application", "shop", (one) => ({
          ...one,
          outputs: { spec: { source: { targetRevision: "1.2.2" } } },
        })),
      changes: ["update application shop: chart-of-application"],
    },
    settings: {
      after: () => plannedShop({ publishing: { ...shopPublishing, builder: "other" } }),
      changes: [`${web}: settings`, "update image api: settings"],
    },
    "tool-version": {
      before: older("tinyolly:index:Chart", "tools", 0),
      changes: ["update chart tools: tool-version"],
    },
    "missing-image": {
      found: imageFound("missing"),
      changes: ["push image web: missing-image"],
    },
    "missing-chart": {
      before: () => {
        const half = changed(state(), "tinyolly:index:Chart", "shop", withoutOutputs);
        const older = (one: StateResource): StateResource => ({
          ...one,
          outputs: { ...one.outputs, stdin: "{}" },
        });
        return changed(half, "command:local:Command", "shop", older);
      },
      changes: [`${shopChart}: missing-chart`],
    },
    "missing-application": {
      found: applicationFound("missing"),
      changes: ["push application shop: missing-application"],
    },
    "missing-release": {
      before: () => stateAfter(released("v2.1.8")),
      after: () => released("v2.1.8"),
      found: { release: { pushes: 1, missing: "web of v2.1.8" } },
      changes: ["push release release: missing-release"],
    },
    "already-published": {
      before: () => [],
      found: {
        images: new Map([["web", findingOf({ existing: digest })]]),
      },
      changes: [
        "adopt image web: first-time, already-published",
        "create image api: first-time",
        "create chart shop: first-time",
        "create chart tools: first-time",
        "create application shop: first-time",
        "create application tools: first-time",
      ],
    },
    "tag-moved": { found: imageFound("tag-moved"), changes: ["push image web: tag-moved"] },
    edited: { found: applicationFound("edited"), changes: ["push application shop: edited"] },
    removed: {
      after: () => plannedShop({ deliverables: { ...shop, charts: { shop: shop.charts.shop } } }),
      changes: ["delete chart tools: removed", "delete application tools: removed"],
    },
  };

  test.each(causes)("%s occurs", async (cause) => {
    const { before = state, after = plannedShop, found, changes: expected } = cases[cause];
    const recorded = before();
    expect(await changes(recorded, after(), found)).toEqual(expected);
    expect(expected.join(" ")).toContain(cause);
  });
});

test("several reasons stand in one order, by cause and then by path", async () => {
  const before = plannedShop();
  rmSync("apps/web/scripts/start.sh");
  writeFiles(".", { "apps/web/b.html": "b", "apps/web/a.html": "a" });
  const options = { platforms: ["linux/arm64"], bases: new Map([["nginx", digestOf("")]]) };
  const { items } = await explained(stateAfter(before), plannedShop({ options }));
  expect(named(items, "web").reasons.map(({ cause, subject }) => `${cause} ${subject}`)).toEqual([
    "source apps/web/a.html",
    "source apps/web/b.html",
    "source apps/web/scripts/start.sh",
    "base-moved nginx",
    "settings platforms",
  ]);
});

/** The shop as a release. */
function released(name: string): Planned {
  return plannedShop({ options: { versions: { line: "v2.1", release: name } } });
}

test("another release alone is a reason, and builds nothing", async () => {
  const before = stateAfter(released("v2.1.8"));
  const { items } = await explained(before, released("v2.1.9"));
  expect(named(items, "web")).toMatchObject({
    action: "tag",
    from: "v2.1.8",
    to: "v2.1.9",
    reasons: [{ cause: "settings", subject: "release", from: "v2.1.8", to: "v2.1.9" }],
  });
  expect(shopOptions.versions).not.toHaveProperty("release");
});
