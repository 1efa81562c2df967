// Needs root, as the platform does: it mounts a file system of a few megabytes.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { requireSpace } from "../../../platform/machine/disk.ts";
import { withLock } from "../../../platform/machine/lock.ts";
import { PlatformError, readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

/** Runs `body` with a file system of its own on an empty folder. */
async function withMount(
  folder: string,
  options: string,
  body: () => Promise<void> | void,
): Promise<void> {
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "tinyolly-test", folder]);
  try {
    await body();
  } finally {
    execFileSync("umount", [folder]);
  }
}

test("a file system of 4 MiB is too small, with what is free in it, and nothing is made there", async () => {
  const small = folderWith({});
  const state = join(small, "not/there/yet");
  const settings = readPlatformSettings({ TINYOLLY_STATE: state, TINYOLLY_CACHE: small });
  await withMount(small, "size=4m", () => {
    expect(() => {
      requireSpace(settings);
    }).toThrow(
      new PlatformError(
        `there are only 4.2 MB free for ${state}, but the platform needs 1.1 GB; ` +
          `make platform-reset deletes the platform's data, and folders of old versions in ${small}/tools can go`,
      ),
    );
    expect(readdirSync(small)).toEqual([]);
  });
});

test("a file system without any space has none for the lock, which says so", async () => {
  const full = folderWith({});
  const state = join(full, "state");
  await withMount(full, "nr_inodes=1", async () => {
    const failure = withLock(state, "make up", () => Promise.resolve());
    await expect(failure).rejects.toThrow(
      new RegExp(
        `^the lock ${state}.lock cannot be taken: ENOSPC: no space left on device, mkdir '.*'; mend that folder, or give it a little space$`,
      ),
    );
  });
});
