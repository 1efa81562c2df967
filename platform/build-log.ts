import { spawnSync } from "node:child_process";
import { buildkitAddress } from "./services";
import type { PlatformSettings } from "./settings";

const shownLines = 30;

/** A build that failed. */
export interface FailedBuild {
  /** Image as it would have been pushed. */
  readonly image: string;
  /** Last lines of its log. */
  readonly end: string;
}

/**
 * Builds that failed since `started` (milliseconds since 1970), from BuildKit's own history. The docker-build plugin
 * shows a log only while it is written, so that a terminal keeps the failed command but none of its output.
 */
export function failedBuilds(settings: PlatformSettings, started: number): FailedBuild[] {
  const buildctl = (args: readonly string[]): string =>
    spawnSync("buildctl", [`--addr=${buildkitAddress(settings)}`, "debug", ...args], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
      timeout: 10_000,
    }).stdout;
  return buildctl(["histories", "--format={{json .}}"])
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as HistoryEvent).record) // What buildctl prints for each build.
    .filter(
      ({ error, CreatedAt }) =>
        error !== undefined && CreatedAt.seconds >= Math.floor(started / 1000),
    )
    .map(({ Ref, Exporters }) => {
      const log = buildctl(["logs", "--progress=plain", Ref]);
      const lines = log.split("\n").filter((line) => line.trim() !== "");
      const image = Exporters?.[0]?.Attrs["name"] ?? "of a build without name";
      return { image, end: lines.slice(-shownLines).join("\n") };
    });
}

interface HistoryEvent {
  readonly record: {
    readonly Ref: string;
    readonly CreatedAt: { readonly seconds: number };
    readonly error?: unknown;
    readonly Exporters?: readonly { readonly Attrs: Readonly<Record<string, string>> }[];
  };
}
