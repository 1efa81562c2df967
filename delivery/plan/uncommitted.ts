import { realpathSync } from "node:fs";
import { join, relative } from "node:path";
import { fewNames } from "../basics/few-names.ts";
import { type GitIndex, readGitIndex } from "../sources/git-facts.ts";
import type { Plan } from "./plan.ts";

/**
 * Says what is shipped though no commit holds it, or though Git overlooks its edits: `git status` shows neither. Nothing
 * where the sources are in no repository.
 *
 * @throws InputError when Git is missing or refuses.
 */
export function findUncommitted(plan: Plan): string[] {
  const places = shippedPlaces(plan);
  const index = readGitIndex(places.map(({ place }) => place || "."));
  const files = places.flatMap(({ place, files }) => files.map((file) => join(place, file)));
  return index ? uncommittedProblems(files, index) : [];
}

/** The same of paths as the index has them. */
export function uncommittedProblems(
  shipped: readonly string[],
  { tracked, overlooked }: GitIndex,
): string[] {
  const files = [...new Set(shipped)].sort();
  const missing = files.filter((file) => !tracked.has(file));
  const hidden = files.filter((file) => overlooked.has(file));
  return [
    ...(missing.length > 0
      ? [
          `the commit does not hold all that is shipped: ${fewNames(missing)}; commit and tag that with: git add --force …, ` +
            `or leave it out by .dockerignore or .helmignore`,
        ]
      : []),
    ...(hidden.length > 0
      ? [
          `git overlooks edits of what is shipped: ${fewNames(hidden)}; have it look with: ` +
            `git update-index --no-skip-worktree … and git update-index --no-assume-unchanged …`,
        ]
      : []),
  ];
}

/** A folder with the files in it that are shipped, or a file with itself. */
interface ShippedPlace {
  /** Path relative to the project. */
  readonly place: string;
  /** Paths relative to {@link place}. */
  readonly files: readonly string[];
}

function shippedPlaces({ images, charts }: Plan): ShippedPlace[] {
  const folders = [...images, ...charts].map(({ path, files }) => ({
    place: realPath(path),
    files: files.map((file) => file.path),
  }));
  // A Dockerfile may be left out of its context, or be elsewhere.
  const dockerfiles = images.map(({ dockerfile }) => ({
    place: realPath(dockerfile.path),
    files: [""],
  }));
  return [...folders, ...dockerfiles];
}

/** Git knows what a link leads to only under its own path. */
function realPath(path: string): string {
  return relative(realpathSync("."), realpathSync(path));
}
