/**
 * Says what the next `pulumi up` of a stack would do and why, without the engine:
 * `node commands/explain/cli.ts [--stack local] [--json | --markdown | --detail] [--try] [--html FILE] [--save FILE] [--exit-code] [--platform]`.
 *
 * Exits with 0 when it could tell, with 2 when it was told --exit-code and something would change, with 1 on an error.
 */
import { writeFileSync } from "node:fs";
import { deliverables } from "../../deliverables.ts";
import { readOptions, runMain } from "../../delivery/basics/command-line.ts";
import { InputError } from "../../delivery/basics/input-error.ts";
import { requireOwnFile } from "../../delivery/basics/own-file.ts";
import { shortHash } from "../../delivery/basics/sha256.ts";
import type { EarlierBuilds } from "../../delivery/findings/build-forecast.ts";
import { findAll, startReading } from "../../delivery/findings/find-all.ts";
import { conflicts, foundToSave } from "../../delivery/findings/finding.ts";
import { type Recorded, readRecorded } from "../../delivery/findings/recorded.ts";
import { readLayers } from "../../delivery/findings/image-layers.ts";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { type Endpoints, imageRepository } from "../../delivery/registry/references.ts";
import { forecastObjects } from "../../delivery/objects/forecast.ts";
import { fingerprints } from "../../delivery/plan/fingerprints.ts";
import { type Plan, planDeliverables } from "../../delivery/plan/plan.ts";
import { planToSave, savePlan } from "../../delivery/plan/saved-plan.ts";
import { findUncommitted } from "../../delivery/plan/uncommitted.ts";
import { ownerOf } from "../../delivery/rollout/live-applications.ts";
import {
  planApplications,
  planRelease,
  readSettings,
  project,
} from "../../delivery/settings/settings.ts";
import { readStackConfiguration } from "../../delivery/settings/stack-configuration.ts";
import { LoggedOutError, readStackState } from "../../delivery/settings/stack-state.ts";
import { enterStack } from "../../platform/environment.ts";
import { buildkitAddress } from "../../platform/cluster/services.ts";
import { askBuilder } from "../../platform/report/builder-memory.ts";
import { localStack, readPlatformSettings } from "../../platform/settings.ts";
import { tryChanged } from "../build/try.ts";
import { type Explanation, explain, isChanged } from "./explanation.ts";
import { isPage, renderPage } from "./page.ts";
import { inColours, renderMarkdown, renderText, summary } from "./render.ts";

const declared = {
  stack: { type: "string", default: "local" },
  json: { type: "boolean", default: false },
  markdown: { type: "boolean", default: false },
  detail: { type: "boolean", default: false },
  html: { type: "string" },
  try: { type: "boolean", default: false },
  save: { type: "string" },
  "exit-code": { type: "boolean", default: false },
  platform: { type: "boolean", default: false },
} as const;

type Options = ReturnType<typeof readOptions<typeof declared>>;

const changesExitCode = 2;

async function main(): Promise<number> {
  const options = readOptions(declared);
  const { html } = options;
  if (html !== undefined) requireOwnFile(html, "page of make explain", isPage);
  if (options.platform) enterStack(options.stack);
  const explanation = await explainStack(options);
  if (html !== undefined)
    keep("page", () => {
      writeFileSync(html, renderPage(explanation, summary(explanation)));
      process.stderr.write(`wrote ${html}\n`);
    });
  process.stdout.write(render(explanation, options));
  return options["exit-code"] && explanation.items.some(isChanged) ? changesExitCode : 0;
}

