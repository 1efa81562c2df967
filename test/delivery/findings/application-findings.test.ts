import { beforeEach, expect, test, vi } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import {
  type ApplicationQuestion,
  findApplications,
} from "../../../delivery/findings/application-findings.ts";
import { nothingRecorded } from "../../../delivery/findings/recorded.ts";
import { applicationSpec } from "../../../delivery/plan/application-spec.ts";
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
    readApplications: () => Promise.resolve(new Map<string, unknown>(specs)),
  };
}

/** The question with other Applications in the cluster. */
function live(
  question: ApplicationQuestion,
  change: (specs: Map<string, unknown>) => void,
): ApplicationQuestion {
  return {
    ...question,
    readApplications: async () => {
      const specs = new Map(await question.readApplications());
      change(specs);
      return specs;
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
    const readApplications = () => Promise.resolve(live);
    return (await findApplications({ recorded, applications, readApplications })).get("shop")
      ?.drift;
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

test("is not asked where no Application was applied", async () => {
  const question = applied();
  const readApplications = vi.fn<ApplicationQuestion["readApplications"]>();
  const asked = { ...question, recorded: nothingRecorded, readApplications };
  expect(await findApplications(asked)).toEqual(new Map());
  expect(readApplications).not.toHaveBeenCalled();
});

test("that does not answer is an error", async () => {
  const error = new InputError("the cluster sleeps");
  const question = { ...applied(), readApplications: () => Promise.reject(error) };
  await expect(findApplications(question)).rejects.toBe(error);
});
