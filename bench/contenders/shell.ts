import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "../command.ts";
import { type Change, type Contender, everything } from "../contender.ts";
import { Namespace } from "../namespace.ts";
import type { Workplace } from "../workplace.ts";

/** A script of `bench/` that builds, publishes and deploys, `bake`, `scripts` or `skaffold`, and one that says what it would do. */
export function shell(
  workplace: Workplace,
  checkout: string,
  name: string,
  preview?: string,
): Contender {
  const namespace = new Namespace(`bench-${name}`, workplace);
  const environment = ({ version, images, charts }: Change): NodeJS.ProcessEnv => ({
    ...workplace.env,
    VERSION: version,
    IMAGES: images.join(" "),
    CHARTS: charts.join(" "),
    FOLDER: `${workplace.pushHost}/bench-${name}`,
    PLAIN_FOLDER: `${workplace.plainPushHost}/bench-${name}`,
    PULL_FOLDER: `${workplace.pullHost}/bench-${name}`,
    NAMESPACE: namespace.name,
    BUILDKIT: workplace.buildkit,
  });
  const command = (script: string, change: Change): Command => {
    return { program: `bench/${script}.sh`, args: [], cwd: checkout, env: environment(change) };
  };
  return {
    name,
    checkout,
    deliver: (change) => command(name, change),
    ...(preview === undefined ? {} : { preview: command(preview, everything) }),
    forget: async () => {
      rmSync(join(checkout, ".tinyolly"), { recursive: true, force: true });
      await namespace.make();
    },
    remove: () => namespace.remove(),
  };
}
