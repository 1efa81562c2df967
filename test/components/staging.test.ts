import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { InputError } from "../../components/input-error";
import type { ImagePlan } from "../../components/plan";
import { type SourceFile, sha256 } from "../../components/source-tree";
import { sourceDateEpoch, stageContext, stageFiles } from "../../components/staging";
import { enterFolderWith, folderWith, setUmask } from "../folders";
import { named, planShop, shopFiles } from "../shop";

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
    seen[path] = `${mode} ${stat.mtimeMs / 1000} ${content}`;
  }
  return seen;
}

test.each([0o000, 0o022, 0o027, 0o077])(
  "modes and times are normal under umask %o",
  (restriction) => {
    setUmask(restriction);
    const { context, dockerfile } = stageContext(planWeb());
    expect(snapshot(context)).toEqual({
      "": `755 ${sourceDateEpoch} `,
      ".dockerignore": `644 ${sourceDateEpoch} notes.txt\n`,
      Dockerfile: `644 ${sourceDateEpoch} FROM nginx AS base\nFROM base\nCOPY . /srv\n`,
      "index.html": `644 ${sourceDateEpoch} <h1>Shop</h1>`,
      "home.html": `link ${sourceDateEpoch} index.html`,
      scripts: `755 ${sourceDateEpoch} `,
      "scripts/start.sh": `755 ${sourceDateEpoch} nginx`,
    });
    expect(lstatSync(dockerfile).mode & 0o777).toBe(0o644);
    expect(lstatSync(dockerfile).mtimeMs).toBe(sourceDateEpoch * 1000);
    expect(lstatSync(join(context, "..")).mode & 0o777).toBe(0o755);
  },
);

test("two checkouts of the same sources are staged alike", () => {
  const one = stageContext(planWeb());
  const before = snapshot(one.context);

  setUmask(0o077);
  enterFolderWith(shopFiles);
  chmodSync("apps/web/scripts/start.sh", 0o755);
  chmodSync("apps/web/index.html", 0o640);
  utimesSync("apps/web/index.html", 1, 1);
  symlinkSync("index.html", "apps/web/home.html");
  const other = stageContext(planWeb());

  expect(other).toEqual(one);
  expect(snapshot(other.context)).toEqual(before);
});

test("what .dockerignore leaves out is not staged", () => {
  expect(Object.keys(snapshot(stageContext(planWeb()).context))).not.toContain("notes.txt");
});

test("paths are relative and named by image and key, so that no checkout differs", () => {
  const plan = planWeb();
  const folder = `.tinyolly/contexts/web-${plan.key.slice(0, 12)}`;
  expect(stageContext(plan)).toEqual({
    context: `${folder}/context`,
    dockerfile: `${folder}/Dockerfile`,
  });
});

test.each(["apps/web/index.html", "apps/web/Dockerfile"])(
  "%s is refused when it changed since it was planned, and nothing stays behind",
  (file) => {
    const plan = planWeb();
    appendFileSync(file, "\n");
    expect(() => stageContext(plan)).toThrow(
      new InputError(`${file} changed while it was read; run the command again when it is at rest`),
    );
    expect(readdirSync(".tinyolly/contexts")).toEqual([]);
  },
);

test("a file that vanished since it was planned is an error, and nothing stays behind", () => {
  const plan = planWeb();
  rmSync("apps/web/index.html");
  expect(() => stageContext(plan)).toThrow("ENOENT");
  expect(readdirSync(".tinyolly/contexts")).toEqual([]);
});

test("a context that is there is used again without reading the sources", () => {
  const plan = planWeb();
  const first = stageContext(plan);
  const before = snapshot(first.context);
  rmSync("apps", { recursive: true });
  expect(stageContext(plan)).toEqual(first);
  expect(snapshot(first.context)).toEqual(before);
});

test("an interrupted draft does no harm", () => {
  mkdirSync(".tinyolly/contexts/.draft-abc123/context", { recursive: true });
  writeFileSync(".tinyolly/contexts/.draft-abc123/context/index.html", "half a p");
  const { context } = stageContext(planWeb());
  expect(readFileSync(join(context, "index.html"), "utf8")).toBe("<h1>Shop</h1>");
});

test("where two runs stage the same content, the first one's folder is used by both", () => {
  const plan = planWeb();
  const folder = `.tinyolly/contexts/web-${plan.key.slice(0, 12)}`;
  const slower: ImagePlan = {
    ...plan,
    get files() {
      mkdirSync(folder);
      writeFileSync(join(folder, "first"), "");
      return plan.files;
    },
  };
  expect(stageContext(slower).context).toBe(`${folder}/context`);
  expect(readdirSync(".tinyolly/contexts")).toEqual([`web-${plan.key.slice(0, 12)}`]);
  expect(readdirSync(folder)).toEqual(["first"]);
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
  const folder = join(stageContext(plan).context, "..");
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
    "apps/web/home.html changed while it was read; run the command again when it is at rest",
  );
});

test("a Dockerfile with bytes that are no text is staged as it is", () => {
  const bytes = Buffer.concat([
    readFileSync("apps/web/Dockerfile"),
    Buffer.from("# \xff\n", "latin1"),
  ]);
  writeFileSync("apps/web/Dockerfile", bytes);
  expect(readFileSync(stageContext(planWeb()).dockerfile)).toEqual(bytes);
});

test("the context's ignore file is not heeded a second time", () => {
  const { dockerfile } = stageContext(planWeb());
  expect(readFileSync(`${dockerfile}.dockerignore`, "utf8")).toMatch(/^#.*\n$/);
});
