import { chmodSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { type Recorded, readRecorded } from "../../../delivery/findings/recorded.ts";
import { objectLabel } from "../../../commands/explain/objects.ts";
import {
  type ObjectForecast,
  forecastObjects,
  forecastWarnings,
} from "../../../delivery/objects/forecast.ts";
import { objectMarks } from "../../../delivery/objects/marks.ts";
import { chartConfigType, chartPackageType } from "../../../delivery/registry/media-types.ts";
import { descriptorOf } from "../../../delivery/registry/artifact.ts";
import { mediaTypes } from "../../fake-registry-answers.ts";
import { type FakeRegistry, startRegistry } from "../../fake-registry.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { digestOf, plannedShop, stateAfter } from "../../planned.ts";
import { named, shopFiles, shopPublishing } from "../../shop.ts";

/** Prints the templates of a folder, with the digest of the web image in place of a word, or what an archive holds. */
const helm = `#!/bin/sh
if [ -d "$2" ]; then
  digest=$(sed -n '/^web:/,/^api:/s/.*digest: *.\\{0,1\\}\\(sha256:[0-9a-f]*\\).*/\\1/p' "$2/values.yaml" | head -n 1)
  for file in "$2"/templates/*; do
    test -e "$file" || continue
    printf '%s\\n' --- "# Source: shop/templates/\${file##*/}"
    sed "s/DIGEST/$digest/" "$file"
  done
else
  cat "$2"
fi
`;

const web = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: "pull.test:2/shop/web@DIGEST"}]}}}
`;
const settings = `apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {greeting: hello}
`;

let registry: FakeRegistry;

beforeEach(async () => {
  const files = {
    "charts/shop/templates/web.yaml": web,
    "charts/shop/templates/settings.yaml": settings,
  };
  enterFolderWith({
    ...shopFiles,
    ...files,
    "charts/shop/values.yaml":
      "web:\n  image: {tag: '', digest: ''}\napi:\n  image: {tag: '', digest: ''}\n",
    "bin/helm": helm,
  });
  chmodSync("bin/helm", 0o755);
  vi.stubEnv("PATH", `${resolve("bin")}:/usr/bin:/bin`);
  registry = await startRegistry();
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await registry.close();
  });
});

function planned() {
  const endpoints = {
    ...shopPublishing.endpoints,
    push: registry.host,
    pushTls: "plain-http",
  } as const;
  return plannedShop({ publishing: { ...shopPublishing, endpoints } });
}

type Planned = ReturnType<typeof planned>;

/** What the state records once all of it was delivered, and the chart's package in the registry. */
function deliver(before: Planned, inRegistry = true): Recorded {
  const recorded = readRecorded(stateAfter(before));
  const { name, version } = named(before.plan.charts, "shop");
  const archive = Buffer.from(
    [
      ["web.yaml", web.replace("DIGEST", digestOf(before.now.images["web"]))],
      ["settings.yaml", settings],
    ]
      .map(([file, text]) => `---\n# Source: shop/templates/${file ?? ""}\n${text ?? ""}`)
      .join(""),
  );
  registry.setBlob("shop/charts/shop", archive);
  const digest = registry.setManifest("shop/charts/shop", version, {
    ...{ schemaVersion: 2, mediaType: mediaTypes.manifest },
    config: descriptorOf(Buffer.from("{}"), chartConfigType),
    layers: [descriptorOf(archive, chartPackageType)],
  });
  const known = {
    ...recorded.charts.get(name),
    digest: inRegistry ? digest : `sha256:${"0".repeat(64)}`,
  };
  // It is recorded, with another digest.
  const charts = new Map([
    ...recorded.charts,
    [name, known as NonNullable<ReturnType<typeof recorded.charts.get>>],
  ]);
  return { ...recorded, charts };
}

async function forecast(
  now: Planned,
  recorded: Recorded,
  offline = false,
): Promise<ObjectForecast | undefined> {
  const { plan, applications, publishing } = now;
  const forecasts = await forecastObjects({
    ...{ plan, applications, recorded, endpoints: publishing.endpoints, offline },
    ...{ findings: { images: new Map(), charts: new Map() }, chartValues: {}, cluster: undefined },
  });
  return forecasts.get("shop");
}

const told = (objects: ObjectForecast["objects"]): string[] | undefined =>
  objects?.map((object) => `${object.fate} ${objectLabel(object)}`);

