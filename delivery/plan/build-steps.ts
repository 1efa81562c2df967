import { matchesGlob, posix } from "node:path";
import { sha256, shortHash } from "../basics/sha256.ts";
import {
  type Instruction,
  type Stage,
  parseDockerfile,
  readInstructions,
  syntaxImage,
} from "../sources/dockerfile.ts";
import { splitWords } from "../sources/shell-words.ts";
import type { SourceFile } from "../sources/source-tree.ts";

/** One step of a build: another image that it starts from, or an instruction that leaves files. */
export interface BuildStep {
  /** Stage and instruction, such as `build: RUN npm ci`; no other step has it. */
  readonly name: string;
  /** Start of a hash over what decides it besides the steps before it. */
  readonly own: string;
  /** Start of a hash over all that decides it; what has the same gives the same. */
  readonly chain: string;
  /** Name of the step whose files it changes; undefined of the first one of a stage. */
  readonly after: string | undefined;
  /** Names of steps at the ends of stages that it copies or mounts. */
  readonly takes: readonly string[];
  /** Files of the context that it reads. */
  readonly files: readonly string[];
  /** Whether it reads what only the build learns: an address, or a moving tag. */
  readonly open: boolean;
}

/** The steps of a build for its first platform. */
export interface BuildSteps {
  /** Those that the image needs, each after those that it needs itself; undefined where another frontend decides them. */
  readonly steps: readonly BuildStep[] | undefined;
  /** Names of those whose files are the layers of the image, in their order, after those of its base. */
  readonly layers: readonly string[];
  /** Start of a hash over all that decides the image; equal ones give an image with the same digest. */
  readonly result: string;
}

/** What decides the steps of a build. */
export interface BuildStepArgs {
  readonly dockerfile: { readonly path: string; readonly text: string };
  readonly target: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly platforms: readonly string[];
  readonly files: readonly SourceFile[];
  /** What decides each image from elsewhere, by reference; `""` where a tag alone does. */
  readonly bases: ReadonlyMap<string, string>;
  /** Key of the image as a whole, where steps are not known. */
  readonly key: string;
}

/**
 * Finds the steps of a build and what decides each of them, by the rules of BuildKit's own cache: a COPY by the files that it
 * takes, a RUN by its command, its environment and all before it. Where a rule is not known, more counts than BuildKit counts.
 */
export function buildSteps(args: BuildStepArgs): BuildSteps {
  const { dockerfile, target, platforms, key } = args;
  const syntax = syntaxImage(dockerfile.text);
  if (syntax !== undefined && !/^(?:docker\.io\/)?docker\/dockerfile(?:[:@]|$)/.test(syntax))
    return { steps: undefined, layers: [], result: shortHash(key) };
  const [platform] = platforms;
  const stages = parseDockerfile(dockerfile.path, dockerfile.text, args.buildArgs, platform);
  const build = new Build(args, stages);
  const last = target === undefined ? stages.length - 1 : build.indexOf(target);
  const end = build.stage(last);
  const result = shortHash(hash([end.chain, end.settings, platforms, syntax]));
  return { steps: build.steps, layers: layersOf(build.steps, end.last), result };
}

/** The instructions that lead to a step, without the image that they start from. */
function layersOf(steps: readonly BuildStep[], last: string | undefined): string[] {
  const step = steps.find(({ name }) => name === last);
  if (step?.after === undefined) return last?.startsWith("FROM ") === false ? [last] : [];
  return [...layersOf(steps, step.after), step.name];
}

/** A stage after its last instruction. */
interface StageEnd {
  /** Hash over all that decides its files. */
  readonly chain: string;
  /** Name of its last step; undefined where it has none. */
  readonly last: string | undefined;
  /** Hash over all that decides the rest of its image. */
  readonly settings: string;
  readonly environment: Environment;
}

/** What RUN sees besides files. */
interface Environment {
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly folder: string;
  readonly shell: string;
}

const nowhere: Environment = { env: {}, user: "", folder: "", shell: "" };

class Build {
  public readonly steps: BuildStep[] = [];
  readonly #args: BuildStepArgs;
  readonly #stages: readonly Stage[];
  readonly #instructions: readonly (readonly Instruction[])[];
  readonly #global: Readonly<Record<string, string>>;
  readonly #ends = new Map<number, StageEnd>();
  /** Names of steps that are images from elsewhere, by what decides them. */
  readonly #bases = new Map<string, string>();

