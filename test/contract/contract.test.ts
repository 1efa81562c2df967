// Plays each scenario with the real CLI against the plugins that PULUMI_HOME holds and compares
// with what the official ones did. Needs pulumi on PATH; the kubernetes scenarios also need kubectl
// and CONTRACT_KUBECONFIG, a cluster with the Argo CD Application CRD and a garbage collector.
// Does not show how the plugins treat kinds other than Application.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { commandScenarios } from "./command-scenarios";
import { kubernetesScenarios, namespace } from "./kubernetes-scenarios";
import { play, type Played } from "./play";
import type { Scenario } from "./scenario";

const kubeconfig = process.env["CONTRACT_KUBECONFIG"] ?? "";

type Recorded = Played & { readonly shell?: string };
// Made from what the official plugins did; play.ts gives the shape.
const recording = JSON.parse(readFileSync(join(__dirname, "recorded.json"), "utf8")) as Readonly<
  Record<string, readonly Recorded[]>
>;

test("every recorded scenario is played", () => {
  const names = [...commandScenarios, ...kubernetesScenarios].map(({ name }) => name);
  expect(names).toEqual(Object.keys(recording));
});

describe("the command plugin", () => {
  test.each(commandScenarios)("$name", check);
});

describe.skipIf(kubeconfig === "")("the kubernetes plugin", () => {
  beforeAll(() => {
    kubectl("create", "namespace", namespace);
  });
  afterEach(() => {
    kubectl("-n", namespace, "delete", "applications.argoproj.io", "--all", "--cascade=background");
  });

  test.each(kubernetesScenarios)("$name", check);
});

function check(scenario: Scenario): void {
  const wanted = recorded(scenario.name);
  const played = play(scenario, kubeconfig);
  const judged = played.map(withoutMessages);
  const better = scenario.better && judged.at(-1)?.stdout === scenario.better.stdout;
  const compared = better ? judged.length - 1 : judged.length;
  expect(played).toHaveLength(wanted.length);
  expect(judged.slice(0, compared)).toEqual(wanted.slice(0, compared).map(withoutMessages));

  scenario.steps.forEach((step, i) => {
    const says = "says" in step ? step.says : undefined;
    for (const messages of [wanted[i]?.messages, played[i]?.messages]) {
      if (says === undefined) expect(messages).toBeUndefined();
      else expect(messages?.join("\n")).toMatch(says);
    }
  });
}

/** What the official plugin did, less the steps that only prepared the cluster of the recording. */
function recorded(name: string): readonly Played[] {
  const preparation = /^kubectl (create namespace contract|-n contract delete .* --all) /;
  return (recording[name] ?? [])
    .filter(({ shell = "" }) => !preparation.test(shell))
    .map((result) => without(result, "shell"));
}

function withoutMessages(result: Played): Played {
  return without(result, "messages");
}

function without<T extends object, K extends keyof T>(object: T, key: K): Omit<T, K> {
  const copy = { ...object };
  Reflect.deleteProperty(copy, key);
  return copy;
}

function kubectl(...args: readonly string[]): void {
  spawnSync("kubectl", ["--kubeconfig", kubeconfig, ...args], { stdio: "ignore" });
}
