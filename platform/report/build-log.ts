import { spawnSync } from "node:child_process";
import { JsonStream } from "../../delivery/basics/json-stream.ts";
import { buildkitAddress } from "../cluster/services.ts";
import type { PlatformSettings } from "../settings.ts";

const shownLines = 30;
const patienceMs = 10_000;

/** A build that failed. */
export interface FailedBuild {
  /** Image as it would have been pushed. */
  readonly image: string;
  /** Last lines of its log. */
  readonly end: string;
}

/** A build and what it said. */
export interface LoggedBuild {
  /** Image as it was to be pushed. */
  readonly image: string;
  readonly log: string;
}

/** Some time, from and to milliseconds since 1970. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** When a build ran, from its request to its end. */
export interface BuildTimes extends Span {
  /** When it pushed layers and manifests. */
  readonly pushes: readonly Span[];
}

/**
 * Builds that failed since `started` (milliseconds since 1970), from BuildKit's own history. The docker-build plugin
 * shows a log only while it is written, so that a terminal keeps the failed command but none of its output.
 */
export function failedBuilds(settings: PlatformSettings, started: number): FailedBuild[] {
  const address = buildkitAddress(settings);
  return history(address, started)
    .filter(({ error }) => error !== undefined)
    .map((record) => {
      const { image, log } = logged(address, record);
      const lines = log.split("\n").filter((line) => line.trim() !== "");
      return { image, end: lines.slice(-shownLines).join("\n") };
    });
}

/**
 * Builds since `started` (milliseconds since 1970) of the BuildKit at an address, from its own history. The docker-build
 * plugin loses the end of a log when a build takes but a moment.
 */
export function loggedBuilds(address: string, started: number): LoggedBuild[] {
  return history(address, started).map((record) => logged(address, record));
}

function logged(address: string, { Ref, Exporters }: BuildRecord): LoggedBuild {
  const image = Exporters?.[0]?.Attrs["name"] ?? "of a build without name";
  return { image, log: buildctl(address, ["logs", "--progress=plain", Ref]) };
}

/** When each build since `started` (milliseconds since 1970) ran and pushed, from BuildKit's own history. */
export function buildTimes(settings: PlatformSettings, started: number): BuildTimes[] {
  const address = buildkitAddress(settings);
  return history(address, started).flatMap(({ Ref, CreatedAt, CompletedAt }) => {
    if (CompletedAt === undefined) return [];
    const log = buildctl(address, ["logs", "--progress=rawjson", Ref]);
    // BuildKit's solve status, as buildctl prints it.
    const statuses = (new JsonStream().take(log) as SolveStatus[]).flatMap(
      ({ statuses: some }) => some ?? [],
    );
    const pushes = statuses.flatMap(({ id, started: from, completed }) =>
      id.startsWith("pushing ") && from !== undefined && completed !== undefined
        ? [{ start: Date.parse(from), end: Date.parse(completed) }]
        : [],
    );
    return [{ start: milliseconds(CreatedAt), end: milliseconds(CompletedAt), pushes }];
  });
}

const historyArgs = ["histories", "--format={{json .}}"];

function history(address: string, started: number): BuildRecord[] {
  return readHistory(buildctl(address, historyArgs)).filter(
    ({ CreatedAt }) => CreatedAt.seconds >= Math.floor(started / 1000),
  );
}

/** Builds as `buildctl debug histories` prints them, one in each line. */
export function readHistory(printed: string): BuildRecord[] {
  return printed
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as { readonly record: BuildRecord }).record); // What buildctl prints for each build.
}

function buildctl(address: string, args: readonly string[]): string {
  return spawnSync("buildctl", [`--addr=${address}`, "debug", ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: patienceMs,
  }).stdout;
}

/** Milliseconds since 1970. */
export function milliseconds({ seconds, nanos = 0 }: Timestamp): number {
  return seconds * 1000 + nanos / 1e6;
}

interface Timestamp {
  readonly seconds: number;
  readonly nanos?: number;
}

/** A build of the history. */
export interface BuildRecord {
  readonly Ref: string;
  readonly CreatedAt: Timestamp;
  readonly CompletedAt?: Timestamp;
  readonly error?: unknown;
  readonly Exporters?: readonly { readonly Attrs: Readonly<Record<string, string>> }[];
}

/** Part of a build's log, as `buildctl debug logs --progress=rawjson` prints it. */
export interface SolveStatus {
  readonly vertexes?: readonly {
    readonly digest: string;
    readonly name: string;
    readonly started?: string;
    readonly completed?: string;
    readonly cached?: boolean;
    readonly error?: string;
  }[];
  readonly statuses?: readonly {
    readonly id: string;
    readonly started?: string;
    readonly completed?: string;
  }[];
}
