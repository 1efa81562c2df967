import { spawn } from "node:child_process";
import { once } from "node:events";
import { asRoot, requireRoot } from "../machine/root";
import { PlatformError } from "../settings";
import { type Places, type Tool, isOnPath, requireOnPath } from "./find";

/**
 * Installs the Debian packages of tools.
 *
 * @throws PlatformError where this is no Debian, root is out of reach, or apt-get fails.
 */
export async function installPackages(
  tools: readonly Tool[],
  { onFound }: Places,
  log: (line: string) => void,
): Promise<void> {
  if (tools.length === 0) return;
  const packages = [...new Set(tools.flatMap(({ debian }) => debian ?? []))];
  // An unrelated package source that does not answer must not stand in the way.
  const command = `apt-get update; apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=600 ${packages.join(" ")}`;
  if (!isOnPath("apt-get")) {
    throw new PlatformError(
      `install ${tools.map(({ name }) => name).join(", ")}; this machine has no apt-get to do it`,
    );
  }
  requireRoot(`the packages ${packages.join(", ")}`, log, `install them as root: ${command}`);
  log(`Debian packages: ${packages.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const [program, ...args] = asRoot(["sh", "-c", command], ["DEBIAN_FRONTEND"]);
  const { status, stderr } = await runToEnd(program, args, env);
  if (status !== 0) throw new PlatformError(`${command} failed:\n${lastLines(stderr)}`);
  for (const tool of tools) onFound({ tool, path: requireOnPath(tool), origin: "Debian" });
}

async function runToEnd(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ status: number | null; stderr: string }> {
  const child = spawn(program, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  // The code of how it ended.
  const [status] = (await once(child, "close")) as [number | null];
  return { status, stderr };
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-15).join("\n");
}
