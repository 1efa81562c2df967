import type * as pulumi from "@pulumi/pulumi";
import type { Deployed } from "./applications.ts";

/** What a stack exports: what is published and deployed now. */
export interface StackOutputs {
  /** Tag, digest and pull repository of each image, by name. */
  readonly images: Readonly<Record<string, Published<"repository" | "tag" | "digest">>>;
  /** Version, digest and source of each chart, by name. */
  readonly charts: Readonly<Record<string, Published<"source" | "version" | "digest">>>;
  /** Name and revision of each Application, by chart; empty where the stack only publishes. */
  readonly applications: Readonly<Record<string, Deployed>>;
  /** Version of the release and digest of its record; left out where content decides. */
  readonly release?: Published<"version" | "digest">;
}

type Published<Fields extends string> = Readonly<Record<Fields, pulumi.Input<string>>>;

/** The exports of components. */
export function outputsOf({
  images,
  charts,
  applications,
  release,
}: Omit<StackOutputs, "release"> & {
  readonly release: StackOutputs["release"] | undefined;
}): StackOutputs {
  return {
    images: mapValues(images, ({ repository, tag, digest }) => ({ repository, tag, digest })),
    charts: mapValues(charts, ({ source, version, digest }) => ({ source, version, digest })),
    applications,
    ...(release ? { release: { version: release.version, digest: release.digest } } : {}),
  };
}

function mapValues<V, W>(map: Readonly<Record<string, V>>, read: (value: V) => W) {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, read(value)]));
}
