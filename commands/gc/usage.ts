import { deliverables } from "../../deliverables.ts";
import { InputError } from "../../delivery/basics/input-error.ts";
import { releaseRepository } from "../../delivery/registry/references.ts";
import { listApplications } from "../../delivery/rollout/live-applications.ts";
import type { Settings } from "../../delivery/settings/settings.ts";
import { listStacks, readWholeState } from "../../delivery/settings/stack-state.ts";
import { applicationRoots } from "./application-roots.ts";
import type { Root } from "./garbage.ts";
import { type ArgoCdLocation, applicationName, recordedLocations } from "./live-applications.ts";
import { deployedRecords, newestRecords, readRecords, recordRoots } from "./records.ts";
import type { Registry } from "./registry.ts";
import { pushedRepositories, stateRoots } from "./state-roots.ts";

/** What is in use, and where that was read. */
export interface Usage {
  readonly roots: readonly Root[];
  /** Repositories to which this project pushes, or did by its states and the records of its releases. */
  readonly repositories: readonly string[];
  readonly sources: Sources;
}

/** What was asked for what is in use, by name. */
export interface Sources {
  readonly stacks: readonly string[];
  /** Releases that are kept. */
  readonly releases: readonly string[];
  /** Number of releases that are not. */
  readonly olderReleases: number;
  /** Applications that run. */
  readonly applications: readonly string[];
}

/** What {@link readUsage} reads. */
export interface UsageQuestion {
  readonly stack: string;
  readonly settings: Settings;
  readonly registry: Registry;
  /** Number of releases of each kind that are kept. */
  readonly keep: number;
}

/** Who uses the tag in which builders keep their layers. */
export const layerCache = "the builders' cache";

/**
 * Reads what is in use: by every stack of the backend, by the newest releases, by each Argo CD that deploys for a stack,
 * and by builders.
 *
 * @throws InputError when one of them cannot be read: what is in use is then not known, so nothing may be deleted.
 */
export async function readUsage(question: UsageQuestion): Promise<Usage> {
  const { settings, registry, keep } = question;
  const { namespace } = settings.publishing.endpoints;
  const { stacks, roots, pushed, locations } = await readStacks(question);

  const applications: string[] = [];
  const running: Root[] = [];
  for (const location of locations) {
    for (const application of await listApplications(location.cluster, location.namespace)) {
      const name = applicationName(application, location);
      applications.push(name);
      running.push(...applicationRoots(application, name));
    }
  }
  const records = await readRecords(registry, namespace);
  const kept = [
    ...new Set([...newestRecords(records, keep), ...deployedRecords(records, running)]),
  ];
  const caches = Object.keys(deliverables.images).map((image) => ({
    repository: `${namespace}/${image}`,
    reference: "cache",
    by: layerCache,
  }));
  const names = [
    releaseRepository,
    ...Object.keys(deliverables.charts).map((chart) => `charts/${chart}`),
    ...Object.keys(deliverables.images),
  ];
  const released = records.flatMap(({ record: { images, charts } }) =>
    [...Object.values(images), ...Object.values(charts)].map(({ path }) => `${namespace}/${path}`),
  );
  return {
    repositories: [...names.map((name) => `${namespace}/${name}`), ...pushed, ...released],
    roots: [...roots, ...kept.flatMap(recordRoots), ...running, ...caches],
    sources: {
      stacks,
      releases: kept.map(({ record }) => record.release),
      olderReleases: records.length - kept.length,
      // One cluster may be known under two kubeconfigs.
      applications: [...new Set(applications)],
    },
  };
}

interface StacksUsage {
  readonly stacks: readonly string[];
  readonly roots: readonly Root[];
  /** Repositories to which they pushed. */
  readonly pushed: readonly string[];
  readonly locations: readonly ArgoCdLocation[];
}

async function readStacks({ stack, settings }: UsageQuestion): Promise<StacksUsage> {
  const stacks = await listStacks();
  if (!stacks.some((name) => name === stack || name.endsWith(`/${stack}`))) {
    throw new InputError(
      `stack "${stack}" is not in this backend, which has ${stacks.join(", ") || "none"}, so what it refers to is not known; ` +
        `set PULUMI_BACKEND_URL to its backend, or name another one with STACK=…`,
    );
  }
  const roots: Root[] = [];
  const pushed: string[] = [];
  const locations = new Map<string, ArgoCdLocation>();
  const note = (location: ArgoCdLocation): void => {
    const { cluster, namespace } = location;
    locations.set(JSON.stringify([cluster.kubeconfig ?? "", cluster.context, namespace]), location);
  };
  if (settings.cluster) note({ cluster: settings.cluster, namespace: settings.argocd.namespace });
  for (const name of stacks) {
    const resources = await readWholeState(name);
    roots.push(...stateRoots(name, resources));
    pushed.push(...pushedRepositories(resources));
    recordedLocations(name, resources).forEach(note);
  }
  return { stacks, roots, pushed, locations: [...locations.values()] };
}
