import type { BuildStep } from "../plan/build-steps.ts";
import type { ImagePlan } from "../plan/image-plan.ts";
import {
  type ForetoldStep,
  type StepMemory,
  isOwnSame,
  sameSteps,
  stepFates,
} from "../plan/step-fates.ts";
import type { PulledImage } from "./image-layers.ts";
import type { RecordedArtifact } from "./recorded.ts";

/** What the build of an image will do. */
export interface BuildForecast {
  /** Steps for the first platform, each after those that it stands on. */
  readonly steps: readonly ForetoldStep[];
  /** Whether nothing changes that decides the image, so that its digest stays, and no pod restarts for it. */
  readonly sameDigest: boolean;
  /** Seconds from its begin until it is pushed, by earlier builds on the same builder. @default - unknown */
  readonly seconds?: number;
  /** Most bytes that a node pulls which has the image of before, by the layers of that. @default - unknown */
  readonly bytes?: number;
  /** Those of them that it may not have to pull, since a step may give again what it gave before. @default - none */
  readonly openBytes?: number;
}

/** What is known of earlier builds of an image. */
export interface EarlierBuilds {
  /** The image that was pushed last. @default - unknown */
  readonly pulled?: PulledImage | undefined;
  /** What the builder tells. @default - it cannot be asked */
  readonly builder?: BuilderMemory | undefined;
}

/** What a builder knows of earlier builds of an image. */
export interface BuilderMemory extends StepMemory {
  /** Seconds of each step that ran, by its name. */
  readonly seconds: ReadonlyMap<string, number>;
  /** Seconds of all besides steps: reading the context, exporting, pushing. @default - unknown */
  readonly rest?: number | undefined;
}

/**
 * Says what the build of an image will do; undefined where the steps of the last one are not known.
 *
 * @param recorded What is known of the image that was built last.
 * @param changed Files of the context that are not as they were then.
 */
export function forecastBuild(
  { steps: { steps, layers, result } }: Pick<ImagePlan, "steps">,
  recorded: Pick<RecordedArtifact, "steps" | "result"> | undefined,
  { pulled, builder }: EarlierBuilds = {},
  changed: ReadonlySet<string> = new Set(),
): BuildForecast | undefined {
  if (!steps || !recorded?.steps) return undefined;
  const last = recorded.steps;
  const fates = stepFates(steps, { last, builder }, changed);
  const moving = new Set(fates.filter(({ fate }) => fate !== "unchanged").map(({ name }) => name));
  const sameDigest = recorded.result === result && moving.size === 0;
  const seconds = builder && secondsOf(steps, moving, builder);
  const pulls = pulled && pulledBytes(pulled, layers, layerFates(steps, last, moving));
  return {
    ...{ steps: fates, sameDigest },
    ...(seconds === undefined ? {} : { seconds: Math.round(seconds * 10) / 10 }),
    ...(sameDigest ? {} : pulls),
  };
}

/** Seconds of the longest way through the steps that run, and of the rest; undefined where one of them is not known. */
function secondsOf(
  steps: readonly BuildStep[],
  moving: ReadonlySet<string>,
  { seconds, rest }: BuilderMemory,
): number | undefined {
  const ends = new Map<string, number>();
  for (const { name, after, takes } of steps) {
    const own = moving.has(name) ? seconds.get(name) : 0;
    if (own === undefined) return undefined;
    const begin = [after, ...takes].map((before) => ends.get(before ?? "") ?? 0);
    ends.set(name, own + Math.max(...begin));
  }
  return rest === undefined ? undefined : rest + Math.max(0, ...ends.values());
}

/** Whether a layer is as it was, another one, or only the build will tell. */
type LayerFate = "stays" | "changes" | "open";

/** What becomes of the layer of each step, by name; whether the builder has it already makes no difference to nodes. */
function layerFates(
  steps: readonly BuildStep[],
  last: Readonly<Record<string, string>>,
  moving: ReadonlySet<string>,
): ReadonlyMap<string, LayerFate> {
  const same = sameSteps(steps, last);
  const fateOf = ({ name, own, takes, open }: BuildStep): LayerFate => {
    if (!isOwnSame(name, own, last)) return "changes";
    const stays = name.includes(": RUN ")
      ? same.has(name) && !moving.has(name)
      : // What copies the same files gives the same layer, whatever it stands on.
        !open && takes.every((one) => same.has(one));
    return stays ? "stays" : "open";
  };
  return new Map(steps.map((step) => [step.name, fateOf(step)]));
}

/** Bytes of the layers that change or may; undefined where the image was not made of these steps. */
function pulledBytes(
  { layers: all, rest }: PulledImage,
  layers: readonly string[],
  fates: ReadonlyMap<string, LayerFate>,
): Pick<BuildForecast, "bytes" | "openBytes"> | undefined {
  const own = all.slice(all.length - layers.length);
  const fits = own.every(({ madeBy }, at) => {
    const [, instruction = ""] = /: (\w+) /.exec(layers[at] ?? "") ?? [];
    return madeBy.startsWith(instruction);
  });
  if (!fits || own.length < layers.length) return undefined;
  const sumOf = (wanted: LayerFate): number =>
    own.reduce((sum, { bytes }, at) => {
      const fate = fates.get(layers[at] ?? "") ?? "changes";
      return fate === wanted ? sum + bytes : sum;
    }, 0);
  const openBytes = sumOf("open");
  return {
    bytes: rest + sumOf("changes") + openBytes,
    ...(openBytes === 0 ? {} : { openBytes }),
  };
}
