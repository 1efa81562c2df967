// Needs root, as the platform does: it mounts a file system of a few megabytes.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { lockFolder } from "../../platform/lock";
import { startTime } from "../../platform/start-time";
import { folderWith, writeFiles } from "../folders";
import { runTypeScript } from "../run-typescript";

const all = ["up", "deploy", "preview", "destroy", "down", "reset"];

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
])("destroy starts nothing where the stack %s", async (_, checkpoint) => {
  const state = join(folderWith({}), "state");
  const file = "pulumi/.pulumi/stacks/tinyolly/local.json";
  if (checkpoint) writeFiles(state, { [file]: JSON.stringify(checkpoint) });
  const env = { TINYOLLY_STATE: state };
  expect(await runTypeScript("platform/cli.ts", ["destroy"], env)).toEqual({
    status: 0,
    stdout: "",
    stderr: "",
  });
});
