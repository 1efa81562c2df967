/** Provides cosign and syft, and prints what puts them on PATH: `node --require ./run-typescript.cjs release/tools.ts`. */
import { runMain } from "../components/command-line";
import { provideReleaseTools } from "../platform/tools/release-tools";
import { quoted } from "../platform/pulumi/shell";
import { readPlatformSettings } from "../platform/settings";

async function main(): Promise<number> {
  const folder = await provideReleaseTools(readPlatformSettings().cache, (line) => {
    process.stderr.write(`${line}\n`);
  });
  process.stdout.write(`export PATH=${quoted(folder)}:"$PATH"\n`);
  return 0;
}

runMain("release-tools", main);
