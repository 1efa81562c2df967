import { describe, expect, test } from "vitest";
import {
  type StateResource,
  nothingRecorded,
  pushesVariable,
  readRecorded,
  repairsAnnotation,
  resourceName,
} from "../../../delivery/findings/recorded.ts";

const digest = `sha256:${"1".repeat(64)}`;

function resource(type: string, outputs?: Readonly<Record<string, unknown>>): StateResource {
  const urn = `urn:pulumi:local::tinyolly::tinyolly:index:Chart$${type}::web`;
  return { urn, type, ...(outputs === undefined ? {} : { outputs }) };
}

const image = "docker-build:index:Image";
const command = "command:local:Command";
const application = "kubernetes:argoproj.io/v1alpha1:Application";

const request = {
  pushFolder: "oci://push.test:1/shop/charts",
  version: "1.2.3-v2.1.x-h1",
  key: "0123456789ab".padEnd(64, "c"),
};

test.each([
  ["urn:pulumi:local::tinyolly::tinyolly:index:Image::webui", "webui"],
  ["urn:pulumi:local::tinyolly::tinyolly:index:Image$docker-build:index:Image::webui", "webui"],
  ["urn:pulumi:local::tinyolly::pulumi:providers:kubernetes::cluster", "cluster"],
  ["urn:pulumi:local::tinyolly::a:b:C::name with: one colon", "name with: one colon"],
])("the name in %s is %s", (urn, name) => {
  expect(resourceName({ urn })).toBe(name);
});

describe("a state tells", () => {
  test("nothing before the first run", () => {
    expect(readRecorded([])).toEqual(nothingRecorded);
  });

  test.each(["context", "ba9876543210"])("the key in the folder %s of a context", (folder) => {
    const location = `.tinyolly/contexts/web-ba9876543210/${folder}`;
    const { images } = readRecorded([resource(image, { digest, context: { location } })]);
    expect(images.get("web")?.key).toBe("ba9876543210");
  });

  test("which images, charts and Applications it made", () => {
    const spec = { project: "default", source: { targetRevision: "1.2.3-v2.1.x-h1" } };
    const { images, charts, applications } = readRecorded([
      resource("pulumi:pulumi:Stack"),
      resource("tinyolly:index:Image", { digest }),
      resource(image, {
        digest,
        tags: ["push.test:1/shop/web:v1"],
        context: { location: ".tinyolly/contexts/web-ba9876543210/context" },
        buildArgs: { A: "1" },
      }),
      resource(command, {
        stdin: JSON.stringify({ ...request, appVersion: "v2.1.7" }),
        stdout: JSON.stringify({ digest }),
      }),
      resource("kubernetes:core/v1:Secret", { metadata: {} }),
      resource(application, { spec, metadata: { annotations: { other: "1" } } }),
    ]);
    expect(images).toEqual(
      new Map([
        ["web", { reference: "push.test:1/shop/web:v1", key: "ba9876543210", digest, pushes: 0 }],
      ]),
    );
    const reference = "oci://push.test:1/shop/charts/web:1.2.3-v2.1.x-h1";
    expect(charts).toEqual(
      new Map([
        ["web", { reference, key: "0123456789ab", digest, pushes: 0, appVersion: "v2.1.7" }],
      ]),
    );
    expect(applications).toEqual(
      new Map([["web", { revision: "1.2.3-v2.1.x-h1", spec, repairs: 0 }]]),
    );
  });

  test("which release it recorded, and all that decided it", () => {
    const key = "f".repeat(64);
    const stdin = JSON.stringify({
      ...{ release: "v2.1.8", registry: { host: "push.test:1", tls: "verify", namespace: "shop" } },
      ...{ images: { web: { key } }, charts: { web: { key } }, aliases: ["latest"] },
      signing: { kind: "key", key: "cosign.key" },
    });
    const urn = `urn:pulumi:local::tinyolly::tinyolly:index:Release$${command}::release`;
    const environment = { [pushesVariable]: "2" };
    const { release } = readRecorded([{ urn, type: command, outputs: { stdin, environment } }]);
    const mark = "f".repeat(12);
    expect(release).toEqual({
      ...{ version: "v2.1.8", pushes: 2 },
      fingerprint: {
        version: "v2.1.8",
        parts: { "image web": mark, "chart web": mark },
        settings: {
          ...{ aliases: ["latest"], signing: { kind: "key", key: "cosign.key" } },
          ...{ pushTo: "push.test:1/shop", pushTls: "verify" },
        },
      },
    });
  });

  test("no key of an image whose context an older version had elsewhere", () => {
    const { images } = readRecorded([
      resource(image, { digest, context: { location: "apps/web" } }),
    ]);
    expect(images.get("web")?.key).toBe("");
  });

  test("how often each was pushed again and put right", () => {
    const { images, charts, applications } = readRecorded([
      resource(image, { digest, tags: ["a:1"], buildArgs: { [pushesVariable]: "2" } }),
      resource(command, { stdin: "{}", stdout: "{}", environment: { [pushesVariable]: "3" } }),
      resource(application, { metadata: { annotations: { [repairsAnnotation]: "4" } } }),
    ]);
    expect(images.get("web")?.pushes).toBe(2);
    expect(charts.get("web")?.pushes).toBe(3);
    expect(applications.get("web")?.repairs).toBe(4);
  });

  test.each<[what: string, of: StateResource]>([
    ["an image that was never pushed", resource(image)],
    ["an image without a digest", resource(image, { tags: ["a:1"] })],
    ["a chart whose command never ran", resource(command)],
    ["a chart whose command printed nothing yet", resource(command, { stdin: "{}" })],
    [
      "the command that waits for an Application",
      {
        urn: `urn:pulumi:local::tinyolly::tinyolly:index:Application$${command}::web-rollout`,
        type: command,
        outputs: { stdin: "{}", stdout: "" },
      },
    ],
  ])("nothing of %s", (_, one) => {
    expect(readRecorded([one])).toEqual(nothingRecorded);
  });

  test.each<[what: string, of: StateResource, reference: string]>([
    ["an image without tags", resource(image, { digest }), ""],
    ["a chart whose command had no input", resource(command, { stdout: "" }), "/web:"],
    ["a chart with odd input", resource(command, { stdin: "null", stdout: "{}" }), "/web:"],
  ])("no reference of %s that a plan could have", (_, one, reference) => {
    const { images, charts } = readRecorded([one]);
    expect([...images.values(), ...charts.values()]).toMatchObject([
      { reference, key: "", pushes: 0 },
    ]);
  });

  test.each(["", "npm warn old\n", '"text"', "null", "{}"])(
    "an empty digest of a chart whose command printed %j, so that it counts as moved",
    (stdout) => {
      const { charts } = readRecorded([
        resource(command, { stdin: JSON.stringify(request), stdout }),
      ]);
      const reference = "oci://push.test:1/shop/charts/web:1.2.3-v2.1.x-h1";
      expect(charts).toEqual(
        new Map([["web", { reference, key: "0123456789ab", digest: "", pushes: 0 }]]),
      );
    },
  );

  test("no revision of an Application that was cut off", () => {
    const { applications } = readRecorded([resource(application)]);
    expect(applications).toEqual(new Map([["web", { revision: "", spec: undefined, repairs: 0 }]]));
  });
});
