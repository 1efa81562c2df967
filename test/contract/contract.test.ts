// Plays each scenario with the real CLI against the plugins that PULUMI_HOME holds and compares
// with what the official ones did. Needs pulumi on PATH; the kubernetes scenarios also need kubectl
// and CONTRACT_KUBECONFIG, a cluster with the Argo CD Application CRD, a garbage collector and a node.
// Does not show how the plugins treat kinds other than Application and Deployment.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { lt } from "semver";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { contractVersionVariable } from "../official.ts";
import { commandScenarios } from "./command-scenarios.ts";
import { kubernetesScenarios } from "./kubernetes-scenarios.ts";
import { clearNamespace, makeNamespace } from "./namespace.ts";
import { play } from "./play.ts";
import type { Played } from "./played.ts";
import type { Scenario } from "./scenario.ts";

const kubeconfig = process.env["CONTRACT_KUBECONFIG"] ?? "";
/** Version of the official kubernetes plugin that is played; undefined where PULUMI_HOME has whichever there is. */
const version = process.env[contractVersionVariable];

type Recorded = Played & { readonly shell?: string };
// Made by record.ts from what the official plugins did.
const recording = JSON.parse(
  readFileSync(join(import.meta.dirname, "recorded.json"), "utf8"),
) as Readonly<Record<string, readonly Recorded[]>>;

test("every recorded scenario is played", () => {
  const names = [...commandScenarios, ...kubernetesScenarios].map(({ name }) => name);
  expect(names).toEqual(Object.keys(recording));
});

describe("the command plugin", () => {
  test.each(commandScenarios)("$name", check);
});

describe.skipIf(kubeconfig === "")("the kubernetes plugin", () => {
  beforeAll(() => {
    makeNamespace(kubeconfig);
  });
  afterEach(() => {
    clearNamespace(kubeconfig);
  });

  for (const scenario of kubernetesScenarios) {
    const { name, since = "0.0.0" } = scenario;
    const older = version !== undefined && lt(version, since);
    test.skipIf(older)(older ? `${name} (since ${since})` : name, () => {
      check(scenario);
    });
  }
});

function check(scenario: Scenario): void {
  const recorded = recordedSteps(scenario.name);
  const played = play(scenario, kubeconfig);
  const judged = played.map(withoutMessages);
  const official = recorded.map(withoutMessages);
  // Whichever plugin is there does all as the official one, or all as our stand-in is meant to.
  const standIn = official.map((step, i) =>
    withoutUndefined({ ...step, ...scenario.standIn?.instead[i] }),
  );
  const isStandIn = scenario.standIn !== undefined && isDeepStrictEqual(judged, standIn);
  expect(judged).toEqual(isStandIn ? standIn : official);

  scenario.steps.forEach((step, i) => {
    const says = "says" in step ? step.says : undefined;
    const messages = [recorded[i]?.messages];
    if (!isStandIn) messages.push(played[i]?.messages);
    for (const message of messages) {
      if (says === undefined) expect(message).toBeUndefined();
      else expect(message?.join("\n")).toMatch(says);
    }
  });
}

/** What the official plugin did, less the steps that only prepared the cluster of the recording. */
function recordedSteps(name: string): readonly Played[] {
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

function withoutUndefined(step: { readonly [K in keyof Played]: Played[K] | undefined }): Played {
  const given = Object.entries(step).filter(([, value]) => value !== undefined);
  // Only optional parts are ever left out.
  return Object.fromEntries(given) as unknown as Played;
}
