import { InputError } from "../basics/input-error.ts";
import { WordReader, splitWords } from "./shell-words.ts";

/** One `FROM` of a Dockerfile. */
export interface Stage {
  /** Name after `AS`, lower case; undefined when the stage has none. */
  readonly name: string | undefined;
  /** Image or stage it starts from, with build arguments filled in. */
  readonly from: string;
  /** Value of its `--platform` flag, as it is written; undefined for the platform that is built for. */
  readonly platform: string | undefined;
  /** Images and stages from which it copies or mounts files. */
  readonly sources: readonly string[];
}

const instructions = new Set(
  `add arg cmd copy entrypoint env expose from healthcheck label maintainer onbuild run shell stopsignal user volume workdir`.split(
    " ",
  ),
);

/**
 * Reads the stages of a Dockerfile, as they are for one platform, and finds what BuildKit would refuse at once: unknown
 * instructions, a missing `FROM`, heredocs without an end. Without a platform, and for arguments that tell the builder's
 * own, `FROM build-${TARGETARCH}` is the first stage that has such a name.
 *
 * @throws InputError with `path`, the line and what is allowed there.
 */
export function parseDockerfile(
  path: string,
  text: string,
  buildArgs: Readonly<Record<string, string>> = {},
  platform?: string,
): Stage[] {
  const args = platformArguments(platform);
  for (const name of args.keys()) args.set(name, buildArgs[name] ?? args.get(name) ?? "");
  const stages: (Stage & { readonly sources: string[] })[] = [];
  const escape = escapeCharacter(text);

  for (const { line, statement } of statements(path, text, escape)) {
    const [, word = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(statement) ?? [];
    const instruction = word.toLowerCase();
    const fail = (problem: string): never => {
      throw new InputError(`${path}:${line}: ${problem}`);
    };
    if (!instructions.has(instruction)) {
      fail(
        `"${word}" is not a Dockerfile instruction; allowed are ${[...instructions].join(", ").toUpperCase()}`,
      );
    }
    if (stages.length === 0 && instruction !== "from" && instruction !== "arg") {
      fail(`${word} stands before the first FROM; only ARG may`);
    }
    if (instruction !== "cmd" && instruction !== "entrypoint" && rest.trim() === "")
      fail(`${word} has no argument`);
    if (instruction === "arg" && stages.length === 0) {
      const reader = new WordReader(args, escape, fail);
      for (const word of splitWords(rest, escape)) {
        const [, name = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
        const given = buildArgs[name] ?? (value === undefined ? undefined : reader.read(value));
        if (given !== undefined) args.set(name, given);
      }
    }
    if (instruction === "from") {
      const match = /^(?:--platform=(\S+)\s+)?(\S+)(?:\s+as\s+(\S+))?$/i.exec(rest.trim());
      if (!match)
        fail(`"FROM ${rest.trim()}" is not of the form FROM [--platform=…] image [AS name]`);
      const [, flag, word = "", name] = match ?? [];
      const from = settle(word, new WordReader(args, escape, fail).read(word), stages, fail);
      stages.push({ from, name: name?.toLowerCase(), platform: flag, sources: [] });
    }
    if (["add", "copy", "run"].includes(instruction)) {
      const flags = /^(?:--\S+\s+)*/.exec(rest)?.[0] ?? "";
      for (const [, source = ""] of flags.matchAll(
        /--(?:from=|mount=(?:\S*?,)?from=)([^\s,]+)/gi,
      )) {
        if (source.includes("$"))
          fail(
            `${word} takes from "${source}", but BuildKit puts no arguments in there; ` +
              `write FROM ${source} AS a stage of its own, and take from that`,
          );
        stages.at(-1)?.sources.push(source);
      }
    }
  }
  if (stages.length === 0)
    throw new InputError(`${path} has no FROM; a Dockerfile starts from an image or from scratch`);
  return stages;
}

/** Images outside the Dockerfile that its stages start or copy from: neither earlier stages nor `scratch`. */
export function baseImages(stages: readonly Stage[]): string[] {
  const bases = new Set<string>();
  const names = new Set<string>(["scratch"]);
  for (const [i, { from, name, sources }] of stages.entries()) {
    for (const image of [from, ...sources]) {
      const isStage = names.has(image.toLowerCase()) || (/^\d+$/.test(image) && Number(image) < i);
      if (!isStage) bases.add(image);
    }
    if (name !== undefined) names.add(name);
  }
  return [...bases];
}

/** Image of the frontend that a `# syntax=` line at the top asks for; undefined for the builder's own. */
export function syntaxImage(text: string): string | undefined {
  return syntaxLine.exec(text)?.[2];
}

/** The Dockerfile with its `# syntax=` line bound to a digest; build contexts cannot replace that image. */
export function pinSyntax(text: string, digest: string): string {
  return text.replace(syntaxLine, `$1$2@${digest}$3`);
}

/** Directives are the lines `# key=value` before anything else. */
const syntaxLine =
  /^(\uFEFF?(?:#[ \t]*\w+[ \t]*=.*\n)*?#[ \t]*syntax[ \t]*=[ \t]*)(\S+)([ \t]*(?:\r?\n|$))/i;

/** Begins and ends the name of an argument whose value only the builder knows. */
const unknown = "\0";

/** Arguments that BuildKit sets for each platform. */
function platformArguments(platform: string | undefined): Map<string, string> {
  const [os, arch, variant = ""] = platform?.split("/") ?? [];
  const target = { PLATFORM: platform, OS: os, ARCH: arch, VARIANT: variant, OSVERSION: "" };
  const args = new Map<string, string>();
  for (const [name, value] of Object.entries(target)) {
    args.set(`BUILD${name}`, `${unknown}BUILD${name}${unknown}`);
    const known = platform === undefined ? undefined : value;
    args.set(`TARGET${name}`, known ?? `${unknown}TARGET${name}${unknown}`);
  }
  return args;
}

/** The image or stage that `reference`, written as `word`, stands for. */
function settle(
  word: string,
  reference: string,
  stages: readonly Stage[],
  fail: (problem: string) => never,
): string {
  if (reference === "")
    fail(`"FROM ${word}" names nothing; give its ARG a default, or set it in buildArgs`);
  const [start = "", argument, ...rest] = reference.split(unknown);
  if (argument === undefined) return reference;
  const end = rest.at(-1) ?? "";
  const fitting = stages.find(
    ({ name }) =>
      name !== undefined &&
      name.length > start.length + end.length &&
      name.startsWith(start.toLowerCase()) &&
      name.endsWith(end.toLowerCase()),
  );
  return (
    fitting?.name ??
    fail(
      `"FROM ${word}" depends on ${argument}, which only the builder knows, and no earlier stage has such a name; ` +
        `set ${argument} in buildArgs, or write a stage for each of its values`,
    )
  );
}

/** One instruction of a Dockerfile, as it is written. */
export interface Instruction {
  readonly line: number;
  /** Such as `copy`. */
  readonly name: string;
  /** What follows the name, with its lines joined. */
  readonly rest: string;
  /** Lines of its heredocs; empty where it has none. */
  readonly heredocs: string;
}

/** Reads the instructions of a Dockerfile that {@link parseDockerfile} takes. */
export function readInstructions(path: string, text: string): Instruction[] {
  return statements(path, text, escapeCharacter(text)).map(({ line, statement, heredocs }) => {
    const [, name = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(statement) ?? [];
    return { line, name: name.toLowerCase(), rest, heredocs };
  });
}

interface Statement {
  readonly line: number;
  readonly statement: string;
  readonly heredocs: string;
}

function escapeCharacter(text: string): string {
  const directive = /^#\s*escape\s*=\s*(\S)\s*$/im.exec(/^(?:#.*\n)*/.exec(`${text}\n`)?.[0] ?? "");
  return directive?.[1] ?? "\\";
}

function statements(path: string, text: string, escape: string): Statement[] {
  const rows = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const continued = new RegExp(`(^|[^\\${escape}])\\${escape}[ \\t]*$`);
  const found: Statement[] = [];

  for (let i = 0; i < rows.length; i++) {
    const first = rows[i]?.trimStart() ?? "";
    if (first === "" || first.startsWith("#")) continue;
    const line = i + 1;
    let statement = first;
    for (let open = continued.test(first); open && i + 1 < rows.length;) {
      const next = rows[++i] ?? "";
      if (/^\s*(?:#|$)/.test(next)) continue;
      statement = statement.replace(continued, "$1") + next;
      open = continued.test(next);
    }
    statement = statement.replace(continued, "$1").trim();
    const start = i;
    for (const { end, indented } of heredocs(statement)) {
      const ends = (row: string): boolean => (indented ? row.replace(/^\t+/, "") : row) === end;
      while (i + 1 < rows.length && !ends(rows[++i] ?? ""));
      if (!ends(rows[i] ?? ""))
        throw new InputError(
          `${path}:${line}: the heredoc ${end} has no end; close it by a line "${end}"`,
        );
    }
    found.push({ line, statement, heredocs: rows.slice(start + 1, i + 1).join("\n") });
  }
  return found;
}

interface Heredoc {
  /** Line that ends it. */
  readonly end: string;
  /** Whether tabs may stand before that line. */
  readonly indented: boolean;
}

/** Heredocs that begin on a line: words such as `<<EOF`, `3<<-"EOF"` and `<< EOF`, which are part of no other word. */
function heredocs(statement: string): Heredoc[] {
  if (!/^(?:onbuild\s+)?(?:run|copy|add)\s/i.test(statement)) return [];
  return splitWords(statement, "\\").flatMap((word) => {
    const [, dash, name = ""] = /^\d*<<(-?)\s*([^<]*)$/s.exec(word) ?? [];
    if (dash === undefined || name === "") return [];
    const end = name.replace(
      /'([^']*)'|"([^"]*)"|\\(.)/gs,
      (_, single?: string, double?: string, escaped?: string) => single ?? double ?? escaped ?? "",
    );
    return [{ end, indented: dash === "-" }];
  });
}
