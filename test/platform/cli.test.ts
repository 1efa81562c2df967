// Needs root, as the platform does: it mounts a file system of a few megabytes.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { lockFolder } from "../../platform/machine/lock.ts";
import {
  knownServices,
  logFile,
  servicePid,
  startService,
  stopService,
} from "../../platform/machine/processes.ts";
import { startTime } from "../../platform/machine/start-time.ts";
import { folderWith, writeFiles } from "../folders.ts";
import { runTypeScript } from "../run-typescript.ts";

/** Long enough for a busy machine. */
const patience = { timeout: 30_000 };

const stackFile = "pulumi/.pulumi/stacks/tinyolly/local.json";

const all = ["up", "deploy", "preview", "destroy", "end", "down", "reset"];

test.each(all)("%s waits for nobody who holds the lock", async (command) => {
  const state = join(folderWith({}), "state");
  const own = `${process.pid}-${startTime(process.pid) ?? ""}`;
  const holder = { command: "make up", user: "alice", since: "2026-11-23T00:04:09.123Z" };
  writeFiles(lockFolder(state), { [own]: JSON.stringify(holder) });
  const { status, stdout, stderr } = await runTypeScript("platform/cli.ts", [command], {
    TINYOLLY_STATE: state,
  });
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: "",
    stderr:
      `platform: make up (process ${process.pid} of the user alice, since 2026-11-23T00:04:09Z) works on the platform in ` +
      `${state} now; wait until it has ended, or end it with Ctrl-C where it runs or kill ${process.pid}\n`,
  });
  expect(readdirSync(dirname(state))).toEqual(["state.lock"]);
});

test.each(["up", "deploy", "preview", "destroy"])(
  "%s is refused on a file system of 4 MiB before anything is made",
  async (command) => {
    const small = folderWith({});
    const state = join(small, "state");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tinyolly-test", small]);
    try {
      const { status, stdout, stderr } = await runTypeScript("platform/cli.ts", [command], {
        TINYOLLY_STATE: state,
        TINYOLLY_CACHE: join(small, "cache"),
      });
      expect({ status, stdout, stderr }).toEqual({
        status: 1,
        stdout: "",
        stderr:
          `platform: there are only 4.2 MB free for ${state}, but the platform needs 1.1 GB; make platform-reset deletes ` +
          `the platform's data, and folders of old versions in ${small}/cache/tools can go\n`,
      });
      expect(readdirSync(small)).toEqual([]);
    } finally {
      execFileSync("umount", [small]);
    }
  },
);

test("deploy is refused where the plan to follow is missing, before anything is made", async () => {
  const state = join(folderWith({}), "state");
  const env = { TINYOLLY_STATE: state, TINYOLLY_PLAN: "nowhere.json" };
  expect(await runTypeScript("platform/cli.ts", ["deploy"], env)).toEqual({
    status: 1,
    stdout: "",
    stderr:
      "platform: there is no plan nowhere.json; save one with make explain SAVE=nowhere.json\n",
  });
  expect(readdirSync(dirname(state))).toEqual([]);
});

test.each([
  ["never ran", undefined],
  ["was destroyed", { version: 3, checkpoint: { latest: { manifest: {} } } }],
  ["has no resources", { version: 3, checkpoint: { latest: { resources: [] } } }],
])("destroy and end start nothing where the stack %s", async (_, checkpoint) => {
  const state = join(folderWith({}), "state");
  if (checkpoint) writeFiles(state, { [stackFile]: JSON.stringify(checkpoint) });
  const env = { TINYOLLY_STATE: state };
  for (const command of ["destroy", "end"])
    expect(await runTypeScript("platform/cli.ts", [command], env)).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
});

/** A server of a platform with this state: it does nothing, and ends with the test. */
async function startServer(state: string, name: string): Promise<void> {
  await startService(state, {
    name,
    command: ["sleep", "60"],
    address: "",
    ready: () => Promise.resolve(existsSync(join(state, "pids"))),
    patience: 10,
  });
  onTestFinished(async () => {
    await stopService(state, name);
  });
}

