import { shortDigest } from "../../delivery/registry/references.ts";
import type { Manifest } from "../../delivery/registry/types.ts";
import { chartRoots, isChart } from "./chart-roots.ts";
import { type ReadContent, readContent } from "./content.ts";
import {
  type Garbage,
  type Kept,
  type RepositoryContent,
  type Root,
  findGarbage,
} from "./garbage.ts";
import { findOwnRepositories } from "./own-repositories.ts";
import type { Registry } from "./registry.ts";
import type { Store } from "./store.ts";
import { layerCache } from "./usage.ts";

/** What a namespace holds, and what of it can go. */
export interface Survey {
  /** Records first, then charts, then images. */
  readonly contents: readonly RepositoryContent[];
  readonly garbage: Garbage;
  /** What is in use and not there. */
  readonly missing: readonly Root[];
  /** Repositories in the namespace that are not this project's. */
  readonly foreign: readonly string[];
}

/** What {@link makeSurvey} looks at. */
export interface SurveyQuestion {
  readonly store: Store;
  readonly registry: Registry;
  /** Path before the names of images and charts. */
  readonly namespace: string;
  /** Repositories to which this project pushes, or did. */
  readonly repositories: readonly string[];
  readonly roots: readonly Root[];
}

const recentPush = "a push of the last 24 hours";

/**
 * Reads all that a namespace holds and finds what is not in use; a chart that is in use uses its images.
 *
 * @throws InputError when the registry does not answer, or such a chart cannot be read.
 */
export async function makeSurvey(question: SurveyQuestion): Promise<Survey> {
  const { store, registry, namespace, repositories } = question;
  const { tags, foreign } = await findOwnRepositories(store, namespace, repositories);
  const pushed = [...tags.keys()].flatMap((repository) =>
    store.justPushed(repository).map((reference) => ({ repository, reference, by: recentPush })),
  );
  const chartsRead = new Set<Manifest>();
  for (let roots = [...question.roots, ...pushed]; ;) {
    const known = roots;
    const read = await Promise.all(
      [...tags].map(([repository, its]) => readContent(store, repository, its, known)),
    );
    const contents = read.map(({ content }) => content);
    const garbage = findGarbage(contents, roots, store.deletesTags);
    const charts = keptCharts(garbage.kept, read).filter(({ chart }) => !chartsRead.has(chart));
    if (charts.length === 0)
      return { contents, garbage, missing: missingRoots(contents, question.roots), foreign };
    const images = charts.map(({ repository, chart, by }) => {
      chartsRead.add(chart);
      return chartRoots(registry, repository, chart, by);
    });
    roots = [...roots, ...(await Promise.all(images)).flat()];
  }
}

/** The charts among what stays, each with the name under which it uses its images. */
function keptCharts(
  kept: readonly Kept[],
  read: readonly ReadContent[],
): { repository: string; chart: Manifest; by: string }[] {
  const manifests = new Map(read.map((one) => [one.content.repository, one.manifests]));
  return kept.flatMap(({ repository, digest, tags }) => {
    const chart = manifests.get(repository)?.get(digest);
    if (!chart || !isChart(chart)) return [];
    const name = repository.slice(repository.lastIndexOf("/") + 1);
    return [{ repository, chart, by: `chart ${name} ${tags[0] ?? shortDigest(digest)}` }];
  });
}

/** What roots name in these repositories and is not there, each once; builders may have no cache yet. */
function missingRoots(contents: readonly RepositoryContent[], roots: readonly Root[]): Root[] {
  const missing = new Map<string, Root>();
  for (const root of roots) {
    const content = contents.find(({ repository }) => repository === root.repository);
    const { reference, by } = root;
    if (!content || reference === undefined || by === layerCache) continue;
    if (content.tags.has(reference) || content.manifests.has(reference)) continue;
    const key = `${content.repository}@${reference}`;
    if (!missing.has(key)) missing.set(key, root);
  }
  return [...missing.values()];
}
