// Stands in for docker, kind, kubectl and pulumi with scripts that note their arguments: what the real ones do with
// them is not shown here.
import { chmodSync, existsSync, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { upSteps } from "../../../platform/kind/plan.ts";
import { kindDown, kindReset, kindStatus, kindUp } from "../../../platform/kind/platform.ts";
import { shownSecrets } from "../../../platform/kind/secrets.ts";
import { readKindSettings } from "../../../platform/kind/settings.ts";
import { PlatformError, type PlatformSettings } from "../../../platform/settings.ts";
import { folderWith, writeFiles } from "../../folders.ts";

const hosts = vi.hoisted(() => ({ nameRegistry: vi.fn(), forgetRegistry: vi.fn() }));
// The machine's own /etc/hosts is nothing to try things on.
vi.mock("../../../platform/machine/hosts.ts", () => hosts);
// The npm package pulumi is first on PATH, and must not be asked.
vi.mock("../../../platform/kind/settings.ts", async (original) => {
  const actual = await original<typeof import("../../../platform/kind/settings.ts")>();
  return {
    ...actual,
    kindEnvironment: (settings: PlatformSettings) => ({
      ...actual.kindEnvironment(settings),
      PATH: process.env["PATH"],
    }),
  };
});

const note = '#!/bin/sh\necho "${0##*/} $*" >> "$CALLS"\n';
const scripts = {
  docker: `${note}case "$1 $2" in
"container inspect") [ -f "$MADE" ] ;;
"buildx inspect") [ "$3" = --bootstrap ] || [ -f "$MADE" ] ;;
esac`,
  kind: `${note}case "$1" in
create) touch "$MADE" ;;
get) echo 'contexts: [{name: kind-tinyolly}]' ;;
esac`,
  kubectl: note,
  pulumi: note,
  helm: note,
};

let folder = "";
let settings: PlatformSettings;
const ignore = (): void => undefined;

beforeEach(() => {
  folder = folderWith(
    Object.fromEntries(Object.entries(scripts).map(([name, text]) => [`bin/${name}`, text])),
  );
  for (const name of Object.keys(scripts)) chmodSync(join(folder, "bin", name), 0o755);
  vi.stubEnv("PATH", [join(folder, "bin"), process.env["PATH"]].join(delimiter));
  vi.stubEnv("CALLS", join(folder, "calls"));
  vi.stubEnv("MADE", join(folder, "made"));
  vi.clearAllMocks();
  settings = readKindSettings({ TINYOLLY_STATE: join(folder, "state") });
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Calls since the last time, without those that only ask. */
function calls(): string[] {
  const file = join(folder, "calls");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  writeFiles(folder, { calls: "" });
  const asks = /^docker (container inspect|buildx inspect tinyolly)/;
  return text.split("\n").filter((line) => line !== "" && !asks.test(line));
}

function planned(...leftOut: string[]): string[] {
  return upSteps(settings, shownSecrets)
    .filter(({ name }) => !leftOut.includes(name))
    .map(({ command }) => command.join(" "));
}

test("up does what its plan says, and a second up makes neither cluster nor builder", async () => {
  const lines: string[] = [];
  await kindUp(settings, (line) => lines.push(line));
  // The cluster's file stands for the builder as well in these scripts.
  expect(calls()).toEqual(planned("builder"));
  expect(hosts.nameRegistry).toHaveBeenCalledExactlyOnceWith(settings);
  expect(lines.at(-1)).toBe(
    `platform is up: kind cluster tinyolly, registry registry.tinyolly.test:49443, ` +
      `builder tinyolly, kubeconfig ${settings.state}/kubeconfig`,
  );
  expect(parse(readFileSync(join(settings.state, "kubeconfig"), "utf8"))).toEqual({
    contexts: [{ name: "tinyolly" }],
    "current-context": "tinyolly",
  });

  writeFiles(settings.state, { "pulumi/.pulumi/stacks/tinyolly/local.json": "{}" });
  await kindUp(settings, ignore);
  expect(calls()).toEqual(planned("builder", "cluster", "stack local"));
});

test("the registry's key and secret are made once, and for their owner only", async () => {
  const names = ["registry/tls.crt", "registry/tls.key", "secrets/registry-secret"];
  const read = (): string[] =>
    names.map((name) => readFileSync(join(settings.state, name), "utf8"));
  await kindUp(settings, ignore);
  const before = read();
  expect(before[0]).toContain("BEGIN CERTIFICATE");
  expect(before[1]).toContain("PRIVATE KEY");
  expect(before[2]).toMatch(/^[0-9a-f]{48}$/);
  for (const name of names.slice(1))
    expect(statSync(join(settings.state, name)).mode & 0o777).toBe(0o600);
  await kindUp(settings, ignore);
  expect(read()).toEqual(before);
});

test("down stops what there is, and keeps the data", async () => {
  await kindDown(settings, ignore);
  expect(calls()).toEqual([]);
  await kindUp(settings, ignore);
  calls();
  await kindDown(settings, ignore);
  expect(calls()).toEqual(["docker buildx stop tinyolly", "docker stop tinyolly-control-plane"]);
  expect(existsSync(settings.state)).toBe(true);
});

test("reset deletes cluster, builder and state", async () => {
  await kindUp(settings, ignore);
  calls();
  await kindReset(settings, ignore);
  expect(calls()).toEqual([
    "docker buildx rm tinyolly",
    `kind delete cluster --name=tinyolly --kubeconfig=${settings.state}/kubeconfig`,
  ]);
  expect(existsSync(settings.state)).toBe(false);
  if (process.getuid?.() === 0)
    expect(hosts.forgetRegistry).toHaveBeenCalledExactlyOnceWith(settings);
});

test("the status tells of each part", async () => {
  const ready = { kubernetes: "ready", registry: "ready", argocd: "ready" };
  expect(kindStatus(settings)).toEqual({ ...ready, builder: "not ready" });
  await kindUp(settings, ignore);
  expect(kindStatus(settings)).toEqual({ ...ready, builder: "ready" });
});

test("programs that are missing are all named, before anything is made", async () => {
  vi.stubEnv("PATH", join(folder, "none"));
  const failure = await kindUp(settings, ignore).catch((error: unknown) => error);
  expect(failure).toEqual(
    new PlatformError(
      "PLATFORM=kind needs on PATH: docker (https://docs.docker.com/engine/install, with its buildx plugin), " +
        "kind (0.27 or newer, https://kind.sigs.k8s.io), kubectl (https://kubernetes.io/docs/tasks/tools), " +
        "helm (version 4, https://helm.sh/docs/intro/install), openssl (from your system's packages); " +
        "install what is missing, or leave out PLATFORM=kind for the embedded platform",
    ),
  );
  expect(existsSync(settings.state)).toBe(false);
});
