import { join } from "node:path";
import { handOver, readHandedOver } from "../basics/handed-over.ts";
import { factsIfAny, readGitFacts } from "../sources/git-facts.ts";
import type { ReleaseRecord } from "./record.ts";

/** Builder of what was made on somebody's own machine; docs/provenance.md describes it. */
const ownMachine = "https://tinyolly.dev/builder/own-machine";

/** Builder of what was copied from where nobody recorded it. */
export const unknownBuilder = "https://tinyolly.dev/builder/unknown";

/** Commit that a release is made of, as far as Git knows it, and who builds it. */
export type Origin = Pick<ReleaseRecord, "source" | "builder">;

/** Origin of the sources in the current folder. */
export function originOfSources(env: NodeJS.ProcessEnv = process.env): Origin {
  // A release by tag was refused long before this where Git does not say which.
  const facts = factsIfAny(readGitFacts);
  const builder = builderOf(env);
  if (!facts) return { builder };
  const { commit, time, repository, dirty } = facts;
  const source = { commit, time, dirty: dirty.length > 0 };
  return { builder, source: { ...source, ...(repository === undefined ? {} : { repository }) } };
}

/** Address of who builds here: the workflow that runs, or a machine that nobody vouches for. */
export function builderOf(env: NodeJS.ProcessEnv): string {
  const workflow = env["GITHUB_WORKFLOW_REF"] ?? "";
  if (env["GITHUB_ACTIONS"] !== "true" || workflow === "") return ownMachine;
  return `${env["GITHUB_SERVER_URL"] ?? "https://github.com"}/${workflow}`;
}

/** Path of the file that hands the origin of a release over; a commit alone is no reason to record a release again. */
export function originFile(release: string): string {
  return join(".tinyolly/origins", `${release}.json`);
}

/** Writes the origin for whoever signs and records the release, when another commit may be checked out. */
export function writeOrigin(release: string, origin: Origin): void {
  handOver(originFile(release), origin);
}

/**
 * Reads the origin of a release.
 *
 * @throws InputError when nobody has written it.
 */
export function readOrigin(file: string): Origin {
  // Only the function above writes it.
  return readHandedOver(file, "which commit is released") as Origin;
}
