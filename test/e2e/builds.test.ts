// Builds that publish nothing: those that are tried before they are wanted, and those that show that the same bytes come again.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Reproduction } from "../../commands/build/reproduce.ts";
import type { Explanation } from "../../commands/explain/explanation.ts";
import { deliverables } from "../../deliverables.ts";
import { fields } from "../../delivery/basics/json-fields.ts";
import { chartLockFile } from "../../delivery/sources/chart-dependencies.ts";
import { writeFiles } from "../folders.ts";
import {
  type Run,
  checkout,
  kubectl,
  manifestStatus,
  platform,
  outputs,
  run,
  startDelivered,
  up,
  withFile,
} from "./checkout.ts";

startDelivered();

function reproduce(...args: string[]): Run {
  return run("node", ["commands/build/cli.ts", "--platform", ...args]);
}

function tryAll(): Run {
  return run("node", ["commands/explain/cli.ts", "--platform", "--try", "--json"]);
}

test("every image comes out with the same bytes on an empty cache", () => {
  const { status, output } = reproduce("--json");
  expect(status, output).toBe(0);
  // The command's own JSON.
  const done = JSON.parse(output) as Reproduction[];
  const published = outputs().images;
  expect(Object.fromEntries(done.map(({ name, built }) => [name, built]))).toEqual(
    Object.fromEntries(Object.entries(published).map(([name, { digest }]) => [name, digest])),
  );
  expect(done.map(({ name }) => name).sort()).toEqual(Object.keys(deliverables.images).sort());
});

test("an image that is another one each time is told with its layer, its file and what differs", async () => {
  const before = outputs();
  await withFile(
    "apps/demo/Dockerfile",
    (text) => `${text}USER 0\nRUN date +%N > /time\n`,
    () => {
      expect(up().status).toBe(0);
      const { status, output } = reproduce("--image=demo");
      expect(output).toMatch(
        /image demo: sha256:\w+ was published, and sha256:\w+ built; layer \d+ of linux\/amd64 \(RUN .*date.*\): time has another content \(\w{12} → \w{12}\)/,
      );
      expect(status).toBe(1);
    },
  );
  const { status, output } = reproduce("--image=nothing");
  expect(output).toContain('IMAGE is "nothing", but must be one of python-base, ');
  expect(status).toBe(1);
  expect(up().status).toBe(0);
  expect(outputs().images).toEqual(before.images);
});

describe("what is tried", () => {
  test("comes out with the digest that is pushed later, and is not in the registry before", async () => {
    await withFile(
      "apps/python-base/requirements.in",
      (text) => `${text}# edited\n`,
      async () => {
        await withFile(
          "apps/demo/frontend.py",
          (text) => `${text}\n# edited\n`,
          async () => {
            const { status, output } = tryAll();
            expect(status, output).toBe(0);
            // Before a line for each image.
            const { items } = JSON.parse(
              output.slice(0, output.lastIndexOf("}") + 1),
            ) as Explanation;
            const tried = new Map(
              items.flatMap(({ name, build }) => (build?.tried ? [[name, build] as const] : [])),
            );
            expect([...tried.keys()]).toEqual(["python-base", "tinyolly", "demo"]);
            // A comment of the base reaches no image.
            expect(tried.get("tinyolly")?.sameDigest).toBe(true);
            const digest = tried.get("demo")?.tried?.digest ?? "";
            expect(await manifestStatus("tinyolly/demo", digest)).toBe(404);
            const objects = items.flatMap(({ objects = [] }) => objects);
            const restarts = objects
              .filter(({ fate }) => fate === "restart")
              .map(({ name }) => name);
            expect(restarts.sort()).toEqual(["tinyolly-demos-backend", "tinyolly-demos-frontend"]);
            expect(up().status).toBe(0);
            expect(outputs().images["demo"]?.digest).toBe(digest);
          },
        );
      },
    );
    expect(up().status).toBe(0);
  });

  test("comes of the file as it is, also where its size is that of the one before", async () => {
    const digests = new Set<string | undefined>();
    for (const rate of ["0.2", "0.3"])
      await withFile(
        "apps/demo/backend.py",
        (text) => text.replace(/(PAYMENT_FAILURE_RATE = )0\.\d/, `$1${rate}`),
        () => {
          const { status, output } = tryAll();
          expect(status, output).toBe(0);
          const { items } = JSON.parse(output.slice(0, output.lastIndexOf("}") + 1)) as Explanation;
          const image = items.find(({ name, kind }) => name === "demo" && kind === "image");
          digests.add(image?.build?.tried?.digest);
        },
      );
    expect([...digests]).toEqual([
      expect.stringMatching(/^sha256:/),
      expect.stringMatching(/^sha256:/),
    ]);
  });

  test("and does not build ends with the end of its log; what BuildKit has against a Dockerfile is told", async () => {
    await withFile(
      "apps/demo/Dockerfile",
      (text) => `${text}RUN echo so far && false\n`,
      () => {
        const { status, output } = tryAll();
        expect(output).toMatch(/image "demo" does not build:\nso far\n/);
        expect(status).toBe(1);
      },
    );
    await withFile(
      "apps/demo/Dockerfile",
      (text) => text.replace("ENTRYPOINT [", "CMD python main.py\nENTRYPOINT ["),
      () => {
        const { status, output } = tryAll();
        expect(output).toMatch(/apps\/demo\/Dockerfile:\d+: JSONArgsRecommended/);
        expect(status).toBe(0);
      },
    );
  });
});

