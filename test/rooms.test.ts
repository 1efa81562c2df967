// Rooms: the table of ARCHITECTURE.md, the rules of dependency-cruiser and the folders say the same, and the rules bite.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { folderWith } from "./folders.ts";

const project = resolve(import.meta.dirname, "..");
// It exports its rooms, from the bottom to the top.
const { floors } = (await import(join(project, ".dependency-cruiser.mjs"))) as {
  floors: readonly string[];
};

test("the table has each room, in the order of the rules, and nothing else is in the folders", () => {
  const architecture = readFileSync(join(project, "ARCHITECTURE.md"), "utf8");
  const [, table = ""] = architecture.split("## Rooms");
  const rooms = [...table.matchAll(/^\| `([a-z/]+)\/` /gm)].map(([, room = ""]) => room);
  expect(rooms).toEqual([...floors, "platform", "commands"]);
  expect(rooms.filter((room) => !existsSync(join(project, room)))).toEqual([]);
  const delivery = readdirSync(join(project, "delivery")).map((name) => `delivery/${name}`);
  expect(delivery.sort()).toEqual(floors.filter((room) => room.startsWith("delivery/")).sort());
});

/** Rules that these files break. */
function broken(files: Readonly<Record<string, string>>): string[] {
  const folder = folderWith({ ...files, "package.json": '{"type": "module"}' });
  for (const name of [".dependency-cruiser.mjs", "tsconfig.json"])
    copyFileSync(join(project, name), join(folder, name));
  const run = spawnSync(
    join(project, "node_modules/.bin/depcruise"),
    ["--output-type=json", ...new Set(Object.keys(files).map((file) => file.split("/")[0] ?? ""))],
    { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 },
  );
  // As dependency-cruiser writes it.
  const { summary } = JSON.parse(run.stdout) as {
    summary: { violations: readonly { rule: { name: string } }[] };
  };
  return [...new Set(summary.violations.map(({ rule }) => rule.name))].sort();
}

test.each<[what: string, files: Readonly<Record<string, string>>, rules: readonly string[]]>([
  [
    "imports that go down",
    {
      "delivery/basics/a.ts": "export const a = 1;",
      "delivery/plan/b.ts": 'import "../basics/a.ts";',
    },
    [],
  ],
  [
    "a type from a room above",
    {
      "delivery/basics/a.ts": 'import type { B } from "../plan/b.ts";\nexport type A = B;',
      "delivery/plan/b.ts": "export type B = 1;",
    },
    ["delivery/basics-goes-down"],
  ],
  [
    "two files that import types of each other",
    {
      "delivery/plan/a.ts": 'import type { B } from "./b.ts";\nexport type A = B;',
      "delivery/plan/b.ts": 'import type { A } from "./a.ts";\nexport type B = A;',
    },
    ["no-circular"],
  ],
  [
    "a program that knows the platform",
    { "program/a.ts": 'import "../platform/b.ts";', "platform/b.ts": "" },
    ["program-without-platform"],
  ],
  ["an import of nothing", { "delivery/plan/a.ts": 'import "./b.ts";' }, ["resolvable"]],
])("%s: exactly its rules are broken", (_, files, rules) => {
  expect(broken(files)).toEqual(rules);
});
