import { describe, expect, test } from "vitest";
import { artifact, descriptorOf } from "../../../delivery/registry/artifact.ts";
import type { FoundCredentials, RegistryClientOptions } from "../../../delivery/registry/types.ts";
import { type FakeRegistryOptions } from "../../fake-registry-answers.ts";
import { clientOf, error, html, messageOf, only, serve, status } from "../../registry-questions.ts";

const bytes = Buffer.from("the layer");
const layer = descriptorOf(bytes, "application/octet-stream");
const login: FoundCredentials = { username: "olly", password: "s3cret" };
const githubToken: FoundCredentials = { ...login, source: "GITHUB_TOKEN" };
const ownToken: FoundCredentials = { ...login, source: "TINYOLLY_REGISTRY_TOKEN" };
const runAgain = "run again: only what is missing is pushed";
const address = "check registryPush and registryPushTls";

describe("a refusal", () => {
  const credentials = "the credentials that docker login stored";
  const mayPush = "as a user or with a token that may push there (on GHCR: write:packages)";
  const mayDelete = "as a user or with a token that may delete there (on GHCR: delete:packages)";
  const full = `its quota or its disk is exhausted; make room (make gc) or raise the quota, and ${runAgain}`;
  const otherwise =
    "for it does not delete this way; allow it in its settings (delete.enabled of distribution's storage), or delete there by its own page or API (on GHCR: the versions of the package)";

  interface Case {
    readonly name: string;
    readonly options: FakeRegistryOptions;
    readonly login?: FoundCredentials;
    readonly limits?: RegistryClientOptions;
    readonly deed: "pushed" | "deleted";
    readonly message: string;
    /** @default not looked at */
    readonly requests?: number;
  }

  const table: Case[] = [
    {
      name: "of a token that may only read",
      options: { auth: { login: "olly:s3cret", grants: () => ["pull"] } },
      login,
      deed: "pushed",
      message: `the registry answered 401 Unauthorized to ${credentials}, which may at most read there; run docker login HOST again, ${mayPush}; it says "UNAUTHORIZED: authentication required"`,
    },
    {
      name: "of a token that GHCR lets read",
      options: {
        behaviour: only("POST", error(403, "DENIED", "permission_denied: write_package")),
      },
      login: githubToken,
      deed: "pushed",
      message:
        'the registry answered 403 Forbidden to the token in GITHUB_TOKEN, which may at most read there; put one there that may push there (on GHCR: write:packages; of a workflow: packages: write, and the package must admit its repository); it says "DENIED: permission_denied: write_package"',
    },
    {
      name: "of a token of ours",
      options: { behaviour: status(403) },
      login: ownToken,
      deed: "pushed",
      message:
        "the registry answered 403 Forbidden to the token in TINYOLLY_REGISTRY_TOKEN, which may at most read there; put one there that may push there (on GHCR: write:packages)",
    },
    {
      name: "of a wrong password, by the token service",
      options: { auth: { login: "olly:other" } },
      login,
      deed: "pushed",
      message: `the registry answered 401 Unauthorized to ${credentials}, which may at most read there; run docker login HOST again, ${mayPush}; it says "UNAUTHORIZED: wrong login"`,
    },
    {
      name: "of nobody",
      options: { auth: { grants: () => ["pull"] } },
      deed: "pushed",
      message: `the registry answered 401 Unauthorized, and Docker's configuration has no credentials for it; run docker login HOST ${mayPush}; it says "UNAUTHORIZED: authentication required"`,
    },
    {
      name: "of a deletion by who may not delete",
      options: { auth: { login: "olly:s3cret", grants: () => ["pull", "push"] } },
      login,
      deed: "deleted",
      message: `the registry answered 401 Unauthorized to ${credentials}, which may not delete there; run docker login HOST again, ${mayDelete}; it says "UNAUTHORIZED: authentication required"`,
    },
    {
      name: "of a deletion by a token of a workflow",
      options: { behaviour: error(403, "DENIED", "no") },
      login: githubToken,
      deed: "deleted",
      message:
        'the registry answered 403 Forbidden to the token in GITHUB_TOKEN, which may not delete there; put one there that may delete there (on GHCR: delete:packages; of a workflow: packages: write, and the package must admit its repository); it says "DENIED: no"',
    },
    {
      name: "of all deletions",
      options: { behaviour: error(405, "UNSUPPORTED", "The operation is unsupported.") },
      deed: "deleted",
      message: `the registry answered 405 Method Not Allowed, ${otherwise}; it says "UNSUPPORTED: The operation is unsupported."`,
    },
    {
      name: "of deletions of tags",
      options: { behaviour: error(400, "UNSUPPORTED", "no") },
      deed: "deleted",
      message: `the registry answered 400 Bad Request, ${otherwise}; it says "UNSUPPORTED: no"`,
    },
    {
      name: "of deletions of tags by an old registry",
      options: { behaviour: error(400, "DIGEST_INVALID", "no") },
      deed: "deleted",
      message: `the registry answered 400 Bad Request, ${otherwise}; it says "DIGEST_INVALID: no"`,
    },
    {
      name: "of a deletion with a reason",
      options: { behaviour: error(409, "CONFLICT", "tag is protected") },
      deed: "deleted",
      message:
        'the registry answered 409 Conflict and deleted nothing; do as it says, or look into its log; it says "CONFLICT: tag is protected"',
    },
    {
      name: "by a web page",
      options: { behaviour: (_, response) => html(response, 404) },
      deed: "deleted",
      message: `the registry answered 404 Not Found with text/html; charset=utf-8, as no registry does; ${address}`,
    },
    {
      name: "by a web page for everything",
      options: { behaviour: (_, response) => html(response, 200) },
      deed: "pushed",
      message: `the registry answered 200 OK with text/html; charset=utf-8, as no registry does; ${address}`,
    },
    {
      name: "with a reason",
      options: { behaviour: only("POST", error(400, "NAME_INVALID", "invalid repository name")) },
      deed: "pushed",
      message:
        'the registry answered 400 Bad Request and took nothing; do as it says, or look into its log; it says "NAME_INVALID: invalid repository name"',
    },
    {
      name: "of an upload without a place",
      options: { behaviour: only("POST", status(202)) },
      deed: "pushed",
      message: `the registry answered 202 without a place for the upload, as no registry does; ${address}`,
    },
    {
      name: "by a redirect",
      options: { behaviour: only("POST", status(307, { location: "/elsewhere" })) },
      deed: "pushed",
      message: `the registry answered 307 Temporary Redirect after 0 redirects; ${address}`,
    },
    {
      name: "of a body that is too large",
      options: { behaviour: only("PATCH", status(413)) },
      deed: "pushed",
      message: `the registry answered 413 Payload Too Large: its quota or its disk is exhausted, or a proxy before it takes no body of this size; make room (make gc), raise the quota or that limit, and ${runAgain}`,
      requests: 3,
    },
    {
      name: "of a full disk",
      options: { behaviour: only("PUT", status(507)) },
      deed: "pushed",
      message: `the registry answered 507 Insufficient Storage: ${full}`,
      requests: 4,
    },
    {
      name: "of a full disk, as distribution says it",
      options: {
        behaviour: only("PATCH", (_, response) => {
          const detail = "filesystem: write /data/x: no space left on device";
          const errors = [{ code: "UNKNOWN", message: "unknown error", detail }];
          response.writeHead(500, { "content-type": "application/json" });
          response.end(JSON.stringify({ errors }));
          return true;
        }),
      },
      deed: "pushed",
      message: `the registry answered 500 Internal Server Error: ${full}; it says "UNKNOWN: unknown error"`,
      requests: 3,
    },
    {
      name: "of too many bytes",
      options: { behaviour: only("POST", error(429, "TOOMANYREQUESTS", "Storage quota exceeded")) },
      deed: "pushed",
      message: `the registry answered 429 Too Many Requests: ${full}; it says "TOOMANYREQUESTS: Storage quota exceeded"`,
      requests: 2,
    },
    {
      name: "of what goes beyond a quota",
      options: { behaviour: only("PUT", error(403, "DENIED", "quota has been exceeded")) },
      login: githubToken,
      deed: "pushed",
      message: `the registry answered 403 Forbidden: ${full}; it says "DENIED: quota has been exceeded"`,
    },
    {
      name: "of what goes beyond a quota, as Harbor says it",
      options: {
        behaviour: only("PUT", error(412, "DENIED", "adding 5 MiB of storage resource exceeds")),
      },
      deed: "pushed",
      message: `the registry answered 412 Precondition Failed: ${full}; it says "DENIED: adding 5 MiB of storage resource exceeds"`,
    },
    {
      name: "for ever, of an upload that the registry forgets",
      options: { behaviour: only("PUT", error(404, "BLOB_UPLOAD_UNKNOWN", "unknown")) },
      deed: "pushed",
      message: `the registry lost the upload while it went on (404 Not Found); ${runAgain}; it says "BLOB_UPLOAD_UNKNOWN: unknown"`,
      requests: 16,
    },
    {
      name: "for ever, of other bytes",
      options: { behaviour: only("PUT", error(400, "DIGEST_INVALID", "no match")) },
      deed: "pushed",
      message: `other bytes reached the registry than were sent (400 Bad Request); ${runAgain}; it says "DIGEST_INVALID: no match"`,
      requests: 16,
    },
    {
      name: "for an hour",
      options: { behaviour: status(503, { "retry-after": "3600" }) },
      deed: "pushed",
      message: `the registry answered 503 Service Unavailable; look into its log, and run again after TIME: only what is missing is pushed`,
      requests: 1,
    },
    {
      name: "for ever, of a deletion",
      options: { behaviour: error(429, "TOOMANYREQUESTS", "slow down") },
      deed: "deleted",
      message:
        'the registry answered 429 Too Many Requests; run docker login, which raises most limits, and run again later; it says "TOOMANYREQUESTS: slow down"',
      requests: 4,
    },
    {
      name: "by silence",
      options: { behaviour: () => true },
      limits: { timeoutMs: 200 },
      deed: "pushed",
      message: `HOST did not answer within 0.2 s; start the registry (make platform-up for the local one), and ${runAgain}`,
    },
    {
      name: "by silence, of a deletion",
      options: { behaviour: () => true },
      limits: { timeoutMs: 200 },
      deed: "deleted",
      message:
        "HOST did not answer within 0.2 s; start the registry (make platform-up for the local one), and run again",
    },
    {
      name: "in words of many lines",
      options: {
        behaviour: only(
          "POST",
          error(400, "E", `\u001b[2J one\r\n  two\u202e "${"x".repeat(300)}`),
        ),
      },
      deed: "pushed",
      message: `the registry answered 400 Bad Request and took nothing; do as it says, or look into its log; it says "E: [2J one two ${"x".repeat(184)}…"`,
    },
  ];

  test.each(table)("$name", async ({ options, login, limits, deed, message, requests }) => {
    const registry = await serve(options);
    const client = clientOf(registry, { ...limits, ...(login && { login }) });
    const question =
      deed === "pushed"
        ? client.uploadBlob("a/web", layer, bytes)
        : client.deleteManifest("a/web", layer.digest);
    const said = await messageOf(question, registry);
    expect(said).toBe(`HOST/a/web@${layer.digest} could not be ${deed}: ${message}`);
    if (requests !== undefined) expect(registry.requests).toHaveLength(requests);
  });

  test("of a manifest says that its parts are not there", async () => {
    const registry = await serve();
    const manifest = artifact({ artifactType: "a/b", layers: [] });
    const question = clientOf(registry).putManifest("a/web", "v1", manifest);
    expect(await messageOf(question, registry)).toBe(
      `HOST/a/web:v1 could not be pushed: the registry answered 400 Bad Request, since something that it refers to is not there; push its blobs and manifests first; it says "MANIFEST_BLOB_UNKNOWN: blob unknown to registry"`,
    );
  });

  test("never repeats what the registry repeats of credentials", async () => {
    const registry = await serve({
      auth: { login: "olly:s3cret" },
      behaviour: ({ method, headers }, response) => {
        if (method !== "POST" || headers.authorization === undefined) return false;
        const said = `${headers.authorization} s3cret b2xseTpzM2NyZXQ=`;
        return error(403, "DENIED", said)({ ...unused }, response, 0);
      },
    });
    const question = clientOf(registry, { login }).uploadBlob("a/web", layer, bytes);
    const said = await messageOf(question, registry);
    expect(said).toContain('; it says "DENIED: Bearer … … …"');
    expect(said).not.toMatch(/s3cret|token-1|b2xseT/);
  });
});

const unused = { method: "", path: "", headers: {}, body: "", bytes: Buffer.alloc(0) };
