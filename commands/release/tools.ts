/** Provides cosign and syft, and prints what puts them on PATH: `node commands/release/tools.ts`. */
import { runMain } from "../../delivery/basics/command-line.ts";
import { quoted } from "../../platform/pulumi/shell.ts";
import { readPlatformSettings } from "../../platform/settings.ts";
import { provideReleaseTools } from "../../platform/tools/release-tools.ts";

async function main(): Promise<number> {
  const folder = await provideReleaseTools(readPlatformSettings().cache, (line) => {
    process.stderr.write(`${line}\n`);
  });
  process.stdout.write(`export PATH=${quoted(folder)}:"$PATH"\n`);
  return 0;
}

runMain("release-tools", main);
