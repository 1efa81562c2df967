import { createHash } from "node:crypto";
import { appendFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { RegistryClient } from "../../../delivery/registry/client.ts";
import {
  artifact,
  descriptorOf,
  emptyBlob,
  emptyDescriptor,
} from "../../../delivery/registry/oci.ts";
import type {
  Descriptor,
  RegistryClientOptions,
  FoundCredentials,
} from "../../../delivery/registry/types.ts";
import {
  type Behaviour,
  type FakeRegistryOptions,
  mediaTypes,
} from "../../fake-registry-answers.ts";
import type { FakeRegistry } from "../../fake-registry.ts";
import { folderWith } from "../../folders.ts";
import {
  clientOf,
  error,
  first,
  html,
  messageOf,
  only,
  paths,
  reset,
  serve,
  status,
} from "../../registry-questions.ts";

const bytes = Buffer.from("the layer");
const layer = descriptorOf(bytes, "application/octet-stream");
const other = `sha256:${sha256("other")}`;
const login: FoundCredentials = { username: "olly", password: "s3cret" };
const githubToken: FoundCredentials = { ...login, source: "GITHUB_TOKEN" };
const ownToken: FoundCredentials = { ...login, source: "TINYOLLY_REGISTRY_TOKEN" };
const runAgain = "run again: only what is missing is pushed";
const address = "check registryPush and registryPushTls";

const stored = ({ store }: FakeRegistry, repository: string): string | undefined =>
  store.blob(repository, layer.digest)?.bytes?.toString();

/** Requests without the names of uploads. */
const steps = (registry: FakeRegistry): string[] =>
  paths(registry).map((path) => path.replace(/^(\S+) \/v2\/a\/web\/blobs\//, "$1 ").slice(0, 60));

describe("the right to push", () => {
  test("is asked for by an upload that is given up again", async () => {
    const registry = await serve();
    await clientOf(registry).checkPush("a/web");
    expect(steps(registry)).toEqual(["POST uploads/", "DELETE uploads/upload-1?_state=a%3Db+c"]);
  });

  /** Answers one method with a status of its own. */
  const answering =
    (refused: string, code: number): Behaviour =>
    ({ method }, response) => {
      if (method === refused) response.writeHead(code).end();
      return method === refused;
    };

  test("is there as well where an upload cannot be given up", async () => {
    const registry = await serve({ behaviour: answering("DELETE", 405) });
    await expect(clientOf(registry).checkPush("a/web")).resolves.toBeUndefined();
  });

  test("that is missing names the repository and what to do", async () => {
    const registry = await serve({ behaviour: answering("POST", 403) });
    const message = await messageOf(clientOf(registry).checkPush("a/web"), registry);
    expect(message).toMatch(
      /^HOST\/a\/web could not be pushed: the registry answered 403 Forbidden /,
    );
  });
});

describe("a blob", () => {
  const sources: [string, () => Buffer | string][] = [
    ["from memory", () => bytes],
    ["from a file", () => join(folderWith({ layer: bytes.toString() }), "layer")],
  ];
  test.each(sources)("%s is sent once", async (_, source) => {
    const registry = await serve();
    const client = clientOf(registry);
    expect(await client.uploadBlob("a/web", layer, source())).toBe("pushed");
    expect(stored(registry, "a/web")).toBe("the layer");
    expect(await client.uploadBlob("a/web", layer, source())).toBe("there");
    expect(steps(registry)).toEqual([
      `HEAD ${layer.digest}`.slice(0, 60),
      "POST uploads/",
      "PATCH uploads/upload-1?_state=a%3Db+c",
      "PUT uploads/upload-1?_state=a%3Db+c&digest=sha256%3A".concat(
        layer.digest.slice(7, 7 + 60 - 52),
      ),
      `HEAD ${layer.digest}`.slice(0, 60),
    ]);
    expect(registry.requests[2]?.headers).toMatchObject({
      "content-length": "9",
      "content-type": "application/octet-stream",
    });
  });

  test("without bytes is put without sending any", async () => {
    const registry = await serve();
    const empty = descriptorOf(Buffer.alloc(0), "application/octet-stream");
    expect(await clientOf(registry).uploadBlob("a/web", empty, Buffer.alloc(0))).toBe("pushed");
    expect(registry.requests.map(({ method }) => method)).toEqual(["HEAD", "POST", "PUT"]);
  });

  test("is taken over from another repository", async () => {
    const registry = await serve();
    registry.setBlob("b/web", bytes);
    const client = clientOf(registry);
    expect(await client.uploadBlob("a/web", layer, bytes, "b/web")).toBe("mounted");
    expect(stored(registry, "a/web")).toBe("the layer");
    expect(paths(registry)[1]).toBe(
      `POST /v2/a/web/blobs/uploads/?mount=sha256%3A${layer.digest.slice(7)}&from=b%2Fweb`,
    );
    expect(registry.requests).toHaveLength(2);
  });

  test("is not taken over from its own repository", async () => {
    const registry = await serve();
    expect(await clientOf(registry).uploadBlob("a/web", layer, bytes, "a/web")).toBe("pushed");
    expect(paths(registry)[1]).toBe("POST /v2/a/web/blobs/uploads/");
  });

  const mounts: [string, Behaviour][] = [
    ["has not", () => false],
    ["does not show", error(403, "DENIED", "no")],
    ["cannot reach", status(503)],
    ["does not name", status(202)],
  ];
  test.each(mounts)("that the other repository %s is sent", async (_, behaviour) => {
    const registry = await serve({
      behaviour: (request, response, count) =>
        request.path.includes("mount=") && behaviour(request, response, count),
    });
    expect(await clientOf(registry).uploadBlob("a/web", layer, bytes, "b/web")).toBe("pushed");
    expect(stored(registry, "a/web")).toBe("the layer");
  });

  test("goes where the registry says, however it says it", async () => {
    for (const location of [
      (path: string) => path,
      (path: string) => `http://HOST${path}`,
      // What a registry says that does not know of the proxy before it.
      (path: string) => `https://HOST${path}`,
    ]) {
      const registry: FakeRegistry = await serve({
        location: (path) => location(path).replace("HOST", registry.host),
      });
      expect(await clientOf(registry).uploadBlob("a/web", layer, bytes)).toBe("pushed");
      expect(stored(registry, "a/web")).toBe("the layer");
    }
  });

  test("goes to another host without credentials", async () => {
    const elsewhere = await serve({
      behaviour: ({ method }, response) => {
        response.writeHead(method === "PATCH" ? 202 : 201).end();
        return true;
      },
    });
    const registry = await serve({ auth: {}, location: (path) => `${elsewhere.url}${path}` });
    expect(await clientOf(registry, { login }).uploadBlob("a/web", layer, bytes)).toBe("pushed");
    expect(elsewhere.requests.map(({ method }) => method)).toEqual(["PATCH", "PUT"]);
    expect(elsewhere.requests[0]?.body).toBe("the layer");
    for (const { headers } of elsewhere.requests)
      expect(headers).not.toHaveProperty("authorization");
  });

  test("is sent as often as eight at once, and Node warns of nothing", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): number => warnings.push(warning);
    process.on("warning", note);
    onTestFinished(() => {
      process.off("warning", note);
    });
    let [running, most] = [0, 0];
    const registry = await serve({
      behaviour: (_, response) => {
        most = Math.max(most, ++running);
        setTimeout(() => {
          running--;
          response.writeHead(200).end();
        }, 5);
        return true;
      },
    });
    const client = clientOf(registry);
    const pushes = Array.from({ length: 40 }, () => client.uploadBlob("a/web", layer, bytes));
    expect(new Set(await Promise.all(pushes))).toEqual(new Set(["there"]));
    expect(most).toBe(8);
    expect(warnings).toEqual([]);
  });

  const wrong: [string, Descriptor, Buffer | string, string][] = [
    [
      "of another size",
      { ...layer, size: 8 },
      bytes,
      `what is to be pushed has 9 bytes, but ${layer.digest} has 8; make it again`,
    ],
    [
      "of another digest",
      { ...layer, digest: other },
      bytes,
      `what is to be pushed has the digest ${layer.digest}, but must have ${other}; make it again`,
    ],
    [
      "that is in no file",
      layer,
      "/nowhere/a",
      "/nowhere/a cannot be read (ENOENT); make it again",
    ],
    ["that is a folder", { ...layer, size: 0 }, ".", ". is no file; make it again"],
  ];
  test.each(wrong)("%s is wrong input", async (_, descriptor, source, message) => {
    const registry = await serve();
    await expect(clientOf(registry).uploadBlob("a/web", descriptor, source)).rejects.toThrow(
      new InputError(message),
    );
    expect(registry.requests).toEqual([]);
  });

  test("that changes in its file while it is sent is wrong input, and is never stored", async () => {
    const file = join(folderWith({ layer: "the other" }), "layer");
    const registry = await serve();
    await expect(clientOf(registry).uploadBlob("a/web", layer, file)).rejects.toThrow(
      new InputError(
        `${file} has the digest sha256:${sha256("the other")}, but must have ${layer.digest}; make it again`,
      ),
    );
    expect(registry.requests.map(({ method }) => method)).toEqual(["HEAD", "POST"]);
  });

  test("whose file grows while it is sent is sent as it was", async () => {
    const file = join(folderWith({ layer: bytes.toString() }), "layer");
    const registry = await serve({
      behaviour: only("POST", () => {
        appendFileSync(file, " and more");
        return false;
      }),
    });
    expect(await clientOf(registry).uploadBlob("a/web", layer, file)).toBe("pushed");
    expect(stored(registry, "a/web")).toBe("the layer");
  });

  test("whose file goes away while it is sent is wrong input", async () => {
    const file = join(folderWith({ layer: bytes.toString() }), "layer");
    const registry = await serve({
      behaviour: only("POST", () => {
        rmSync(file);
        return false;
      }),
    });
    await expect(clientOf(registry).uploadBlob("a/web", layer, file)).rejects.toThrow(
      new InputError(`${file} cannot be read (ENOENT); make it again`),
    );
  });

  test("must have a digest that can be a path", async () => {
    const registry = await serve();
    const descriptor = { ...layer, digest: "sha256:../../token" };
    expect(
      await messageOf(clientOf(registry).uploadBlob("a/web", descriptor, bytes), registry),
    ).toBe(
      "HOST/a/web@sha256:../../token could not be pushed: its digest must be sha256: and 64 digits; correct what refers to it",
    );
    expect(registry.requests).toEqual([]);
  });
});

describe("a large blob", () => {
  const size = 200_000_000;

  /** A file of zeros that takes no room. */
  function sparse(): { file: string; descriptor: Descriptor } {
    const file = join(folderWith({ layer: "" }), "layer");
    truncateSync(file, size);
    const hash = createHash("sha256");
    const zeros = Buffer.alloc(1_000_000);
    for (let done = 0; done < size; done += zeros.length) hash.update(zeros);
    const digest = `sha256:${hash.digest("hex")}`;
    return { file, descriptor: { mediaType: "application/octet-stream", digest, size } };
  }

  test("is never in memory as a whole", async () => {
    const registry = await serve();
    const { file, descriptor } = sparse();
    const before = process.memoryUsage().rss;
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 5);
    try {
      expect(await clientOf(registry).uploadBlob("a/web", descriptor, file)).toBe("pushed");
    } finally {
      clearInterval(watch);
    }
    expect(peak).toBeGreaterThan(0);
    expect(peak - before).toBeLessThan(size / 2);
    expect(registry.store.blob("a/web", descriptor.digest)?.size).toBe(size);
  });

  test("may take longer than a request, as long as it moves", async () => {
    const started = performance.now();
    const registry = await serve({
      onBody: (_, response) => {
        const { req } = response;
        req.pause();
        setTimeout(() => req.resume(), 10);
      },
    });
    const piece = Buffer.alloc(20_000_000);
    const descriptor = descriptorOf(piece, "application/octet-stream");
    const client = clientOf(registry, { timeoutMs: 200, deadlineMs: 200 });
    expect(await client.uploadBlob("a/web", descriptor, piece)).toBe("pushed");
    expect(performance.now() - started).toBeGreaterThan(6 * 200);
  });

  test("that no longer moves is sent again, and then given up", async () => {
    const registry = await serve({
      onBody: (_, response) => {
        response.req.pause();
      },
    });
    const piece = Buffer.alloc(40_000_000);
    const descriptor = descriptorOf(piece, "application/octet-stream");
    const client = clientOf(registry, { timeoutMs: 100 });
    expect(await messageOf(client.uploadBlob("a/web", descriptor, piece), registry)).toBe(
      `HOST/a/web@${descriptor.digest} could not be pushed: HOST took nothing for 0.6 s; start the registry (make platform-up for the local one), and ${runAgain}`,
    );
    expect(registry.requests.filter(({ method }) => method === "POST")).toHaveLength(4);
  });
});

