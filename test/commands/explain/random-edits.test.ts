import { lstatSync, readFileSync, readlinkSync, rmSync, utimesSync } from "node:fs";
import { join, posix } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { type ExplainedItem, isChanged } from "../../../commands/explain/explanation.ts";
import { enterFolderWith, setUmask, writeFiles } from "../../folders.ts";
import { explained, plannedShop, stateAfter } from "../../planned.ts";
import { type Project, edit, listFiles, randomProject } from "../../random-project.ts";
import { seededRandom } from "../../random.ts";

const rounds = 50;

/** What a folder holds besides its ignore file and what that names: mode and content by path. */
function snapshot(folder: string): Map<string, string> {
  const kept = listFiles(folder).filter((path) => path !== ".dockerignore" && path !== "notes");
  return new Map(
    kept.map((path) => {
      const file = join(folder, path);
      const status = lstatSync(file);
      if (status.isSymbolicLink()) return [path, `link ${readlinkSync(file)}`];
      return [path, `${status.mode & 0o100} ${readFileSync(file, "utf8")}`];
    }),
  );
}

type Folders = ReadonlyMap<string, ReadonlyMap<string, string>>;

function snapshots({ deliverables: { images, charts } }: Project): Folders {
  const paths = [...Object.values(images), ...Object.values(charts)].map(({ path }) => path);
  return new Map(paths.map((path) => [path, snapshot(path)]));
}

/** What has to change by the rules alone: what holds a changed file, and all that takes it. */
function mustChange({ deliverables }: Project, before: Folders, after: Folders): string[] {
  const { images, charts } = deliverables;
  const own = (path: string): boolean => !isDeepStrictEqual(before.get(path), after.get(path));
  const imageChanges = (name: string): boolean => {
    const image = images[name];
    return image !== undefined && (own(image.path) || (image.needs ?? []).some(imageChanges));
  };
  const changedCharts = Object.entries(charts)
    .filter(([, chart]) => own(chart.path) || Object.values(chart.images).some(imageChanges))
    .map(([name]) => name);
  return [
    ...Object.keys(images)
      .filter(imageChanges)
      .map((name) => `image ${name}`),
    ...changedCharts.map((name) => `chart ${name}`),
    ...changedCharts.map((name) => `application ${name}`),
  ].sort();
}

function changedFiles(before: Folders, after: Folders): string[] {
  return [...before]
    .flatMap(([folder, files]) => {
      const now = after.get(folder) ?? new Map<string, string>();
      return [...new Set([...files.keys(), ...now.keys()])]
        .filter((path) => files.get(path) !== now.get(path))
        .map((path) => posix.join(folder, path));
    })
    .sort();
}

function names(items: readonly ExplainedItem[]): string[] {
  return items
    .filter(isChanged)
    .map(({ kind, name }) => `${kind} ${name}`)
    .sort();
}

function namedFiles(items: readonly ExplainedItem[]): string[] {
  return items
    .flatMap(({ reasons }) => reasons)
    .filter(({ cause }) => cause === "source" || cause === "chart-source")
    .map(({ subject }) => subject)
    .sort();
}

test("random edits change what holds them and what takes that, and nothing else", async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= rounds; seed++) {
    const random = seededRandom(seed);
    const project = randomProject(random);
    enterFolderWith(project.files);
    const { deliverables } = project;
    const before = snapshots(project);
    const state = stateAfter(plannedShop({ deliverables }));
    for (let edits = 1 + random.below(3); edits > 0; edits--)
      edit(random, random.pick([...before.keys()]));

    const after = snapshots(project);
    const { items } = await explained(state, plannedShop({ deliverables }));
    const expected = mustChange(project, before, after);
    expect(names(items), `seed ${seed}`).toEqual(expected);
    expect(namedFiles(items), `seed ${seed}`).toEqual(changedFiles(before, after));
    for (const name of expected) seen.add(name.replace(/ .*/, ""));

    for (const folder of before.keys()) rmSync(folder, { recursive: true });
    writeFiles(".", project.files);
    const undone = await explained(state, plannedShop({ deliverables }));
    expect(names(undone.items), `seed ${seed}, undone`).toEqual([]);
  }
  expect([...seen].sort()).toEqual(["application", "chart", "image"]);
});

test("another folder, order of writing, umask and other times change nothing", async () => {
  for (let seed = 1; seed <= rounds / 4; seed++) {
    const random = seededRandom(seed);
    const { files, deliverables } = randomProject(random);
    enterFolderWith(files);
    const state = stateAfter(plannedShop({ deliverables }));

    setUmask(random.pick([0o022, 0o027, 0o077]));
    enterFolderWith(Object.fromEntries(random.shuffle(Object.entries(files))));
    for (const path of Object.keys(files)) utimesSync(path, 1, random.below(1e9));
    const shuffled = {
      images: Object.fromEntries(random.shuffle(Object.entries(deliverables.images))),
      charts: Object.fromEntries(random.shuffle(Object.entries(deliverables.charts))),
    };
    const { items } = await explained(
      random.shuffle(state),
      plannedShop({ deliverables: shuffled }),
    );
    expect(names(items), `seed ${seed}`).toEqual([]);
  }
});
