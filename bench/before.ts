/**
 * Times this checkout in turn with another one, such as a clone of an earlier commit, without a change in either, and prints the ratios:
 * `node bench/before.ts FOLDER [NAME=VALUE]… [--rounds N]`. In both `make up` has run; the variables are those with which it did in
 * FOLDER, so that the platforms are beside each other: TINYOLLY_PORT_OFFSET, and a PULUMI_HOME.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { runMain } from "../delivery/basics/command-line.ts";
import { InputError } from "../delivery/basics/input-error.ts";
import { project } from "../platform/settings.ts";
import { type Command, endCommandsOnSignals, run } from "./command.ts";
import { measure, readRounds } from "./measure.ts";
import { markdownTable, sections } from "./report.ts";

const stack = ["--stack=local", "--non-interactive"];
const cases = {
  "No change, preview": ["pulumi", "preview", ...stack],
  "No change, up": ["pulumi", "up", "--skip-preview", "--yes", ...stack],
  "No change, explain": ["make", "--silent", "explain"],
} as const;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: "string", default: "9" } },
  });
  const [folder, ...variables] = positionals;
  if (folder === undefined)
    throw new InputError("name the folder of the other checkout: node bench/before.ts FOLDER");
  const rounds = readRounds(values.rounds);
  endCommandsOnSignals();
  const checkouts = [
    { name: "this", cwd: project, env: await environmentOf(project, []) },
    { name: "before", cwd: resolve(folder), env: await environmentOf(resolve(folder), variables) },
  ];
  const results = [];
  for (const [title, [program, ...args]] of Object.entries(cases)) {
    const entries = checkouts.map(({ name, cwd, env }) => {
      const command: Command = { program, args, cwd, env };
      return { contender: name, prepare: () => command };
    });
    const target = {
      formula: "0.8 × before",
      limit: (median: (name: string) => number) => 0.8 * median("before"),
    };
    // The first run of each is not timed: it may have caches to fill.
    const setUp = async (): Promise<void> => {
      for (const { prepare } of entries) await run(prepare());
    };
    results.push(await measure({ id: title, title, rounds, setUp, entries, target }, log));
  }
  process.stdout.write(markdownTable(sections(results)));
  return 0;
}

/** What a shell has after `eval "$(make -s env)"` in a checkout, with nothing of another platform. */
async function environmentOf(
  cwd: string,
  variables: readonly string[],
): Promise<NodeJS.ProcessEnv> {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(?:TINYOLLY_|PULUMI_|KUBECONFIG|BUILDX_|NODE_COMPILE_CACHE)/.test(name),
  );
  const env = { ...Object.fromEntries(own), ...readVariables(variables) };
  const { stdout } = await run({
    program: "sh",
    args: ["-c", 'eval "$(make --silent env)" && env -0'],
    ...{ cwd, env },
  });
  return readVariables(stdout.split("\0").filter(Boolean));
}

/** Variables of lines such as `NAME=VALUE`. */
function readVariables(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

runMain("before", main);
