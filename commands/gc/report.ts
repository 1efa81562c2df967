import { fewNames } from "../../delivery/basics/few-names.ts";
import { shortDigest } from "../../delivery/registry/references.ts";
import { formatBytes, table } from "../../platform/report/table.ts";
import type { Cleaning } from "./clean.ts";
import { type Deletion, type Kept, bytesOf, freedBytes } from "./garbage.ts";
import type { Survey } from "./survey.ts";
import type { Sources } from "./usage.ts";

/** What cleaning found and did, as `--json` prints it. */
export interface Report {
  /** Version of this form. */
  readonly version: 1;
  /** `host/namespace` that was looked at. */
  readonly registry: string;
  /** What was asked for what is in use. */
  readonly sources: Sources;
  /** What is not in use, in the order in which it is deleted. */
  readonly garbage: readonly (Deletion & { readonly bytes: number })[];
  /** Tags that are not in use, and stay, since the registry cannot delete them alone. */
  readonly stuck: readonly Deletion[];
  readonly kept: readonly Kept[];
  /** What is in use and not there. */
  readonly missing: readonly { repository: string; reference: string; by: string }[];
  /** Repositories in the namespace that are not known to be this project's, and were left alone. */
  readonly foreign: readonly string[];
  /** Bytes that only the garbage uses. */
  readonly freedBytes: number;
  /** What became of it; left out in a dry run. */
  readonly cleaning?: Cleaning;
}

/** Puts a report together. */
export function makeReport(
  registry: string,
  sources: Sources,
  survey: Survey,
  cleaning?: Cleaning,
): Report {
  const { contents, garbage, missing, foreign } = survey;
  const bytes = ({ repository, tag, digest }: Deletion): number => {
    const content = contents.find((each) => each.repository === repository);
    return tag === undefined && content ? bytesOf(content, digest) : 0;
  };
  return {
    version: 1,
    registry,
    sources,
    garbage: garbage.deletions.map((deletion) => ({ ...deletion, bytes: bytes(deletion) })),
    stuck: garbage.stuck,
    kept: garbage.kept,
    missing: missing.map(({ repository = "", reference = "", by }) => ({
      repository,
      reference,
      by,
    })),
    foreign,
    freedBytes: freedBytes(contents, cleaning?.deleted ?? garbage.deletions),
    ...(cleaning && { cleaning }),
  };
}

/** A report for people; ends with a newline. */
export function renderReport(report: Report, afterwards: string): string {
  const { garbage, stuck, kept, missing, foreign, cleaning } = report;
  const goes = garbage
    .filter(({ follows }) => !follows)
    .map((deletion) => [
      deletion.repository,
      nameOf(deletion),
      deletion.tag === undefined ? formatBytes(deletion.bytes) : "tag only",
      deletion.why,
    ]);
  const stays = kept
    .filter(({ follows }) => !follows)
    .map(({ repository, digest, tags, by }) => [
      repository,
      fewNames(tags) || shortDigest(digest),
      fewNames(by),
    ]);
  return [
    `in use: ${usage(report)}\n`,
    ...(goes.length > 0
      ? [`\n${table(["not in use", "tag or digest", "size", "why it goes"], goes)}`]
      : []),
    ...(stays.length > 0 ? [`\n${table(["in use", "tag or digest", "by"], stays)}`] : []),
    "\n",
    ...missing.map(
      ({ repository, reference, by }) =>
        `${by} refers to ${repository}${separator(reference)}${reference}, which is not there\n`,
    ),
    ...foreign.map((repository) => `${repository} is not this project's and is left alone\n`),
    ...stuck.map(
      ({ repository, tag = "", why }) =>
        `${repository}:${tag} is not in use and stays, since this registry cannot delete a tag alone and ${why}\n`,
    ),
    ...(cleaning?.refused ?? []).map(
      ({ deletion, reason }) => `${deletion.repository} ${nameOf(deletion)} stays: ${reason}\n`,
    ),
    summary(report, afterwards),
  ].join("");
}

/** How one deletion is called: by its tags, or by its digest. */
export function nameOf({ tag, tags, digest }: Deletion): string {
  return tag ?? (fewNames(tags) || shortDigest(digest));
}

function usage({ sources, registry }: Report): string {
  const { stacks, releases, olderReleases, applications } = sources;
  return [
    `${registry} by ${plural(stacks.length, "stack")} (${stacks.join(", ")})`,
    `${releases.length} of ${plural(releases.length + olderReleases, "release")}`,
    plural(applications.length, "live Application"),
    "the builders' caches",
  ].join(", ");
}

function summary(
  { garbage, kept, freedBytes: freed, cleaning }: Report,
  afterwards: string,
): string {
  const deletions: readonly Deletion[] = cleaning?.deleted ?? garbage;
  const tags = deletions.filter(({ tag }) => tag !== undefined).length;
  const manifests = plural(deletions.length - tags, "manifest");
  const what = tags > 0 ? `${manifests} and ${plural(tags, "tag")}` : manifests;
  const rest = `${plural(kept.length, "manifest")} ${kept.length === 1 ? "is" : "are"} in use`;
  const held = garbage.reduce((sum, { bytes, follows }) => (follows ? sum : sum + bytes), 0);
  const shared = held > freed ? ", since others share the rest of their layers" : "";
  if (garbage.length === 0) return `nothing to delete: ${rest}\n`;
  if (!cleaning)
    return `would delete ${what} and free ${formatBytes(freed)}${shared}; ${rest}; make gc DELETE=1 deletes\n`;
  return `deleted ${what} and freed ${formatBytes(freed)}${shared}; ${rest}; ${afterwards}\n`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function separator(reference: string): string {
  return reference.includes(":") ? "@" : ":";
}