test("a registry may take its time to store something", async () => {
  const slowly: Behaviour = (_, response) => {
    setTimeout(() => response.writeHead(201).end(), 400);
    return true;
  };
  const registry = await serve({ behaviour: only("PUT", slowly) });
  const client = clientOf(registry, { timeoutMs: 200 });
  expect(await client.uploadBlob("a/web", layer, bytes)).toBe("pushed");
  const { digest, ...manifest } = artifact({ artifactType: "a/b", layers: [] });
  expect(await client.putManifest("a/web", "v1", manifest)).toBe(digest);
});

test("credentials of the environment are used, and named when they are refused", async () => {
  const registry = await serve({ auth: { login: "olly:s3cret" } });
  const push = (token: string): Promise<unknown> => {
    const env = {
      TINYOLLY_REGISTRY_HOST: registry.host,
      TINYOLLY_REGISTRY_USER: "olly",
      TINYOLLY_REGISTRY_TOKEN: token,
    };
    const client = new RegistryClient({ host: registry.host, tls: "plain-http" }, { env });
    return client.uploadBlob("a/web", layer, bytes).finally(() => {
      client.close();
    });
  };
  expect(await push("s3cret")).toBe("pushed");
  expect(await messageOf(push("wrong"), registry)).toContain(
    "the registry answered 401 Unauthorized to the token in TINYOLLY_REGISTRY_TOKEN, which may at most read HOST/a/web",
  );
});

