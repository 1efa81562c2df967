/**
 * Lives the life of a release on the platform of the environment: `node commands/rehearse/live.ts FOLDER`.
 *
 * Prints an {@link Outcome} as one line of JSON after each step, and ends with the first that did not go as it must. A process of its own,
 * since Node reads which authorities it trusts when it starts.
 */
import { readPlatformSettings } from "../../platform/settings.ts";
import { tinyolly } from "./product.ts";
import { Stage } from "./stage.ts";
import { type Step, life } from "./steps.ts";

/** How a step went. */
export interface Outcome {
  readonly step: string;
  readonly seconds: number;
  readonly passed: boolean;
  /** What was done, or what was wrong. */
  readonly note: string;
}

/** Does a step, says so on standard error, and tells how it went. */
export async function attempt(step: string, run: () => ReturnType<Step["run"]>): Promise<Outcome> {
  process.stderr.write(`== ${step}\n`);
  const start = Date.now();
  const seconds = (): number => Math.round((Date.now() - start) / 100) / 10;
  try {
    const note = await run();
    return { step, note, passed: true, seconds: seconds() };
  } catch (error) {
    const note = error instanceof Error ? error.message : String(error);
    return { step, note, passed: false, seconds: seconds() };
  }
}

async function main(folder: string): Promise<number> {
  const stage = new Stage({ settings: readPlatformSettings(), product: tinyolly, folder });
  const prepare: Step = {
    name: "a copy of this project",
    run: () => {
      stage.build();
      // Of a rehearsal that did not come to its end.
      const all = ["delete", "applications.argoproj.io", "--all", "--namespace=argocd"];
      stage.mustRun("kubectl", all);
      return "in a repository of its own";
    },
  };
  for (const { name, run } of [prepare, ...life]) {
    const outcome = await attempt(name, () => run(stage));
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
    if (!outcome.passed) return 1;
  }
  return 0;
}

if (require.main === module) {
  void main(process.argv[2] ?? "").then((status) => {
    process.exitCode = status;
  });
}
