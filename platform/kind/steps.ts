import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { quoted } from "../pulumi/shell.ts";
import { PlatformError, project } from "../settings.ts";

type Log = (line: string) => void;

/** A program and its arguments; never with a secret among them. */
export type Command = readonly [string, ...string[]];

/** One thing to bring about, such that doing it again changes nothing. */
export interface Step {
  /** What it is about, for messages. */
  readonly name: string;
  readonly command: Command;
  /** Given to standard input. */
  readonly input?: { readonly file: string; readonly text: string };
  /** It is left out when this succeeds. @default - never */
  readonly unless?: Command;
  /** It is left out when this fails. @default - never */
  readonly onlyIf?: Command;
  /** Where the output goes, for its owner only, after `change`. @default - it is shown on failure */
  readonly output?: { readonly file: string; readonly change: (text: string) => string };
  /** Seconds for it. */
  readonly seconds: number;
  /** Whether it is tried again for as long as it has time: what it needs may still be starting. */
  readonly again?: boolean;
  /** What to do when it fails. */
  readonly cure?: string;
}

const progressMs = 15_000;
const pauseMs = 2_000;

/** Does one step after the other; the first that fails ends it with a PlatformError. */
export async function runSteps(
  steps: readonly Step[],
  env: NodeJS.ProcessEnv,
  log: Log,
): Promise<void> {
  for (const step of steps) {
    if (step.unless && succeeds(step.unless, env)) continue;
    if (step.onlyIf && !succeeds(step.onlyIf, env)) continue;
    await runStep(step, env, log);
  }
}

/** Whether a command ends with 0 within 30 s. */
export function succeeds([program, ...args]: Command, env: NodeJS.ProcessEnv): boolean {
  return spawnSync(program, args, { env, stdio: "ignore", timeout: 30_000 }).status === 0;
}

/** The commands of the steps, one a line, as a shell would take them. */
export function commandLines(steps: readonly Step[]): string[] {
  return steps.flatMap(({ name, command, input, unless, onlyIf, output }) => [
    `# ${name}${unless ? `, unless: ${lineOf(unless)}` : ""}${onlyIf ? `, only if: ${lineOf(onlyIf)}` : ""}`,
    `${lineOf(command)}${input ? ` < ${input.file}` : ""}${output ? ` > ${output.file}` : ""}`,
  ]);
}

async function runStep(step: Step, env: NodeJS.ProcessEnv, log: Log): Promise<void> {
  const started = Date.now();
  const deadline = started + step.seconds * 1000;
  for (;;) {
    const { status, stdout, shown } = await run(step, env, deadline, log);
    if (status === 0) {
      const { output } = step;
      if (output) writeFileSync(output.file, output.change(stdout), { mode: 0o600 });
      log(`${step.name}: done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
      return;
    }
    const late = Date.now() + (step.again === true ? pauseMs : 0) >= deadline;
    if (late || step.again !== true) {
      const how = late ? `did not end well within ${step.seconds} s` : `ended with ${status}`;
      const end = shown.trimEnd().split("\n").slice(-10).join("\n");
      const cure = step.cure === undefined ? "" : `\n${step.cure}`;
      throw new PlatformError(`${step.name}: ${lineOf(step.command)} ${how}:\n${end}${cure}`);
    }
    await sleep(pauseMs);
  }
}

interface Ran {
  readonly status: number;
  readonly stdout: string;
  /** Standard output and error. */
  readonly shown: string;
}

function run(
  { name, command, input }: Step,
  env: NodeJS.ProcessEnv,
  deadline: number,
  log: Log,
): Promise<Ran> {
  const [program, ...args] = command;
  const started = Date.now();
  return new Promise((resolve) => {
    let stdout = "";
    let shown = "";
    const child = spawn(program, args, {
      cwd: project,
      env,
      timeout: Math.max(1, deadline - started),
    });
    const progress = setInterval(() => {
      const last =
        shown
          .trimEnd()
          .split(/[\r\n]/)
          .at(-1) ?? "";
      log(`${name}: ${Math.round((Date.now() - started) / 1000)} s so far ${last}`.trimEnd());
    }, progressMs);
    const finish = (status: number): void => {
      clearInterval(progress);
      resolve({ status, stdout, shown });
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      shown += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (shown += text));
    child.once("error", (error) => {
      shown += error.message;
      finish(1);
    });
    child.once("close", (status) => {
      finish(status ?? 1);
    });
    // A program may end without reading all of it.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input?.text ?? "");
  });
}

function lineOf(command: Command): string {
  return command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : quoted(word))).join(" ");
}
