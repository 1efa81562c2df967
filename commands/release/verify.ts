import { InputError } from "../../delivery/basics/input-error.ts";
import { chartConfigType } from "../../delivery/registry/media-types.ts";
import type { Manifest } from "../../delivery/registry/types.ts";
import { releaseRecordType } from "../../delivery/releases/record.ts";
import type { ArtifactReader } from "../../delivery/signing/artifact-reader.ts";
import type { Authority } from "../../delivery/signing/verify-signature.ts";
import { type Licences, describeLicences, licencesOf } from "../../delivery/signing/sbom.ts";
import { type ArtifactReference, readReference, writeReference } from "./reference.ts";
import { verifyArtifact } from "./verify-artifact.ts";
import type { Check, Findings, Verifier } from "./verify-check.ts";
import { findReleased, verifyRelease } from "./verify-release.ts";
import {
  type Vulnerabilities,
  describeVulnerabilities,
  findVulnerabilities,
} from "./vulnerabilities.ts";

/** What to verify, and by whom it must be signed. */
export interface VerifyOptions {
  /** `host/repository` with `:tag`, `@sha256:…` or both; an image, a chart, or the record of a release. */
  readonly ref: string;
  readonly authority: Authority;
  /** Reads the registry of {@link ref}. */
  readonly reader: ArtifactReader;
  /** Environment of grype, and of cosign where an identity signs. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
}

/** What was found. */
export interface VerifyReport {
  /** What was asked for, with its digest. */
  readonly ref: string;
  readonly kind: Kind;
  /** Whether nothing failed and nothing was absent. */
  readonly holds: boolean;
  readonly checks: readonly Check[];
  /** By subject. */
  readonly licences: Readonly<Record<string, Licences>>;
  readonly vulnerabilities: Vulnerabilities;
}

/** What a reference can lead to. */
export type Kind = "image" | "chart" | "release";

/**
 * Checks an image, a chart, or a release with all that it lists: tags, platforms, signatures, lists of contents and
 * provenance. With a key it speaks to nobody but the registry.
 *
 * @throws InputError when the reference is wrong or leads nowhere, and when the registry does not answer.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const { ref, reader, authority, env = process.env } = options;
  const reference = readReference(ref);
  const { repository, tag = "", digest } = reference;
  const manifest = await reader.getManifest(repository, digest ?? tag);
  if (!manifest) {
    throw new InputError(
      `the registry has no ${ref}; name something that was published, or a release: ${reference.host}/…/releases:v2.1.8`,
    );
  }
  const verifier = { reader, authority, env };
  const kind = kindOf(manifest);
  const { checks, documents } = await verifyKind(verifier, kind, reference, manifest);
  const vulnerabilities = await findVulnerabilities(documents, env);
  const licences = new Map(
    [...documents].map(([subject, document]) => [subject, licencesOf(document)]),
  );
  return {
    ref: writeReference({ ...reference, digest: manifest.digest }),
    kind,
    holds: checks.every(({ result }) => result !== "failed" && result !== "absent"),
    checks: [...checks, ...licenceLines(licences), ...vulnerabilityLines(vulnerabilities, kind)],
    licences: Object.fromEntries(licences),
    vulnerabilities,
  };
}

async function verifyKind(
  verifier: Verifier,
  kind: Kind,
  reference: ArtifactReference,
  manifest: Manifest,
): Promise<Findings> {
  if (kind === "release") return verifyRelease(verifier, reference, manifest);
  const { repository, tag, digest } = reference;
  const released = kind === "image" ? await findReleased(verifier, reference) : undefined;
  const name = repository.slice(repository.lastIndexOf("/") + 1);
  return verifyArtifact(verifier, {
    ...(released ?? { kind, name, repository }),
    tag,
    digest: digest ?? released?.digest,
  });
}

function kindOf({ artifactType, config }: Manifest): Kind {
  if ([artifactType, config?.mediaType].includes(releaseRecordType)) return "release";
  return config?.mediaType === chartConfigType ? "chart" : "image";
}

function licenceLines(licences: ReadonlyMap<string, Licences>): Check[] {
  return [...licences].map(([subject, found]) => ({
    subject,
    check: "licences",
    result: "listed",
    detail: describeLicences(found),
  }));
}

function vulnerabilityLines(vulnerabilities: Vulnerabilities, kind: Kind): Check[] {
  const check = "vulnerabilities";
  if (vulnerabilities.found === undefined)
    return [{ subject: kind, check, result: "unknown", detail: vulnerabilities.problem }];
  const { database, found } = vulnerabilities;
  return Object.entries(found).map(([subject, ones]) => ({
    subject,
    check,
    result: "listed",
    detail: `${describeVulnerabilities(ones)} (database of ${database.slice(0, 10)})`,
  }));
}
