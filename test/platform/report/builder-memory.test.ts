import { chmodSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BuildStep } from "../../../delivery/plan/build-steps.ts";
import { keepSteps } from "../../../delivery/plan/kept-steps.ts";
import { askBuilder } from "../../../platform/report/builder-memory.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";

const start = 1_700_000_000_000;
const at = (ms: number): string => new Date(start + ms).toISOString();

beforeEach(() => {
  const folder = enterFolderWith({});
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"] ?? ""}`);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

const step = (name: string, own: string, chain = own): BuildStep => ({
  ...{ name, own, chain, after: undefined, takes: [], files: [], open: false },
});

/** A step of a log, from and to milliseconds after the begin. */
const vertex = (name: string, from: number, to: number, more: object = {}): object => ({
  ...{ digest: name, name, started: at(from), completed: at(to) },
  ...more,
});

interface Told {
  /** Steps of each build of the image `web`, by the start of its key; a build takes a second, and they begin every ten. */
  readonly builds: Readonly<Record<string, readonly object[]>>;
  /** What is in the cache, with milliseconds after the begin. */
  readonly cache?: readonly (readonly [description: string, created: number])[];
  readonly error?: object;
}

/** Puts a `buildctl` on PATH that tells these. */
function buildctl({ builds, cache = [], error }: Told): void {
  const records = Object.keys(builds).map((key, at) => ({
    Ref: key,
    CreatedAt: { seconds: start / 1000 + 10 * at },
    CompletedAt: { seconds: start / 1000 + 10 * at + 1 },
    Exporters: [{ Attrs: { name: `push.test/shop/web:v1-h${key}`, push: "true" } }],
    ...(error && { error }),
  }));
  const du = cache.map(([description, created]) => ({
    ...{ recordType: "regular", description, createdAt: at(created) },
  }));
  writeFiles(".", {
    ...Object.fromEntries(
      Object.entries(builds).map(([key, vertexes]) => [key, JSON.stringify({ vertexes })]),
    ),
    du: JSON.stringify(du),
    histories: records.map((record) => `${JSON.stringify({ record })}\n`).join(""),
    buildctl:
      '#!/bin/sh\n[ "$2" = du ] && exec cat du\n[ "$3" = histories ] && exec cat histories\nexec cat "$5"\n',
  });
  chmodSync("buildctl", 0o755);
}

const [first, second] = ["1".repeat(12), "2".repeat(12)];

function keepBuild(key: string, ...steps: BuildStep[]): void {
  keepSteps({ key, steps: { steps, layers: [], result: "" } });
}

const memory = () => askBuilder("unix:///x").memoryOf("web");

describe("what a builder remembers", () => {
  test("are the seconds of what ran, and of all besides", async () => {
    buildctl({
      builds: {
        [first]: [
          vertex("[build 1/2] COPY . .", 100, 200),
          vertex("[build 2/2] RUN make", 200, 600),
          vertex("exporting to image", 600, 1000),
        ],
        [second]: [
          vertex("[build 1/2] COPY . .", 10_000, 10_000, { cached: true }),
          vertex("[build 2/2] RUN make", 10_100, 10_300),
        ],
      },
    });
    const { seconds, rest } = await memory();
    expect([...seconds].sort()).toEqual([
      ["build: COPY . .", 0.1],
      ["build: RUN make", 0.4],
    ]);
    expect(rest).toBe(0.8);
  });

  test("of builds that failed are the steps, and not the time", async () => {
    const failing = vertex("[2/2] RUN make", 200, 600, { error: "exit code 1" });
    buildctl({ builds: { [first]: [vertex("[1/2] COPY . .", 0, 50), failing] }, error: {} });
    const { seconds, rest } = await memory();
    expect([...seconds]).toEqual([["stage-0: COPY . .", 0.05]]);
    expect(rest).toBeUndefined();
  });

  test("is nothing where it does not answer", async () => {
    buildctl({ builds: {} });
    writeFiles(".", { du: "", histories: "" });
    const { knows, holds, seconds } = await memory();
    expect(seconds.size).toBe(0);
    expect(knows("copy")).toBe(false);
    expect(holds(step("build: COPY . .", "copy"), false)).toBeUndefined();
  });
});

describe("of what a step gave, a builder", () => {
  const copy = step("build: COPY . .", "copy");
  const make = step("build: RUN make \\ all", "make");
  const builds = {
    [first]: [
      vertex("[build 1/2] COPY . .", 100, 110),
      vertex("[build 2/2] RUN make \\\n all", 110, 200),
    ],
  };
  const [copied, made] = ["[build 1/2] COPY . .", "mount / from exec /bin/sh -c make  all"];

  test.each<[what: string, cache: Told["cache"], copied: unknown, made: unknown]>([
    ["has what is in its cache", [[copied, 110] as const, [made, 200] as const], true, true],
    ["has what it forgot the name of", [["", 105]], true, false],
    ["has lost what is not there", [], false, false],
    ["has lost it where the same step ran at another time", [[copied, 300]], false, false],
    ["may have what a RUN left, written anew", [[made, 300]], false, "perhaps"],
    ["knows other commands from it", [["mount / from exec /bin/sh -c test", 150]], false, false],
  ])("%s", async (_, cache = [], wantedCopied, wantedMade) => {
    keepBuild(first, copy, make);
    buildctl({ builds, cache });
    const { holds, knows } = await memory();
    expect([holds(copy, false), holds(make, false)]).toEqual([wantedCopied, wantedMade]);
    expect(knows("copy") && knows("make")).toBe(true);
  });

  test.each([
    ["has a script of the Dockerfile by its first line", "echo hello\nmake", true],
    ["has lost a script where another command ran meanwhile", "echo other\nmake", false],
  ])("%s", async (_, script, wanted) => {
    const run = step("stage-1: RUN <<EOF", "script");
    keepBuild(first, run);
    buildctl({
      builds: { [first]: [vertex("[stage-1 1/1] RUN <<EOF (echo hello...)", 100, 200)] },
      cache: [[`mount / from exec /bin/sh -c ${script}\n`, 150]],
    });
    expect((await memory()).holds(run, false)).toBe(wanted);
  });

  test("may have it from another step, where it counts by content", async () => {
    keepBuild(first, step(copy.name, "copy", "chain 1"));
    keepBuild(second, step(copy.name, "copy", "chain 2"));
    const name = "[build 1/2] COPY . .";
    const both = {
      [first]: [vertex(name, 100, 110)],
      [second]: [vertex(name, 10_000, 10_000, { cached: true })],
    };
    buildctl({ builds: both, cache: [[name, 110]] });
    expect((await memory()).holds(step(copy.name, "copy", "chain 2"), true)).toBeUndefined();
    buildctl({ builds: both });
    expect((await memory()).holds(step(copy.name, "copy", "chain 2"), true)).toBe(false);
    const again = { ...both, [second]: [vertex(name, 10_000, 10_010)] };
    writeFiles(".", { [`.tinyolly/builds/${second}.json`]: "" });
    buildctl({ builds: again, cache: [[name, 110]] });
    expect((await memory()).holds(step(copy.name, "copy", "chain 2"), true)).toBe("perhaps");
  });
});