test("make down stops the servers where nothing can be destroyed, and says last what is left and why", async () => {
  const small = folderWith({});
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tinyolly-test", small]);
  try {
    await endOn(small);
  } finally {
    const state = join(small, "state");
    for (const name of knownServices(state)) await stopService(state, name);
    execFileSync("umount", [small]);
  }
});

async function endOn(small: string): Promise<void> {
  const state = join(small, "state");
  const urn = (type: string): string => `urn:pulumi:local::tinyolly::${type}`;
  const resources = [
    { urn: urn("pulumi:pulumi:Stack::tinyolly-local") },
    { urn: urn("tinyolly:index:Application::webui") },
    { urn: urn("tinyolly:index:Application$kubernetes:yaml:Object::webui") },
  ];
  const checkpoint = { version: 3, checkpoint: { latest: { resources } } };
  writeFiles(state, { [stackFile]: JSON.stringify(checkpoint) });
  await startServer(state, "etcd");
  const pid = servicePid(state, "etcd") ?? 0;
  const env = { TINYOLLY_STATE: state, TINYOLLY_CACHE: join(small, "cache") };
  const { status, stdout, stderr } = await runTypeScript("platform/cli.ts", ["end"], env);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(
    new RegExp(
      "^platform: there are only 4\\.\\d MB free for .*\\n" +
        "The servers are stopped all the same\\. The state of the stack local still has 3 resources, with Application webui: " +
        "make down tries again, make up brings back what is missing, and make platform-reset deletes it all with its data\\.\\n$",
    ),
  );
  expect(startTime(pid)).toBeUndefined();
  expect(knownServices(state)).toEqual([]);
}

/** The status of one server, and all that is printed. */
async function statusOf(
  state: string,
  name: string,
): Promise<{ readonly one: unknown; readonly code: number; readonly text: string }> {
  const env = { TINYOLLY_STATE: state };
  const text = await runTypeScript("platform/cli.ts", ["status"], env);
  const json = await runTypeScript("platform/cli.ts", ["status", "--json"], env);
  // The command's own output.
  const services = JSON.parse(json.stdout) as { name: string }[];
  expect(json.status).toBe(text.status);
  return {
    one: services.find((service) => service.name === name),
    code: json.status,
    text: text.stdout,
  };
}

test("the status names a server that crashed, since when, its log and what starts it again", async () => {
  const state = folderWith({});
  await startServer(state, "etcd");
  const pid = servicePid(state, "etcd") ?? 0;
  process.kill(pid, "SIGKILL");
  await vi.waitUntil(() => startTime(pid) === undefined, patience);
  const log = logFile(state, "etcd");
  writeFileSync(log, "the last line\n");
  utimesSync(log, new Date(), new Date("2026-11-30T04:12:11.5Z"));
  const { one, code, text } = await statusOf(state, "etcd");
  expect(code).toBe(1);
  expect(one).toEqual({
    name: "etcd",
    address: "https://127.0.0.1:12379",
    memory: 0,
    log,
    health: "crashed",
    crash: { lastLine: "2026-11-30T04:12:11.500Z" },
  });
  expect(text).toMatch(/^etcd +- +https:\/\/127.0.0.1:12379 +crashed +-$/m);
  expect(text).toMatch(/^kube-apiserver +- +https:\/\/127.0.0.1:6443 +stopped +-$/m);
  expect(text.split("\n").slice(-3)).toEqual([
    `etcd crashed; its log ends at 2026-11-30T04:12:11Z: ${log}`,
    "make platform-up starts what does not run",
    "",
  ]);
});

test("a server that was stopped is no crashed one", async () => {
  const state = folderWith({});
  await startServer(state, "etcd");
  await stopService(state, "etcd");
  const { one, text } = await statusOf(state, "etcd");
  expect(one).toMatchObject({ health: "stopped" });
  expect(text).not.toContain("crashed");
});
