import { beforeEach, expect, test, vi } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import {
  type ApplicationQuestion,
  findApplications,
} from "../../../delivery/findings/application-findings.ts";
import { nothingRecorded } from "../../../delivery/findings/recorded.ts";
import { applicationSpec } from "../../../delivery/plan/application-spec.ts";
import type { LiveApplication } from "../../../delivery/rollout/live-applications.ts";
import { enterFolderWith } from "../../folders.ts";
import { plannedShop } from "../../planned.ts";
import { shopFiles, shopPublishing } from "../../shop.ts";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

/** Everything is applied as it is planned; tools was put right twice before. */
function applied(): ApplicationQuestion {
  const { applications } = plannedShop();
  const specs = applications.map((one) => [one.chart.name, applicationSpec(one)] as const);
  return {
    recorded: {
      ...nothingRecorded,
      applications: new Map(
        specs.map(([name, spec]) => [
          name,
          { revision: "", spec, repairs: name === "tools" ? 2 : 0 },
        ]),
      ),
    },
    applications,
    owner: "tinyolly/test",
    readApplications: () => Promise.resolve(asLive(specs)),
  };
}

/** Applications of this stack with these specs. */
function asLive(specs: Iterable<readonly [string, unknown]>): Map<string, LiveApplication> {
  return new Map([...specs].map(([name, spec]) => [name, { spec, owner: "tinyolly/test" }]));
}

/** The question with other Applications in the cluster. */
function live(
  question: ApplicationQuestion,
  change: (specs: Map<string, unknown>) => void,
): ApplicationQuestion {
  return {
    ...question,
    readApplications: async () => {
      const before = await question.readApplications();
      const specs = new Map([...before].map(([name, { spec }]) => [name, spec]));
      change(specs);
      return asLive(specs);
    },
  };
}

const asApplied = new Map<string, unknown>([
  ["shop", { repairs: 0, drift: undefined }],
  ["tools", { repairs: 2, drift: undefined }],
]);

const toolsMissing = {
  repairs: 3,
  drift: { cause: "missing", detail: "tools is not in the cluster" },
};

test("nothing drifted while the cluster is as applied", async () => {
  expect(await findApplications(applied())).toEqual(asApplied);
});

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
  const question = live(applied(), (specs) => {
    const spec = { ...Object(specs.get("shop")) } as Record<string, unknown>;
    edit(spec);
    specs.set("shop", spec);
  });
  const found = { repairs: 1, drift: { cause: "edited", detail } };
  expect(await findApplications(question)).toEqual(new Map([...asApplied, ["shop", found]]));
});

test("a null in the values hides no edit, though state and cluster drop it", async () => {
  const { applications } = plannedShop({ application: { values: { none: null, some: 1 } } });
  const holds = (some: number): Map<string, unknown> =>
    new Map(
      applications.map((one) => [one.chart.name, applicationSpec({ ...one, values: { some } })]),
    );
  const recorded = {
    ...nothingRecorded,
    applications: new Map(
      [...holds(1)].map(([name, spec]) => [name, { revision: "", spec, repairs: 0 }]),
    ),
  };
  const driftOfShop = async (live: Map<string, unknown>) => {
    const readApplications = () => Promise.resolve(asLive(live));
    const asked = { recorded, applications, owner: "tinyolly/test", readApplications };
    return (await findApplications(asked)).get("shop")?.drift;
  };
  expect(await driftOfShop(holds(1))).toBeUndefined();
  expect((await driftOfShop(holds(2)))?.detail).toBe(
    "shop: spec.source.helm.valuesObject.some is not as applied",
  );
});

test("what others add to an Application is no edit", async () => {
  const question = live(applied(), (specs) => {
    specs.set("shop", { ...Object(specs.get("shop")), revisionHistoryLimit: 3 });
  });
  expect(await findApplications(question)).toEqual(asApplied);
});

test("a missing Application is found", async () => {
  const question = live(applied(), (specs) => specs.delete("tools"));
  expect(await findApplications(question)).toEqual(
    new Map([...asApplied, ["tools", toolsMissing]]),
  );
});

test("a change of the plan is no edit, and does not hide that an Application is missing", async () => {
  const question = applied();
  const endpoints = { ...shopPublishing.endpoints, inCluster: "other.test" };
  const { applications } = plannedShop({ publishing: { ...shopPublishing, endpoints } });
  const changed = live({ ...question, applications }, (specs) => specs.delete("tools"));
  expect(await findApplications(changed)).toEqual(new Map([...asApplied, ["tools", toolsMissing]]));
});

test("before anything was applied, a cluster need not answer", async () => {
  const readApplications = () => Promise.reject(new InputError("the cluster sleeps"));
  const asked = { ...applied(), recorded: nothingRecorded, readApplications };
  expect([...(await findApplications(asked)).values()]).toEqual([
    { repairs: 0, drift: undefined },
    { repairs: 0, drift: undefined },
  ]);
});

test("an Application is not asked for where none is planned", async () => {
  const readApplications = vi.fn<ApplicationQuestion["readApplications"]>();
  const asked = { ...applied(), applications: [], readApplications };
  expect(await findApplications(asked)).toEqual(asApplied);
  expect(readApplications).not.toHaveBeenCalled();
});

test.each([
  ["that this stack never applied", { recorded: nothingRecorded }],
  ["that was taken over since", {}],
])("an Application of another stack stays with it: one %s", async (_, change) => {
  const question = { ...applied(), ...change, owner: "tinyolly/dev" };
  expect((await findApplications(question)).get("shop")?.conflict).toBe(
    'Application "shop" in argocd is of the stack tinyolly/test; ' +
      "give this one names of its own: pulumi config set namePrefix dev-",
  );
});

test("an Application that says no stack is nobody's", async () => {
  const { readApplications, ...question } = applied();
  const found = await findApplications({
    ...question,
    readApplications: async () =>
      new Map([...(await readApplications())].map(([name, { spec }]) => [name, { spec }])),
  });
  expect(found).toEqual(asApplied);
});

test("that does not answer is an error", async () => {
  const error = new InputError("the cluster sleeps");
  const question = { ...applied(), readApplications: () => Promise.reject(error) };
  await expect(findApplications(question)).rejects.toBe(error);
});
