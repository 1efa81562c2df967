import { applicationArgs, makeCharts, makeImages } from "../../made.ts";
import { isDeepStrictEqual } from "node:util";
import { afterEach, expect, test } from "vitest";
import { isChanged } from "../../../commands/explain/explanation.ts";
import { Application } from "../../../components/application.ts";
import { Registry } from "../../../components/registry.ts";
import { findAll } from "../../../delivery/findings/find-all.ts";
import type { Findings } from "../../../delivery/findings/finding.ts";
import type { StateResource } from "../../../delivery/findings/recorded.ts";
import type { Publishing } from "../../../delivery/plan/fingerprint.ts";
import { enterFolderWith } from "../../folders.ts";
import { record } from "../../mocks.ts";
import {
  type Planned,
  digestOf,
  explained,
  findingOf,
  plannedShop,
  stateAfter,
} from "../../planned.ts";
import { type Project, edit, randomProject } from "../../random-project.ts";
import { type Random, seededRandom } from "../../random.ts";
import { shopOptions, shopPublishing } from "../../shop.ts";

const rounds = 5;

const others = process.listeners("exit");

afterEach(() => {
  for (const atExit of process.listeners("exit").filter((one) => !others.includes(one))) {
    process.off("exit", atExit);
    atExit(0);
  }
});

const kinds: Readonly<Record<string, string>> = {
  "docker-build:index:Image": "image",
  "command:local:Command": "chart",
  "kubernetes:argoproj.io/v1alpha1:Application": "application",
};

/** What the plugins are told of each image, chart and Application, by kind and name. */
async function update(planned: Planned, findings: Findings): Promise<Map<string, unknown>> {
  const { plan, applications, publishing } = planned;
  const { registrations } = await record({ preview: false }, () => {
    const registry = new Registry("registry", publishing.endpoints);
    const images = makeImages(plan, registry, publishing, findings.images);
    const charts = makeCharts(plan, registry, images, findings.charts);
    for (const application of applications) {
      const { name } = application.chart;
      const finding = findings.applications.get(name);
      new Application(name, { ...applicationArgs(application, charts), finding });
    }
  });
  return new Map(
    registrations.flatMap(({ type, name, inputs }) => {
      const kind = kinds[type];
      return kind === undefined ? [] : [[`${kind} ${name}`, inputs]];
    }),
  );
}

/** The project as it is planned with some settings changed. */
function changedSettings(random: Random, { deliverables }: Project): Planned {
  const { endpoints } = shopPublishing;
  const publishing = random.pick<Publishing>([
    shopPublishing,
    shopPublishing,
    { ...shopPublishing, builder: "other" },
    { ...shopPublishing, registryCache: true },
    { ...shopPublishing, endpoints: { ...endpoints, push: "other.test" } },
    { ...shopPublishing, endpoints: { ...endpoints, pushTls: "verify" } },
    { ...shopPublishing, endpoints: { ...endpoints, inCluster: "other.test" } },
  ]);
  const options = random.pick([
    {},
    {},
    { platforms: ["linux/arm64"] },
    { pullFolder: "other.test/shop" },
    { versions: { line: "v2.1", release: "v2.1.8" } },
  ]);
  const application = random.pick([{}, {}, { values: { replicas: 2 } }]);
  return plannedShop({
    deliverables,
    options: { ...shopOptions, ...options },
    publishing,
    application,
  });
}

/** What is as it was published, but for some things that are gone. */
async function randomDrift(
  random: Random,
  planned: Planned,
  state: readonly StateResource[],
): Promise<Findings> {
  const { plan, applications, publishing } = planned;
  const { endpoints } = publishing;
  const args = { plan, state, endpoints, applications, cluster: undefined, offline: true };
  const findings = await findAll(args);
  const { images, charts, applications: applied } = findings;
  const gone = (): boolean => random.below(6) === 0;
  const moved = { cause: "tag-moved", detail: "it moved" } as const;
  const drift = { cause: "edited", detail: "it was edited" } as const;
  const again = findingOf({ pushes: 1, lost: digestOf(""), drift: moved });
  return {
    ...findings,
    images: new Map([...images].map(([name, one]) => [name, gone() ? again : one])),
    charts: new Map([...charts].map(([name, one]) => [name, gone() ? again : one])),
    applications: new Map(
      [...applied].map(([name, one]) => [name, gone() ? { repairs: 1, drift } : one]),
    ),
  };
}

test("what an explanation says is what the plugins are then told, edit by edit", async () => {
  for (let seed = 1; seed <= rounds; seed++) {
    const random = seededRandom(seed);
    const project = randomProject(random);
    const { deliverables } = project;
    enterFolderWith(project.files);
    const before = plannedShop({ deliverables });
    const nothing = {
      ...{ images: new Map(), charts: new Map(), applications: new Map() },
      release: { pushes: 0 },
    };
    const told = await update(before, nothing);

    const folders = [...Object.values(deliverables.images), ...Object.values(deliverables.charts)];
    for (let edits = random.below(3); edits > 0; edits--) edit(random, random.pick(folders).path);
    const after = changedSettings(random, project);
    const state = stateAfter(before);
    const drift = await randomDrift(random, after, state);
    const { items } = await explained(state, after, drift);

    const toldThen = await update(after, drift);
    const different = [...toldThen].filter(
      ([name, inputs]) => !isDeepStrictEqual(inputs, told.get(name)),
    );
    expect(
      items
        .filter((one) => isChanged(one) && one.kind !== "release")
        .map(({ kind, name }) => `${kind} ${name}`)
        .sort(),
      `seed ${seed}`,
    ).toEqual(different.map(([name]) => name).sort());
  }
});
