import { chmodSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { type RenderArgs, renderChart } from "../../../delivery/objects/rendering.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";

let unpacked: number;

beforeEach(() => {
  enterFolderWith({});
  unpacked = 0;
  return () => {
    vi.unstubAllEnvs();
  };
});

/** Puts a helm on PATH. */
function helm(script: string): void {
  writeFiles(".", { "bin/helm": `#!/bin/sh\n${script}\n` });
  chmodSync("bin/helm", 0o755);
  vi.stubEnv("PATH", `${resolve("bin")}:/usr/bin:/bin`);
}

function args(more: Partial<RenderArgs> = {}): RenderArgs {
  const unpack = (folder: string): string => {
    unpacked++;
    return join(folder, "chart");
  };
  return { identity: "one", unpack, release: "shop", namespace: "town", values: { a: 1 }, ...more };
}

const printsArguments =
  "values=$(cat \"$8\"); echo \"---\n# Source: shop/templates/a.yaml\nkind: A\nargs: '$1 $3 $4 $5 $6 $9'\nvalues: '$values'\nrest: '$(shift 9; echo \"$@\")'\"";

test("a chart is rendered by the words of Argo CD", async () => {
  helm(printsArguments);
  const capabilities = { kubeVersion: "1.36.3", apiVersions: ["v1", "apps/v1"] };
  expect(await renderChart(args({ capabilities }))).toEqual([
    {
      template: "templates/a.yaml",
      manifest: {
        kind: "A",
        args: "template --name-template shop --namespace town --include-crds",
        values: '{"a":1}',
        rest: "--kube-version 1.36.3 --api-versions v1 --api-versions apps/v1",
      },
    },
  ]);
});

test("what was rendered before is taken as it is, until anything that decides it changes", async () => {
  helm("echo x >> ran; echo '---\n# Source: shop/templates/a.yaml\nkind: A'");
  const first = await renderChart(args());
  expect(await renderChart(args())).toEqual(first);
  expect(unpacked).toBe(1);
  for (const more of [
    { identity: "two" },
    { release: "other" },
    { namespace: "x" },
    { values: {} },
  ])
    await renderChart(args(more));
  expect(unpacked).toBe(5);
  helm("# another helm\necho '---\n# Source: shop/templates/a.yaml\nkind: B'");
  expect(await renderChart(args())).not.toEqual(first);
  expect(readdirSync(".tinyolly/renderings")).toHaveLength(6);
});

test("without a place to keep it, it is rendered all the same", async () => {
  helm("echo '---\n# Source: shop/templates/a.yaml\nkind: A'");
  writeFileSync(".tinyolly", "");
  expect(await renderChart(args())).toHaveLength(1);
});

test.each([
  [
    "a template that fails",
    "echo 'Error: shop/templates/a.yaml:3:5' >&2; exit 1",
    /helm template failed: Error: shop\/templates\/a\.yaml:3:5/,
  ],
  ["a loop without end", "exec sleep 60", /helm template did not end within 0\.5 s/],
  ["a flood", "exec head --bytes=100000000 /dev/zero", /helm template printed more than 16 MiB/],
])("%s ends with what helm says", async (_, script, message) => {
  helm(script);
  await expect(renderChart(args(), 0.5)).rejects.toThrow(message);
});

test("without helm it says what to do", async () => {
  vi.stubEnv("PATH", "");
  await expect(renderChart(args())).rejects.toThrow(/helm is not on PATH; install Helm 4/);
});
