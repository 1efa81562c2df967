import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { deliverables } from "../../deliverables.ts";
import type { ChartDeliverable } from "../../delivery/plan/plan.ts";
import { pauseRepository } from "../cluster/node-servers.ts";
import { PlatformError, type PlatformSettings, project } from "../settings.ts";
import { pauseProgram } from "../tools/catalog.ts";
import { provideTools } from "../tools/provide.ts";
import {
  buildInto,
  dockerHubAnswers,
  hubName,
  isMirrored,
  isPublished,
  makeBases,
} from "./bases.ts";

type Log = (line: string) => void;

/** Puts what every pod's sandbox runs into the registry, where the node pulls it. */
export async function providePause(settings: PlatformSettings, log: Log): Promise<void> {
  if (await isPublished(settings, pauseRepository, "latest")) return;
  const found = (await provideTools([pauseProgram], settings.cache, log)).get(pauseProgram.name);
  if (!found) throw new PlatformError(`${pauseProgram.name} was not made`);
  await buildInto(settings, `${pauseRepository}:latest`, (context) => {
    copyFileSync(found.path, join(context, "pause"));
    copyFileSync(
      join(project, "platform/images/recipes/pause.Dockerfile"),
      join(context, "Dockerfile"),
    );
  });
}

/**
 * Puts the images of others that the charts run into the mirror, since the node reaches no other registry: copied from
 * Docker Hub where that answers, else made from Debian's packages.
 */
export async function provideChartImages(
  settings: PlatformSettings,
  log: Log,
  signal?: AbortSignal,
): Promise<void> {
  const charts: Readonly<Record<string, ChartDeliverable>> = deliverables.charts;
  const wanted = Object.values(charts).flatMap(({ path, images }) => {
    const values: unknown = parse(readFileSync(join(project, path, "values.yaml"), "utf8"));
    return foreignImages(values, Object.keys(images));
  });
  for (const name of new Set(wanted.flatMap(hubName))) {
    if (await isMirrored(settings, name)) continue;
    if (await dockerHubAnswers()) {
      log(`image ${name}: copying it from Docker Hub`);
      await buildInto(settings, `mirror/${name}`, (context) => {
        writeFileSync(join(context, "Dockerfile"), `FROM docker.io/${name}\n`);
      });
    } else await makeBases(settings, [name], log, signal);
  }
}

/** References of images in a chart's values, without those at `ours` and those of parts that are not enabled. */
export function foreignImages(values: unknown, ours: readonly string[], path = ""): string[] {
  if (typeof values !== "object" || values === null || Array.isArray(values)) return [];
  // Any YAML map.
  const map = values as Readonly<Record<string, unknown>>;
  if (map["enabled"] === false || ours.includes(path)) return [];
  const { repository, tag } = map;
  if (typeof repository === "string" && typeof tag === "string") return [`${repository}:${tag}`];
  return Object.entries(map).flatMap(([key, value]) =>
    foreignImages(value, ours, path === "" ? key : `${path}.${key}`),
  );
}
