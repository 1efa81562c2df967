import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import {
  type ApplicationDrift,
  type Drift,
  type DriftQuestion,
  findDrift,
  findEdited,
} from "../../../delivery/findings/drift.ts";
import type { Presence } from "../../../delivery/findings/presence.ts";
import { applicationSpec } from "../../../delivery/plan/application-spec.ts";
import type { Absence } from "../../../delivery/registry/absence.ts";
import { sendJson } from "../../fake-registry-answers.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "../../fake-registry.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { type Planned, plannedShop } from "../../planned.ts";
import { named, shopFiles, shopPublishing } from "../../shop.ts";

/** What is not as it was, by name. */
type Findings = Readonly<
  Record<"images" | "charts", ReadonlyMap<string, Absence>> & Pick<Drift, "applications">
>;

const nothing: Findings = { images: new Map(), charts: new Map(), applications: new Map() };

/** Only what {@link findDrift} says is wrong. */
async function find(question: DriftQuestion): Promise<Findings> {
  const { images, charts, applications } = await findDrift(question);
  const absences = (presences: ReadonlyMap<string, Presence>) =>
    new Map([...presences].flatMap(([name, { absence }]) => (absence ? [[name, absence]] : [])));
  return { images: absences(images), charts: absences(charts), applications };
}

let registry: FakeRegistry;
let planned: Planned;
/** Whether the registry answers 403 to everything. */
let broken: boolean;

beforeEach(async () => {
  enterFolderWith(shopFiles);
  broken = false;
  registry = await startRegistry({
    behaviour: (_, response) => {
      if (broken) sendJson(response, 403, {});
      return broken;
    },
  });
  onTestFinished(() => registry.close());
  planned = planAt(registry.host);
});

function planAt(push: string, release?: string): Planned {
  const endpoints = { ...shopPublishing.endpoints, push, pushTls: "plain-http" } as const;
  const publishing = { ...shopPublishing, endpoints };
  return plannedShop({ options: { versions: { line: "v2.1", release } }, publishing });
}

/** Publishes and applies everything as it is planned; the question that follows is about just that. */
function published(): DriftQuestion {
  const { plan, applications, publishing } = planned;
  const { endpoints } = publishing;
  const images = plan.images.map(({ name, tag, key }) => {
    const digest = registry.setManifest(`shop/${name}`, tag, manifestOf(name));
    return [
      name,
      {
        reference: `${registry.host}/shop/${name}:${tag}`,
        key: key.slice(0, 12),
        digest,
        pushes: 0,
      },
    ] as const;
  });
  const charts = plan.charts.map(({ name, version, key }) => {
    const digest = registry.setManifest(
      `shop/charts/${name}`,
      version,
      manifestOf(`chart ${name}`),
    );
    const reference = `oci://${registry.host}/shop/charts/${name}:${version}`;
    return [name, { reference, key: key.slice(0, 12), digest, pushes: 0 }] as const;
  });
  const specs = applications.map((one) => [one.chart.name, applicationSpec(one)] as const);
  return {
    plan,
    recorded: {
      images: new Map(images),
      charts: new Map(charts),
      applications: new Map(
        specs.map(([name, spec]) => [name, { revision: "", spec, repairs: 0 }]),
      ),
    },
    endpoints,
    applications,
    readApplications: () => Promise.resolve(new Map<string, unknown>(specs)),
  };
}

/** The question with other Applications in the cluster. */
function live(
  question: DriftQuestion,
  change: (specs: Map<string, unknown>) => void,
): DriftQuestion {
  return {
    ...question,
    readApplications: async () => {
      const specs = new Map(await question.readApplications());
      change(specs);
      return specs;
    },
  };
}

