import { isDeepStrictEqual } from "node:util";
import { InputError } from "../../delivery/basics/input-error.ts";
import { type Deletion, type Root, findGarbage } from "./garbage.ts";
import type { Store } from "./store.ts";
import type { Survey } from "./survey.ts";

/** What became of the garbage. */
export interface Cleaning {
  readonly deleted: readonly Deletion[];
  /** What the registry keeps, and what it then needs. */
  readonly refused: readonly Refusal[];
}

/** Something that the registry keeps. */
export interface Refusal {
  readonly deletion: Deletion;
  readonly reason: string;
}

/** What {@link clean} does. */
export interface CleanArgs {
  readonly store: Store;
  readonly survey: Survey;
  /** What was in use when the survey was made. */
  readonly roots: readonly Root[];
  /** Reads anew what is in use. */
  readonly readRoots: () => Promise<readonly Root[]>;
  /** Called after each deletion. */
  readonly onDeleted: (deletion: Deletion) => void;
  /** How long the tags of a repository are believed to be as they were. @default 10 s */
  readonly trustMs?: number;
}

/**
 * Deletes what a survey found. What is in use is read once more before the first deletion, and the tags of a repository
 * before the first one there and every 10 s.
 *
 * @throws InputError when anything moved since the survey, and when the registry does not answer; what was deleted until
 *   then was garbage, and nothing that stays needs it.
 */
export async function clean(args: CleanArgs): Promise<Cleaning> {
  const { store, survey, onDeleted, trustMs = 10_000 } = args;
  const { contents, garbage } = survey;
  if (garbage.deletions.length > 0 && !sameRoots(args.roots, await args.readRoots()))
    throw changed("what is in use changed");

  const roots = [...args.roots];
  const deleted: Deletion[] = [];
  const refused: Refusal[] = [];
  const checks = new Map<string, number>();
  let stillGarbage = new Set(garbage.deletions.map(nameOf));
  for (const deletion of garbage.deletions) {
    const { repository, tag, digest } = deletion;
    if ((checks.get(repository) ?? -Infinity) + trustMs <= performance.now()) {
      const before = contents.find((content) => content.repository === repository);
      const wanted = tagsWithout(before?.tags ?? new Map(), repository, deleted);
      if (!isDeepStrictEqual(await store.tags(repository), wanted))
        throw changed(`the tags of ${repository} changed`);
      checks.set(repository, performance.now());
    }
    if (!stillGarbage.has(nameOf(deletion))) {
      refused.push({ deletion, reason: "something that the registry keeps needs it" });
      continue;
    }
    const reason = await store.remove(repository, tag ?? digest);
    if (reason === undefined) {
      deleted.push(deletion);
      onDeleted(deletion);
    } else {
      refused.push({ deletion, reason });
      // Without its parts it would be there and broken.
      roots.push({ repository, reference: digest, by: "the registry" });
      const rest = findGarbage(contents, roots, store.deletesTags).deletions;
      stillGarbage = new Set(rest.map(nameOf));
    }
  }
  return { deleted, refused };
}

/** The tags that a repository had, but for those that were deleted. */
function tagsWithout(
  before: ReadonlyMap<string, string>,
  repository: string,
  deleted: readonly Deletion[],
): Map<string, string> {
  const gone = new Set(
    deleted
      .filter((deletion) => deletion.repository === repository)
      .flatMap(({ tag, tags }) => tag ?? tags),
  );
  return new Map([...before].filter(([tag]) => !gone.has(tag)));
}

function nameOf({ repository, tag, digest }: Deletion): string {
  return `${repository}@${tag ?? digest}`;
}

function sameRoots(a: readonly Root[], b: readonly Root[]): boolean {
  const [one, other] = [a, b].map((roots) => new Set(roots.map((root) => JSON.stringify(root))));
  return isDeepStrictEqual(one, other);
}

function changed(what: string): InputError {
  return new InputError(
    `${what} while the registry was looked at, as when something is pushed or deployed; run it again`,
  );
}
