import { RegistryFailure, checkAddress, isFull, runAgain, withReason, wordsOf } from "./failure.ts";
import type { FoundCredentials, RegistryResponse, Scope } from "./types.ts";

/** Facts that the message of a refusal names. */
export interface RefusalContext {
  readonly scope: Scope;
  /** Host of the registry, as it was given. */
  readonly host: string;
  /** Subject of a sentence about the server that answered. */
  readonly who: string;
  /** End of the message, with the server's own words. */
  readonly says: string;
  /** Credentials that were refused; undefined where the request had none. */
  readonly credentials: FoundCredentials | undefined;
}

/** Failure for a response that is neither the expected one nor "not found". */
export function refusal(response: RegistryResponse, context: RefusalContext): RegistryFailure {
  const { scope, who, says } = context;
  const said = `${who} answered ${withReason(response.status)}`;
  if (scope.action === "push" && isFull(response))
    return new RegistryFailure(full(response, said) + says);
  if (scope.action === "delete" && deletesOtherwise(response)) {
    return new RegistryFailure(
      `${said}, for it does not delete this way; allow it in its settings (delete.enabled of distribution's storage), or delete there by its own page or API (on GHCR: the versions of the package)${says}`,
    );
  }
  if (response.status === 401 || response.status === 403)
    return new RegistryFailure(denied(said, context) + says);
  if (scope.action === "push" && lacksParts(response)) {
    return new RegistryFailure(
      `${said}, since something that it refers to is not there; push its blobs and manifests first${says}`,
    );
  }
  if (scope.action !== "pull" && says !== "") {
    const done = scope.action === "push" ? "took nothing" : "deleted nothing";
    return new RegistryFailure(`${said} and ${done}; do as it says, or look into its log${says}`);
  }
  const type = response.headers["content-type"] ?? "no content type";
  return new RegistryFailure(`${said} with ${type}, as no registry does; ${checkAddress}${says}`);
}

function full({ status }: RegistryResponse, said: string): string {
  return status === 413
    ? `${said}: its quota or its disk is exhausted, or a proxy before it takes no body of this size; make room (make gc), raise the quota or that limit, and ${runAgain}`
    : `${said}: its quota or its disk is exhausted; make room (make gc) or raise the quota, and ${runAgain}`;
}

/** Whether the registry deletes by other means alone; old ones answer that a tag is no digest. */
function deletesOtherwise(response: RegistryResponse): boolean {
  const codes = wordsOf(response).map(({ code }) => code);
  return (
    response.status === 405 ||
    (response.status === 400 &&
      codes.some((code) => ["UNSUPPORTED", "DIGEST_INVALID"].includes(code)))
  );
}

function lacksParts(response: RegistryResponse): boolean {
  return wordsOf(response).some(({ code }) =>
    ["MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"].includes(code),
  );
}

/** Right on GHCR by action, and a verb for people. */
const rights = {
  pull: ["read:packages", "pull from there"],
  push: ["write:packages", "push there"],
  delete: ["delete:packages", "delete there"],
} as const;

function denied(said: string, { scope, host, credentials }: RefusalContext): string {
  const { action } = scope;
  const [right, deed] = rights[action];
  const login = `as a user or with a token that may ${deed} (on GHCR: ${right})`;
  if (!credentials)
    return `${said}, and Docker's configuration has no credentials for it; run docker login ${host} ${login}`;
  const { source } = credentials;
  const limit = {
    pull: ", which may be wrong or have expired",
    push: ", which may at most read there",
    delete: ", which may not delete there",
  }[action];
  if (source === undefined)
    return `${said} to the credentials that docker login stored${limit}; run docker login ${host} again, ${login}`;
  // A workflow gives rights to its token, and a package to the workflow's repository.
  const where =
    source === "GITHUB_TOKEN" && action !== "pull"
      ? `on GHCR: ${right}; of a workflow: packages: write, and the package must admit its repository`
      : `on GHCR: ${right}`;
  return `${said} to the token in ${source}${limit}; put one there that may ${deed} (${where})`;
}
