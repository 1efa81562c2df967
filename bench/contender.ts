import type { Command } from "./command.ts";

/** What a delivery has to bring out. */
export interface Change {
  /** Version for tools that do not derive one. */
  readonly version: string;
  /** Images that changed, for tools that are told what to do. */
  readonly images: readonly string[];
  /** Charts that changed, or whose images did. */
  readonly charts: readonly string[];
}

/** All that TinyOlly is. */
export const everything: Change = {
  version: "v2.1.x-bench",
  images: ["python-base", "tinyolly", "webui", "opamp-server", "demo"],
  charts: ["tinyolly", "tinyolly-demos"],
};

/** No chart, and no image for tools that are told which. */
export const nothing: Change = { ...everything, images: [], charts: [] };

/** One way to bring images, charts and Applications out. */
export interface Contender {
  readonly name: string;
  /** Clone of the sources that only this contender reads. */
  readonly checkout: string;
  /** Builds, publishes and deploys. */
  readonly deliver: (change: Change) => Command;
  /** Shows what a delivery would do. @default - has no such thing */
  readonly preview?: Command;
  /** Makes the next delivery a first one; BuildKit's cache stays. */
  readonly forget: () => Promise<void>;
  /** Removes what it left in the cluster. */
  readonly remove: () => Promise<void>;
}
