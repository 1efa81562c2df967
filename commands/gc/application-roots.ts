import { fields } from "../../delivery/basics/json-fields.ts";
import { chartVersionPattern } from "../../delivery/plan/version.ts";
import { type Root, isDigest } from "./garbage.ts";
import { mentions, repositoryPath } from "./mentions.ts";

/**
 * What an Argo CD Application refers to: the chart that it wants, what it compared and synced last, what it is syncing, its
 * history, to which it can be rolled back, and the images that run. A range of versions keeps all versions of the chart.
 */
export function applicationRoots(application: unknown, by: string): Root[] {
  const { spec, status, operation } = fields(application);
  const { sync, history, operationState } = fields(status);
  const { syncResult, operation: last } = fields(operationState);
  const { comparedTo, ...synced } = fields(sync);
  const deployments = [
    spec,
    { ...fields(comparedTo), ...synced },
    ...list(history),
    syncResult,
    fields(last)["sync"],
    fields(operation)["sync"],
  ];
  const usual = several(fields(spec), "source");
  return [
    ...deployments.flatMap((deployment) => deploymentRoots(deployment, usual, by)),
    ...mentions(application, by),
  ];
}

function deploymentRoots(deployment: unknown, usual: readonly unknown[], by: string): Root[] {
  const own = several(fields(deployment), "source");
  const used = several(fields(deployment), "revision");
  return (own.length > 0 ? own : usual).flatMap((source, index) => {
    // Without one, the newest is taken.
    const { targetRevision = "" } = fields(source);
    return [targetRevision, used[index]].flatMap((version) => chartRoots(source, version, by));
  });
}

/** A chart under a version; nothing where the source is no chart of a registry. */
function chartRoots(source: unknown, version: unknown, by: string): Root[] {
  const { repoURL, chart } = fields(source);
  if (typeof repoURL !== "string" || typeof version !== "string") return [];
  if (/^(?!oci:)\w+:\/\/|^\w+@/.test(repoURL)) return [];
  const folder = repositoryPath(repoURL);
  const repository = typeof chart === "string" && chart !== "" ? `${folder}/${chart}` : folder;
  if (!isExact(version)) return [{ repository, by }];
  // As helm writes what tags cannot hold.
  return [{ repository, reference: version.replaceAll("+", "_"), by }];
}

/** Whether a version is one, and no range such as `1.x` or `>=1.2`. */
function isExact(version: string): boolean {
  return (
    isDigest(version) ||
    chartVersionPattern.test(version) ||
    (/^\w[\w.+-]{0,127}$/.test(version) && !/(?:^|\.)x(?:\.|$)/i.test(version))
  );
}

/** Values of a field that is there once, or as a list under its plural. */
function several(of: Readonly<Record<string, unknown>>, name: string): readonly unknown[] {
  const many = list(of[`${name}s`]);
  return many.length > 0 || of[name] === undefined ? many : [of[name]];
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
