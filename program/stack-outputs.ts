import type * as pulumi from "@pulumi/pulumi";
import type { MadeApplication } from "../components/applications.ts";

/** What a stack exports: what is published and deployed now. */
export interface StackOutputs {
  /** Tag, digest and pull repository of each image, by name. */
  readonly images: Readonly<Record<string, Published<"repository" | "tag" | "digest">>>;
  /** Version, digest and source of each chart, by name. */
  readonly charts: Readonly<Record<string, Published<"source" | "version" | "digest">>>;
  /** Name and revision of each Application, by chart; empty where the stack only publishes. */
  readonly applications: Readonly<Record<string, MadeApplication>>;
  /** Version of the release and digest of its record; left out where content decides. */
  readonly release?: Published<"version" | "digest">;
}

type Published<Fields extends string> = Readonly<Record<Fields, pulumi.Input<string>>>;