describe("what fails by chance", () => {
  /** Cuts the connection of the first so many uploads, in their midst. */
  const cuts = (uploads: number): FakeRegistryOptions => {
    const cut = new Set<string>();
    return {
      onBody: ({ method, path }, response) => {
        if (method !== "PATCH" || (cut.size === uploads && !cut.has(path))) return;
        cut.add(path);
        response.socket?.destroy();
      },
    };
  };
  const piece = Buffer.alloc(5_000_000, "x");
  const descriptor = descriptorOf(piece, "application/octet-stream");

  test("a connection that is cut three times in mid-upload is made again", async () => {
    const registry = await serve(cuts(3));
    expect(await clientOf(registry).uploadBlob("a/web", descriptor, piece)).toBe("pushed");
    expect(registry.store.blob("a/web", descriptor.digest)?.size).toBe(piece.length);
    expect(registry.requests.filter(({ method }) => method === "POST")).toHaveLength(4);
  });

  test("a connection that is always cut in mid-upload is an error", async () => {
    const registry = await serve(cuts(9));
    expect(
      await messageOf(clientOf(registry).uploadBlob("a/web", descriptor, piece), registry),
    ).toBe(
      `HOST/a/web@${descriptor.digest} could not be pushed: the registry closed the connection before it had taken everything; look into its log, and ${runAgain}`,
    );
    expect(registry.requests.filter(({ method }) => method === "POST")).toHaveLength(4);
  });

  test("one blob that is always cut does not end the others", async () => {
    const registry = await serve({
      onBody: ({ path }, response) => {
        if (path.includes("/bad/")) response.socket?.destroy();
      },
    });
    const client = clientOf(registry);
    const bad = Array.from({ length: 8 }, () => client.uploadBlob("bad/web", descriptor, piece));
    const good = client.uploadBlob("a/web", layer, bytes);
    await Promise.allSettled(bad);
    expect(await good).toBe("pushed");
  });

  const passing: [string, Behaviour][] = [
    ["a reset", reset],
    ["500", status(500)],
    ["429", status(429)],
  ];
  const methods = ["HEAD", "POST", "PATCH", "PUT"];
  test.each(
    passing.flatMap(([name, behaviour]) => methods.map((method) => ({ name, behaviour, method }))),
  )("$name at the first $method is waited out", async ({ behaviour, method }) => {
    let failed = false;
    const registry = await serve({
      behaviour: only(method, (...request) => {
        if (failed) return false;
        failed = true;
        return behaviour(...request);
      }),
    });
    expect(await clientOf(registry).uploadBlob("a/web", layer, bytes)).toBe("pushed");
    expect(failed).toBe(true);
  });

  test("a blob that was stored although the answer was lost is there", async () => {
    let lost = false;
    const registry: FakeRegistry = await serve({
      behaviour: only("PUT", (request, response, count) => {
        if (lost) return false;
        lost = true;
        registry.setBlob("a/web", bytes);
        return reset(request, response, count);
      }),
    });
    expect(await clientOf(registry).uploadBlob("a/web", layer, bytes)).toBe("there");
  });

  const lost: [string, Behaviour][] = [
    ["an upload that the registry forgot", error(404, "BLOB_UPLOAD_UNKNOWN", "unknown")],
    ["an upload that has no page", status(404)],
    ["an upload of another state", error(400, "BLOB_UPLOAD_INVALID", "invalid")],
    ["a range that the registry does not want", error(416, "RANGE_INVALID", "invalid")],
    ["other bytes at the registry", error(400, "DIGEST_INVALID", "invalid")],
  ];
  test.each(lost)("%s is begun again", async (_, behaviour) => {
    let failed = false;
    const registry = await serve({
      behaviour: only("PUT", (...request) => {
        if (failed) return false;
        failed = true;
        return behaviour(...request);
      }),
    });
    expect(await clientOf(registry).uploadBlob("a/web", layer, bytes)).toBe("pushed");
  });
});

