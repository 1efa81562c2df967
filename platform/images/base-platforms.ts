import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ImageDeliverable } from "../../delivery/plan/plan.ts";
import {
  type Stage,
  baseImages,
  parseDockerfile,
  syntaxImage,
} from "../../delivery/sources/dockerfile.ts";

/**
 * Platforms in which each image that the Dockerfiles take is needed: where it builds something, the platform of the
 * build; where the result starts or copies from it, every platform that is built for.
 */
export function basePlatforms(
  images: Readonly<Record<string, ImageDeliverable>>,
  host: string,
  platforms: readonly string[],
): Map<string, Set<string>> {
  const needed = new Map<string, Set<string>>();
  const need = (reference: string, platform: string): void => {
    needed.set(reference, new Set([...(needed.get(reference) ?? []), platform]));
  };
  for (const image of Object.values(images)) {
    const { path, dockerfile = join(path, "Dockerfile"), buildArgs, needs = [] } = image;
    const text = readFileSync(dockerfile, "utf8");
    for (const platform of platforms) {
      const stages = parseDockerfile(dockerfile, text, buildArgs, platform);
      const outside = baseImages(stages).filter((base) => !needs.includes(base));
      for (const stage of stages) {
        if (outside.includes(stage.from)) need(stage.from, stagePlatform(stage, host, platform));
        // BuildKit takes what is copied from elsewhere for the platform that it builds for.
        for (const source of stage.sources) if (outside.includes(source)) need(source, platform);
      }
    }
    const frontend = syntaxImage(text);
    if (frontend !== undefined) need(frontend, host);
  }
  return needed;
}

function stagePlatform({ platform }: Stage, host: string, target: string): string {
  const variable = /^\$\{?(\w+)\}?$/.exec(platform ?? "$TARGETPLATFORM")?.[1];
  if (variable === "BUILDPLATFORM") return host;
  return platform === undefined || variable !== undefined ? target : platform;
}
