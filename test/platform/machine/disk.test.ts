import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  type FileSystem,
  neededBytes,
  requireBuildSpace,
  requireSpace,
} from "../../../platform/machine/disk.ts";
import { PlatformError, readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";
import { makeReadOnly } from "../../mounts.ts";

const enough = neededBytes;
const less = 512_000_000;

/** Settings with a state folder that does not exist yet, and what is asked about which folder. */
function machine(inState: FileSystem, inCache: FileSystem) {
  const made = folderWith({ "cache/tools/x": "" });
  const state = join(made, "some/where");
  const cache = join(made, "cache");
  const settings = readPlatformSettings({ TINYOLLY_STATE: state, TINYOLLY_CACHE: cache });
  const asked: string[] = [];
  const check = (): void => {
    requireSpace(settings, (folder) => {
      asked.push(folder);
      return folder === cache ? inCache : inState;
    });
  };
  return { made, state, cache, asked, check };
}

test("1 GiB is enough, asked of the nearest folders that exist", () => {
  const { made, cache, asked, check } = machine(
    { device: 1, free: enough },
    { device: 2, free: enough },
  );
  check();
  expect(asked).toEqual([made, cache]);
});

test("a tool cache that is only read needs no space", () => {
  const { cache, check } = machine({ device: 1, free: enough }, { device: 2, free: 0 });
  makeReadOnly(cache);
  check();
});

test.each<[string, FileSystem, FileSystem, (state: string, cache: string) => string]>([
  [
    "one file system",
    { device: 1, free: less },
    { device: 1, free: less },
    (state, cache) =>
      `there are only 512.0 MB free for ${state}, but the platform needs 1.1 GB; ` +
      `make platform-reset deletes the platform's data, and folders of old versions in ${cache}/tools can go`,
  ],
  [
    "that of the state folder",
    { device: 1, free: 0 },
    { device: 2, free: enough },
    (state) =>
      `there are only 0 B free for ${state}, but the platform needs 1.1 GB; ` +
      `make platform-reset deletes the platform's data`,
  ],
  [
    "that of the tool cache",
    { device: 1, free: enough },
    { device: 2, free: enough - 100_000_000 },
    (_, cache) =>
      `there are only 973.7 MB free for ${cache}, but the platform needs 1.1 GB; ` +
      `folders of old versions in ${cache}/tools can go`,
  ],
  [
    "both",
    { device: 1, free: less },
    { device: 2, free: 0 },
    (state, cache) =>
      `there are only 512.0 MB free for ${state} and 0 B free for ${cache}, but the platform needs 1.1 GB; ` +
      `make platform-reset deletes the platform's data, and folders of old versions in ${cache}/tools can go`,
  ],
])("less than that is refused: %s", (_, inState, inCache, message) => {
  const { state, cache, check } = machine(inState, inCache);
  expect(check).toThrow(new PlatformError(message(state, cache)));
});

test("one byte less than 1 GiB is refused", () => {
  const { check } = machine({ device: 1, free: enough - 1 }, { device: 2, free: enough });
  expect(check).toThrow(PlatformError);
});

test("for others than root, that of root's servers counts as well", () => {
  vi.spyOn(process, "getuid").mockReturnValue(1000);
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  const settings = readPlatformSettings({ TINYOLLY_STATE: "/srv/one", TINYOLLY_CACHE: "/cache" });
  const check = (): void => {
    requireSpace(settings, (folder) =>
      folder.startsWith("/var/lib") ? { device: 3, free: less } : { device: 1, free: enough },
    );
  };
  expect(check).toThrow(
    "there are only 512.0 MB free for /var/lib/tinyolly/875fb59d, but the platform needs 1.1 GB; " +
      "make platform-reset deletes the platform's data",
  );
});

test("a build of programs needs more, told with the folder and a way out", () => {
  const folder = join(folderWith({}), "cache/build");
  const build = (programs: number, free: number, before = 0) => {
    requireBuildSpace(folder, programs, before, () => ({ device: 1, free }));
  };
  build(27, 13e9);
  build(1, 2.5e9);
  // What an ended build has left there is not needed again.
  build(27, 4e9, 9e9);
  expect(() => {
    build(27, 12e9);
  }).toThrow(
    new PlatformError(
      `there are only 12.0 GB free for ${folder}, but to build 27 programs from source takes up to 12.8 GB until they are built; ` +
        "free some, or set TINYOLLY_CACHE to a folder of a larger disk",
    ),
  );
});
