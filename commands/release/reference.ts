import { InputError } from "../../delivery/basics/input-error.ts";
import {
  type Tls,
  hostProblem,
  isDigest,
  isTag,
  namespaceProblem,
  tlsModes,
} from "../../delivery/registry/references.ts";

/** Where something that was published is looked for. */
export interface ArtifactReference {
  /** Host with an optional port. */
  readonly host: string;
  /** Path in the registry. */
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:…` */
  readonly digest: string | undefined;
}

/**
 * Reads `host/repository:tag`, `host/repository@sha256:…`, or both together.
 *
 * @throws InputError for anything else.
 */
export function readReference(text: string): ArtifactReference {
  const [, name = "", digest] = /^([^@]+)(?:@(.+))?$/.exec(text) ?? [];
  const slash = name.indexOf("/");
  const colon = name.indexOf(":", slash);
  const host = name.slice(0, Math.max(slash, 0));
  const repository = name.slice(slash + 1, colon < 0 ? undefined : colon);
  const tag = colon < 0 ? undefined : name.slice(colon + 1);
  const fits =
    slash > 0 &&
    hostProblem(host) === undefined &&
    namespaceProblem(repository) === undefined &&
    (tag === undefined || isTag(tag)) &&
    (digest === undefined || isDigest(digest)) &&
    (tag ?? digest) !== undefined;
  if (fits) return { host, repository, tag, digest };
  throw new InputError(
    `REF is "${text}", but must be host/repository with :tag, @sha256:… or both, such as ghcr.io/owner/webui:v1; ` +
      `a release is host/…/releases:v2.1.8`,
  );
}

/** Writes a reference as people know it. */
export function writeReference({ host, repository, tag, digest }: ArtifactReference): string {
  const at = digest === undefined ? "" : `@${digest}`;
  return `${host}/${repository}${tag === undefined ? "" : `:${tag}`}${at}`;
}

/**
 * Reads how a registry is spoken to.
 *
 * @throws InputError for anything else.
 */
export function readTls(text: string): Tls {
  const mode = tlsModes.find((one) => one === text);
  if (mode) return mode;
  throw new InputError(`TLS is "${text}", but must be one of ${tlsModes.join(", ")}`);
}