test("of what stays as it is, nothing is rendered", async () => {
  const now = planned();
  expect(await forecast(now, deliver(now))).toBeUndefined();
  expect(registry.requests).toEqual([]);
});

test("a changed image restarts what runs it, and its digest stands as a symbol", async () => {
  const recorded = deliver(planned());
  writeFileSync("apps/web/index.html", "other");
  const { objects, gaps } = (await forecast(planned(), recorded)) ?? {};
  expect(gaps).toEqual([]);
  expect(told(objects)).toEqual(["restart Deployment web"]);
  expect(objects?.[0]?.fields).toEqual([
    {
      path: "spec.template.spec.containers[web].image",
      from: expect.stringMatching(/^pull\.test:2\/shop\/web@sha256:[0-9a-f]{64}$/) as string,
      to: "pull.test:2/shop/web@<digest of web>",
      open: true,
    },
  ]);
  expect(new Set(registry.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
});

test("a changed template changes its object, and leaves what runs known images", async () => {
  const recorded = deliver(planned());
  writeFiles(".", { "charts/shop/templates/settings.yaml": settings.replace("hello", "good day") });
  const { objects } = (await forecast(planned(), recorded)) ?? {};
  expect(told(objects)).toEqual(["patch ConfigMap settings"]);
});

test("values that change are rendered, and so are those that are gone", async () => {
  const plain = planned();
  const withValues = {
    ...plain,
    applications: plain.applications.map((one) => ({ ...one, values: { replicas: 2 } })),
  };
  for (const [before, now] of [
    [plain, withValues],
    [withValues, plain],
  ] as const)
    expect((await forecast(now, deliver(before)))?.objects).toEqual([]);
});

test("a first Application creates everything, without a look at the registry", async () => {
  const { charts, images } = deliver(planned());
  const { objects } =
    (await forecast(planned(), { charts, images, applications: new Map() })) ?? {};
  expect(told(objects)).toEqual(["create ConfigMap settings", "create Deployment web"]);
  expect(registry.requests).toEqual([]);
});

test.each<[how: string, inRegistry: boolean, offline: boolean, gap: RegExp]>([
  [
    "is gone from the registry",
    false,
    false,
    /the registry has shop\/charts\/shop:sha256:0+ no more/,
  ],
  ["may not be asked for", true, true, /the registry was not asked for what is deployed/],
])("where the deployed chart %s, that is a gap", async (_, inRegistry, offline, gap) => {
  const recorded = deliver(planned(), inRegistry);
  writeFileSync("apps/web/index.html", "other");
  const found = await forecast(planned(), recorded, offline);
  expect(found?.objects).toBeUndefined();
  expect(found?.gaps).toEqual([expect.stringMatching(gap)]);
  const warnings = forecastWarnings(new Map(found ? [["shop", found]] : []));
  expect(warnings).toEqual([
    expect.stringMatching(/^chart "shop": what becomes of the objects is not known/),
  ]);
});

test("a template that fails ends it with what helm says", async () => {
  const recorded = deliver(planned());
  writeFiles(".", {
    "bin/helm": "#!/bin/sh\necho 'Error: shop/templates/web.yaml:1:2' >&2\nexit 1\n",
  });
  writeFileSync("charts/shop/values.yaml", "web: {image: {}}\napi: {image: {}}\n");
  await expect(forecast(planned(), recorded)).rejects.toThrow(
    'chart "shop" cannot be rendered: helm template failed: Error: shop/templates/web.yaml:1:2',
  );
});

test("marks name what was last done to each object, and stay where nothing was", () => {
  const [application] = planned().applications;
  if (!application) throw new Error("the shop has Applications");
  const object = (name: string, fate: "create" | "labels" | "prune" | "restart") => ({
    ...{ group: "", kind: "Thing", namespace: application.chart.namespace, name, fate },
    ...{ template: "", fields: [] },
  });
  const first = objectMarks(
    application,
    {},
    { objects: [object("a", "create"), object("b", "create")] },
  );
  expect(first).toEqual({
    "Thing a": `create at ${application.chart.version}`,
    "Thing b": `create at ${application.chart.version}`,
  });
  expect(objectMarks(application, first)).toEqual(first);
  const values = { replicas: 2 };
  const next = { objects: [object("a", "labels"), object("b", "prune"), object("c", "restart")] };
  expect(objectMarks({ ...application, values }, first, next)).toEqual({
    "Thing a": first["Thing a"],
    "Thing c": expect.stringMatching(/^restart at .* with [0-9a-f]{12}$/) as string,
  });
});
