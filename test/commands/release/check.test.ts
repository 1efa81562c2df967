// What release-check says of this project's own apps and charts, with a registry in this process.
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { stringify } from "yaml";
import { check, type ReleaseCheck } from "../../../commands/release/check.ts";
import { openStack } from "../../../commands/release/stack.ts";
import { deliverables } from "../../../deliverables.ts";
import { keyAnnotation } from "../../../delivery/plan/chart-package.ts";
import { planDeliverables } from "../../../delivery/plan/plan.ts";
import { stackEnvironment } from "../../../platform/environment.ts";
import { enterCheckout } from "../../checkout.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "../../fake-registry.ts";
import { stackConfig } from "../../stacks.ts";
import { pathWith } from "./programs.ts";

const project = resolve(import.meta.dirname, "../../..");

let registry: FakeRegistry;

beforeEach(async () => {
  enterCheckout();
  copyFileSync(join(project, "Pulumi.yaml"), "Pulumi.yaml");
  registry = await startRegistry();
  onTestFinished(() => registry.close());
  for (const name of ["BASE_LOCK", "RELEASE"]) vi.stubEnv(`TINYOLLY_${name}`, undefined);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const config = {
    ...stackConfig("prod"),
    ...{ registryPush: registry.host, registryPushTls: "plain-http", registryNamespace: "shop" },
    ...{ platforms: ["linux/amd64"], signing: "none" },
  };
  const keys = Object.entries(config).map(([key, value]) => [`tinyolly:${key}`, value] as const);
  writeFileSync("Pulumi.prod.yaml", stringify({ config: Object.fromEntries(keys) }));
  git("init", "--quiet", "--initial-branch=main");
  commit();
});

function git(...args: readonly string[]): void {
  const author = ["-c", "user.name=test", "-c", "user.email=test@example.test"];
  execFileSync("git", [...author, ...args]);
}

function commit(): void {
  git("add", "--all");
  git("commit", "--quiet", "--message=as it is");
}

function tag(name: string): void {
  git("tag", "--annotate", name, `--message=${name}`);
}

/** Runs the check, and resolves to its exit code and what it printed. */
async function checked(...args: string[]): Promise<{ status: number; text: string }> {
  let text = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  try {
    return { status: await check(["--stack=prod", ...args]), text };
  } finally {
    write.mockRestore();
  }
}

async function report(...args: string[]): Promise<ReleaseCheck> {
  // What --json prints.
  return JSON.parse((await checked("--json", ...args)).text) as ReleaseCheck;
}

/** The plan of a release of what is here. */
function planned(release: string) {
  const { settings, client } = openStack({ stack: "prod", platform: false });
  client.close();
  const versions = { ...settings.plan.versions, release };
  return planDeliverables(deliverables, { ...settings.plan, versions });
}

const status = ({ items }: ReleaseCheck, part: string) =>
  items.find(({ kind, name }) => `${kind} ${name}` === part)?.status;

test("a tagged commit can be released", async () => {
  tag("v2.1.8");
  const { status, text } = await checked();
  expect(text).toMatch(/^part +version\nimage python-base +v2\.1\.8 +to be made\n/);
  expect(text).toMatch(/\nchart tinyolly +0\.3\.0 +to be made\n/);
  expect(text).toMatch(
    /\nnote: golang:.*not in bases\.lock\.yaml.*\n\nv2\.1\.8 can be released\n$/,
  );
  expect(status).toBe(0);
});

test("without a tag it tells how to tag, and shows the next patch release", async () => {
  tag("v2.1.8");
  writeFileSync("more", "");
  commit();
  const { status, text } = await checked();
  expect(text).toMatch(/\nmissing: HEAD .* has no tag; tag it with: git tag --annotate v2\.1\.9 /);
  expect(text).toMatch(/\nv2\.1\.9 cannot be released yet\n$/);
  expect(status).toBe(1);
});

test("what is shipped and only ignored by Git is missing", async () => {
  writeFileSync(".git/info/exclude", "*.tgz\n");
  tag("v2.1.8");
  writeFileSync("charts/tinyolly/extra-1.0.0.tgz", "");
  const { status, text } = await checked();
  expect(text).toMatch(
    /\nmissing: the commit does not hold all that is shipped: charts\/tinyolly\/extra-1\.0\.0\.tgz; /,
  );
  expect(status).toBe(1);
});

test("a release that is asked for is the one that it tells how to tag, and shows", async () => {
  const { status, text } = await checked("--release=v3.0.0");
  expect(text).toMatch(/\nmissing: HEAD .* has no tag; tag it with: git tag --annotate v3\.0\.0 /);
  expect(text).toMatch(/\nv3\.0\.0 cannot be released yet\n$/);
  expect(status).toBe(1);
});

