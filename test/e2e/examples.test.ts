// The components in a program of somebody else, who has them as an npm package.
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { registryHosts } from "../../platform/settings.ts";
import { type Run, kubectl, platform, run } from "./checkout.ts";

const project = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "tinyolly-example-"));
const shop = join(folder, "shop");
const stack = "--stack=dev";

/** Runs Pulumi in the program; the local stack's configuration is none of its business. */
function pulumi(...args: string[]): Run {
  const env = { PULUMI_OPTION_CONFIG_FILE: undefined };
  return run("pulumi", [...args, stack, "--non-interactive", "--color=never"], env, shop);
}

function good({ status, output }: Run): string {
  expect(status, output).toBe(0);
  return output;
}

/** The package as `npm install` gets it, compiled from the sources of this project. */
function pack(): string {
  const copy = join(folder, "package");
  for (const name of [
    "components",
    "delivery",
    "package.json",
    "tsconfig.json",
    "tsconfig.package.json",
  ])
    cpSync(join(project, name), join(copy, name), { recursive: true });
  symlinkSync(join(project, "node_modules"), join(copy, "node_modules"));
  good(run("npm", ["pack", "--pack-destination", folder, "--loglevel=error"], {}, copy));
  const archive = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  if (archive === undefined) throw new Error("npm packed nothing");
  return join(folder, archive);
}

beforeAll(() => {
  cpSync(join(project, "examples/shop"), shop, { recursive: true });
  rmSync(join(shop, "tsconfig.json"));
  const install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  good(run("npm", [...install, pack()], {}, shop));
  const inCluster = `${registryHosts.inCluster}:${platform.ports.registryInCluster}`;
  const settings = {
    push: `${registryHosts.tls}:${platform.ports.registryTls}`,
    pushTls: "skip-verify",
    pull: inCluster,
    plainHttp: "true",
    namespace: "example",
    builder: "tinyolly",
    context: "tinyolly",
  };
  good(pulumi("stack", "init"));
  for (const [key, value] of Object.entries(settings)) good(pulumi("config", "set", key, value));
});

afterAll(() => {
  pulumi("destroy", "--yes", "--skip-preview");
  pulumi("stack", "rm", "--yes", "--force");
  rmSync(folder, { recursive: true, force: true });
});

const up = (): Run => pulumi("up", "--yes", "--skip-preview");
/** Phase of each pod of a namespace that is to stay. */
function podsIn(namespace: string): string[] {
  // As the API has it.
  const { items } = kubectl("get", "pods", `--namespace=${namespace}`) as {
    items: readonly {
      readonly metadata: { readonly deletionTimestamp?: string };
      readonly status: { readonly phase: string };
    }[];
  };
  const staying = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return staying.map(({ status }) => status.phase);
}

test("a preview knows tag and version, and makes nothing", () => {
  const output = good(pulumi("preview"));
  expect(output).toMatch(/\+ +├?─? ?tinyolly:index:Image +web +create/);
  expect(output).toMatch(/revision *: "0\.1\.0-h[0-9a-f]{12}"/);
});

test("image, chart and Application are made, and pods run", () => {
  expect(good(up())).toMatch(/Resources:\n +\+ \d+ created/);
  expect(podsIn("shop")).toEqual(["Running"]);
});

test("nothing is done where nothing changed", () => {
  expect(good(up())).toMatch(/Resources:\n +\d+ unchanged/);
});

test("a changed file is built, packaged and rolled out, beside the chart's second Application", () => {
  writeFileSync(join(shop, "web/index.html"), "<h1>Closed</h1>\n");
  appendFileSync(
    join(shop, "index.ts"),
    `new Application("shop-two", { chart, namespace: "shop-two", cluster: { context } }, { provider: cluster });\n`,
  );
  const output = good(up());
  expect(output).toMatch(/docker-build:index:Image web updated/);
  expect(output).toMatch(/\[diff: ~[^\]]*\bsources\b/);
  expect([podsIn("shop"), podsIn("shop-two")]).toEqual([["Running"], ["Running"]]);
});

test("wrong input is told before anything is made, without a stack", () => {
  const { status, output } = pulumi("config", "set", "namespace", "Not/Lower");
  expect(status, output).toBe(0);
  const refused = pulumi("preview");
  expect(refused.status).not.toBe(0);
  expect(refused.output).toContain(
    'registry "registry": namespace is "Not/Lower", but must be lower-case path segments',
  );
  expect(refused.output).not.toMatch(/^ +at /m);
  good(pulumi("config", "set", "namespace", "example"));
});

test("all of it goes again", () => {
  good(pulumi("destroy", "--yes", "--skip-preview"));
  expect(kubectl("get", "applications.argoproj.io", "--all-namespaces")).not.toMatchObject({
    items: expect.arrayContaining([
      expect.objectContaining({ metadata: expect.objectContaining({ name: "shop" }) as unknown }),
    ]) as unknown,
  });
});
