import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { SourceWatcher, type WatchFolder } from "../../../commands/watch/source-watcher.ts";
import { sourcesOf } from "../../../commands/watch/sources.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";

const shop = {
  images: { api: { path: "apps/api" }, web: { path: "apps/web" } },
  charts: { shop: { path: "charts/shop", namespace: "shop", images: {} } },
};

const files = {
  "deliverables.ts": "",
  "apps/api/.dockerignore": "*\n!main.py\n!src/app\n**/__pycache__",
  "apps/api/Dockerfile": "FROM scratch",
  "apps/api/main.py": "",
  "apps/api/notes.md": "",
  "apps/api/src/app/a.py": "",
  "apps/api/src/app/__pycache__/a.pyc": "",
  "apps/web/.dockerignore": "node_modules",
  "apps/web/src/deep/index.ts": "",
  "apps/web/node_modules/x/index.js": "",
  "charts/shop/values.yaml": "",
};

const outOfWatches: WatchFolder = () => {
  throw Object.assign(new Error("System limit for number of file watchers reached"), {
    code: "ENOSPC",
  });
};

function followShop(watchFolder: WatchFolder = watch) {
  enterFolderWith(files);
  const onChange = vi.fn<() => void>();
  const warn = vi.fn<(message: string) => void>();
  const watched = vi.fn(watchFolder);
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const watcher = new SourceWatcher({ onChange, warn, watchFolder: watched });
  onTestFinished(() => {
    watcher.close();
  });
  const follow = (): void => {
    watcher.follow(sourcesOf(shop, ["deliverables.ts", "bases.lock.yaml"]));
  };
  follow();
  passTick();
  const folders = (): string[] => watched.mock.calls.map(([folder]) => folder).sort();
  return { watcher, follow, onChange, warn, folders };
}

/** Waits until the file system gives later times than to what is there: two changes at one time look like one. */
function passTick(): void {
  const now = (): number => {
    const probe = mkdtempSync(join(tmpdir(), "tinyolly-tick-"));
    const { ctimeMs } = statSync(probe);
    rmSync(probe, { recursive: true });
    return ctimeMs;
  };
  const start = now();
  while (now() === start);
}

/** Resolves once the watcher has been told of all that was changed until now. */
async function toldOfAll(): Promise<void> {
  // Where it looks by itself.
  vi.advanceTimersByTime(1000);
  // The kernel tells all watches of a process in the order of the changes.
  const marker = mkdtempSync(join(tmpdir(), "tinyolly-marker-"));
  const watcher = watch(marker);
  const seen = once(watcher, "change");
  writeFileSync(join(marker, "file"), "");
  await seen;
  watcher.close();
  rmSync(marker, { recursive: true });
}

const changes: readonly (readonly [string, () => void])[] = [
  [
    "an edit",
    () => {
      appendFileSync("apps/api/main.py", "x");
    },
  ],
  [
    "an edit deep down",
    () => {
      appendFileSync("apps/web/src/deep/index.ts", "x");
    },
  ],
  [
    "an edit below an ignored folder that lets it in",
    () => {
      appendFileSync("apps/api/src/app/a.py", "x");
    },
  ],
  [
    "a new file",
    () => {
      writeFileSync("charts/shop/new.yaml", "");
    },
  ],
  [
    "a new link",
    () => {
      symlinkSync("values.yaml", "charts/shop/link.yaml");
    },
  ],
  [
    "a file that goes",
    () => {
      rmSync("apps/web/src/deep/index.ts");
    },
  ],
  [
    "a file that gets another name",
    () => {
      renameSync("charts/shop/values.yaml", "charts/shop/other.yaml");
    },
  ],
  [
    "the executable bit",
    () => {
      chmodSync("apps/api/main.py", 0o755);
    },
  ],
  [
    "an ignored Dockerfile",
    () => {
      appendFileSync("apps/api/Dockerfile", "\n");
    },
  ],
  [
    "an ignore file",
    () => {
      appendFileSync("apps/web/.dockerignore", "\nx");
    },
  ],
  [
    "a file of the configuration",
    () => {
      appendFileSync("deliverables.ts", "x");
    },
  ],
  [
    "a file of the configuration that was missing",
    () => {
      writeFileSync("bases.lock.yaml", "");
    },
  ],
  [
    "an editor's new file that takes the place of the old one",
    () => {
      writeFileSync("deliverables.ts~", "x");
      renameSync("deliverables.ts~", "deliverables.ts");
    },
  ],
  [
    "a folder with files that comes from elsewhere",
    () => {
      writeFiles("elsewhere", { "a/b": "" });
      renameSync("elsewhere", "charts/shop/files");
    },
  ],
  [
    "an ignored folder that goes with what is let in below it",
    () => {
      renameSync("apps/api/src", "old-src");
    },
  ],
  [
    "a source that goes",
    () => {
      rmSync("apps/web", { recursive: true });
    },
  ],
  [
    "the folder of all sources that goes",
    () => {
      renameSync("apps", "old-apps");
    },
  ],
];

