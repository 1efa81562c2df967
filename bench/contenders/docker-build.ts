import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { kubeContext } from "../../platform/settings.ts";
import type { Contender } from "../contender.ts";
import { Namespace } from "../namespace.ts";
import { replaceProgram } from "../replace-program.ts";
import { Stack } from "../stack.ts";
import type { Workplace } from "../workplace.ts";

/** The providers without our components. */
export function dockerBuild(workplace: Workplace, checkout: string): Contender {
  const name = "docker-build";
  const project = replaceProgram(checkout, name);
  const namespace = new Namespace(`bench-${name}`, workplace);
  const stack = new Stack(checkout, join(workplace.folder, "state", name), workplace.env);
  const settings = {
    folder: `${workplace.pushHost}/bench-${name}`,
    pullFolder: `${workplace.pullHost}/bench-${name}`,
    namespace: namespace.name,
    kubeContext,
  };
  const config = Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [`${project}:${key}`, value]),
  );
  return {
    name,
    checkout,
    deliver: () => stack.up,
    preview: stack.preview,
    forget: async () => {
      writeFileSync(join(checkout, "Pulumi.bench.yaml"), stringify({ config }));
      await namespace.make();
      await stack.renew();
    },
    remove: () => namespace.remove(),
  };
}
