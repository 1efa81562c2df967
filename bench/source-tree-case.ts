import { run } from "./command.ts";
import type { CaseResult } from "./measure.ts";
import type { Workplace } from "./workplace.ts";

const ours = "readSourceTree";
const peer = "git status";

/** Runs `source-tree.ts`, which times itself: reading 200,000 files against `git status`. One median each. */
export async function measureSourceTree(
  { project, folder, env }: Workplace,
  rounds: number,
): Promise<CaseResult[]> {
  const args = ["bench/source-tree.ts", "--json", `--rounds=${rounds}`];
  const { stdout } = await run({
    program: "node",
    args,
    cwd: project,
    env: { ...env, TMPDIR: folder },
  });
  return sourceTreeResults(stdout);
}

/** Reads what `source-tree.ts` prints with --json, as one case for each state of the files. */
export function sourceTreeResults(output: string): CaseResult[] {
  // Its documented form.
  const { cases } = JSON.parse(output) as { cases: { name: string; seconds: number }[] };
  const seconds = new Map(cases.map((one) => [one.name, one.seconds]));
  return [...seconds.keys()].flatMap((name) => {
    const [state, contender] = name.split(": ");
    if (state === undefined || contender !== ours) return [];
    const [own = NaN, other = NaN] = [ours, peer].map((who) => seconds.get(`${state}: ${who}`));
    return [
      {
        id: "source-tree",
        title: `200,000 files, ${state}`,
        results: [
          { contender: ours, seconds: [own] },
          { contender: peer, seconds: [other] },
        ],
        // With nothing known, git reads as many bytes, but nobody waits for that twice.
        ...(state === "warm" && { target: { formula: `1.5 × ${peer}`, limit: 1.5 * other } }),
      },
    ];
  });
}
