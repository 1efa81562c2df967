/**
 * Plays scenarios of the kubernetes plugin and puts into `recorded.json` what they did, in the place of what it has of them:
 * `CONTRACT_KUBECONFIG=… node test/contract/record.ts NAME…`. PULUMI_HOME must hold the official plugin.
 */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { format } from "prettier";
import { runMain } from "../../delivery/basics/command-line.ts";
import { variable } from "../../delivery/basics/variable.ts";
import { PlatformError } from "../../platform/settings.ts";
import { kubernetesScenarios } from "./kubernetes-scenarios.ts";
import { clearNamespace, makeNamespace } from "./namespace.ts";
import { play } from "./play.ts";

const file = join(import.meta.dirname, "recorded.json");

async function main(): Promise<number> {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !kubernetesScenarios.some((known) => known.name === name));
  const kubeconfig = variable(process.env, "CONTRACT_KUBECONFIG");
  if (names.length === 0 || unknown.length > 0)
    throw new PlatformError(
      `${unknown.map((name) => `"${name}"`).join(", ") || "nothing"} was named; give names of kubernetes-scenarios.ts`,
    );
  if (kubeconfig === undefined)
    throw new PlatformError("CONTRACT_KUBECONFIG must name the kubeconfig of a platform");

  // The recording, which keeps its order.
  const recording = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  makeNamespace(kubeconfig);
  for (const scenario of kubernetesScenarios.filter(({ name }) => names.includes(name))) {
    const played = play(scenario, kubeconfig);
    recording[scenario.name] = scenario.steps.map((step, i) => ({
      ...("shell" in step ? { shell: step.shell } : {}),
      ...played[i],
    }));
    clearNamespace(kubeconfig);
    process.stderr.write(`${scenario.name}: recorded\n`);
  }
  const text = JSON.stringify(recording, undefined, 2);
  await writeFile(file, await format(text, { parser: "json", printWidth: 100 }));
  return 0;
}

runMain("record", main);
