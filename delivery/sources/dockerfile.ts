import { InputError } from "../basics/input-error.ts";

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
 * Reads the stages of a Dockerfile and finds what BuildKit would refuse at once: unknown instructions, a missing
 * `FROM`, heredocs without an end.
 *
 * @throws InputError with `path`, the line and what is allowed there.
 */
export function parseDockerfile(
  path: string,
  text: string,
  buildArgs: Readonly<Record<string, string>> = {},
): Stage[] {
  const args: Record<string, string> = {};
  const stages: (Stage & { readonly sources: string[] })[] = [];

  for (const { line, statement } of statements(path, text)) {
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
      const [name = "", ...value] = rest.trim().split("=");
      args[name] = buildArgs[name] ?? value.join("=").replace(/^(["'])(.*)\1$/, "$2");
    }
    if (instruction === "from") {
      const match = /^(?:--platform=(\S+)\s+)?(\S+)(?:\s+as\s+(\S+))?$/i.exec(rest.trim());
      if (!match)
        fail(`"FROM ${rest.trim()}" is not of the form FROM [--platform=…] image [AS name]`);
      const [, platform, from = "", name] = match ?? [];
      stages.push({ from: fill(from, args), name: name?.toLowerCase(), platform, sources: [] });
    }
    if (["add", "copy", "run"].includes(instruction)) {
      const flags = /^(?:--\S+\s+)*/.exec(rest)?.[0] ?? "";
      for (const [, source = ""] of flags.matchAll(/--(?:from=|mount=(?:\S*?,)?from=)([^\s,]+)/gi))
        stages.at(-1)?.sources.push(source);
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

interface Statement {
  readonly line: number;
  readonly statement: string;
}

function statements(path: string, text: string): Statement[] {
  const rows = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const directive = /^#\s*escape\s*=\s*(\S)\s*$/im.exec(/^(?:#.*\n)*/.exec(`${text}\n`)?.[0] ?? "");
  const escape = directive?.[1] ?? "\\";
  const found: Statement[] = [];

  for (let i = 0; i < rows.length; i++) {
    const first = rows[i]?.trim() ?? "";
    if (first === "" || first.startsWith("#")) continue;
    const line = i + 1;
    let statement = first;
    while (statement.endsWith(escape) && i + 1 < rows.length) {
      i++;
      const next = rows[i]?.trim() ?? "";
      if (next.startsWith("#") || next === "") {
        continue;
      }
      statement = `${statement.slice(0, -1)} ${next}`;
    }
    if (statement.endsWith(escape)) statement = statement.slice(0, -1).trim();
    if (/^(?:run|copy|add)\s/i.test(statement)) {
      for (const [, , end = ""] of statement.matchAll(/<<-?\s*(["']?)([A-Za-z_]\w*)\1/g)) {
        while (i + 1 < rows.length && rows[++i]?.trim() !== end);
        if (rows[i]?.trim() !== end)
          throw new InputError(
            `${path}:${line}: the heredoc ${end} has no end; close it by a line "${end}"`,
          );
      }
    }
    found.push({ line, statement });
  }
  return found;
}

function fill(reference: string, args: Readonly<Record<string, string>>): string {
  return reference.replace(
    /\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))/g,
    (_, braced?: string, fallback?: string, plain?: string) => {
      const value = args[braced ?? plain ?? ""];
      return value === undefined || value === "" ? (fallback ?? "") : value;
    },
  );
}