test("a commit with another tag cannot be the release that is asked for", async () => {
  tag("v2.1.9");
  const { status, text } = await checked("--release=v2.1.8");
  expect(text).toMatch(
    /\nmissing: HEAD .* has the tag v2\.1\.9, so it cannot be released as v2\.1\.8; /,
  );
  expect(text).toMatch(/\nv2\.1\.8 cannot be released yet\n$/);
  expect(status).toBe(1);
  expect(await checked("--release=v2.1.9")).toMatchObject({ status: 0 });
});

test.each<[what: string, make: () => void, problem: RegExp]>([
  [
    "a lightweight tag",
    () => {
      git("tag", "v2.1.8");
    },
    /^v2\.1\.8 is a lightweight tag, /,
  ],
  [
    "two tags",
    () => {
      tag("v2.1.8");
      tag("v2.1.9");
    },
    /; delete all but one: git tag --delete v2\.1\.9$/,
  ],
  [
    "a changed file",
    () => {
      tag("v2.1.8");
      writeFileSync("more", "");
    },
    /^the tree is not as the commit has it: more; /,
  ],
])(
  "with %s, the release that it shows is the one that mending it gives",
  async (_, make, problem) => {
    make();
    const { release, items, problems } = await report();
    expect(release).toBe("v2.1.8");
    expect(items).toContainEqual(expect.objectContaining({ name: "demo", version: "v2.1.8" }));
    expect(problems).toEqual([expect.stringMatching(problem)]);
  },
);

test("what was built before gets the version, and what has it already stays", async () => {
  tag("v2.1.8");
  const { images } = planned("v2.1.8");
  for (const { name, contentTag, key } of images)
    registry.setManifest(`shop/${name}`, contentTag, manifestOf(key));
  const demo = images.find(({ name }) => name === "demo");
  registry.setManifest("shop/demo", "v2.1.8", manifestOf(demo?.key ?? ""));
  const found = await report();
  expect([status(found, "image demo"), status(found, "image webui")]).toEqual([
    "published",
    "there",
  ]);
  expect(found.problems).toEqual([]);
});

test("a chart whose content changed and whose version did not names the next free one", async () => {
  tag("v2.1.8");
  const annotations = { [keyAnnotation]: "other" };
  const chart = { ...Object(manifestOf("chart")), annotations } as object;
  registry.setManifest("shop/charts/tinyolly", "0.3.0", chart);
  registry.setManifest("shop/charts/tinyolly", "0.3.1", chart);
  const found = await report();
  expect(status(found, "chart tinyolly")).toBe("taken");
  const [problem, ...others] = found.problems;
  expect(problem).toMatch(
    /set the next free one: make chart-version CHART=tinyolly VERSION=0\.3\.2$/,
  );
  expect(others).toEqual([]);
  const { text, status: code } = await checked("--markdown");
  expect(text).toMatch(/^### v2\.1\.8 cannot be released yet\n/);
  expect(text).toContain("\n| chart tinyolly | 0.3.0 | taken by other content |\n");
  expect(text).toContain(`\n- missing: ${problem ?? ""}\n`);
  expect(code).toBe(1);
});

test("that nothing could be signed here is no reason against a release made elsewhere", async () => {
  writeFileSync("more", "");
  const file = "Pulumi.prod.yaml";
  writeFileSync(file, readFileSync(file, "utf8").replace("signing: none", "signing: key"));
  commit();
  tag("v2.1.8");
  const { problems, warnings } = await report();
  expect(problems).toEqual([]);
  expect(warnings).toContainEqual(expect.stringMatching(/^here nothing could be signed: /));
});

test("tools that make release provides are missing only without the platform", async () => {
  const file = "Pulumi.prod.yaml";
  writeFileSync(file, readFileSync(file, "utf8").replace("signing: none", "signing: key"));
  writeFileSync("cosign.key", "encrypted");
  vi.stubEnv("COSIGN_PASSWORD", "");
  vi.stubEnv("PATH", pathWith({ cosign: "echo 'GitVersion:    v2.6.5'" }));
  expect((await report()).warnings).toContainEqual(
    expect.stringMatching(/^here nothing could be signed: cosign on PATH is v2\.6\.5/),
  );
  // So that what the platform sets is gone after the test.
  for (const [name, value] of Object.entries(stackEnvironment("prod"))) vi.stubEnv(name, value);
  expect((await report("--platform")).warnings).not.toContainEqual(
    expect.stringMatching(/^here nothing could be signed: /),
  );
});