describe("rights", () => {
  const tokensOf = (registry: FakeRegistry): string[] =>
    registry.requests
      .filter(({ path }) => path.startsWith("/token"))
      .map(({ path }) => new URLSearchParams(path.slice(7)).getAll("scope").join(" & "));

  test("one token with the right to write serves a whole push", async () => {
    const registry = await serve({ auth: { login: "olly:s3cret" } });
    const client = clientOf(registry, { login });
    expect(await client.uploadBlob("a/web", emptyDescriptor, emptyBlob)).toBe("pushed");
    const { digest, ...manifest } = artifact({ artifactType: "a/b", layers: [] });
    expect(await client.putManifest("a/web", "v1", manifest)).toBe(digest);
    expect(tokensOf(registry)).toEqual(["repository:a/web:pull,push"]);
    expect(await client.getManifest("a/web", "v1")).toMatchObject({ digest });
    expect(await client.deleteManifest("a/web", "v1")).toBe(true);
    expect(tokensOf(registry)).toEqual([
      "repository:a/web:pull,push",
      "repository:a/web:pull",
      "repository:a/web:pull,push,delete",
    ]);
  });

  test("a mount asks for the right to read the other repository", async () => {
    const registry = await serve({ auth: {} });
    registry.setBlob("b/web", bytes);
    expect(await clientOf(registry).uploadBlob("a/web", layer, bytes, "b/web")).toBe("mounted");
    expect(tokensOf(registry)).toEqual([
      "repository:a/web:pull,push",
      "repository:a/web:pull,push & repository:b/web:pull",
    ]);
  });

  test("a blob is sent where the other repository may not be read", async () => {
    const registry = await serve({
      auth: { grants: (repository) => (repository === "a/web" ? ["pull", "push"] : []) },
    });
    registry.setBlob("b/web", bytes);
    expect(await clientOf(registry).uploadBlob("a/web", layer, bytes, "b/web")).toBe("pushed");
  });

  test("a registry that always asks for the right to read is asked for that to write", async () => {
    const registry = await serve({ auth: { scope: "repository:user/image:pull" } });
    expect(await clientOf(registry).uploadBlob("a/web", layer, bytes)).toBe("pushed");
    expect(tokensOf(registry)).toEqual(["repository:a/web:pull,push & repository:user/image:pull"]);
  });

  test("a token that expires in mid-push is renewed, and the request repeated", async () => {
    for (const method of ["POST", "PATCH", "PUT"]) {
      let expired = false;
      const registry: FakeRegistry = await serve({
        auth: {},
        behaviour: only(method, ({ headers }) => {
          if (!expired && headers.authorization !== undefined) {
            expired = true;
            registry.revokeTokens();
          }
          return false;
        }),
      });
      const file = join(folderWith({ layer: bytes.toString() }), "layer");
      expect(await clientOf(registry).uploadBlob("a/web", layer, file)).toBe("pushed");
      expect(stored(registry, "a/web")).toBe("the layer");
      expect(tokensOf(registry)).toHaveLength(2);
      // It went on where it was.
      expect(registry.requests.filter((request) => request.method === "HEAD")).toHaveLength(2);
    }
  });

  test("a 401 that comes before all bytes are sent is heard", async () => {
    let early = 0;
    const challenge = (host = ""): Record<string, string> => ({
      "www-authenticate": `Bearer realm="http://${host}/token",scope="repository:a/web:pull,push"`,
    });
    const registry = await serve({
      onBody: ({ method, headers }, response) => {
        if (method !== "PATCH" || early > 0) return;
        early++;
        response.writeHead(401, challenge(headers.host)).end();
      },
      behaviour: ({ path }, response) => {
        if (path.startsWith("/token")) response.end('{"token":"t"}');
        return path.startsWith("/token");
      },
    });
    const piece = Buffer.alloc(30_000_000);
    const descriptor = descriptorOf(piece, "application/octet-stream");
    expect(await clientOf(registry).uploadBlob("a/web", descriptor, piece)).toBe("pushed");
    expect(early).toBe(1);
    expect(tokensOf(registry)).toEqual(["repository:a/web:pull,push"]);
  });
});

