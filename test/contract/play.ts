import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Operation, Played } from "./played.ts";
import type { Run, Scenario, Shell } from "./scenario.ts";

interface StepMetadata {
  readonly op: string;
  readonly type: string;
  readonly urn: string;
  readonly diffs?: readonly string[];
  readonly keys?: readonly string[];
  readonly detailedDiff?: Readonly<Record<string, { readonly diffKind: string }>>;
}

interface EngineEvent {
  readonly resourcePreEvent?: { readonly metadata: StepMetadata };
  readonly resOpFailedEvent?: { readonly metadata: StepMetadata };
  readonly diagnosticEvent?: {
    readonly severity: string;
    readonly message: string;
    readonly ephemeral?: boolean;
    readonly urn?: string;
  };
}

const stack = "s";
const timeoutMs = 120_000;
const program = join(import.meta.dirname, "program");

/** Plays a scenario on a stack and in a folder of its own. */
export function play(scenario: Scenario, kubeconfig: string): readonly Played[] {
  const work = mkdtempSync(join(tmpdir(), "contract-"));
  try {
    cpSync(program, work, { recursive: true });
    symlinkSync(nodeModules(), join(work, "node_modules"));
    const stage = new Stage(work, kubeconfig);
    return scenario.steps.map((step) => ("shell" in step ? stage.look(step) : stage.run(step)));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The folder that holds the Pulumi SDKs. */
function nodeModules(): string {
  const sdk = require.resolve("@pulumi/pulumi/package.json");
  return dirname(dirname(dirname(sdk)));
}

class Stage {
  private readonly env: NodeJS.ProcessEnv;
  private runs = 0;
  private readonly work: string;

  public constructor(work: string, kubeconfig: string) {
    this.work = work;

    this.env = {
      ...process.env,
      PULUMI_BACKEND_URL: `file://${work}`,
      PULUMI_CONFIG_PASSPHRASE: "",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DEBUG_COMMANDS: "true",
      CONTRACT_RESOURCES: join(work, "resources.json"),
      CONTRACT_KUBECONFIG: kubeconfig,
      KUBECONFIG: kubeconfig,
      WORK: work,
    };
    execFileSync("pulumi", ["stack", "init", stack], { cwd: work, env: this.env, stdio: "ignore" });
  }

  public look(step: Shell): Played {
    const { status, stdout } = spawnSync("sh", ["-c", step.shell], {
      cwd: this.work,
      env: this.env,
      encoding: "utf8",
    });
    return { exit: status, stdout: this.clean(stdout).trim() };
  }

  public run(step: Run): Played {
    const resources = JSON.stringify(step.resources).replaceAll("$WORK", this.work);
    writeFileSync(join(this.work, "resources.json"), resources);
    const log = join(this.work, `events-${this.runs++}.json`);
    const confirm = step.action === "preview" ? [] : ["--yes", "--skip-preview"];
    const { status, error } = this.pulumi(step.action, "--event-log", log, ...confirm);
    if (error) throw error;

    const events = existsSync(log) ? this.readEvents(log) : [];
    const failed = events.flatMap(({ resOpFailedEvent }) =>
      resOpFailedEvent ? [nameOf(resOpFailedEvent.metadata.urn)] : [],
    );
    const messages = events.flatMap((event) => this.errorOf(event));
    return {
      action: step.action,
      exit: status,
      steps: events.flatMap(({ resourcePreEvent }) => operationsOf(resourcePreEvent?.metadata)),
      ...(failed.length > 0 ? { failed } : {}),
      ...(messages.length > 0 ? { messages } : {}),
      ...(step.action === "up" ? { outputs: this.outputs() } : {}),
    };
  }

  private pulumi(action: string, ...args: readonly string[]) {
    return spawnSync("pulumi", [action, "--stack", stack, "--non-interactive", ...args], {
      cwd: this.work,
      env: this.env,
      encoding: "utf8",
      timeout: timeoutMs,
    });
  }

  private outputs(): Readonly<Record<string, unknown>> {
    const { stdout } = spawnSync(
      "pulumi",
      ["stack", "output", "outputs", "--json", "--stack", stack],
      {
        cwd: this.work,
        env: this.env,
        encoding: "utf8",
      },
    );
    // A stack that never ran to its end has no outputs, and the CLI then prints none.
    const text = stdout.trim() === "" ? "{}" : this.clean(stdout);
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  }

  private readEvents(log: string): readonly EngineEvent[] {
    const lines = readFileSync(log, "utf8").split("\n");
    // The engine's event log: one JSON document a line.
    return lines.filter(Boolean).map((line) => JSON.parse(line) as EngineEvent);
  }

  /** The message of an error that is about a resource of the program. */
  private errorOf({ diagnosticEvent: event }: EngineEvent): readonly string[] {
    if (event?.severity !== "error" || event.ephemeral || !event.urn) return [];
    if (event.urn.includes("pulumi:pulumi:Stack")) return [];
    const colours = /<\{%[^%]*%\}>/g;
    return [this.clean(event.message.replace(colours, "")).trim()];
  }

  private clean(text: string): string {
    return text.replaceAll(this.work, "$WORK");
  }
}

function operationsOf(metadata: StepMetadata | undefined): readonly Operation[] {
  if (metadata === undefined || metadata.type.startsWith("pulumi:")) return [];
  const { op, type, urn, diffs, keys, detailedDiff } = metadata;
  const kinds = Object.entries(detailedDiff ?? {}).map(([path, { diffKind }]) => [path, diffKind]);
  return [
    {
      op,
      type,
      name: nameOf(urn),
      ...(diffs?.length ? { diffs: [...diffs].sort() } : {}),
      ...(keys?.length ? { keys: [...keys].sort() } : {}),
      ...(detailedDiff
        ? { detailedDiff: Object.fromEntries(kinds) as Record<string, string> }
        : {}),
    },
  ];
}

function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}
