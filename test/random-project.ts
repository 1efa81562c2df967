import {
  chmodSync,
  lstatSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, posix } from "node:path";
import type { Deliverables, ImageDeliverable } from "../delivery/plan/plan.ts";
import { writeFiles } from "./folders.ts";
import type { Random } from "./random.ts";

/** Sources of a project and what it ships. */
export interface Project {
  readonly files: Readonly<Record<string, string>>;
  readonly deliverables: Deliverables & {
    readonly images: Readonly<Record<string, ImageDeliverable>>;
  };
}

/** Images that need earlier ones, and charts that take some of them. */
export function randomProject(random: Random): Project {
  const files: Record<string, string> = {};
  const names = Array.from({ length: 1 + random.below(5) }, (_, i) => `image-${i}`);
  const some = (items: readonly string[]): string[] => items.filter(() => random.below(3) === 0);

  const images = names.map((name, i): [string, ImageDeliverable] => {
    const path = `apps/${name}`;
    const needs = some(names.slice(0, i));
    const taken = needs.map((need) => `COPY --from=${need} / /`);
    Object.assign(files, sources(random, path), {
      [`${path}/Dockerfile`]: ["FROM scratch", ...taken].join("\n"),
      [`${path}/notes`]: "left out",
      [`${path}/.dockerignore`]: "notes\n",
    });
    return [name, { path, needs }];
  });
  const charts = ["one", "two", "three"].slice(0, random.below(4)).map((name) => {
    const path = `charts/${name}`;
    const taken = some(names);
    Object.assign(files, sources(random, path), {
      [`${path}/Chart.yaml`]: `name: ${name}\nversion: 1.0.0\n`,
      [`${path}/values.yaml`]: `none: {}\n${taken.map((image) => `${image}: {}\n`).join("")}`,
      [`${path}/notes`]: "left out",
      [`${path}/.helmignore`]: "notes\n",
    });
    const takes = Object.fromEntries(taken.map((image) => [image, image]));
    return [name, { path, namespace: name, images: takes }] as const;
  });
  return {
    files,
    deliverables: { images: Object.fromEntries(images), charts: Object.fromEntries(charts) },
  };
}

/** Names among which are some that every object of JavaScript knows. */
function sources(random: Random, path: string): Record<string, string> {
  const names = ["constructor", "__proto__", "sub/toString", `${random.word()}.txt`];
  const others = Array.from(
    { length: random.below(5) },
    () => `d-${random.word()}/${random.word()}`,
  );
  return Object.fromEntries(
    [...names, ...others]
      .filter(() => random.below(4) > 0)
      .map((name) => [`${path}/${name}`, random.word()]),
  );
}

const required = /\/(?:Dockerfile|Chart\.yaml|values\.yaml|\.\w+ignore)$/;

/** Edits one file of one folder in one of the ways in which people do. */
export function edit(random: Random, folder: string): void {
  const paths = listFiles(folder).map((path) => `${folder}/${path}`);
  const free = paths.filter((path) => !required.test(path) && lstatSync(path).isFile());
  const edits: (() => void)[] = [
    () => {
      const path = random.pick(paths.filter((one) => lstatSync(one).isFile()));
      writeFileSync(path, `${readFileSync(path, "utf8")}\n# ${random.word()}`);
    },
    () => {
      writeFiles(folder, {
        [random.pick([random.word(), `n-${random.word()}/new`, "valueOf"])]: random.word(),
      });
    },
    () => {
      for (const path of free.slice(0, 1)) rmSync(path);
    },
    () => {
      for (const path of free.slice(0, 1)) renameSync(path, join(folder, `r-${random.word()}`));
    },
    () => {
      for (const path of free.slice(-1)) chmodSync(path, 0o755);
    },
    () => {
      for (const path of free.slice(-1)) {
        rmSync(path);
        const target = folder.startsWith("apps/") ? "Dockerfile" : "Chart.yaml";
        symlinkSync(posix.relative(dirname(path), `${folder}/${target}`), path);
      }
    },
    () => {
      for (const path of paths)
        if (lstatSync(path).isFile()) utimesSync(path, 1, random.below(1e9));
    },
  ];
  random.pick(edits)();
}

/** Paths of the files and links below a folder, relative to it, sorted. */
export function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => posix.relative(folder, posix.join(entry.parentPath, entry.name)))
    .sort();
}