describe("a manifest", () => {
  const { digest, ...manifest } = artifact({ artifactType: "application/proof", layers: [] });

  test("is put under a tag and under its digest, as it is", async () => {
    const registry = await serve();
    registry.setBlob("a/web", emptyBlob);
    const client = clientOf(registry);
    expect(await client.putManifest("a/web", "v1", manifest)).toBe(digest);
    expect(await client.putManifest("a/web", digest, manifest)).toBe(digest);
    expect(registry.store.manifest("a/web", "v1")).toEqual({ ...manifest, digest });
    expect(paths(registry)).toEqual([
      "PUT /v2/a/web/manifests/v1",
      `PUT /v2/a/web/manifests/${digest}`,
    ]);
    expect(registry.requests[0]?.headers["content-type"]).toBe(mediaTypes.manifest);
  });

  test("is put again where the answer did not come", async () => {
    const registry = await serve({ behaviour: first(3, reset) });
    registry.setBlob("a/web", emptyBlob);
    expect(await clientOf(registry).putManifest("a/web", "v1", manifest)).toBe(digest);
  });

  test("is not put under the digest of another", async () => {
    const registry = await serve();
    const question = clientOf(registry).putManifest("a/web", other, manifest);
    expect(await messageOf(question, registry)).toBe(
      `HOST/a/web@${other} could not be pushed: the manifest has the digest ${digest}; put it under that, or under a tag`,
    );
    expect(registry.requests).toEqual([]);
  });

  test("of which the registry took other bytes is an error", async () => {
    const registry = await serve({
      behaviour: (_, response) => {
        response.writeHead(201, { "docker-content-digest": other }).end();
        return true;
      },
    });
    const question = clientOf(registry).putManifest("a/web", "v1", manifest);
    expect(await messageOf(question, registry)).toBe(
      `HOST/a/web:v1 could not be pushed: the registry sent ${other} for ${digest}; its store or a proxy before it is damaged, so mend that, and push again`,
    );
  });
});

