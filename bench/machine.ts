import { cpus, totalmem } from "node:os";
import { run } from "./command.ts";
import type { Workplace } from "./workplace.ts";

/** What the numbers hang on: the machine's size and the versions of the tools, one line each. */
export async function machineFacts({ env, folder }: Workplace): Promise<string[]> {
  const version = async (program: string, ...args: string[]): Promise<string> => {
    const { stdout } = await run({ program, args, cwd: folder, env });
    return /\d+\.\d+(?:\.\d+)?/.exec(stdout)?.[0] ?? "of unknown version";
  };
  const memory = Math.round(totalmem() / 2 ** 30);
  return [
    `${cpus().length} cores, ${memory} GiB of memory`,
    `Node ${process.versions.node}, Pulumi ${await version("pulumi", "version")}`,
    `BuildKit ${await version("buildctl", "--version")}, buildx ${await version("buildx", "version")}`,
    `Skaffold ${await version("skaffold", "version")}, Helm ${await version("helm", "version", "--short")}, kubectl ${await version("kubectl", "version", "--client")}`,
  ];
}
