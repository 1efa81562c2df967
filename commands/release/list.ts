import { readOptions } from "../../delivery/basics/command-line.ts";
import { askForAll } from "../../delivery/registry/drift.ts";
import { shortDigest } from "../../delivery/registry/references.ts";
import { type StoredRelease, releaseNames, requireRelease } from "../../delivery/releases/store.ts";
import { table } from "../../platform/report/table.ts";
import { openStack, stackOptions } from "./stack.ts";

const declared = {
  ...stackOptions,
  json: { type: "boolean", default: false },
} as const;

/** `list [--stack prod] [--json]`: the releases that a stack's registry records, the newest first. */
export async function list(args: string[]): Promise<number> {
  const options = readOptions(declared, args);
  const { client, namespace } = openStack(options);
  try {
    const names = await releaseNames(client, namespace);
    const stored = await askForAll(names, (name) => requireRelease(client, namespace, name));
    const releases = [...stored.values()];
    if (options.json) process.stdout.write(`${JSON.stringify(releases, undefined, 2)}\n`);
    else if (releases.length === 0)
      process.stdout.write(`${client.host}/${namespace} has no release\n`);
    else process.stdout.write(releasesTable(releases));
    return 0;
  } finally {
    client.close();
  }
}

function releasesTable(releases: readonly StoredRelease[]): string {
  const rows = releases.map(({ record, digest }) => {
    const { release, source, charts, origin } = record;
    const versions = Object.entries(charts).map(([name, { version }]) => `${name} ${version}`);
    return [
      release,
      source?.time.slice(0, 10) ?? "-",
      source ? `${source.commit.slice(0, 10)}${source.dirty ? " (edited)" : ""}` : "-",
      versions.join(", "),
      shortDigest(digest),
      origin ? `${origin.release} of ${origin.registry}` : "",
    ];
  });
  const header = ["release", "date", "commit", "charts", "record", "copied from"];
  return table(
    rows.some((row) => row[5] !== "") ? header : header.slice(0, 5),
    rows.map((row) => (rows.some((one) => one[5] !== "") ? row : row.slice(0, 5))),
  );
}