describe("deletion", () => {
  test("of a tag leaves the manifest, that of a digest takes all tags", async () => {
    const registry = await serve();
    const digest = registry.setManifest("a/web", "v1", "{}");
    registry.setManifest("a/web", "v2", "{}");
    registry.setManifest("a/web", "v3", "{}");
    const client = clientOf(registry);
    expect(await client.deleteManifest("a/web", "v1")).toBe(true);
    expect(await client.deleteManifest("a/web", "v1")).toBe(false);
    expect(await client.listTags("a/web")).toEqual(["v2", "v3"]);
    expect(await client.deleteManifest("a/web", digest)).toBe(true);
    expect(await client.deleteManifest("a/web", digest)).toBe(false);
    expect(await client.listTags("a/web")).toEqual([]);
  });
});

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
      message: `the registry answered 401 Unauthorized to ${credentials}, which may at most read HOST/a/web; run docker login HOST again, ${mayPush}; it says "UNAUTHORIZED: authentication required"`,
    },
    {
      name: "of a token that GHCR lets read",
      options: {
        behaviour: only("POST", error(403, "DENIED", "permission_denied: write_package")),
      },
      login: githubToken,
      deed: "pushed",
      message:
        'the registry answered 403 Forbidden to the token in GITHUB_TOKEN, which may at most read HOST/a/web; put one there that may push there (on GHCR: write:packages; of a workflow: packages: write, and the package must admit its repository); it says "DENIED: permission_denied: write_package"',
    },
    {
      name: "of a token of ours",
      options: { behaviour: status(403) },
      login: ownToken,
      deed: "pushed",
      message:
        "the registry answered 403 Forbidden to the token in TINYOLLY_REGISTRY_TOKEN, which may at most read HOST/a/web; put one there that may push there (on GHCR: write:packages)",
    },
    {
      name: "of a wrong password, by the token service",
      options: { auth: { login: "olly:other" } },
      login,
      deed: "pushed",
      message: `the registry answered 401 Unauthorized to ${credentials}, which may at most read HOST/a/web; run docker login HOST again, ${mayPush}; it says "UNAUTHORIZED: wrong login"`,
    },
    {
      name: "of nobody",
      options: { auth: { grants: () => ["pull"] } },
      deed: "pushed",
      message: `the registry answered 401 Unauthorized at HOST/a/web, and Docker's configuration has no credentials for it; run docker login HOST ${mayPush}; it says "UNAUTHORIZED: authentication required"`,
    },
    {
      name: "of a deletion by who may not delete",
      options: { auth: { login: "olly:s3cret", grants: () => ["pull", "push"] } },
      login,
      deed: "deleted",
      message: `the registry answered 401 Unauthorized to ${credentials}, which may not delete from HOST/a/web; run docker login HOST again, ${mayDelete}; it says "UNAUTHORIZED: authentication required"`,
    },
    {
      name: "of a deletion by a token of a workflow",
      options: { behaviour: error(403, "DENIED", "no") },
      login: githubToken,
      deed: "deleted",
      message:
        'the registry answered 403 Forbidden to the token in GITHUB_TOKEN, which may not delete from HOST/a/web; put one there that may delete there (on GHCR: delete:packages; of a workflow: packages: write, and the package must admit its repository); it says "DENIED: no"',
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
