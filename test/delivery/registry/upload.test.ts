import { createHash } from "node:crypto";
import { appendFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import {
  artifact,
  descriptorOf,
  emptyBlob,
  emptyDescriptor,
} from "../../../delivery/registry/artifact.ts";
import { RegistryClient } from "../../../delivery/registry/client.ts";
import type { Descriptor, FoundCredentials } from "../../../delivery/registry/types.ts";
import { type Behaviour, type FakeRegistryOptions } from "../../fake-registry-answers.ts";
import type { FakeRegistry } from "../../fake-registry.ts";
import { folderWith } from "../../folders.ts";
import {
  clientOf,
  error,
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
const runAgain = "run again: only what is missing is pushed";

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
      /^HOST\/a\/web could not be pushed: the registry answered 403 Forbidden, /,
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
    const client = clientOf(registry, { timeoutMs: 500 });
    expect(await messageOf(client.uploadBlob("a/web", descriptor, piece), registry)).toBe(
      `HOST/a/web@${descriptor.digest} could not be pushed: HOST took nothing for 3 s; start the registry (make platform-up for the local one), and ${runAgain}`,
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
    "the registry answered 401 Unauthorized to the token in TINYOLLY_REGISTRY_TOKEN, which may at most read there",
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