test("nothing drifted while registry and cluster are as recorded, which takes reads only", async () => {
  expect(await find(published())).toEqual(nothing);
  expect(registry.requests).toHaveLength(4);
  expect(new Set(registry.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
});

describe("in the registry", () => {
  test("a missing image, a missing chart and a moved tag are found, each by its name", async () => {
    const question = published();
    const { plan } = planned;
    const [web, api] = [named(plan.images, "web"), named(plan.images, "api")];
    const chart = named(plan.charts, "shop");
    registry.delete("shop/web", web.tag);
    registry.delete("shop/charts/shop", chart.version);
    const digest = registry.setManifest("shop/api", api.tag, manifestOf("other"));

    const recorded = question.recorded.images.get("api")?.digest ?? "";
    expect(await find(question)).toEqual({
      images: new Map([
        [
          "web",
          {
            cause: "missing-image",
            detail: `shop/web:${web.tag} is not in ${registry.host}`,
          },
        ],
        [
          "api",
          {
            cause: "tag-moved",
            detail: `shop/api:${api.tag} moved in ${registry.host} from ${recorded} to ${digest}`,
          },
        ],
      ]),
      charts: new Map([
        [
          "shop",
          {
            cause: "missing-chart",
            detail: `shop/charts/shop:${chart.version} is not in ${registry.host}`,
          },
        ],
      ]),
      applications: new Map(),
    });
  });

  test("what the plan changes anyway is not asked for", async () => {
    const question = published();
    writeFiles(".", { "apps/web/index.html": "other" });
    planned = planAt(registry.host);
    registry.delete("shop/web", named(question.plan.images, "web").tag);
    const after = { ...question, plan: planned.plan, applications: planned.applications };
    expect(await find(after)).toEqual(nothing);
    expect(registry.requests.map(({ path }) => path).sort()).toEqual([
      expect.stringMatching(/^\/v2\/shop\/api\/manifests\//),
      expect.stringMatching(/^\/v2\/shop\/charts\/tools\/manifests\//),
    ]);
  });

  test("an answer other than 404 is an error, and nothing counts as missing", async () => {
    const question = published();
    broken = true;
    await expect(find(question)).rejects.toThrow(/ could not be read: .*403/);
  });
});

describe("in the cluster", () => {
  const edits: readonly [
    what: string,
    edit: (spec: Record<string, unknown>) => void,
    detail: string,
  ][] = [
    [
      "a field with another value",
      (spec) => {
        spec["project"] = "other";
      },
      "shop: spec.project is not as applied",
    ],
    [
      "a field that is gone and one below another",
      (spec) => {
        delete spec["destination"];
        spec["source"] = { ...Object(spec["source"]), targetRevision: "0.0.1" };
      },
      "shop: spec.destination, spec.source.targetRevision are not as applied",
    ],
  ];
  test.each(edits)("%s is an edit", async (_, edit, detail) => {
    const question = live(published(), (specs) => {
      const spec = { ...Object(specs.get("shop")) } as Record<string, unknown>;
      edit(spec);
      specs.set("shop", spec);
    });
    const { applications } = await find(question);
    expect(applications).toEqual(new Map([["shop", { cause: "edited", detail }]]));
  });

  test("a null in the values hides no edit, though state and cluster drop it", async () => {
    const { applications } = plannedShop({ application: { values: { none: null, some: 1 } } });
    const holds = (some: number): Map<string, unknown> =>
      new Map(
        applications.map((one) => [one.chart.name, applicationSpec({ ...one, values: { some } })]),
      );
    const recorded = {
      ...{ images: new Map(), charts: new Map() },
      applications: new Map(
        [...holds(1)].map(([name, spec]) => [name, { revision: "", spec, repairs: 0 }]),
      ),
    };
    const edits = (live: Map<string, unknown>): Promise<Map<string, ApplicationDrift>> =>
      findEdited({ recorded, applications, readApplications: () => Promise.resolve(live) });
    expect(await edits(holds(1))).toEqual(new Map());
    expect((await edits(holds(2))).get("shop")?.detail).toBe(
      "shop: spec.source.helm.valuesObject.some is not as applied",
    );
  });

  test("what others add to an Application is no edit", async () => {
    const question = live(published(), (specs) => {
      specs.set("shop", { ...Object(specs.get("shop")), revisionHistoryLimit: 3 });
    });
    expect(await find(question)).toEqual(nothing);
  });

  test("a missing Application is found", async () => {
    const question = live(published(), (specs) => specs.delete("tools"));
    const { applications } = await find(question);
    expect(applications).toEqual(
      new Map([["tools", { cause: "missing-application", detail: "tools is not in the cluster" }]]),
    );
  });

  test("a change of the plan is no edit, and does not hide that an Application is missing", async () => {
    const question = published();
    const { plan } = planned;
    const endpoints = { ...shopPublishing.endpoints, inCluster: "other.test" };
    const { applications } = plannedShop({ publishing: { ...shopPublishing, endpoints } });
    const changed = live({ ...question, plan, applications }, (specs) => specs.delete("tools"));
    expect((await find(changed)).applications).toEqual(
      new Map([["tools", { cause: "missing-application", detail: "tools is not in the cluster" }]]),
    );
  });

  test("is not asked where no Application was applied", async () => {
    const question = published();
    const readApplications = vi.fn<DriftQuestion["readApplications"]>();
    const recorded = { ...question.recorded, applications: new Map() };
    expect(await find({ ...question, recorded, readApplications })).toEqual(nothing);
    expect(readApplications).not.toHaveBeenCalled();
  });

  test("that does not answer is an error", async () => {
    const error = new InputError("the cluster sleeps");
    const question = { ...published(), readApplications: () => Promise.reject(error) };
    await expect(find(question)).rejects.toBe(error);
  });
});
