import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { lockFolder } from "../../../platform/machine/lock.ts";
import { startTime } from "../../../platform/machine/start-time.ts";
import { folderWith, writeFiles } from "../../folders.ts";
import { type Ended, runTypeScript } from "../../run-typescript.ts";

let state = "";

beforeEach(() => {
  state = join(folderWith({}), "state");
});

/** Runs a command where nothing is on PATH. */
function kind(...args: string[]): Promise<Ended> {
  return runTypeScript("platform/kind/cli.ts", args, { TINYOLLY_STATE: state, PATH: "/none" });
}

test("a dry run of up shows every command and every manifest, and does nothing", async () => {
  const { status, stdout, stderr } = await kind("up", "--dry-run");
  expect(status).toBe(0);
  const objects = parseAllDocuments(stdout).map((document) => {
    expect(document.errors).toEqual([]);
    // Kubernetes objects and kind's.
    const { kind, metadata } = document.toJS() as { kind: string; metadata?: { name: string } };
    return [kind, metadata?.name];
  });
  expect(objects).toEqual([
    ["Cluster", undefined],
    ["Namespace", "registry"],
    ["ConfigMap", "docker-registry"],
    ["PersistentVolumeClaim", "docker-registry"],
    ["Deployment", "docker-registry"],
    ["Service", "docker-registry"],
    ["Secret", "docker-registry"],
    ["Namespace", "argocd"],
    ["Namespace", "tinyolly"],
    ["Service", "webui-on-this-machine"],
    ["Service", "otlp-receiver-on-this-machine"],
  ]);
  const programs = stderr
    .split("\n")
    .flatMap((line) => /^(docker|kind|kubectl|pulumi) /.exec(line)?.[1] ?? []);
  expect(programs).toEqual([
    ...["docker", "kind", "docker", "docker", "docker", "kind"],
    ...["kubectl", "kubectl", "kubectl", "kubectl", "docker"],
    ...["kubectl", "kubectl", "kubectl", "kubectl", "kubectl"],
    ...["docker", "docker", "pulumi"],
  ]);
  expect(stderr).toContain('[host."http://tinyolly-control-plane:30500"]');
  expect(readdirSync(dirname(state))).toEqual([]);
});

test.each([
  ["down", ["docker buildx stop tinyolly", "docker stop tinyolly-control-plane"]],
  ["reset", ["docker buildx rm tinyolly", "kind delete cluster --name=tinyolly"]],
])("a dry run of %s shows its commands", async (command, lines) => {
  const { status, stdout, stderr } = await kind(command, "--dry-run");
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  for (const line of lines) expect(stderr).toContain(`\n${line}`);
});

test.each([
  [
    ["deploy", "--dry-run"],
    "platform: deploy has no --dry-run; only up, down and reset have one\n",
  ],
  [
    ["upp"],
    'platform: "upp" is not a command; there are up, down, reset, status, env, deploy, open, logs, doctor, preview, destroy, end\n',
  ],
])("%j is refused", async (args, message) => {
  expect(await kind(...args)).toEqual({ status: 1, stdout: "", stderr: message });
});

test.each(["up", "deploy", "preview", "destroy", "end", "down", "reset"])(
  "%s waits for nobody who holds the lock",
  async (command) => {
    const own = `${process.pid}-${startTime(process.pid) ?? ""}`;
    const holder = { command: "make down", user: "alice", since: "2026-11-23T00:04:09.123Z" };
    writeFiles(lockFolder(state), { [own]: JSON.stringify(holder) });
    const { status, stderr } = await kind(command);
    expect(stderr).toMatch(
      /^platform: make down \(process \d+ of the user alice, since 2026-11-23T00:04:09Z\)/,
    );
    expect(status).toBe(1);
    expect(existsSync(state)).toBe(false);
  },
);

test("without the programs that it needs, up says what to install, and gives the lock back", async () => {
  const { status, stderr } = await kind("up");
  expect(stderr).toMatch(/^platform: PLATFORM=kind needs on PATH: docker \(/);
  expect(status).toBe(1);
  expect(readdirSync(dirname(state))).toEqual([]);
});

test("env prints what a shell evaluates", async () => {
  const { status, stdout } = await kind("env");
  expect(status).toBe(0);
  expect(stdout.split("\n")).toContain(`export KUBECONFIG='${state}/kubeconfig'`);
});
