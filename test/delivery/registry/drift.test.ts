import { expect, onTestFinished, test } from "vitest";
import type { Drift } from "../../../delivery/basics/drift.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { RegistryClient, RegistryError } from "../../../delivery/registry/client.ts";
import { askForAll, findDrift } from "../../../delivery/registry/drift.ts";
import { type Behaviour, mediaTypes, sendJson } from "../../fake-registry-answers.ts";
import { type FakeRegistry, indexOf, manifestOf, startRegistry } from "../../fake-registry.ts";

const digestOf = (body: unknown): string => `sha256:${sha256(JSON.stringify(body))}`;
const amd = manifestOf("amd");
const arm = manifestOf("arm");
const proof = manifestOf("proof");
const agent = indexOf({
  "linux/amd64": digestOf(amd),
  "linux/arm64": digestOf(arm),
  "unknown/unknown": digestOf(proof),
});
const web = manifestOf("web");
const chart = manifestOf("chart");
const changed = manifestOf("changed");

interface Wanted {
  readonly kind: "image" | "chart";
  readonly name: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const wanted: readonly Wanted[] = [
  { kind: "image", name: "web", repository: "o/web", tag: "v1", digest: digestOf(web) },
  { kind: "image", name: "agent", repository: "o/agent", tag: "v2", digest: digestOf(agent) },
  { kind: "chart", name: "web", repository: "o/charts/web", tag: "0.1.0", digest: digestOf(chart) },
];

/** A registry that has all that is wanted, and a client for it, until the test ends. */
async function publish(
  behaviour: Behaviour = () => false,
): Promise<{ registry: FakeRegistry; client: RegistryClient }> {
  const registry = await startRegistry({ behaviour });
  const client = new RegistryClient(
    { host: registry.host, tls: "plain-http" },
    { backOffMs: 1, credentials: () => Promise.resolve(undefined) },
  );
  onTestFinished(async () => {
    client.close();
    await registry.close();
  });
  for (const child of [amd, arm, proof]) registry.setManifest("o/agent", digestOf(child), child);
  registry.setManifest("o/agent", "v2", agent, mediaTypes.index);
  registry.setManifest("o/web", "v1", web);
  registry.setManifest("o/charts/web", "0.1.0", chart);
  return { registry, client };
}

function findDrifts(
  client: RegistryClient,
  all: readonly Wanted[],
): Promise<Map<Wanted, Drift | undefined>> {
  return askForAll(all, (one) => findDrift(client, one));
}

const cases: [string, (registry: FakeRegistry) => void, Record<string, Drift>][] = [
  ["nothing", () => undefined, {}],
  [
    "an image's tag",
    (registry) => {
      registry.delete("o/web", "v1");
    },
    { "image web": { cause: "missing", detail: "o/web:v1 is not in HOST" } },
  ],
  [
    "an image's manifest",
    (registry) => {
      registry.delete("o/web", digestOf(web));
    },
    { "image web": { cause: "missing", detail: "o/web:v1 is not in HOST" } },
  ],
  [
    "a chart",
    (registry) => {
      registry.delete("o/charts/web", digestOf(chart));
    },
    { "chart web": { cause: "missing", detail: "o/charts/web:0.1.0 is not in HOST" } },
  ],
  [
    "one platform",
    (registry) => {
      registry.delete("o/agent", digestOf(arm));
    },
    {
      "image agent": { cause: "missing", detail: "linux/arm64 of o/agent:v2 is not in HOST" },
    },
  ],
  [
    "all platforms and the attestation",
    (registry) => {
      for (const child of [amd, arm, proof]) registry.delete("o/agent", digestOf(child));
    },
    {
      "image agent": {
        cause: "missing",
        detail: `linux/amd64, linux/arm64, ${digestOf(proof)} of o/agent:v2 is not in HOST`,
      },
    },
  ],
  [
    "a tag that has other content, and a chart",
    (registry) => {
      registry.setManifest("o/web", "v1", changed);
      registry.delete("o/charts/web", "0.1.0");
    },
    {
      "image web": {
        cause: "tag-moved",
        detail: `o/web:v1 moved in HOST from ${digestOf(web)} to ${digestOf(changed)}`,
      },
      "chart web": { cause: "missing", detail: "o/charts/web:0.1.0 is not in HOST" },
    },
  ],
];
test.each(cases)("%s is what is found to be gone", async (_, damage, expected) => {
  const { registry, client } = await publish();
  damage(registry);
  const drifts = [...(await findDrifts(client, wanted))].flatMap(
    ([{ kind, name }, drift]): [string, Drift][] =>
      drift
        ? [
            [
              `${kind} ${name}`,
              { ...drift, detail: drift.detail.replaceAll(registry.host, "HOST") },
            ],
          ]
        : [],
  );
  expect(drifts).toEqual(Object.entries(expected));
});

test("only manifests are read, each once", async () => {
  const { registry, client } = await publish();
  await findDrifts(client, wanted);
  expect(registry.requests.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(
    [
      "GET /v2/o/agent/manifests/v2",
      "GET /v2/o/charts/web/manifests/0.1.0",
      "GET /v2/o/web/manifests/v1",
      ...[amd, arm, proof].map((child) => `HEAD /v2/o/agent/manifests/${digestOf(child)}`),
    ].sort(),
  );
});

test("each problem is told once, with the first that it spoils", async () => {
  const { registry, client } = await publish(({ path }, response) => {
    if (path.endsWith("/0.1.0")) return false;
    sendJson(response, path.includes("o/agent") ? 418 : 403, {});
    return true;
  });
  const many = Array.from({ length: 400 }, (_, index): Wanted => {
    const tag = `v${index}`;
    return { kind: "image", name: tag, repository: "o/web", tag, digest: digestOf(web) };
  });
  const error: unknown = await findDrifts(client, [...wanted, ...many]).catch(
    (reason: unknown) => reason,
  );
  if (!(error instanceof RegistryError)) throw error;
  const lines = error.message.replaceAll(registry.host, "HOST").split("\n");
  expect(lines).toEqual([
    expect.stringMatching(
      /^HOST\/o\/web:v1, HOST\/o\/web:v0, HOST\/o\/web:v1 and 398 more could not be read: the registry answered 403 /,
    ),
    expect.stringMatching(
      /^HOST\/o\/agent:v2 could not be read: the registry answered 418 I'm a Teapot /,
    ),
  ]);
});

test("a platform that cannot be asked for is an error, not a drift", async () => {
  const { registry, client } = await publish(({ method }, response) => {
    if (method === "GET") return false;
    sendJson(response, 500, {});
    return true;
  });
  registry.delete("o/web", "v1");
  await expect(findDrifts(client, wanted)).rejects.toThrow(
    `${registry.host}/o/agent@${digestOf(amd)} could not be read: the registry answered 500`,
  );
});

test("an error of another kind is passed on as it is", async () => {
  const broken = new TypeError("broken");
  const { registry } = await publish((_, response) => {
    sendJson(response, 401, {}, { "www-authenticate": "Basic" });
    return true;
  });
  const client = new RegistryClient(
    { host: registry.host, tls: "plain-http" },
    { credentials: () => Promise.reject(broken) },
  );
  await expect(findDrifts(client, wanted)).rejects.toBe(broken);
  client.close();
});