const ignored: readonly (readonly [string, () => void])[] = [
  [
    "an ignored file",
    () => {
      appendFileSync("apps/api/notes.md", "x");
    },
  ],
  [
    "a new ignored file",
    () => {
      writeFileSync("apps/api/other.md", "");
    },
  ],
  [
    "a file of an ignored folder",
    () => {
      appendFileSync("apps/web/node_modules/x/index.js", "x");
    },
  ],
  [
    "a new file of an ignored folder",
    () => {
      writeFileSync("apps/web/node_modules/x/new.js", "x");
    },
  ],
  [
    "a file of an ignored folder in one that counts",
    () => {
      appendFileSync("apps/api/src/app/__pycache__/a.pyc", "x");
    },
  ],
  [
    "a new ignored folder",
    () => {
      mkdirSync("apps/api/tests/deep", { recursive: true });
    },
  ],
  [
    "a Git folder",
    () => {
      writeFiles("apps/web/.git", { HEAD: "" });
    },
  ],
  [
    "a file beside the configuration",
    () => {
      writeFileSync("README.md", "");
    },
  ],
];

describe.each([
  ["by the kernel", watch],
  ["by looking", outOfWatches],
])("%s", (_, watchFolder) => {
  test.each(changes)("%s is noticed", async (_, change) => {
    const { onChange } = followShop(watchFolder);
    change();
    await toldOfAll();
    expect(onChange).toHaveBeenCalled();
  });

  test.each(ignored)("%s is not noticed", async (_, change) => {
    const { onChange } = followShop(watchFolder);
    change();
    await toldOfAll();
    expect(onChange).not.toHaveBeenCalled();
  });

  test("files in a new nested folder are noticed, also those of a source that came back", async () => {
    const { onChange, follow } = followShop(watchFolder);
    rmSync("apps/web", { recursive: true });
    await toldOfAll();
    mkdirSync("apps/web/src/new/deep", { recursive: true });
    mkdirSync("charts/shop/files/deep", { recursive: true });
    await toldOfAll();
    for (const file of ["apps/web/src/new/deep/a.ts", "charts/shop/files/deep/a"]) {
      passTick();
      onChange.mockClear();
      writeFileSync(file, "");
      await toldOfAll();
      expect(onChange, file).toHaveBeenCalled();
    }
    follow();
    passTick();
    onChange.mockClear();
    appendFileSync("apps/web/src/new/deep/a.ts", "x");
    await toldOfAll();
    expect(onChange).toHaveBeenCalled();
  });

  test("after other sources are followed, the old ones are not", async () => {
    const { watcher, onChange } = followShop(watchFolder);
    watcher.follow(sourcesOf({ images: { web: shop.images.web }, charts: {} }, []));
    appendFileSync("charts/shop/values.yaml", "x");
    await toldOfAll();
    expect(onChange).not.toHaveBeenCalled();
    appendFileSync("apps/web/src/deep/index.ts", "x");
    await toldOfAll();
    expect(onChange).toHaveBeenCalled();
  });

  test("once closed, nothing is noticed", async () => {
    const { watcher, onChange } = followShop(watchFolder);
    watcher.close();
    appendFileSync("apps/api/main.py", "x");
    await toldOfAll();
    expect(onChange).not.toHaveBeenCalled();
  });
});

test("each folder is watched once, and no ignored one", () => {
  const { folders, warn } = followShop();
  expect(folders()).toEqual(
    [
      ".",
      "apps",
      "apps/api",
      "apps/api/src",
      "apps/api/src/app",
      "apps/web",
      "apps/web/src",
      "apps/web/src/deep",
      "charts",
      "charts/shop",
    ].sort(),
  );
  expect(warn).not.toHaveBeenCalled();
});

test.each([
  ["ENOSPC", "fs.inotify.max_user_watches=524288"],
  ["EMFILE", "fs.inotify.max_user_instances=1024"],
])("where the kernel says %s, the user reads once what to raise", (code, setting) => {
  const { warn, follow } = followShop(() => {
    throw Object.assign(new Error(code), { code });
  });
  follow();
  expect(warn.mock.calls).toEqual([
    [
      `the kernel watches no more folders for this user, so they are read every second; sudo sysctl ${setting} raises the limit`,
    ],
  ]);
});

test("where the watches end with a new folder, it is looked at from then on", async () => {
  const { onChange, warn } = followShop((folder, listener) =>
    folder === "charts/shop/new" ? outOfWatches(folder, listener) : watch(folder, listener),
  );
  mkdirSync("charts/shop/new");
  await toldOfAll();
  expect(warn).toHaveBeenCalledOnce();
  expect(onChange).toHaveBeenCalled();
  onChange.mockClear();
  writeFileSync("charts/shop/new/file", "");
  await toldOfAll();
  expect(onChange).toHaveBeenCalled();
});
