import { factsIfAny, readGitFacts } from "../sources/git-facts.ts";
import type { ReleaseRecord } from "./record.ts";

/** Builder of what was made on somebody's own machine; docs/provenance.md describes it. */
const ownMachine = "https://tinyolly.dev/builder/own-machine";

/** Builder of what was copied from where nobody recorded it. */
export const unknownBuilder = "https://tinyolly.dev/builder/unknown";

/** The sources in the current folder as far as Git knows them, and who builds them here. */
export function originOfSources(
  env: NodeJS.ProcessEnv = process.env,
): Pick<ReleaseRecord, "source" | "builder"> {
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
