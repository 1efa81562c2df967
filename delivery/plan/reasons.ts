import { posix } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type {
  ApplicationFingerprint,
  ChartFingerprint,
  ImageFingerprint,
  ReleaseFingerprint,
} from "./fingerprint.ts";

/** Why something is built, published or applied; stable names that machines may rely on. */
export const causes = [
  "first-time",
  "source",
  "dockerfile",
  "build-arg",
  "base-moved",
  "chart-source",
  "image-of-chart",
  "part-of-release",
  "chart-of-application",
  "settings",
  "tool-version",
  "missing-image",
  "missing-chart",
  "missing-application",
  "missing-release",
  "already-published",
  "tag-moved",
  "edited",
  "removed",
] as const;

/** One of {@link causes}. */
export type Cause = (typeof causes)[number];

/** One thing that changed. */
export interface Reason {
  readonly cause: Cause;
  /** What changed: a path relative to the project, a reference, the name of an argument, an image or a setting. */
  readonly subject: string;
  /** What it was; left out where there was nothing. */
  readonly from?: string;
  /** What it is now; left out where there is nothing. */
  readonly to?: string;
}

/** A fingerprint as the state holds it; one of an older version of this program may lack parts. */
export type Before<Fingerprint> = Partial<Fingerprint> | undefined;

/** Where the parts of a fingerprint come from. */
export interface Sources {
  /** Folder of the sources, relative to the project. */
  readonly path: string;
}

/** What of an image changed; nothing where it stays as it is. */
export function imageReasons(
  before: Before<ImageFingerprint>,
  after: ImageFingerprint,
  { path, dockerfile }: Sources & { readonly dockerfile: string },
): Reason[] {
  if (!before) return [{ cause: "first-time", subject: after.tag }];
  return orRelease(before.tag, after.tag, [
    ...changes("tool-version", { "build recipe": before.recipe }, { "build recipe": after.recipe }),
    ...changes("source", before.sources, after.sources, (file) => posix.join(path, file)),
    ...changes(
      "dockerfile",
      { [dockerfile]: before.dockerfile },
      { [dockerfile]: after.dockerfile },
    ),
    ...changes("build-arg", before.buildArgs, after.buildArgs),
    ...changes("base-moved", before.bases, after.bases),
    ...changes("base-moved", before.needs, after.needs),
    ...changes("settings", before.settings, after.settings),
  ]);
}

/** What of a chart changed; nothing where it stays as it is. */
export function chartReasons(
  before: Before<ChartFingerprint>,
  after: ChartFingerprint,
  { path }: Sources,
): Reason[] {
  if (!before) return [{ cause: "first-time", subject: after.version }];
  return orRelease(before.version, after.version, [
    ...changes("tool-version", { "chart recipe": before.recipe }, { "chart recipe": after.recipe }),
    ...changes("chart-source", before.sources, after.sources, (file) => posix.join(path, file)),
    ...changes("image-of-chart", before.images, after.images),
    ...changes("settings", before.settings, after.settings),
  ]);
}

/** What of an Application changed; nothing where it stays as it is. */
export function applicationReasons(
  before: Before<ApplicationFingerprint>,
  after: ApplicationFingerprint,
): Reason[] {
  if (!before) return [{ cause: "first-time", subject: after.revision }];
  return [
    ...changes("chart-of-application", { version: before.revision }, { version: after.revision }),
    ...changes("settings", before.settings, after.settings),
  ];
}

/** What of a release changed; nothing where it stays as it is. */
export function releaseReasons(
  before: Before<ReleaseFingerprint>,
  after: ReleaseFingerprint,
): Reason[] {
  if (!before) return [{ cause: "first-time", subject: after.version }];
  return [
    ...changes("part-of-release", before.parts, after.parts),
    ...changes("settings", { release: before.version }, { release: after.version }),
    ...changes("settings", { ...before.settings }, { ...after.settings }),
  ];
}

/** Whether an Application is waited for, which is no part of it; nothing where that stays as it is. */
export function waitReasons(before: boolean, waitSeconds: number): Reason[] {
  if (before === waitSeconds > 0) return [];
  return changes(
    "settings",
    { waitSeconds: before ? "above 0" : "0" },
    { waitSeconds: String(waitSeconds) },
  );
}

/** A version can change alone when the line of releases or the release does. */
function orRelease(from: string | undefined, to: string, reasons: Reason[]): Reason[] {
  if (reasons.length > 0 || from === to) return reasons;
  return changes("settings", { release: from }, { release: to });
}

type Parts = Readonly<Record<string, unknown>>;

function changes(
  cause: Cause,
  before: Parts | undefined,
  after: Parts,
  name: (key: string) => string = (key) => key,
): Reason[] {
  const keys = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after)])].sort();
  return keys.flatMap((key) => {
    const [from, to] = [before, after].map((parts) =>
      // Files may have names that every object knows, such as constructor.
      parts && Object.hasOwn(parts, key) ? parts[key] : undefined,
    );
    if (isDeepStrictEqual(from, to)) return [];
    return [
      {
        cause,
        subject: name(key),
        ...(from === undefined ? {} : { from: shown(from) }),
        ...(to === undefined ? {} : { to: shown(to) }),
      },
    ];
  });
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
