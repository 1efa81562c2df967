import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import type { Command } from "../command.ts";
import type { Contender } from "../contender.ts";
import { Namespace } from "../namespace.ts";
import { Stack, stackName } from "../stack.ts";
import type { Workplace } from "../workplace.ts";

export const explainCommand = ["node", "commands/explain/cli.ts", "--stack", stackName];

/** This program, and what it alone has. */
export interface Ours extends Contender {
  /** Says what a delivery would do without Pulumi's engine. */
  readonly explain: Command;
}

/** This program, configured as the local stack is, but for names. */
export function ours(workplace: Workplace, checkout: string): Ours {
  const { namespace, stack } = configureOurs(workplace, checkout, "bench-ours");
  return {
    name: "ours",
    checkout,
    deliver: () => stack.up,
    preview: stack.preview,
    explain: stack.command(explainCommand),
    forget: async () => {
      rmSync(join(checkout, ".tinyolly"), { recursive: true, force: true });
      await namespace.make();
      await stack.renew();
    },
    remove: () => namespace.remove(),
  };
}

/** Gives a checkout the local stack's settings, but for `settings`, with another registry folder and Argo CD namespace. */
export function configureOurs(
  workplace: Workplace,
  checkout: string,
  name: string,
  settings: Readonly<Record<string, unknown>> = {},
): { namespace: Namespace; stack: Stack } {
  const local = workplace.env["PULUMI_OPTION_CONFIG_FILE"] ?? join(checkout, "Pulumi.local.yaml");
  const document = parseDocument(readFileSync(local, "utf8"));
  // Argo CD does not look at that namespace, and no other contender waits for pods.
  const changed = { registryNamespace: name, argocdNamespace: name, waitSeconds: 0, ...settings };
  for (const [key, value] of Object.entries(changed))
    document.setIn(["config", `tinyolly:${key}`], value);
  writeFileSync(join(checkout, "Pulumi.bench.yaml"), document.toString());
  return {
    namespace: new Namespace(name, workplace),
    stack: new Stack(checkout, join(workplace.folder, "state", name), workplace.env),
  };
}
