import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "../../delivery/basics/input-error.ts";
import { fields, parseJson } from "../../delivery/basics/json-fields.ts";
import { lastLine, runTool } from "../../delivery/signing/run-tool.ts";
import type { SpdxDocument } from "../../delivery/signing/sbom.ts";

/** A known vulnerability of a package. */
export interface Vulnerability {
  /** Such as `CVE-2026-1234`. */
  readonly id: string;
  /** As grype names it: `Critical`, `High`, … */
  readonly severity: string;
  /** Name and version. */
  readonly package: string;
}

/** What is known of some lists of contents, or why nothing is known. */
export type Vulnerabilities =
  | {
      /** When the database was made, as ISO 8601. */
      readonly database: string;
      /** By the list's subject. */
      readonly found: Readonly<Record<string, readonly Vulnerability[]>>;
    }
  | { readonly problem: string; readonly found?: undefined };

const noDatabase = "no vulnerability database at hand (install grype and run grype db update)";

/**
 * Looks the packages of each list up in grype's database, where both are on this machine; nothing is fetched, and an
 * old database is better than none, since its date is told.
 */
export async function findVulnerabilities(
  documents: ReadonlyMap<string, SpdxDocument>,
  env: NodeJS.ProcessEnv,
): Promise<Vulnerabilities> {
  const offline = {
    ...env,
    GRYPE_CHECK_FOR_APP_UPDATE: "false",
    GRYPE_DB_AUTO_UPDATE: "false",
    GRYPE_DB_VALIDATE_AGE: "false",
  };
  const folder = mkdtempSync(join(tmpdir(), "tinyolly-lists-"));
  try {
    const status = await runTool("grype", ["db", "status", "--output=json"], offline);
    const { valid, built } = fields(parseJson(Buffer.from(status.stdout)));
    if (valid !== true) return { problem: noDatabase };
    const found: Record<string, readonly Vulnerability[]> = {};
    for (const [subject, document] of documents) {
      const file = join(folder, "list.json");
      writeFileSync(file, JSON.stringify(document));
      const run = await runTool("grype", [`sbom:${file}`, "--output=json"], offline);
      if (run.status !== 0) return { problem: `grype failed: ${lastLine(run.stderr)}` };
      found[subject] = readMatches(run.stdout);
    }
    return { database: String(built), found };
  } catch (error) {
    // It is not on PATH.
    if (error instanceof InputError) return { problem: noDatabase };
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Counts of each severity: `2 High, 1 Low`. */
export function describeVulnerabilities(found: readonly Vulnerability[]): string {
  const counts = new Map<string, number>();
  for (const { severity } of found) counts.set(severity, (counts.get(severity) ?? 0) + 1);
  const all = [...counts].sort(([a], [b]) => rank(a) - rank(b));
  return all.map(([severity, count]) => `${count} ${severity}`).join(", ") || "none known";
}

const severities = ["Critical", "High", "Medium", "Low", "Negligible", "Unknown"];

function rank(severity: string): number {
  const at = severities.indexOf(severity);
  return at < 0 ? severities.length : at;
}

function readMatches(output: string): Vulnerability[] {
  const { matches } = fields(parseJson(Buffer.from(output)));
  return (Array.isArray(matches) ? matches : []).map((match) => {
    const { vulnerability, artifact } = fields(match);
    const { id, severity } = fields(vulnerability);
    const { name, version } = fields(artifact);
    return {
      id: String(id),
      severity: String(severity),
      package: `${String(name)} ${String(version)}`,
    };
  });
}
