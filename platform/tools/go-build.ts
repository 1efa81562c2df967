import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Readable } from "node:stream";
import { endWithUs } from "../machine/end-with-us.ts";
import { PlatformError, project } from "../settings.ts";
import {
  type GoModule,
  type GoProgram,
  buildFlags,
  buildsFolder,
  goEnvironment,
  patched,
} from "./go-module.ts";

/** How far a build is. */
export interface BuildState {
  /** Packages that are compiled, with those of a build that was ended before. */
  readonly compiled: number;
  /** Packages of all programs; undefined until it is known. */
  readonly packages: number | undefined;
  /** What is done in place of compiling, such as fetching modules. */
  readonly doing: string | undefined;
}

/** One build of several programs of a module. */
export interface Build {
  readonly module: GoModule;
  readonly programs: readonly GoProgram[];
  readonly cache: string;
  /** Called with each program as soon as it is linked; the file is then the callee's. */
  readonly onProgram: (program: string, file: string) => Promise<void>;
  readonly onState: (state: BuildState) => void;
  readonly signal: AbortSignal;
}

/** Until it ends, a `go build` keeps a second copy of all that it has compiled, so that one for all takes 5 GB more. */
const programsAtOnce = 5;

/**
 * Builds programs, the first ones first. What was compiled stays in the cache when the build is ended.
 *
 * @throws PlatformError with the end of what Go said.
 */
export async function buildPrograms(build: Build): Promise<void> {
  const { module, programs, cache, signal } = build;
  const env = goEnvironment(cache);
  const folder = join(project, "platform", module.folder);
  const draft = join(env["GOTMPDIR"] ?? "", "draft");
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  const go: Go = {
    options: patched(module, folder, draft, env),
    bin: join(draft, "bin"),
    cwd: folder,
    env,
    signal,
  };
  const packages = [...new Set(programs.map((program) => program.package))];
  const output = new BuildOutput(
    join(buildsFolder(cache), `compiled-${basename(module.folder)}`),
    build.onState,
  );
  const counting = countPackages(go, packages).then((count) => {
    output.packages = count;
  });
  const variables = programs
    .flatMap((program) => Object.entries(program.variables ?? {}))
    .map(([variable, value]) => `-X ${variable}=${value}`);
  const flags = [...buildFlags, `-ldflags=${["-s -w", ...new Set(variables)].join(" ")}`];
  for (let i = 0; i < packages.length; i += programsAtOnce)
    await link(go, flags, packages.slice(i, i + programsAtOnce), build.onProgram, output);
  await counting;
  rmSync(draft, { recursive: true, force: true });
}

/** How Go is run for a module. */
interface Go {
  /** Options of every command. */
  readonly options: readonly string[];
  /** Folder into which programs are linked. */
  readonly bin: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Builds programs with one `go build`. */
async function link(
  { options, bin, cwd, env, signal }: Go,
  flags: readonly string[],
  packages: readonly string[],
  onProgram: Build["onProgram"],
  output: BuildOutput,
): Promise<void> {
  mkdirSync(bin, { recursive: true });
  const waiting = new Map(packages.map((name) => [programName(name), name]));
  const taken: Promise<void>[] = [];
  const collect = (): void => {
    for (const [file, name] of waiting) {
      // Go gives it this name when it is complete, since both folders are of one file system.
      if (!existsSync(join(bin, file))) continue;
      waiting.delete(file);
      taken.push(onProgram(name, join(bin, file)));
    }
  };
  const args = ["build", "-v", ...options, ...flags, "-o", `${bin}/`, ...packages];
  const child = spawnGo(args, { cwd, env });
  const stop = (): void => {
    child.kill();
  };
  signal.addEventListener("abort", stop);
  child.stdout.resume();
  child.stderr.on("data", (chunk: Buffer) => {
    output.add(chunk.toString());
  });
  const timer = setInterval(collect, 200);
  try {
    const [status] = (await once(child, "close")) as [number | null];
    collect();
    if (status !== 0)
      throw new PlatformError(`go build failed:\n${output.errors()}${output.advice()}`);
  } finally {
    clearInterval(timer);
    signal.removeEventListener("abort", stop);
    await Promise.all(taken);
  }
}

/** Packages of all programs; undefined where Go cannot tell, as its build then says better. */
async function countPackages(
  { options, cwd, env }: Go,
  packages: readonly string[],
): Promise<number | undefined> {
  const args = ["list", "-deps", ...options, ...packages];
  const child = spawnGo(args, { cwd, env });
  child.stderr.resume();
  let lines = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    lines += chunk.toString().split("\n").length - 1;
  });
  const [status] = (await once(child, "close").catch(() => [null])) as [number | null];
  return status === 0 ? lines : undefined;
}

/** Starts Go, which ends with this process. */
function spawnGo(
  args: readonly string[],
  { cwd, env }: Pick<Go, "cwd" | "env">,
): ChildProcessByStdio<null, Readable, Readable> {
  const [program = "go", ...words] = [...endWithUs(), "go", ...args];
  return spawn(program, words, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
}

/** What `go build` calls the program of a package. */
export function programName(path: string): string {
  const words = path.split("/");
  const last = words.pop() ?? "";
  return /^v\d+$/.test(last) ? (words.pop() ?? last) : last;
}

/** Reads what `go build -v` says: packages, downloads, and what went wrong. */
class BuildOutput {
  private readonly compiled: Set<string>;
  private readonly problems: string[] = [];
  private downloads = 0;
  /** Packages of all programs; undefined until that is known. */
  public packages: number | undefined;
  private compiles = false;
  private rest = "";
  /** File in which the packages stand that were compiled. */
  private readonly noted: string;
  private readonly report: (state: BuildState) => void;

  constructor(
    /** File in which the packages stand that were compiled. */
    noted: string,
    report: (state: BuildState) => void,
  ) {
    this.noted = noted;
    this.report = report;

    this.compiled = new Set(
      existsSync(this.noted) ? readFileSync(this.noted, "utf8").split("\n") : [],
    );
  }

  add(text: string): void {
    const lines = `${this.rest}${text}`.split("\n");
    this.rest = lines.pop() ?? "";
    const compiled = lines.filter((line) => /^[\w.~/-]+$/.test(line));
    for (const line of lines) {
      if (line.startsWith("go: downloading ")) this.downloads++;
      else if (!compiled.includes(line)) this.problems.push(line);
    }
    for (const name of compiled) this.compiled.add(name);
    if (compiled.length > 0) {
      writeFileSync(this.noted, compiled.map((name) => `${name}\n`).join(""), { flag: "a" });
      this.compiles = true;
    }
    this.report({
      compiled: this.compiled.size,
      packages: this.packages,
      doing: this.compiles ? undefined : `fetching modules, ${this.downloads} so far`,
    });
  }

  /** What helps against an error, if that is known. */
  advice(): string {
    const refused = this.problems.some((line) =>
      /^go: .*: (?:reading|Get) |server response:/.test(line),
    );
    return refused
      ? "\na Go module could not be fetched; set GOPROXY to a proxy that serves it, and run the command again: what is done stays"
      : "";
  }

  errors(): string {
    return [...this.problems, this.rest].join("\n").trim().split("\n").slice(-15).join("\n");
  }
}
