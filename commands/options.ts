/**
 * Refuses options that a target of the Makefile does not know: `node commands/options.ts TARGET… -- NAME=VALUE…` prints what is wrong,
 * and nothing where all is well.
 *
 * What a target knows is what its line in `make help` names, so that the list is never another one.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { didYouMean } from "../delivery/basics/nearest.ts";

/** Those that mean the same for every target. */
const everywhere = ["PLATFORM"];

/** Options of each target, by its line in the list of `make help`. */
export function knownOptions(makefile: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    [...makefile.matchAll(/^([a-z-]+):.*## (.*)$/gm)].map(([, target = "", text = ""]) => {
      const named = [...text.matchAll(/\b([A-Z]+)=/g)].map(([, name = ""]) => name);
      return [target, [...new Set([...named, ...everywhere])]];
    }),
  );
}

/** What is wrong with options; each with what the targets know instead. */
export function optionProblems(
  makefile: string,
  targets: readonly string[],
  given: readonly string[],
): string[] {
  const known = knownOptions(makefile);
  const fitting = [...new Set(targets.flatMap((target) => known.get(target) ?? []))];
  const what = `make ${targets.join(" ")}`;
  return given
    .filter((name) => !fitting.includes(name) && !name.startsWith("TINYOLLY_"))
    .map((name) => {
      const others = [...known]
        .filter(([, names]) => names.includes(name))
        .map(([target]) => target);
      const own = fitting.filter((one) => !everywhere.includes(one));
      const knows = own.length === 0 ? "takes no options" : `knows ${own.join(", ")}`;
      const elsewhere = others.length === 0 ? "" : `; make ${others.join(", ")} would take it`;
      return `${what} does not know ${name}${didYouMean(name, fitting)}: it ${knows}${elsewhere}`;
    });
}

if (import.meta.main) {
  const args = process.argv.slice(2);
  const end = args.indexOf("--");
  const makefile = readFileSync(join(import.meta.dirname, "../Makefile"), "utf8");
  process.stdout.write(
    optionProblems(makefile, args.slice(0, end), args.slice(end + 1)).join("; "),
  );
}