  public constructor(args: BuildStepArgs, stages: readonly Stage[]) {
    this.#args = args;
    this.#stages = stages;
    const all = readInstructions(args.dockerfile.path, args.dockerfile.text);
    const first = all.findIndex(({ name }) => name === "from");
    this.#global = all
      .slice(0, first)
      .reduce((known, { rest }) => ({ ...known, ...this.#declared(rest, known) }), {});
    const grouped: Instruction[][] = [];
    for (const instruction of all.slice(first)) {
      if (instruction.name === "from") grouped.push([]);
      else grouped.at(-1)?.push(instruction);
    }
    this.#instructions = grouped;
  }

  /** Index of a stage by its name or number; -1 of everything else. */
  public indexOf(reference: string): number {
    const named = this.#stages.findIndex(({ name }) => name === reference.toLowerCase());
    const number = /^\d+$/.test(reference) ? Number(reference) : -1;
    return named >= 0 || number >= this.#stages.length ? named : number;
  }

  /** Follows a stage to its end, after those that it stands on; each once. */
  public stage(index: number): StageEnd {
    const known = this.#ends.get(index);
    if (known) return known;
    const stage = this.#stages[index];
    if (!stage) throw new Error(`there is no stage ${index}`);
    let { chain, last, settings, environment } = this.#start(stage, index);
    let args: Readonly<Record<string, string>> = {};
    const label = stage.name ?? `stage-${index}`;
    for (const instruction of this.#instructions[index] ?? []) {
      const { name, rest } = instruction;
      const scope = { ...args, ...environment.env };
      if (name === "arg") args = { ...args, ...this.#declared(rest, scope) };
      else if (name === "env")
        environment = { ...environment, env: { ...environment.env, ...assignments(rest, scope) } };
      else if (name === "user") environment = { ...environment, user: filled(rest, scope) };
      else if (name === "shell") environment = { ...environment, shell: rest };
      if (name === "workdir") {
        const folder = posix.resolve(environment.folder || "/", filled(rest, scope));
        environment = { ...environment, folder };
      }
      if (["copy", "add", "run", "workdir"].includes(name)) {
        const read = this.#reads(instruction, scope);
        const seen = name === "run" ? [environment, args] : environment.folder;
        const own = [name, read.text, instruction.heredocs, seen, read.content];
        chain = hash([chain, own, read.images]);
        last = this.#note(`${label}: ${title(instruction)}`, { own, chain, after: last, read });
      } else if (name !== "arg") {
        settings = hash([settings, name, filled(rest, scope)]);
      }
    }
    const end = { chain, last, settings: hash([settings, environment]), environment };
    this.#ends.set(index, end);
    return end;
  }

  /** What a stage begins with. */
  #start({ from, platform }: Stage, index: number): StageEnd {
    const before = this.indexOf(from);
    if (before >= 0 && before < index) return this.stage(before);
    const target = platform ?? this.#args.platforms[0];
    const base = this.#base(from);
    const own = [from === "scratch" ? "" : base, target];
    const chain = hash(own);
    const read = { ...readNothing(""), open: base === "" };
    const last =
      from === "scratch"
        ? undefined
        : (this.#bases.get(chain) ??
          this.#note(`FROM ${from}`, { own, chain, after: undefined, read }));
    if (last !== undefined) this.#bases.set(chain, last);
    return { chain, last, settings: chain, environment: nowhere };
  }

  /** What decides an image from elsewhere; `""` where nobody knows before the build. */
  #base(reference: string): string {
    const pinned = /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1];
    return pinned ?? this.#args.bases.get(reference) ?? "";
  }

  /** Adds a step; returns the name that it gets. */
  #note(title: string, { own, chain, after, read }: NotedStep): string {
    const alike = this.steps.filter(({ name }) => name.replace(/ \(\d+\)$/, "") === title).length;
    const name = alike === 0 ? title : `${title} (${alike + 1})`;
    const { takes, files, open } = read;
    // In another order, the same instructions are other steps.
    const hashes = { own: shortHash(hash([own, after])), chain: shortHash(chain) };
    this.steps.push({ name, ...hashes, after, takes, files, open });
    return name;
  }

  /** What a step takes from elsewhere. */
  #reads({ name, rest, heredocs }: Instruction, scope: Readonly<Record<string, string>>): Read {
    const text = name === "run" ? rest : filled(rest, scope);
    const flags = (/^(?:--\S+\s+)*/.exec(text)?.[0] ?? "").split(/\s+/).filter(Boolean);
    const read = readNothing(text);
    if (name === "run") {
      for (const flag of flags) this.#readMount(flag, read);
      return read;
    }
    if (name === "workdir") return read;
    const from = flags.find((flag) => flag.startsWith("--from="))?.slice("--from=".length);
    if (from !== undefined) {
      this.#readImage(from, read);
      return read;
    }
    const words = copyWords(text);
    for (const source of words.slice(0, -1)) {
      if (name === "add" && /^(?:https?:|git@|git:|ssh:)/.test(source)) read.open = true;
      else if (!source.startsWith("<<")) this.#readFiles(source, read);
    }
    // What is written in the Dockerfile itself is in its text.
    if (words.length < 2 && heredocs === "") this.#readFiles(".", read);
    return read;
  }

