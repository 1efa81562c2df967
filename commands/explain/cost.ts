import type { PulledImage } from "../../delivery/findings/image-layers.ts";
import type { ImagePlan } from "../../delivery/plan/image-plan.ts";
import type { ExplainedBuild } from "./build.ts";
import type { ExplainedItem, Explanation } from "./explanation.ts";

/** What is known of earlier builds of an image. */
export interface EarlierBuilds {
  /** The image that was pushed last. @default - unknown */
  readonly pulled?: PulledImage | undefined;
  /** Seconds of each step that ran, by its name, and of the export. */
  readonly seconds: ReadonlyMap<string, number>;
}

/** Adds to each build of an explanation what it takes, as far as earlier ones tell, by name of the image. */
export function withCosts(
  explanation: Explanation,
  images: readonly ImagePlan[],
  earlier: ReadonlyMap<string, EarlierBuilds>,
): Explanation {
  const items = explanation.items.map((item): ExplainedItem => {
    const image = images.find(({ name }) => item.kind === "image" && name === item.name);
    const known = earlier.get(item.name);
    if (!image || !known || !item.build || item.build.sameDigest) return item;
    return { ...item, build: withCost(item.build, image, known) };
  });
  return { ...explanation, items };
}

/** Adds what a build takes. */
export function withCost(
  build: ExplainedBuild,
  { steps: { layers } }: Pick<ImagePlan, "steps">,
  { pulled, seconds }: EarlierBuilds,
): ExplainedBuild {
  const moving = build.steps.filter(({ fate }) => fate !== "unchanged").map(({ name }) => name);
  const known = moving.map((name) => seconds.get(name));
  const takes = known.filter((one) => one !== undefined);
  const exporting = seconds.get("exporting to image") ?? 0;
  const bytes = pulled && pulledBytes(pulled, layers, new Set(moving));
  return {
    ...build,
    // Where the time of one is not known, that of all is not.
    ...(takes.length < known.length || takes.length === 0
      ? {}
      : { seconds: rounded(takes.reduce((sum, one) => sum + one, exporting)) }),
    ...(bytes === undefined ? {} : { bytes }),
  };
}

/** Bytes of the layers that change; undefined where the image was not made of these steps. */
function pulledBytes(
  { layers: all, rest }: PulledImage,
  layers: readonly string[],
  moving: ReadonlySet<string>,
): number | undefined {
  const own = all.slice(all.length - layers.length);
  const fits = own.every(({ madeBy }, at) => {
    const [, instruction = ""] = /: (\w+) /.exec(layers[at] ?? "") ?? [];
    return madeBy.startsWith(instruction);
  });
  if (!fits || own.length < layers.length) return undefined;
  return own.reduce(
    (sum, { bytes }, at) => (moving.has(layers[at] ?? "") ? sum + bytes : sum),
    rest,
  );
}

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
