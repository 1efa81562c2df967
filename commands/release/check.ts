import { deliverables } from "../../deliverables.ts";
import { readOptions } from "../../delivery/basics/command-line.ts";
import { InputError } from "../../delivery/basics/input-error.ts";
import { once } from "../../delivery/basics/once.ts";
import { type Finding, conflicts } from "../../delivery/findings/finding.ts";
import { nothingRecorded } from "../../delivery/findings/recorded.ts";
import { assumeInRegistry, findInRegistry } from "../../delivery/findings/registry-findings.ts";
import {
  type ForecastArgs,
  forecastObjects,
  forecastWarnings,
} from "../../delivery/objects/forecast.ts";
import { planDeliverables, unlockedProblem } from "../../delivery/plan/plan.ts";
import { findUncommitted } from "../../delivery/plan/uncommitted.ts";
import { expectedRelease, isRelease } from "../../delivery/plan/version.ts";
import { ownVersion } from "../../delivery/settings/settings.ts";
import { signingProblem } from "../../delivery/signing/signing-problem.ts";
import { readGitFacts } from "../../delivery/sources/git-facts.ts";
import { table } from "../../platform/report/table.ts";
import { openStack, stackOptions } from "./stack.ts";

const declared = {
  ...stackOptions,
  release: { type: "string", default: "" },
  json: { type: "boolean", default: false },
  markdown: { type: "boolean", default: false },
} as const;

/** What a release would hold, and what stands in its way. */
export interface ReleaseCheck {
  readonly version: 1;
  readonly release: string;
  readonly items: readonly CheckedItem[];
  /** Why it cannot be made now, each with what to do. */
  readonly problems: readonly string[];
  /** What is allowed, but seldom meant. */
  readonly warnings: readonly string[];
}

/** One image or chart of a release. */
export interface CheckedItem {
  readonly kind: "image" | "chart";
  readonly name: string;
  readonly version: string;
  /**
   * `published` under this version with the same content, `there` with the same content under another version, `new`, or `taken`
   * by other content.
   */
  readonly status: "published" | "there" | "new" | "taken";
}

/**
 * `check [--stack prod] [--release v2.1.9] [--json | --markdown]`: says what the next release would hold and what is missing for it.
 * Without a name it takes the tag of HEAD, else the next patch; a name must be what HEAD can be released as. Exits with 1 when
 * something is missing.
 */
export async function check(args: string[]): Promise<number> {
  const options = readOptions(declared, args);
  if (options.release !== "" && !isRelease(options.release)) {
    throw new InputError(
      `RELEASE is "${options.release}", but must be a semantic version after a v, such as v2.1.9`,
    );
  }
  const git = once(readGitFacts);
  const { settings, client } = openStack(options, git, options.release);
  client.close();
  const { endpoints } = settings.publishing;
  const { versions } = settings.plan;
  const release = options.release || (versions.release ?? expectedRelease(git(), ownVersion()));
  const plan = planDeliverables(deliverables, {
    ...settings.plan,
    versions: { ...versions, release },
  });
  const question = { plan, recorded: nothingRecorded, endpoints, release };
  const found = settings.offline ? assumeInRegistry(question) : await findInRegistry(question);
  const { chartValues, offline } = settings;
  const rendered = await renderCharts({
    ...{ plan, findings: found, recorded: nothingRecorded, endpoints, chartValues, offline },
    ...{ applications: [], cluster: undefined },
  });
  const unlocked = unlockedProblem(plan, settings.baseLock, options.stack);
  // make release provides the tools with the platform.
  const unsigned = signingProblem(settings.signing, process.env, options.platform);
  const uncommitted = settings.releasesFromGit ? findUncommitted(plan) : [];
  const result: ReleaseCheck = {
    version: 1,
    release,
    items: [
      ...plan.images.map(({ name, tag }): CheckedItem => ({
        ...{ kind: "image", name, version: tag, status: statusOf(found.images.get(name)) },
      })),
      ...plan.charts.map(({ name, version }): CheckedItem => ({
        ...{ kind: "chart", name, version, status: statusOf(found.charts.get(name)) },
      })),
    ],
    problems: [
      ...settings.releaseProblems,
      ...uncommitted,
      ...conflicts(found),
      ...rendered.problems,
    ],
    warnings: [
      ...rendered.warnings,
      ...(unsigned === undefined ? [] : [`here nothing could be signed: ${unsigned}`]),
      ...(unlocked === undefined ? [] : [unlocked]),
      ...(settings.offline ? ["the registry was not asked what it has"] : []),
    ],
  };
  process.stdout.write(render(result, options));
  return result.problems.length === 0 ? 0 : 1;
}

/** Renders every chart by the stack's values, so that none is published that Argo CD could not render. */
async function renderCharts(
  args: ForecastArgs,
): Promise<Readonly<Record<"problems" | "warnings", readonly string[]>>> {
  try {
    return { problems: [], warnings: forecastWarnings(await forecastObjects(args)) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { problems: error.message.split(/\n(?=chart ")/), warnings: [] };
  }
}

function statusOf(finding: Finding | undefined): CheckedItem["status"] {
  if (finding?.conflict !== undefined) return "taken";
  if (finding?.released === true) return "published";
  return finding?.existing === undefined ? "new" : "there";
}

const statusTexts: Readonly<Record<CheckedItem["status"], string>> = {
  published: "published already",
  there: "built already, gets the version",
  new: "to be made",
  taken: "taken by other content",
};

function render(
  result: ReleaseCheck,
  { json, markdown }: { json: boolean; markdown: boolean },
): string {
  if (json) return `${JSON.stringify(result, undefined, 2)}\n`;
  const { release, items, problems, warnings } = result;
  const rows = items.map(({ kind, name, version, status }) => [
    `${kind} ${name}`,
    version,
    statusTexts[status],
  ]);
  const notes = [
    ...problems.map((problem) => `missing: ${problem}`),
    ...warnings.map((warning) => `note: ${warning}`),
  ];
  const verdict =
    problems.length === 0 ? `${release} can be released` : `${release} cannot be released yet`;
  if (!markdown) {
    const parts = [table(["part", "version", ""], rows), ...notes.map((note) => `${note}\n`)];
    return `${parts.join("\n")}\n${verdict}\n`;
  }
  return [
    `### ${verdict}`,
    "",
    "| part | version | |",
    "| --- | --- | --- |",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
    "",
    ...notes.map((note) => `- ${note}`),
    "",
  ].join("\n");
}
