import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import type { ImagePlan } from "../../../delivery/plan/image-plan.ts";
import { sourceDateEpoch, stageContext, stageFiles } from "../../../delivery/plan/staging.ts";
import type { SourceFile } from "../../../delivery/sources/source-tree.ts";
import { enterFolderWith, folderWith, setUmask } from "../../folders.ts";
import { named, planShop, shopFiles } from "../../shop.ts";

beforeEach(() => {
  enterFolderWith(shopFiles);
  chmodSync("apps/web/scripts/start.sh", 0o744);
  symlinkSync("index.html", "apps/web/home.html");
});

function planWeb(): ImagePlan {
  return named(planShop().images, "web");
}

/** Everything about a folder that a build can see: kind, permission bits, seconds and content by path. */
function snapshot(root: string): Record<string, string> {
  const seen: Record<string, string> = {};
  for (const path of ["", ...readdirSync(root, { recursive: true, encoding: "utf8" })]) {
    const stat = lstatSync(join(root, path));
    const mode = stat.isSymbolicLink() ? "link" : (stat.mode & 0o7777).toString(8);
    const content = stat.isSymbolicLink()
      ? readlinkSync(join(root, path))
      : stat.isFile()
        ? readFileSync(join(root, path), "utf8")
        : "";
    seen[path] = `${mode} ${Math.floor(stat.mtimeMs / 1000)} ${content}`;
  }
  return seen;
}

test.each([0o000, 0o022, 0o027, 0o077])(
  "modes and times are normal under umask %o",
  (restriction) => {
    setUmask(restriction);
    const context = stageContext(planWeb());
    expect(snapshot(context)).toEqual({
      "": `755 ${sourceDateEpoch} `,
      Dockerfile: `644 ${sourceDateEpoch} FROM nginx AS base\nFROM base\nCOPY . /srv\n`,
      "index.html": `644 ${sourceDateEpoch} <h1>Shop</h1>`,
      "home.html": `link ${sourceDateEpoch} index.html`,
      scripts: `755 ${sourceDateEpoch} `,
      "scripts/start.sh": `755 ${sourceDateEpoch} nginx`,
    });
    expect(lstatSync(join(context, "..")).mode & 0o777).toBe(0o755);
  },
);

test("two checkouts of the same sources are staged alike", () => {
  const one = stageContext(planWeb());
  const before = snapshot(one);

  setUmask(0o077);
  enterFolderWith(shopFiles);
  chmodSync("apps/web/scripts/start.sh", 0o755);
  chmodSync("apps/web/index.html", 0o640);
  utimesSync("apps/web/index.html", 1, 1);
  symlinkSync("index.html", "apps/web/home.html");
  const other = stageContext(planWeb());

  expect(other).toEqual(one);
  expect(snapshot(other)).toEqual(before);
});

test("what .dockerignore leaves out is not staged", () => {
  expect(Object.keys(snapshot(stageContext(planWeb())))).not.toContain("notes.txt");
});

test("paths are relative and named by image and key, so that no checkout differs", () => {
  const plan = planWeb();
  const key = plan.key.slice(0, 12);
  expect(stageContext(plan)).toBe(`.tinyolly/contexts/web-${key}/${key}`);
});

test("no two contexts have one last part, nor files of equal size the same time, by which BuildKit would take them for the same", () => {
  const before = stageContext(planWeb());
  const text = readFileSync("apps/web/index.html", "utf8");
  writeFileSync("apps/web/index.html", text.replace("Shop", "Sale"));
  const after = stageContext(planWeb());
  const [one, other] = [before, after].map((context) => statSync(join(context, "index.html")));
  expect(other?.size).toBe(one?.size);
  expect(other?.mtimeMs).not.toBe(one?.mtimeMs);
  expect(basename(after)).not.toBe(basename(before));
});

test("a file that changed since it was planned is refused, and nothing stays behind", () => {
  const plan = planWeb();
  appendFileSync("apps/web/index.html", "\n");
  expect(() => stageContext(plan)).toThrow(
    new InputError(
      "apps/web/index.html changed since it was planned; run the command again when it is at rest",
    ),
  );
  expect(readdirSync(".tinyolly/contexts")).toEqual([]);
});

test("a file that vanished since it was planned is an error, and nothing stays behind", () => {
  const plan = planWeb();
  rmSync("apps/web/index.html");
  expect(() => stageContext(plan)).toThrow("ENOENT");
  expect(readdirSync(".tinyolly/contexts")).toEqual([]);
});

test("a context that is there is used again without reading the sources", () => {
  const plan = planWeb();
  const first = stageContext(plan);
  const before = snapshot(first);
  rmSync("apps", { recursive: true });
  expect(stageContext(plan)).toEqual(first);
  expect(snapshot(first)).toEqual(before);
});

test("an interrupted draft does no harm", () => {
  mkdirSync(".tinyolly/contexts/.draft-abc123/context", { recursive: true });
  writeFileSync(".tinyolly/contexts/.draft-abc123/context/index.html", "half a p");
  const context = stageContext(planWeb());
  expect(readFileSync(join(context, "index.html"), "utf8")).toBe("<h1>Shop</h1>");
});

