import { type StateResource, readRecorded } from "../../delivery/findings/recorded.ts";
import { applicationRoots } from "./application-roots.ts";
import type { Root } from "./garbage.ts";
import { mentions, repositoryPath } from "./mentions.ts";

/**
 * What a stack's state refers to: images and charts as they were recorded, those that an operation was pushing when it was
 * cut off, the charts of its Applications, and whatever else its resources and outputs name.
 */
export function stateRoots(stack: string, resources: readonly StateResource[]): Root[] {
  const by = `stack ${stack}`;
  return resources.flatMap((resource) => {
    const { inputs, outputs } = resource;
    const { published, specs } = readResource(resource);
    return [
      ...mentions([published, inputs, outputs], by),
      ...specs.flatMap((spec) => applicationRoots({ spec }, by)),
    ];
  });
}

/** Paths of the repositories to which a stack pushed images and charts. */
export function pushedRepositories(resources: readonly StateResource[]): string[] {
  return resources
    .flatMap((resource) => readResource(resource).published)
    .map((reference) => repositoryPath(reference.replace(/:[^:/]*$/, "")));
}

/** References of what a resource published, and what it applied; one by one, since replacements leave namesakes behind. */
function readResource(resource: StateResource): { published: string[]; specs: unknown[] } {
  // What was not finished has inputs only.
  const outputs = { digest: "", stdout: "{}", ...resource.inputs, ...resource.outputs };
  const { images, charts, applications } = readRecorded([{ ...resource, outputs }]);
  return {
    published: [...images.values(), ...charts.values()].map(({ reference }) => reference),
    specs: [...applications.values()].map(({ spec }) => spec),
  };
}
