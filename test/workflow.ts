import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";

const folder = resolve(import.meta.dirname, "../.github");

/** A step of a job or of a composite action. */
export interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly run?: string;
}

export interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly "timeout-minutes"?: number;
  readonly steps: readonly Step[];
}

export interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** A file below `.github` with what it says. */
export interface Described<T> {
  readonly file: string;
  readonly text: string;
  readonly content: T;
}

/** All workflows of this project. */
export function readWorkflows(): Described<Workflow>[] {
  return filesBelow("workflows").map((file) => read<Workflow>(file));
}

/** All actions of this project's own. */
export function readActions(): Described<{ readonly runs: { readonly steps: readonly Step[] } }>[] {
  return filesBelow("actions").map((file) => read(file));
}

/** The script of a workflow's step. */
export function scriptOf(workflow: string, job: string, step: string): string {
  const { content } = read<Workflow>(join("workflows", workflow));
  const script = content.jobs[job]?.steps.find(({ name }) => name === step)?.run;
  if (script === undefined) throw new Error(`${workflow} has no step "${step}" in job "${job}"`);
  return script;
}

function filesBelow(part: string): string[] {
  return readdirSync(join(folder, part), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.ya?ml$/.test(file))
    .map((file) => join(part, file));
}

function read<T>(file: string): Described<T> {
  const text = readFileSync(join(folder, file), "utf8");
  // actionlint checks the form.
  return { file, text, content: parse(text) as T };
}