test("a chart that another one depends on is locked by digest, fetched once, packaged and deployed", async () => {
  const registry = `localhost:${platform.ports.registry}`;
  const work = mkdtempSync(join(tmpdir(), "tinyolly-dependency-"));
  onTestFinished(() => {
    rmSync(work, { recursive: true });
    rmSync(join(checkout, chartLockFile), { force: true });
  });
  writeFiles(work, {
    "extra/Chart.yaml": "apiVersion: v2\nname: extra\nversion: 1.0.0\n",
    "extra/templates/map.yaml":
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: {from: elsewhere}\n",
  });
  const helm = (...args: string[]): Run => run("helm", args, {}, work);
  expect(helm("package", "extra").status).toBe(0);
  const pushed = helm("push", "extra-1.0.0.tgz", `oci://${registry}/dependencies`, "--plain-http");
  expect(pushed.status, pushed.output).toBe(0);
  const depends = `dependencies: [{name: extra, version: 1.0.0, repository: "oci://${registry}/dependencies"}]`;
  const explain = (): Run => run("node", ["commands/explain/cli.ts"]);
  // Its values get an entry for the other chart.
  const schema = "charts/tinyolly-demos/values.schema.json";
  const open = (text: string): string =>
    text.replace('"properties": {', '"properties": { "extra": { "type": "object" },');
  const withDependency = (body: () => void): Promise<void> =>
    withFile(schema, open, () =>
      withFile("charts/tinyolly-demos/Chart.yaml", (text) => `${text}\n${depends}\n`, body),
    );
  await withDependency(() => {
    expect(explain().output).toContain(
      `chart "tinyolly-demos": ${registry}/dependencies/extra:1.0.0 is not in charts.lock.yaml; make bases UPDATE=1 records its digest`,
    );
    const bases = run("node", ["commands/bases/cli.ts", "--update"]);
    expect(bases.output).toContain("wrote charts.lock.yaml");
    const explained = explain();
    expect(explained.output).toMatch(/create +ConfigMap extra/);
    const delivered = up();
    expect(delivered.status, delivered.output).toBe(0);
    const map = kubectl("get", "configmap", "extra", "--namespace=tinyolly-demos");
    expect(fields(fields(map)["data"])["from"]).toBe("elsewhere");
    // On another machine, a preview asks no repository for it.
    rmSync(join(checkout, ".tinyolly/dependencies"), { recursive: true });
    rmSync(join(checkout, ".tinyolly/renderings"), { recursive: true });
    expect(explain().output).toContain("up would change nothing");
    expect(up().status).toBe(0);
  });
  rmSync(join(checkout, chartLockFile));
  expect(up().status).toBe(0);
});