  #readMount(flag: string, read: Read): void {
    const [, options = ""] = /^--mount=(.*)$/s.exec(flag) ?? [];
    const fields = new Map(
      options.split(",").map((field) => {
        const [key = "", ...value] = field.split("=");
        return [key, value.join("=")] as const;
      }),
    );
    if (options === "" || (fields.get("type") ?? "bind") !== "bind") return;
    const from = fields.get("from");
    if (from === undefined) this.#readFiles(fields.get("source") ?? fields.get("src") ?? ".", read);
    else this.#readImage(from, read);
  }

  #readImage(reference: string, read: Read): void {
    const index = this.indexOf(reference);
    if (index >= 0) {
      const { chain, last } = this.stage(index);
      read.images.push(chain);
      if (last !== undefined) read.takes.push(last);
      return;
    }
    const base = this.#base(reference);
    if (base === "") read.open = true;
    read.content.push(base);
  }

  /** Files of the context that a source names, as BuildKit matches them. */
  #readFiles(source: string, read: Read): void {
    const pattern = posix.normalize(source).replace(/^(?:\.?\/)+|\/$/g, "");
    // Where Go's patterns differ from Node's, and where a value is not known, every file counts.
    const all = pattern === "" || pattern === "." || /[$[\\{]|\*\*/.test(pattern);
    for (const { path, kind, digest } of this.#args.files) {
      if (!all && !isBelow(path, pattern)) continue;
      read.files.push(path);
      read.content.push([path, kind, digest]);
    }
  }

  /** Values of the arguments that an ARG declares. */
  #declared(rest: string, scope: Readonly<Record<string, string>>): Record<string, string> {
    const { buildArgs, platforms } = this.#args;
    const [platform = ""] = platforms;
    const [os = "", arch = "", variant = ""] = platform.split("/");
    const own: Readonly<Record<string, string>> = {
      ...{ TARGETPLATFORM: platform, TARGETOS: os, TARGETARCH: arch, TARGETVARIANT: variant },
    };
    return Object.fromEntries(
      splitWords(rest, "\\").map((word) => {
        const [, name = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
        const byDefault = value === undefined ? this.#globalValue(name) : filled(value, scope);
        return [name, buildArgs[name] ?? byDefault ?? own[name] ?? ""];
      }),
    );
  }

  #globalValue(name: string): string | undefined {
    // While these are read, there are none.
    return (this.#global as Readonly<Record<string, string>> | undefined)?.[name];
  }
}

interface NotedStep {
  /** All that decides it besides the steps before it, and with them. */
  readonly own: unknown;
  readonly chain: string;
  readonly after: string | undefined;
  readonly read: Read;
}

interface Read {
  /** The instruction with what it means here. */
  readonly text: string;
  readonly files: string[];
  readonly content: unknown[];
  /** What decides the stages that it takes from, and the names of their last steps. */
  readonly images: string[];
  readonly takes: string[];
  open: boolean;
}

function readNothing(text: string): Read {
  return { text, files: [], content: [], images: [], takes: [], open: false };
}

/** Whether a file is what a pattern names, or is in a folder that it names. */
function isBelow(path: string, pattern: string): boolean {
  if (path === pattern || path.startsWith(`${pattern}/`)) return true;
  if (!/[*?]/.test(pattern)) return false;
  const depth = pattern.split("/").length;
  return matchesGlob(path.split("/").slice(0, depth).join("/"), pattern);
}

/** Sources and destination of a COPY or ADD, in either of its forms. */
function copyWords(text: string): string[] {
  const rest = text.replace(/^(?:--\S+\s+)*/, "").trim();
  if (rest.startsWith("[")) {
    try {
      const words: unknown = JSON.parse(rest);
      if (Array.isArray(words)) return words.map(String);
    } catch {
      // It is no list, then.
    }
  }
  return splitWords(rest, "\\").map((word) => word.replaceAll(/^["']|["']$/g, ""));
}

/** Names and values of an ENV. */
function assignments(
  rest: string,
  scope: Readonly<Record<string, string>>,
): Record<string, string> {
  const words = splitWords(rest, "\\");
  const pairs = words.map((word) => /^([^=]+)=(.*)$/s.exec(word));
  // The old form is a name and all that follows it.
  if (pairs[0] === null || pairs.length === 0) {
    const [, name = "", value = ""] = /^(\S+)\s+(.*)$/s.exec(rest) ?? [];
    return { [name]: filled(value, scope) };
  }
  return Object.fromEntries(
    pairs.map((pair) => [pair?.[1] ?? "", filled(pair?.[2] ?? "", scope)] as const),
  );
}

/** A text with values in place of the variables that are known; others stay, and count as they are written. */
function filled(text: string, scope: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (written, braced?: string, bare?: string) => {
    const name = braced ?? bare ?? "";
    return Object.hasOwn(scope, name) ? (scope[name] ?? "") : written;
  });
}

const longestTitle = 60;

function title({ name, rest }: Instruction): string {
  return stepTitle(`${name.toUpperCase()} ${rest}`);
}

/** An instruction for people, in one line, be it as a Dockerfile has it or as BuildKit tells of it. */
export function stepTitle(text: string): string {
  const short = text.replaceAll(/--mount=type=(?:cache|secret|ssh|tmpfs)\S*\s+/g, "");
  const line = short.replaceAll(/\s+/g, " ").trim();
  return line.length > longestTitle ? `${line.slice(0, longestTitle)}…` : line;
}

function hash(parts: unknown): string {
  return sha256(JSON.stringify(parts));
}
