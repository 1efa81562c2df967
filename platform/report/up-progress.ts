import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { JsonStream } from "../../delivery/basics/json-stream.ts";
import { project } from "../settings.ts";
import {
  type Part,
  applying,
  changes,
  partOf,
  plain,
  rollingOut,
  severityWord,
  withPrefix,
} from "./engine-part.ts";
import { live, say } from "./live.ts";

/** What an `up` was told and did last, from the project's folder. */
export const upLog = ".tinyolly/up.log";

/** Tells of an `up` on standard output, and in a terminal below it what happens now. */
export function upProgress(): UpProgress {
  const printer: ProgressPrinter = {
    say: (line) => {
      say(line, process.stdout);
    },
    live,
  };
  return new UpProgress(printer, join(project, upLog));
}

const healthy = "Synced, Healthy";

/** Where lines go. */
export interface ProgressPrinter {
  /** A line that stays. */
  readonly say: (line: string) => void;
  /** Shows what happens now, a line for each, in the place of what was shown before; returns whether anybody can see it. */
  readonly live: (text: string) => boolean;
}

/** Something that happens now. */
interface Running extends Part {
  readonly since: number;
  /** What was said of it last. */
  state: string;
}

/**
 * Tells of an `up` in few lines what becomes of each image, chart and Application, from the events that `pulumi up --json` prints; all
 * that the engine says goes to a file as well.
 */
export class UpProgress {
  readonly #running = new Map<string, Running>();
  readonly #events = new JsonStream();
  readonly #printer: ProgressPrinter;
  readonly #file: string;

  public constructor(printer: ProgressPrinter, file: string) {
    this.#printer = printer;
    this.#file = file;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "");
  }

  /** Takes what Pulumi printed; an event may come in parts. */
  public take(printed: string): void {
    // The engine's events, as the CLI writes them.
    for (const event of this.#events.take(printed) as EngineEvent[]) this.#event(event);
  }

  /** Takes away what is shown of what has not ended. */
  public end(): void {
    this.#printer.live("");
  }

  #event({ resourcePreEvent, resOutputsEvent, resOpFailedEvent, ...event }: EngineEvent): void {
    const { diagnosticEvent, stdoutEvent } = event;
    if (resourcePreEvent) this.#begin(resourcePreEvent.metadata);
    if (resOutputsEvent) this.#finish(resOutputsEvent.metadata, false);
    if (resOpFailedEvent) this.#finish(resOpFailedEvent.metadata, true);
    if (stdoutEvent) this.#say(plain(stdoutEvent.message));
    if (diagnosticEvent && diagnosticEvent.severity !== "debug") this.#tell(diagnosticEvent);
  }

  #begin({ op, urn }: Operation): void {
    const part = changes(op) ? partOf(urn, op) : undefined;
    if (!part) return;
    this.#running.set(urn, { ...part, since: Date.now(), state: part.begins });
    const isShort = part.begins === applying;
    if (!this.#show() && !isShort) this.#say(`${part.prefix} ${part.begins}`);
  }

  #finish({ urn }: Operation, failed: boolean): void {
    const running = this.#running.get(urn);
    if (!running) return;
    this.#running.delete(urn);
    const { prefix, done, begins, since } = running;
    const took = `${((Date.now() - since) / 1000).toFixed(1)} s`;
    this.#show();
    this.#say(failed ? `${prefix} ${begins}: failed after ${took}` : `${prefix} ${done} (${took})`);
  }

  #tell({ urn = "", message, severity, ephemeral = false }: Diagnostic): void {
    const running = this.#running.get(urn);
    const name = urn.slice(urn.lastIndexOf(":") + 1);
    const lines = plain(message)
      .split("\n")
      .filter((line) => line.trim() !== "");
    for (const line of lines) this.#log(`${name}: ${line}`);
    if (ephemeral && severity !== "error") {
      const last = lines.at(-1);
      if (running && last !== undefined) this.#progress(running, last);
      return;
    }
    const own = name === "" ? "" : `[${name}]`;
    const prefix = running?.prefix ?? partOf(urn, "update")?.prefix ?? own;
    const word = severity === "info" ? "" : `${severityWord(severity.replace(/#.*/, ""))} `;
    for (const [at, line] of lines.entries())
      this.#printer.say(at === 0 ? `${prefix} ${word}${line}`.trimStart() : line);
  }

  /** What a build or a roll-out says of itself. */
  #progress(running: Running, line: string): void {
    const isRollout = running.begins === rollingOut;
    const state = isRollout
      ? line.replace(/^\S+: /, "")
      : line.replace(/^#\d+ (?:\[[^\]]*\] )?/, "");
    const isOver = /^(?:\d+\.\d+ )?(?:DONE|CACHED)\b/.test(state) || state === healthy;
    if (isOver || state === running.state) return;
    running.state = state;
    // Where nobody sees it change, a roll-out is worth a line; the log of a build is not.
    if (!this.#show() && isRollout) this.#say(`${running.prefix} ${state}`);
  }

  #show(): boolean {
    const now = [...this.#running.values()].map(({ prefix, state }) => `${prefix} ${state}`);
    return this.#printer.live(now.join("\n"));
  }

  #say(line: string): void {
    this.#log(line);
    this.#printer.say(withPrefix(line));
  }

  #log(line: string): void {
    appendFileSync(this.#file, `${line}\n`);
  }
}

interface Operation {
  readonly op: string;
  readonly urn: string;
}

interface Diagnostic {
  readonly urn?: string;
  readonly message: string;
  readonly severity: string;
  readonly ephemeral?: boolean;
}

interface EngineEvent {
  readonly resourcePreEvent?: { readonly metadata: Operation };
  readonly resOutputsEvent?: { readonly metadata: Operation };
  readonly resOpFailedEvent?: { readonly metadata: Operation };
  readonly diagnosticEvent?: Diagnostic;
  readonly stdoutEvent?: { readonly message: string };
}
