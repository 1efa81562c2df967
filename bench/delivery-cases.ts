import { appendLine, renewLayers } from "./checkout.ts";
import { type Command, run } from "./command.ts";
import { type Contender, everything, nothing } from "./contender.ts";
import type { Contenders } from "./contenders/all.ts";
import type { Case, Entry } from "./measure.ts";
import { once } from "./once.ts";

/** How often a case is timed. */
export interface Rounds {
  readonly short: number;
  /** Cases that build everything. */
  readonly long: number;
}

/** Cases in which the contenders deliver TinyOlly, each after an untimed delivery. */
export function deliveryCases(
  contenders: Contenders,
  rounds: Rounds,
  log: (line: string) => void,
): Case[] {
  const { ours, bake, skaffold, scripts, dockerBuild, floor } = contenders;
  const delivering = [ours, bake, skaffold, scripts, dockerBuild];
  const setUp = once(async () => {
    for (const contender of Object.values(contenders)) await deliverUntimed(contender, log);
  });
  const short = { rounds: rounds.short, setUp };
  const noChange = { formula: "1.4 × floor", limit: (median: Median) => 1.4 * median("floor") };

  const firstBuild: Case = {
    id: "first-build",
    title: "First build, with warm base images and package caches",
    rounds: rounds.long,
    setUp,
    entries: delivering.map((contender) => ({
      contender: contender.name,
      prepare: async (round) => {
        await renew(contender, `round-${round}`);
        return contender.deliver(everything);
      },
    })),
    target: { formula: "1.05 × bake", limit: (median) => 1.05 * median("bake") },
  };
  const preview: Case = {
    ...short,
    id: "no-change-preview",
    title: "No change, preview",
    entries: [ours, dockerBuild, floor].flatMap(({ name, preview: command }) =>
      command ? [{ contender: name, prepare: () => command }] : [],
    ),
    target: noChange,
  };
  const up: Case = {
    ...short,
    id: "no-change-up",
    title: "No change, up",
    entries: [...delivering, floor].map((contender) => ({
      contender: contender.name,
      prepare: () => contender.deliver(everything),
    })),
    target: noChange,
  };
  const explain: Case = {
    ...short,
    id: "explain",
    title: "No change, explain (others: images only)",
    entries: [
      { contender: ours.name, prepare: () => ours.explain },
      { contender: bake.name, prepare: () => bake.deliver(nothing) },
      { contender: skaffold.name, prepare: () => skaffold.deliver(nothing) },
    ],
    target: { formula: "bake", limit: (median) => median("bake") },
  };
  const edited = ({ name, checkout }: Contender, command: Command | undefined): Entry[] => {
    if (!command) return [];
    const prepare = (round: number): Command => {
      appendLine(checkout, "apps/tinyolly/main.py", `# explained ${round}`);
      return command;
    };
    return [{ contender: name, prepare }];
  };
  const explainLine: Case = {
    ...short,
    id: "explain-line",
    title: "One Python line, explain to the pod (Skaffold: dry run, and both charts rendered)",
    entries: [...edited(ours, ours.explain), ...edited(skaffold, skaffold.preview)],
    target: { formula: "1.5 × skaffold", limit: (median) => 1.5 * median("skaffold") },
  };

  const edits: readonly Edit[] = [
    {
      id: "python-line",
      title: "One Python line",
      path: "apps/tinyolly/main.py",
      line: (mark) => `# ${mark}`,
      images: ["tinyolly"],
    },
    {
      id: "ui-line",
      title: "One line of the web interface",
      path: "apps/tinyolly-ui/src/main.ts",
      line: (mark) => `document.documentElement.dataset['bench'] = '${mark}';`,
      images: ["webui"],
    },
    {
      id: "chart-line",
      title: "One line of a chart",
      path: "charts/tinyolly/values.yaml",
      line: (mark) => `# ${mark}`,
      images: [],
    },
  ];
  // The case of a first build comes first: it leaves every contender as an untimed delivery does.
  return [
    firstBuild,
    preview,
    up,
    explain,
    explainLine,
    ...edits.map((edit) => ({ ...short, ...editCase(edit, contenders) })),
  ];
}

type Median = (contender: string) => number;

/** One line appended to one file, in the chart `tinyolly` or an image of it. */
interface Edit {
  readonly id: string;
  readonly title: string;
  readonly path: string;
  readonly line: (mark: string) => string;
  /** Images that change by it. */
  readonly images: readonly string[];
}

function editCase(
  { id, title, path, line, images }: Edit,
  { ours, bake, skaffold, scripts, dockerBuild, floor }: Contenders,
): Pick<Case, "id" | "title" | "entries" | "target"> {
  const entries = [ours, bake, skaffold, scripts, dockerBuild].map((contender): Entry => ({
    contender: contender.name,
    prepare: (round) => {
      // The contender's name keeps BuildKit from having built the same for another one.
      appendLine(contender.checkout, path, line(`${id} ${contender.name} ${round}`));
      const version = `v2.1.x-${id}-${round}`;
      // Who runs scripts by hand runs what the change needs; the others are given all and find out.
      const needed = contender === scripts ? { images, charts: ["tinyolly"] } : everything;
      return contender.deliver({ ...needed, version });
    },
  }));
  return {
    id,
    title,
    entries: [...entries, { contender: floor.name, prepare: () => floor.deliver(nothing) }],
    target: {
      formula: "1.15 × (scripts + floor)",
      limit: (median) => 1.15 * (median("scripts") + median("floor")),
    },
  };
}

async function deliverUntimed(contender: Contender, log: (line: string) => void): Promise<void> {
  await renew(contender, "untimed");
  const { seconds } = await run(contender.deliver(everything));
  log(`${contender.name}: delivered in ${seconds.toFixed(1)} s, untimed`);
}

/** Makes the next delivery a first one, with no layer of the apps to be found in a cache. */
async function renew(contender: Contender, mark: string): Promise<void> {
  // Unlike any other run of the benchmark.
  renewLayers(contender.checkout, `${contender.name}-${mark}-${process.pid}-${Date.now()}`);
  await contender.forget();
}
