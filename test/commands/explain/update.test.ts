import { readFileSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { afterEach, expect, test } from "vitest";
import { isChanged } from "../../../commands/explain/explanation.ts";
import { Application } from "../../../components/application.ts";
import { Registry } from "../../../components/registry.ts";
import { Release } from "../../../components/release.ts";
import { ReleasedImages } from "../../../components/released-images.ts";
import type { PublishRequest } from "../../../components/scripts/publish-chart.ts";
import type { Drift } from "../../../delivery/basics/drift.ts";
import { findAll } from "../../../delivery/findings/find-all.ts";
import type { Finding, Findings } from "../../../delivery/findings/finding.ts";
import type { StateResource } from "../../../delivery/findings/recorded.ts";
import type { Publishing } from "../../../delivery/plan/fingerprint.ts";
import type { Signer } from "../../../delivery/signing/signing.ts";
import { enterFolderWith } from "../../folders.ts";
import { applicationArgs, makeCharts, makeImages } from "../../made.ts";
import { type MockProvider, type Recording, digestOf, record } from "../../mocks.ts";
import { type Planned, explained, plannedShop } from "../../planned.ts";
import { type Project, edit, randomProject } from "../../random-project.ts";
import { type Random, seededRandom } from "../../random.ts";
import { shopOptions, shopPublishing } from "../../shop.ts";

const rounds = 40;

const others = process.listeners("exit");

afterEach(() => {
  for (const atExit of process.listeners("exit").filter((one) => !others.includes(one))) {
    process.off("exit", atExit);
    atExit(0);
  }
});

/** Digests that follow from the content alone, wherever and however often it is pushed. */
const providers: Readonly<Record<string, MockProvider>> = {
  "docker-build:index:Image": ({ tags }) => ({
    digest: digestOf((tags as readonly string[])[0]?.replace(/^.*\//, "")),
  }),
  "command:local:Command": ({ stdin }) => {
    // Of a chart; the others have none of these fields.
    const request = JSON.parse(String(stdin)) as Partial<PublishRequest>;
    const { chart, version, appVersion, key, images } = request;
    return {
      stdout: JSON.stringify({ digest: digestOf([chart, version, appVersion, key, images]) }),
    };
  },
};

const origin = { builder: "https://builder.test" };

/** Runs everything that is planned as `up` does. */
function update(planned: Planned, findings: Findings): Promise<Recording<unknown>> {
  const { plan, applications, publishing, release } = planned;
  return record({ preview: false, providers }, () => {
    const registry = new Registry("registry", publishing.endpoints);
    const images = makeImages(plan, registry, publishing, findings.images);
    const charts = makeCharts(plan, registry, images, findings.charts);
    if (release) {
      const { version, aliases, signing } = release;
      const { pushes } = findings.release;
      // The settings below sign as a signer does.
      const released = {
        version,
        registry,
        images,
        pushes,
        signing: signing as Signer | undefined,
      };
      new ReleasedImages("release-images", { ...released, origin });
      new Release("release", { ...released, origin, charts, aliases });
    }
    for (const application of applications) {
      const finding = findings.applications.get(application.name);
      new Application(application.name, { ...applicationArgs(application, charts), finding });
    }
  });
}

/** The state that the engine then holds. */
function stateOf({ state, registrations }: Recording<unknown>): StateResource[] {
  return Object.entries(state).map(([urn, { type, outputs = {} }]) => {
    const name = urn.slice(urn.lastIndexOf("::") + 2);
    const { inputs = {} } =
      registrations.find((one) => one.type === type && one.name === name) ?? {};
    return { urn, type, inputs, outputs };
  });
}

const kinds: Readonly<Record<string, string>> = {
  Image: "image",
  Chart: "chart",
  Application: "application",
  ReleasedImages: "release",
  Release: "release",
};

/** What the engine is told of each item: the inputs of its components and of all below them. */
function toldOf({ registrations }: Recording<unknown>): Map<string, Record<string, unknown>> {
  const told = new Map<string, Record<string, unknown>>();
  for (const { type, name, parent, inputs } of registrations) {
    const component = /^tinyolly:index:(\w+)::(.*)$/.exec(parent ?? `${type}::${name}`);
    const kind = kinds[component?.[1] ?? ""];
    if (kind === undefined) continue;
    const item = kind === "release" ? "release release" : `${kind} ${component?.[2] ?? ""}`;
    told.set(item, { ...told.get(item), [`${type}::${name}`]: inputs });
  }
  return told;
}

/** Names of items of which the engine is told something else. */
function differences(before: Recording<unknown>, after: Recording<unknown>): string[] {
  const [one, other] = [toldOf(before), toldOf(after)];
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((item) => !isDeepStrictEqual(one.get(item), other.get(item)))
    .sort();
}

type Settings = ReturnType<typeof randomSettings>;

/** Some settings of a project. */
function randomSettings(random: Random, { deliverables }: Project) {
  const { endpoints } = shopPublishing;
  const other = random.pick<Partial<typeof endpoints>>([
    {},
    {},
    {},
    { push: "other.test" },
    { pushTls: "verify" },
    { pushTls: "plain-http" },
    { pull: "other.test" },
    { inCluster: "other.test" },
    { inClusterPlainHttp: false },
    { namespace: "other" },
  ]);
  const publishing: Publishing = {
    endpoints: { ...endpoints, ...other },
    builder: random.pick(["smith", "smith", "smith", "other"]),
    registryCache: random.below(6) === 0,
  };
  const { pull, namespace } = publishing.endpoints;
  const release = random.pick(["", "v2.1.8", "v2.1.8", "v2.1.9"]) || undefined;
  const argocd = {
    namespace: random.pick(["argocd", "argocd", "argocd", "cd"]),
    project: "default",
    destinationServer: "https://kubernetes.default.svc",
    waitSeconds: random.pick([0, 60, 60, 300]),
  };
  return {
    deliverables,
    options: {
      ...shopOptions,
      platforms: random.pick([["linux/amd64"], ["linux/amd64"], ["linux/amd64"], ["linux/arm64"]]),
      pullFolder: `${pull}/${namespace}`,
      versions: { line: "v2.1", release },
    },
    publishing,
    application: {
      argocd,
      values: random.below(3) > 0 ? undefined : { replicas: 2 },
      kubeconfig: random.pick(["", "kubeconfig"]) || undefined,
    },
    releasing: {
      aliases: random.pick([[], ["latest"], ["latest", "v{major}"]]),
      signing: random.below(2) > 0 ? undefined : { kind: "key", key: "cosign.key" },
    },
  };
}

function find(
  { plan, applications, publishing, release }: Planned,
  state: StateResource[],
): Promise<Findings> {
  const { endpoints } = publishing;
  const args = { plan, state, endpoints, applications, cluster: undefined, offline: true };
  return findAll({ owner: "tinyolly/test", ...args, release: release?.version });
}

/** All is as the state has it, but for some things that vanished. */
function withVanished(
  random: Random,
  findings: Findings,
  planned: Planned,
  state: StateResource[],
) {
  const { images, charts, applications, release } = findings;
  const vanished = (): boolean => random.below(6) === 0;
  const missing: Drift = { cause: "missing", detail: "it is gone" };
  // What nobody has pushed cannot be lost.
  const lose = (found: ReadonlyMap<string, Finding>) =>
    new Map(
      [...found].map(([name, one]) => [
        name,
        one.stays && vanished()
          ? { ...one, stays: false, pushes: one.pushes + 1, drift: missing }
          : one,
      ]),
    );
  const made = state.some(
    ({ type, inputs }) =>
      type === "tinyolly:index:Release" && inputs?.["version"] === planned.release?.version,
  );
  const what = random.pick(["web of v2.1.8", "the alias latest on v2.1.8", "the record of v2.1.8"]);
  return {
    images: lose(images),
    charts: lose(charts),
    applications: new Map(
      [...applications].map(([name, one]) => [
        name,
        vanished() ? { repairs: one.repairs + 1, drift: missing } : one,
      ]),
    ),
    release:
      made && random.below(2) === 0 ? { pushes: release.pushes + 1, missing: what } : release,
  };
}

function planOf(settings: Settings): Planned {
  const { inClusterPlainHttp: plainHttp } = settings.publishing.endpoints;
  return plannedShop({ ...settings, application: { ...settings.application, plainHttp } });
}

/** Settings of which one is another. */
function changeOne(random: Random, settings: Settings, other: Settings): Settings {
  const { options, publishing, application, releasing } = other;
  const { versions, platforms, pullFolder } = options;
  return random.pick<Settings>([
    // Both have the place from which images are pulled.
    { ...settings, publishing, options: { ...settings.options, pullFolder } },
    { ...settings, options: { ...settings.options, versions } },
    { ...settings, options: { ...settings.options, platforms } },
    { ...settings, application },
    { ...settings, application: { ...settings.application, argocd: application.argocd } },
    { ...settings, releasing },
  ]);
}

/** Gives charts that change another version, since a release may not hold another chart under the same. */
function raiseVersions(before: Planned, after: Planned): void {
  for (const { name, path, key, version } of after.plan.charts) {
    const same = before.plan.charts.find((one) => one.name === name && one.version === version);
    if (after.release === undefined || !same || same.key === key) continue;
    const file = `${path}/Chart.yaml`;
    writeFileSync(file, readFileSync(file, "utf8").replace("version: 1.0.0", "version: 1.0.1"));
  }
}

const nothing: Findings = {
  ...{ images: new Map(), charts: new Map(), applications: new Map(), release: { pushes: 0 } },
};

test("an explanation says changed exactly where the engine is told something else, edit by edit", async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= rounds; seed++) {
    const random = seededRandom(seed);
    const project = randomProject(random);
    const { deliverables } = project;
    enterFolderWith(project.files);
    const settings = randomSettings(random, project);
    const before = planOf(settings);
    const first = await update(before, nothing);
    const state = stateOf(first);

    const folders = [...Object.values(deliverables.images), ...Object.values(deliverables.charts)];
    for (let edits = random.below(3); edits > 0; edits--) edit(random, random.pick(folders).path);
    const other = randomSettings(random, project);
    // Where much changes, it hides what each alone would show.
    const settingsThen = random.pick([settings, changeOne(random, settings, other), other]);
    raiseVersions(before, planOf(settingsThen));
    const after = planOf(settingsThen);
    const findings = withVanished(random, await find(after, state), after, state);
    const { items } = await explained(state, after, findings);
    const second = await update(after, findings);
    const changed = items.filter(isChanged);
    expect(changed.map(({ kind, name }) => `${kind} ${name}`).sort(), `seed ${seed}`).toEqual(
      differences(first, second),
    );
    for (const { kind, action, reasons } of changed)
      for (const { cause } of reasons) seen.add(`${kind} ${action} ${cause}`);

    const settled = stateOf(second);
    const found = await find(after, settled);
    const then = await explained(settled, after, found);
    expect(then.items.filter(isChanged), `seed ${seed}, settled`).toEqual([]);
    expect(differences(second, await update(after, found)), `seed ${seed}, settled`).toEqual([]);
  }
  expect([...seen]).toEqual(
    expect.arrayContaining([
      ...["image update source", "image update settings", "image tag settings"],
      ...["image push missing-image", "chart push missing-chart"],
      ...["application push missing-application", "application update settings"],
      ...["release create first-time", "release update settings", "release update part-of-release"],
      ...["release push missing-release", "release delete removed"],
    ]),
  );
});
