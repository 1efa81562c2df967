import { makeCatalog } from "./catalog.ts";
import { type Command, run } from "./command.ts";
import { type Contender, nothing } from "./contender.ts";
import { explainCommand } from "./contenders/ours.ts";
import type { Case } from "./measure.ts";
import { makeMonorepo } from "./monorepo.ts";
import { once } from "./once.ts";
import type { Workplace } from "./workplace.ts";

const small = 4;
const large = 400;
const sizes = [large, 100, 10, small];

/** Cases in which this program has many small images and nothing changes, against an empty program. */
export function catalogCases(
  workplace: Workplace,
  floor: Contender,
  rounds: number,
  log: (line: string) => void,
): Case[] {
  const catalogs = sizes.map((size) => ({
    name: `${size} images`,
    stack: once(() => makeCatalog(workplace, size)),
  }));
  const setUp = once(async () => {
    await floor.forget();
    await run(floor.deliver(nothing));
    for (const { name, stack } of catalogs) {
      const { seconds } = await run((await stack()).up);
      log(`${name}: delivered in ${seconds.toFixed(1)} s, untimed`);
    }
  });
  const noChange = (of: "preview" | "up", floorCommand: Command): Case => ({
    id: `catalog-${of}`,
    title: `Catalog without a change, ${of}`,
    rounds,
    setUp,
    entries: [
      ...catalogs.map(({ name, stack }) => ({
        contender: name,
        prepare: async () => (await stack())[of],
      })),
      { contender: floor.name, prepare: () => floorCommand },
    ],
    target: {
      formula: `3 × ${small} images`,
      limit: (median) => 3 * median(`${small} images`),
    },
  });
  const withCharts = once(() => makeCatalog(workplace, large, large / 10));
  const monorepo = once(async () => {
    const { cwd } = (await withCharts()).command([]);
    return makeMonorepo(workplace, cwd, 10);
  });
  const explain: Case = {
    id: "catalog-explain",
    title: `Catalog of ${large} images and ${large / 10} charts without a change, explain`,
    rounds,
    setUp: once(async () => {
      const { seconds } = await run((await withCharts()).up);
      log(
        `${large} images and ${large / 10} charts: delivered in ${seconds.toFixed(1)} s, untimed`,
      );
      await monorepo();
    }),
    entries: [
      { contender: "ours", prepare: async () => (await withCharts()).command(explainCommand) },
      { contender: "turbo", prepare: async () => (await monorepo()).turbo },
      { contender: "nx", prepare: async () => (await monorepo()).nx },
    ],
    target: { formula: "1.5 s", limit: () => 1.5 },
  };
  return [
    explain,
    ...(floor.preview ? [noChange("preview", floor.preview)] : []),
    noChange("up", floor.deliver(nothing)),
  ];
}
