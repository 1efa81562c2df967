import { asRoot, requireRoot } from "../machine/root.ts";
import { run } from "../machine/run.ts";
import { PlatformError } from "../settings.ts";
import { type Places, type Tool, isOnPath, requireOnPath } from "./find.ts";

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
  // Nothing ends it half way.
  await run(asRoot(["sh", "-c", command], ["DEBIAN_FRONTEND"]), { name: command, env });
  for (const tool of tools) onFound({ tool, path: requireOnPath(tool), origin: "Debian" });
}
