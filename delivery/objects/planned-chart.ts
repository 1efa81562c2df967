import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "../basics/once.ts";
import { sha256 } from "../basics/sha256.ts";
import { type ImageValue, writeChartPackage } from "../plan/chart-package.ts";
import type { ChartImage, ChartPlan } from "../plan/chart-plan.ts";
import type { Capabilities } from "./capabilities.ts";
import type { ObjectFate } from "./fate.ts";
import { type RenderArgs, renderChart } from "./rendering.ts";
import type { RenderedObject } from "./rendered-object.ts";

/** A planned chart, and what is known of its images. */
export interface PlannedChart {
  readonly plan: ChartPlan;
  /** Prefix of every image that nodes pull: `host/namespace`. */
  readonly pullFolder: string;
  /** `sha256:…` by name of the image, of those that are built already. */
  readonly digests: ReadonlyMap<string, string>;
  /** Release that the chart was made for, where it is taken as it is. @default - the one that is made */
  readonly since?: string | undefined;
  /** Whether charts that it depends on are fetched where they are not on this machine. */
  readonly fetches: boolean;
}

/** Renderings of a planned chart. */
export interface PlannedRendering {
  readonly objects: readonly RenderedObject[];
  /** The same with other digests where only builds will tell them, and other chance; undefined where all is known. */
  readonly other: readonly RenderedObject[] | undefined;
}

/** Functions of templates that give something else each time. */
const impure =
  /\b(?:rand(?:AlphaNum|Alpha|Numeric|Ascii|Bytes|Int)|shuffle|uuidv4|now|bcrypt|htpasswd|encryptAES|gen(?:CA|PrivateKey|\w+Cert)\w*)\b/;

/** Texts of a planned chart that decide what it asks for: its description and its templates, those of its own charts too. */
export function chartTexts({ path, files }: ChartPlan): string {
  const texts = files.filter(
    ({ path, kind }) => kind !== "link" && /(?:^|\/)(?:Chart\.yaml$|templates\/)/.test(path),
  );
  return texts.map((file) => readFileSync(join(path, file.path), "utf8")).join("\n");
}

/**
 * Renders a chart as it would be packaged. Digests that only a build will tell are symbols.
 *
 * @throws HelmError with the template's line or the value's path where it fails.
 */
export async function renderPlannedChart(
  chart: PlannedChart,
  args: Omit<RenderArgs, "identity" | "unpack" | "capabilities"> & {
    readonly capabilities: Promise<Capabilities | undefined>;
  },
  texts: string,
): Promise<PlannedRendering> {
  const { plan, digests } = chart;
  const isOpen =
    impure.test(texts) || [...plan.images.values()].some(({ name }) => !digests.has(name));
  const work = mkdtempSync(join(tmpdir(), "tinyolly-chart-"));
  const write = once(() => writePackage(chart, join(work, plan.name)));
  try {
    // Most charts that change were never rendered, so it is written while the cluster is asked.
    const [capabilities] = await Promise.all([args.capabilities, write()]);
    const [objects, other] = await Promise.all(
      (isOpen ? ([0, 1] as const) : ([0] as const)).map((variant) =>
        renderChart({
          ...{ ...args, capabilities },
          identity: ["planned", ...madeFor(chart), imageValues(chart, variant), variant],
          unpack: async (folder) => {
            const written = await write();
            return variant === 0 ? written : withOtherDigests(chart, written, folder);
          },
        }),
      ),
    );
    return { objects: objects ?? [], other };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The symbol of an image's digest, which has the form of one. */
function digestSymbol({ name, key }: Pick<ChartImage, "name" | "key">, variant = 0): string {
  return `sha256:${sha256(`digest ${variant} of ${name} ${key}`)}`;
}

/** Key and versions of the package. */
function madeFor({ plan, since }: PlannedChart): readonly string[] {
  return [plan.key, plan.version, since ?? plan.appVersion];
}

/** Writes the chart as it would be packaged to a folder; returns that. */
async function writePackage(chart: PlannedChart, folder: string): Promise<string> {
  const { plan, since, fetches } = chart;
  const { path, files, version, appVersion, key, dependencies } = plan;
  const images = imageValues(chart, 0);
  const made = { path, files, version, key, images, dependencies };
  await writeChartPackage({ ...made, appVersion: since ?? appVersion }, folder, fetches);
  return folder;
}

/** The same chart in another folder, with other symbols. */
function withOtherDigests({ plan }: PlannedChart, written: string, folder: string): string {
  const copy = join(folder, plan.name);
  cpSync(written, copy, { recursive: true });
  const values = join(copy, "values.yaml");
  const text = [...plan.images.values()].reduce(
    (text, image) => text.replaceAll(digestSymbol(image), digestSymbol(image, 1)),
    readFileSync(values, "utf8"),
  );
  writeFileSync(values, text);
  return copy;
}

/** Images as the chart's values hold them, by their paths. */
function imageValues(
  { plan, pullFolder, digests, since }: PlannedChart,
  variant: number,
): Record<string, ImageValue> {
  return Object.fromEntries(
    [...plan.images].map(([at, image]) => {
      const { name, tag } = image;
      const digest = digests.get(name) ?? digestSymbol(image, variant);
      return [at, { repository: `${pullFolder}/${name}`, tag: since ?? tag, digest }];
    }),
  );
}

/** Puts names of images in place of the symbols of their digests, and leaves out values that are open otherwise. */
export function withNamedDigests(
  objects: readonly ObjectFate[],
  images: readonly Pick<ChartImage, "name" | "key">[],
): ObjectFate[] {
  const symbols = images.map((image) => [digestSymbol(image), image.name] as const);
  return objects.map((object) => ({
    ...object,
    fields: object.fields.map(({ to, ...field }) => {
      if (field.open !== true) return { ...field, ...(to === undefined ? {} : { to }) };
      const text = JSON.stringify(to ?? null);
      const named = symbols.filter(([symbol]) => text.includes(symbol));
      if (named.length === 0) return field;
      const shown = named.reduce(
        (json, [symbol, name]) => json.replaceAll(symbol, `<digest of ${name}>`),
        text,
      );
      return { ...field, to: JSON.parse(shown) as unknown };
    }),
  }));
}
