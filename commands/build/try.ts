import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "../../delivery/basics/input-error.ts";
import { shortHash } from "../../delivery/basics/sha256.ts";
import type { Findings } from "../../delivery/findings/finding.ts";
import type { Recorded } from "../../delivery/findings/recorded.ts";
import type { ImagePlan } from "../../delivery/plan/image-plan.ts";
import { keepSteps } from "../../delivery/plan/kept-steps.ts";
import type { Plan } from "../../delivery/plan/plan.ts";
import { type Endpoints, imageFolder } from "../../delivery/registry/references.ts";
import { type Solved, solve } from "./solve.ts";

/** What a stack would build. */
interface Changed {
  readonly plan: Plan;
  readonly recorded: Recorded;
  readonly findings: Pick<Findings, "images">;
  readonly endpoints: Endpoints;
}

/**
 * Builds what `up` would build, and pushes nothing; by name what each image gave.
 *
 * @param address Of BuildKit; undefined where none can be asked.
 * @throws InputError with the end of the log of the first that does not build, and where there is no such builder.
 */
export function tryChanged(
  { plan, recorded, findings, endpoints }: Changed,
  address: string | undefined,
): Promise<ReadonlyMap<string, Solved>> {
  if (address === undefined)
    throw new InputError(
      "only the builder of the embedded platform can try what would be built; leave TRY out, or take STACK=local",
    );
  const present = plan.images.flatMap(({ name, key }) => {
    const known = recorded.images.get(name);
    const mine = known?.key === shortHash(key) ? known.digest : undefined;
    const digest = findings.images.get(name)?.existing ?? mine;
    return digest === undefined
      ? []
      : [[name, `${imageFolder(endpoints)}/${name}@${digest}`] as const];
  });
  const log = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  return tryBuilds({ images: plan.images, present: new Map(present), address, log });
}

/** What is built to see whether it can be. */
export interface TryArgs {
  /** Every image after those that it needs. */
  readonly images: readonly ImagePlan[];
  /** `host/repository@sha256:…` of the images that are not built, by name. */
  readonly present: ReadonlyMap<string, string>;
  readonly address: string;
  readonly log: (line: string) => void;
}

/**
 * Builds images in the builder's cache and pushes none of them; by name what each one gave. One that others need is written to a
 * folder until all are built.
 *
 * @throws InputError with the end of the log of the first that does not build.
 */
export async function tryBuilds({
  images,
  present,
  address,
  log,
}: TryArgs): Promise<ReadonlyMap<string, Solved>> {
  const built = new Map<string, Solved>();
  const work = mkdtempSync(join(tmpdir(), "tinyolly-try-"));
  const layoutOf = (name: string): string => join(work, name);
  try {
    for (const image of images) {
      if (present.has(image.name)) continue;
      const needed = [...image.needs].map(([reference, { name }]) => ({ reference, name }));
      const layouts = needed.filter(({ name }) => built.has(name)).map(({ name }) => name);
      const needs = needed.map(({ reference, name }) => {
        const digest = built.get(name)?.digest;
        const place =
          digest === undefined
            ? `docker-image://${present.get(name) ?? name}`
            : `oci-layout://layout-${layouts.indexOf(name)}@${digest}`;
        return [reference, place] as const;
      });
      const isNeeded = images.some((other) =>
        [...other.needs.values()].some(({ name }) => name === image.name),
      );
      keepSteps(image);
      const solved = await solve(image, {
        ...{ address, needs: Object.fromEntries(needs), layouts: layouts.map(layoutOf) },
        layout: isNeeded ? layoutOf(image.name) : undefined,
      });
      log(`image ${image.name} builds, in ${solved.seconds} s`);
      built.set(image.name, solved);
    }
    return built;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