test("where two runs stage the same content, the first one's folder is used by both", () => {
  const plan = planWeb();
  const folder = `.tinyolly/contexts/web-${plan.key.slice(0, 12)}`;
  const slower: ImagePlan = {
    ...plan,
    get files() {
      mkdirSync(folder);
      writeFileSync(join(folder, "complete"), "");
      return plan.files;
    },
  };
  expect(stageContext(slower)).toBe(`${folder}/${plan.key.slice(0, 12)}`);
  expect(readdirSync(".tinyolly/contexts")).toEqual([`web-${plan.key.slice(0, 12)}`]);
  expect(readdirSync(folder)).toEqual(["complete"]);
});

test("contexts and drafts that nothing used for a day go, all others stay", () => {
  const old = new Date(Date.now() - 25 * 60 * 60 * 1000);
  const recent = new Date(Date.now() - 23 * 60 * 60 * 1000);
  const ages = {
    "web-aaaaaaaaaaaa": old,
    "web-bbbbbbbbbbbb": recent,
    "api-aaaaaaaaaaaa": old,
    ".draft-aaaaaa": old,
    ".draft-bbbbbb": recent,
  };
  for (const [name, time] of Object.entries(ages)) {
    mkdirSync(join(".tinyolly/contexts", name), { recursive: true });
    utimesSync(join(".tinyolly/contexts", name), time, time);
  }
  const plan = planWeb();
  stageContext(plan);
  expect(readdirSync(".tinyolly/contexts").sort()).toEqual(
    [
      ".draft-bbbbbb",
      "api-aaaaaaaaaaaa",
      "web-bbbbbbbbbbbb",
      `web-${plan.key.slice(0, 12)}`,
    ].sort(),
  );
});

test("a context in use counts as young", () => {
  const plan = planWeb();
  const folder = join(stageContext(plan), "..");
  utimesSync(folder, 1, 1);
  stageContext(plan);
  appendFileSync("apps/web/index.html", "\n");
  stageContext(planWeb());
  expect(readdirSync(".tinyolly/contexts")).toHaveLength(2);
});

test("the folders on the way get normal times even where they hold only folders", () => {
  const from = folderWith({ "a/b/c.txt": "c" });
  const to = join(folderWith({}), "copy");
  const files: SourceFile[] = [{ path: "a/b/c.txt", kind: "file", digest: sha256("c") }];
  stageFiles(from, files, to);
  expect(snapshot(to)).toEqual({
    "": `755 ${sourceDateEpoch} `,
    a: `755 ${sourceDateEpoch} `,
    "a/b": `755 ${sourceDateEpoch} `,
    "a/b/c.txt": `644 ${sourceDateEpoch} c`,
  });
});

test("a link that changed since it was planned is refused", () => {
  const plan = planWeb();
  rmSync("apps/web/home.html");
  symlinkSync("scripts/start.sh", "apps/web/home.html");
  expect(() => stageContext(plan)).toThrow(
    "apps/web/home.html changed since it was planned; run the command again when it is at rest",
  );
});

describe("a reserved context", () => {
  type Staging = typeof import("../../../delivery/plan/staging.ts");

  /** A program of its own, which may end. */
  async function startProgram(): Promise<Staging & { end: () => void }> {
    vi.restoreAllMocks();
    const once = vi.spyOn(process, "once");
    onTestFinished(() => {
      once.mockRestore();
    });
    vi.resetModules();
    const staging: Staging = await import("../../../delivery/plan/staging.ts");
    const end = (): void => {
      for (const [event, listener] of once.mock.calls) if (event === "exit") listener();
    };
    return { ...staging, end };
  }

  test("is the empty folder that an update would fill", async () => {
    const { reserveContext } = await startProgram();
    const context = reserveContext(planWeb());
    expect(readdirSync(context)).toEqual([]);
    expect(context).toBe(stageContext(planWeb()));
  });

  test("is never taken for a staged one", async () => {
    const { reserveContext } = await startProgram();
    reserveContext(planWeb());
    const context = stageContext(planWeb());
    expect(readFileSync(join(context, "index.html"), "utf8")).toBe("<h1>Shop</h1>");
  });

  test("is one that was staged before, which stays when the program ends", async () => {
    const program = await startProgram();
    const context = stageContext(planWeb());
    const before = snapshot(context);
    expect(program.reserveContext(planWeb())).toBe(context);
    program.end();
    expect(snapshot(context)).toEqual(before);
  });

  test("goes when the program ends, with every folder above it that was made for it", async () => {
    const { reserveContext, end } = await startProgram();
    const { images } = planShop();
    expect(images).toHaveLength(2);
    for (const image of images) reserveContext(image);
    expect(readdirSync(".tinyolly/contexts")).toHaveLength(2);
    end();
    expect(readdirSync(".")).toEqual(["apps", "charts"]);
  });

  test("goes with the next program when the first one was killed", async () => {
    const killed = await startProgram();
    killed.reserveContext(planWeb());
    const { reserveContext, end } = await startProgram();
    reserveContext(planWeb());
    end();
    expect(readdirSync(".")).toEqual(["apps", "charts"]);
  });

  test("goes alone when folders above it hold something else", async () => {
    mkdirSync(".tinyolly/platform", { recursive: true });
    const { reserveContext, end } = await startProgram();
    reserveContext(planWeb());
    end();
    expect(readdirSync(".tinyolly")).toEqual(["platform"]);
  });

  test("stays when an update filled it in the meantime", async () => {
    const { reserveContext, end } = await startProgram();
    const context = reserveContext(planWeb());
    stageContext(planWeb());
    end();
    expect(readdirSync(context)).toContain("index.html");
  });
});
