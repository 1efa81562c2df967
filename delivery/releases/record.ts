import { InputError } from "../basics/input-error.ts";
import { fields, isMap, parseJson } from "../basics/json-fields.ts";
import { type Tls, isDigest, isTag, namespaceProblem } from "../registry/references.ts";

/** Type of the artifact that holds a {@link ReleaseRecord}. */
export const releaseRecordType = "application/vnd.tinyolly.release.v1+json";

/** All that was published together: what Applications are pointed at, what is copied to other registries and what is kept. */
export interface ReleaseRecord {
  /** Version of this form. */
  readonly form: 1;
  /** Version of the release, and tag of this record: `v2.1.8`, or `v2.1.x-h<key>` where content decides. */
  readonly release: string;
  /** By name, such as `webui`. */
  readonly images: Readonly<Record<string, ReleasedImage>>;
  /** By name. */
  readonly charts: Readonly<Record<string, ReleasedChart>>;
  /** Sources that it was made from; left out where they were in no Git repository. */
  readonly source?: ReleaseSource;
  /** Address that names who built it, such as that of a workflow; left out where nobody knows. */
  readonly builder?: string;
  /** Version of each program that took part, by name. */
  readonly tools: Readonly<Record<string, string>>;
  /** Record that it was copied from; left out where it was made in this registry. */
  readonly origin?: ReleaseOrigin;
}

/** An image of a release. */
export interface ReleasedImage {
  /** Path below the namespace, such as `webui`, so that the record is true in every registry. */
  readonly path: string;
  /** SHA-256 over all that decided its content. */
  readonly key: string;
  /** Tag under which people find it. */
  readonly tag: string;
  /** `sha256:…` of its manifest or index. */
  readonly digest: string;
  readonly platforms: readonly string[];
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Digest of each image from elsewhere, by reference; `""` where only the tag decided. */
  readonly bases: Readonly<Record<string, string>>;
  /** Names of the images of this release that it is built upon. */
  readonly needs: readonly string[];
}

/** A chart of a release. */
export interface ReleasedChart {
  /** Path below the namespace, such as `charts/tinyolly`. */
  readonly path: string;
  readonly key: string;
  readonly version: string;
  /** `sha256:…` of its manifest. */
  readonly digest: string;
  /** `host/namespace` from which its values pull images. */
  readonly pullFrom: string;
  /** Names of the images that it runs. */
  readonly images: readonly string[];
}

/** Where a release's sources are. */
export interface ReleaseSource {
  /** Full hash of the commit. */
  readonly commit: string;
  /** Time of the commit, as ISO 8601 in UTC. */
  readonly time: string;
  /** Address of the repository, without credentials; left out where the clone has none. */
  readonly repository?: string;
  /** Whether the tree had changes that the commit does not hold. */
  readonly dirty: boolean;
}

/** Where a release was copied from. */
export interface ReleaseOrigin {
  /** `host/namespace` of the registry. */
  readonly registry: string;
  /** Version that it has there. */
  readonly release: string;
  /** `sha256:…` of its record there; left out where a development stack had none. */
  readonly digest?: string;
}

/** Text of a record; equal records have equal texts. */
export function writeRecord(record: ReleaseRecord): string {
  return `${JSON.stringify(sorted(record), undefined, 2)}\n`;
}

/**
 * Reads the text of a record.
 *
 * @param where What was read, such as `ghcr.io/owner/releases:v2.1.8`.
 * @throws InputError when it is none, of a form that this version does not know, or lists what can be in no registry.
 */
export function readRecord(text: Buffer, where: string): ReleaseRecord {
  const value = parseJson(text);
  const { form, release, images, charts, tools } = fields(value);
  const isRecord =
    typeof release === "string" && [images, charts, tools].every((part) => isMap(part));
  if (!isRecord)
    throw new InputError(`${where} is no release record; name a release that make releases lists`);
  if (form !== 1) {
    throw new InputError(
      `${where} has form ${JSON.stringify(form)}, and this version knows form 1; use the version of this project that made it`,
    );
  }
  const problem = [
    tagProblem("its release", release),
    ...Object.entries(fields(images)).map(([name, one]) =>
      partProblem(`image ${name}`, "tag", one),
    ),
    ...Object.entries(fields(charts)).map(([name, one]) =>
      partProblem(`chart ${name}`, "version", one),
    ),
  ].find((one) => one !== undefined);
  if (problem !== undefined) {
    throw new InputError(
      `${where} is not as it was written: ${problem}; delete it, and publish or copy the release again`,
    );
  }
  // Written by writeRecord; its parts were looked at above.
  return value as ReleaseRecord;
}

/** Addresses are made of these; with other ones, what is read and written could be anywhere in the registry. */
function partProblem(part: string, version: string, value: unknown): string | undefined {
  const { path, key, digest, [version]: tag } = fields(value);
  const wrongPath = typeof path === "string" ? namespaceProblem(path) : "a path";
  if (wrongPath !== undefined) return mustBe(`the path of ${part}`, path, wrongPath);
  if (typeof digest !== "string" || !isDigest(digest))
    return mustBe(`the digest of ${part}`, digest, "sha256: and 64 digits");
  // The tag of its content ends with it.
  if (typeof key !== "string" || key === "") return mustBe(`the key of ${part}`, key, "a text");
  return tagProblem(`the ${version} of ${part}`, tag);
}

function tagProblem(what: string, tag: unknown): string | undefined {
  if (typeof tag === "string" && isTag(tag)) return undefined;
  return mustBe(what, tag, "a tag, such as v2.1.8");
}

function mustBe(what: string, given: unknown, allowed: string): string {
  return `${what} is ${given === undefined ? "left out" : JSON.stringify(given)}, but must be ${allowed}`;
}

/** The same value with the keys of all its maps in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, part]) => [key, sorted(part)]),
  );
}

/** Where a release is published. */
export interface ReleaseRegistry {
  readonly host: string;
  readonly tls: Tls;
  /** Path before image and chart names. */
  readonly namespace: string;
}
