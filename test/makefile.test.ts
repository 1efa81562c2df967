import { spawnSync } from "node:child_process";
import { chownSync, copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { knownOptions, optionProblems } from "../commands/options.ts";
import { folderWith } from "./folders.ts";

const makefile = readFileSync("Makefile", "utf8");

/** The command of a target, without its script; nothing is run. */
function commandOf(...words: string[]): string {
  const { stdout, stderr } = spawnSync("make", ["--no-print-directory", "--dry-run", ...words], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "" },
  });
  const line = stdout.trim().split("\n").at(-1) ?? "";
  const [, flags] = /node \S+\.ts ?(.*)$/.exec(line) ?? [];
  if (flags === undefined) throw new Error(`make ${words.join(" ")}: ${stdout}${stderr}`);
  return flags.replaceAll(/ +/g, " ").trim();
}

test.each<[what: string, words: readonly string[], command: string]>([
  ["no value where none is given", ["gc"], "--platform"],
  [
    "values, also with a dash before them",
    ["gc", "KEEP=-1", "STACK=prod"],
    "--platform --stack='prod' --keep='-1'",
  ],
  ["one command for all that ends", ["down"], "end"],
  [
    "trust in a bundle only where it is said",
    ["load", "FILE=a.tar", "STACK=airgap", "TRUST=0"],
    "load --platform --stack='airgap' --file='a.tar'",
  ],
  [
    "trust in a bundle",
    ["load", "FILE=a.tar", "STACK=airgap", "TRUST=1"],
    "load --platform --stack='airgap' --file='a.tar' --trust",
  ],
  ["a switch", ["gc", "DELETE=1"], "--platform --delete"],
  ["a switch by another word", ["gc", "DELETE=yes"], "--platform --delete"],
  ["no switch by 0", ["gc", "DELETE=0", "JSON=0"], "--platform"],
  ["no switch by no or false", ["bases", "UPDATE=no", "JSON=false"], "--platform"],
  [
    "no name for a promotion, although make has a variable AS",
    ["promote", "FROM=local", "TO=prod"],
    "promote --platform --from='local' --to='prod'",
  ],
  [
    "the name of a promotion",
    ["promote", "FROM=local", "TO=prod", "AS=v2.2.0"],
    "promote --platform --from='local' --to='prod' --as='v2.2.0'",
  ],
])("make passes on %s", (_, words, command) => {
  expect(commandOf(...words)).toBe(command);
});

test("OFFLINE=1 asks no registry, and OFFLINE=0 does", () => {
  const environmentOf = (value: string): boolean =>
    spawnSync("make", ["--dry-run", "explain", `OFFLINE=${value}`], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"] ?? "" },
    }).stdout.includes("TINYOLLY_OFFLINE=1 ");
  expect([environmentOf("1"), environmentOf("0"), environmentOf("")]).toEqual([true, false, false]);
});

// Only root may give a folder away.
test.runIf(process.getuid?.() === 0)(
  "make by sudo is refused in a checkout of the user before anything is made there",
  () => {
    const checkout = folderWith({ "package.json": "", "package-lock.json": "" });
    copyFileSync("Makefile", join(checkout, "Makefile"));
    const make = (): string => {
      const env = { ...process.env, SUDO_UID: "1000" };
      return spawnSync("make", ["--dry-run", "up"], { cwd: checkout, encoding: "utf8", env })
        .stderr;
    };
    expect(make()).toBe("");
    chownSync(checkout, 1000, 1000);
    expect(make()).toBe(
      "Makefile:21: *** run make without sudo, as the user whose checkout this is; it asks for root where it needs it.  Stop.\n",
    );
  },
);

const options = [...new Set([...knownOptions(makefile).values()].flat())].sort();

test("each target names in the list of help what its recipe reads, and nothing else", () => {
  for (const [target, known] of knownOptions(makefile)) {
    const [, recipe = ""] = new RegExp(`^${target}:.*\\n((?:\\t.*\\n)*)`, "m").exec(makefile) ?? [];
    const expanded = recipe
      .replaceAll("$(STACK_FLAG)", "$(call option,STACK,stack)")
      .replaceAll("$(RELEASE_FLAGS)", "$(call option,STACK,stack)")
      .replaceAll("$(OFFLINE_ENV)", "$(call on,OFFLINE)");
    const read = new Set(
      [...expanded.matchAll(/\$\((?:call (?:on|option),|if \$\()?([A-Z]+)\b/g)]
        .map(([, name = ""]) => name)
        .filter((name) => options.includes(name)),
    );
    // A script reads these itself.
    const own = target === "test" ? ["SEED", "ROUNDS"] : [];
    expect([target, ...new Set([...read, ...own, "PLATFORM"])].sort()).toEqual(
      [target, ...known].sort(),
    );
  }
});

test.each([...knownOptions(makefile)])("make %s refuses all other options", (target, known) => {
  for (const option of options) {
    const problems = optionProblems(makefile, [target], [option]);
    if (known.includes(option)) expect(problems).toEqual([]);
    else expect(problems.join()).toMatch(`make ${target} does not know ${option}`);
  }
});

test("an option that nobody knows is refused with the nearest, before anything is done", () => {
  // Without what a make that runs these tests hands on.
  const env = { PATH: process.env["PATH"] ?? "" };
  const { status, stderr } = spawnSync("make", ["explain", "JSN=1"], { encoding: "utf8", env });
  expect(status).toBe(2);
  expect(stderr).toContain("make explain does not know JSN (did you mean JSON?): it knows DETAIL,");
  expect(optionProblems(makefile, ["up"], ["STACK"]).join()).toMatch(
    /^make up does not know STACK: it knows PLAN.*; make preview, explain, .* would take it$/,
  );
  expect(optionProblems(makefile, ["down"], ["WAIT"])).toEqual([
    "make down does not know WAIT: it takes no options",
  ]);
  expect(optionProblems(makefile, ["up", "explain"], ["JSON", "TINYOLLY_OFFLINE"])).toEqual([]);
});