async function explainStack({ stack, save, ...options }: Options): Promise<Explanation> {
  const told: string[] = [];
  const state = readStackState(stack).catch((error: unknown) => {
    if (!(error instanceof LoggedOutError)) throw error;
    told.push(`${error.message}; until then everything counts as new`);
    return [];
  });
  // Other errors come first; this one is still thrown below.
  state.catch(() => undefined);
  const settings = readSettings(readStackConfiguration(stack));
  const { publishing, cluster, aliases, signing, offline } = settings;
  const { releaseProblems, releasesFromGit } = settings;
  const live = startReading(settings);
  const plan = planDeliverables(deliverables, settings.plan);
  const applications = planApplications(plan.charts, settings);
  const now = fingerprints(plan, applications, publishing, planRelease(settings));
  const uncommitted = releasesFromGit ? findUncommitted(plan) : [];
  const problems = [...releaseProblems, ...uncommitted];
  const { endpoints } = publishing;
  const { release } = settings.plan.versions;
  const question = { plan, state, live, endpoints, release, aliases, signing };
  const findings = await findAll({
    ...question,
    owner: ownerOf(project, stack),
    applications,
    cluster,
    offline,
  });
  if (save !== undefined)
    keep("plan", () => {
      savePlan(save, planToSave(now, applications, foundToSave(findings, now)));
    });
  const recorded = readRecorded(await state);
  const builder = builderOf(stack, options);
  const tried = options.try
    ? await tryChanged({ plan, recorded, findings, endpoints }, builder)
    : undefined;
  const built = tried && new Map([...tried].map(([name, { digest }]) => [name, digest]));
  const earlier = offline ? undefined : readEarlierBuilds({ plan, recorded, endpoints }, builder);
  // Charts that cannot be rendered come first.
  earlier?.catch(() => undefined);
  const { chartValues } = settings;
  const planned = { plan, recorded, findings, endpoints, applications };
  const look = { ...planned, chartValues, cluster, offline };
  const forecasts = await forecastObjects({ ...look, built });
  return explain({
    ...{ stack, plan, applications, now, state: await state, findings, forecasts, tried },
    ...{ earlier: await earlier, checked: !offline, told },
    problems: [...problems, ...conflicts(findings)],
  });
}

/** Reads what is known of earlier builds of the images that change, by name. */
async function readEarlierBuilds(
  {
    plan,
    recorded,
    endpoints,
  }: { readonly plan: Plan; readonly recorded: Recorded; readonly endpoints: Endpoints },
  builder: string | undefined,
): Promise<ReadonlyMap<string, EarlierBuilds>> {
  const client = new RegistryClient({ host: endpoints.push, tls: endpoints.pushTls });
  const asked = builder === undefined ? undefined : askBuilder(builder);
  try {
    const told = plan.images.map(async ({ name, key, platforms }) => {
      const known = recorded.images.get(name);
      if (!known || known.key === shortHash(key)) return undefined;
      const repository = imageRepository(endpoints, name);
      const [memory, pulled] = await Promise.all([
        asked?.memoryOf(name),
        readLayers(client, repository, known.digest, platforms[0]),
      ]);
      return [name, { builder: memory, pulled }] as const;
    });
    return new Map((await Promise.all(told)).filter((one) => one !== undefined));
  } finally {
    client.close();
  }
}

/** Address of the builder that can be asked for earlier builds; undefined for all but the embedded platform's. */
function builderOf(stack: string, { platform }: Pick<Options, "platform">): string | undefined {
  const isEmbedded = platform && stack === localStack && process.env["PLATFORM"] !== "kind";
  return isEmbedded ? buildkitAddress(readPlatformSettings()) : undefined;
}

function keep(what: "plan" | "page", write: () => void): void {
  try {
    write();
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(
      `the ${what} cannot be saved: ${error instanceof Error ? error.message : String(error)}; name another file`,
    );
  }
}

function render(
  explanation: Explanation,
  { json, markdown, detail }: { json: boolean; markdown: boolean; detail: boolean },
): string {
  if (json) return `${JSON.stringify(explanation, undefined, 2)}\n`;
  return markdown ? renderMarkdown(explanation) : inColours(renderText(explanation, detail));
}

runMain("explain", main);
