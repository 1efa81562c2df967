import { chmodSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { buildkitAddress } from "../../../platform/cluster/services.ts";
import { buildTimes, failedBuilds, loggedBuilds } from "../../../platform/report/build-log.ts";
import { readPlatformSettings } from "../../../platform/settings.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";

const settings = readPlatformSettings({});
const started = 1_700_000_000_500;
const seconds = 1_700_000_000;

beforeEach(() => {
  const folder = enterFolderWith({});
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"] ?? ""}`);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Puts a `buildctl` on PATH that prints these records, and for `logs` the file with the reference's name. */
function buildctl(records: readonly object[], logs: Readonly<Record<string, string>>): void {
  writeFiles(".", {
    ...logs,
    histories: records.map((record) => `${JSON.stringify({ type: 1, record })}\n`).join(""),
    buildctl:
      '#!/bin/sh\necho "$@" >> calls\n[ "$3" = histories ] && exec cat histories\nexec cat "$5"\n',
  });
  chmodSync("buildctl", 0o755);
}

describe("the times of builds", () => {
  test("are those of BuildKit's history, with each push", () => {
    const CreatedAt = { seconds, nanos: 750_000_000 };
    const CompletedAt = { seconds: seconds + 4 };
    const at = (ms: number): string => new Date(ms).toISOString();
    const pushing = { id: "pushing layers", started: at(started + 1000) };
    const statuses = [
      { id: "exporting layers", started: at(started), completed: at(started + 1000) },
      pushing,
      { ...pushing, completed: at(started + 1500) },
      { id: "pushing manifest for x", started: at(started + 1500), completed: at(started + 1600) },
    ];
    buildctl(
      [
        { Ref: "old", CreatedAt: { seconds: seconds - 1 }, CompletedAt },
        { Ref: "one", CreatedAt, CompletedAt },
        { Ref: "two", CreatedAt: { seconds: seconds + 1 }, CompletedAt },
        { Ref: "running", CreatedAt },
      ],
      {
        one: `${JSON.stringify({ vertexes: [] })}\n${JSON.stringify({ statuses })}\n`,
        two: JSON.stringify({ vertexes: [] }),
      },
    );
    expect(buildTimes(settings, started)).toEqual([
      {
        start: seconds * 1000 + 750,
        end: seconds * 1000 + 4000,
        pushes: [
          { start: started + 1000, end: started + 1500 },
          { start: started + 1500, end: started + 1600 },
        ],
      },
      { start: seconds * 1000 + 1000, end: seconds * 1000 + 4000, pushes: [] },
    ]);
    expect(readFileSync("calls", "utf8").split("\n")[1]).toBe(
      `--addr=${buildkitAddress(settings)} debug logs --progress=rawjson one`,
    );
  });
});

describe("failed builds", () => {
  test("are told with their image and the last thirty lines of their log", () => {
    const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`);
    const CreatedAt = { seconds };
    const error = { code: 2 };
    const Exporters = [{ Attrs: { name: "push.test/web:v1" } }];
    buildctl(
      [
        { Ref: "good", CreatedAt },
        { Ref: "bad", CreatedAt, error, Exporters },
        { Ref: "nameless", CreatedAt, error },
      ],
      { bad: lines.join("\n\n"), nameless: "end" },
    );
    expect(failedBuilds(settings, started)).toEqual([
      { image: "push.test/web:v1", end: lines.slice(10).join("\n") },
      { image: "of a build without name", end: "end" },
    ]);
  });
});

test("builds are told with their image and all that they said", () => {
  const CreatedAt = { seconds };
  const Exporters = [{ Attrs: { name: "push.test/web:v1" } }];
  buildctl(
    [
      { Ref: "old", CreatedAt: { seconds: seconds - 1 }, Exporters },
      { Ref: "good", CreatedAt, Exporters },
    ],
    { good: "#1 COPY\n#1 DONE\n" },
  );
  expect(loggedBuilds("unix:///there.sock", started)).toEqual([
    { image: "push.test/web:v1", log: "#1 COPY\n#1 DONE\n" },
  ]);
  expect(readFileSync("calls", "utf8")).toBe(
    "--addr=unix:///there.sock debug histories --format={{json .}}\n" +
      "--addr=unix:///there.sock debug logs --progress=plain good\n",
  );
});
