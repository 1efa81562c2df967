import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

const project = resolve(import.meta.dirname, "..");
const pages = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.md"], {
  cwd: project,
  encoding: "utf8",
})
  .split("\n")
  .filter((page) => existsSync(join(project, page)) && page !== "");

const read = (page: string): string => readFileSync(join(project, page), "utf8");

/** The page without what is shown as code, which holds no links. */
const prose = (page: string): string => read(page).replaceAll(/^```[^]*?^```$|`[^`\n]*`/gm, "");

/** What is shown as code, each span on a line of its own. */
const code = (page: string): string =>
  [...read(page).matchAll(/^```[^]*?^```$|`[^`\n]*`/gm)]
    .map(([span]) => span.replaceAll(/^`|`$/g, ""))
    .join("\n");

/** What leads to a heading, as GitHub makes it of its text. */
function anchors(page: string): string[] {
  const headings = read(page)
    .replaceAll(/^```[^]*?^```$/gm, "")
    .matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, "")
      .replaceAll(/\s/g, "-"),
  );
}

describe.each(pages)("%s", (page) => {
  test("links to files and headings that are there", () => {
    const targets = [...prose(page).matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, to = ""]) => to);
    const dead = targets.filter((target) => {
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(project, file))) return true;
      return anchor !== undefined && !anchors(file).includes(anchor);
    });
    expect(dead).toEqual([]);
  });

  test("names commands of make that the Makefile has", () => {
    const targets = [...read("Makefile").matchAll(/^([a-z-]+):/gm)].map(
      ([, target = ""]) => target,
    );
    const named = [...code(page).matchAll(/(?:^|\$\()make (?:-s )?([a-z][a-z-]*)/gm)].map(
      ([, target = ""]) => target,
    );
    expect(named.filter((target) => !targets.includes(target))).toEqual([]);
  });
});

test("docs/settings.md has each key of Pulumi.yaml, and one that no stack may declare", () => {
  // The project's own file.
  const { config } = parse(read("Pulumi.yaml")) as { config: Readonly<Record<string, unknown>> };
  const [table = ""] = read("docs/settings.md").split("## Variables");
  const rows = [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, key = ""]) => key);
  expect(rows.toSorted()).toEqual([...Object.keys(config), "registryToken"].toSorted());
});

test("the program in README.md compiles", () => {
  const [, text = ""] = /^```ts\n([^]*?)^```$/m.exec(read("README.md")) ?? [];
  const folder = join(project, "examples/shop");
  const file = join(folder, "readme.ts");
  const { config } = ts.readConfigFile(join(folder, "tsconfig.json"), (path) =>
    ts.sys.readFile(path),
  ) as { readonly config: unknown };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
  const host = ts.createCompilerHost(options);
  const program = ts.createProgram([file], options, {
    ...host,
    fileExists: (path) => path === file || host.fileExists(path),
    readFile: (path) => (path === file ? text : host.readFile(path)),
    getSourceFile: (path, version) =>
      path === file ? ts.createSourceFile(path, text, version) : host.getSourceFile(path, version),
  });
  const source = program.getSourceFile(file);
  const problems = [
    ...program.getSyntacticDiagnostics(source),
    ...program.getSemanticDiagnostics(source),
  ];
  expect(text).toContain("new Application(");
  expect(
    problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")),
  ).toEqual([]);
});
