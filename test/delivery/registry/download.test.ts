import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { descriptorOf } from "../../../delivery/registry/artifact.ts";
import type { Descriptor } from "../../../delivery/registry/types.ts";
import { type Behaviour } from "../../fake-registry-answers.ts";
import type { FakeRegistry } from "../../fake-registry.ts";
import { folderWith } from "../../folders.ts";
import {
  clientOf,
  content,
  error,
  first,
  html,
  messageOf,
  paths,
  serve,
  status,
} from "../../registry-questions.ts";

const bytes = Buffer.from("the layer");
const layer = descriptorOf(bytes, "application/octet-stream");
const other = `sha256:${sha256("other")}`;
const blobType = "application/octet-stream";
const damaged = "its store or a proxy before it is damaged, so mend that, and push again";
const address = "check registryPush and registryPushTls";

/** A registry with a blob in `a/web`. */
async function serveBlob(behaviour: Behaviour = () => false): Promise<FakeRegistry> {
  const registry = await serve({ behaviour });
  registry.setBlob("a/web", bytes);
  return registry;
}

describe("a blob in memory", () => {
  test("is there or is missing", async () => {
    const registry = await serveBlob();
    const client = clientOf(registry);
    expect(await client.getBlob("a/web", layer)).toEqual(bytes);
    expect(await client.getBlob("a/web", { ...layer, digest: other })).toBeUndefined();
    expect(await client.hasBlob("a/web", layer.digest)).toBe(true);
    expect(await client.hasBlob("a/web", other)).toBe(false);
    expect(paths(registry)).toEqual([
      `GET /v2/a/web/blobs/${layer.digest}`,
      `GET /v2/a/web/blobs/${other}`,
      `HEAD /v2/a/web/blobs/${layer.digest}`,
      `HEAD /v2/a/web/blobs/${other}`,
    ]);
  });

  test("comes from where the registry refers to, without credentials", async () => {
    const store = await serveBlob();
    const registry = await serve({
      auth: {},
      behaviour: ({ path, headers }, response, count) =>
        headers.authorization?.startsWith("Bearer") === true &&
        status(307, { location: `${store.url}${path}` })(unused, response, count),
    });
    expect(await clientOf(registry).getBlob("a/web", layer)).toEqual(bytes);
    expect(store.requests[0]?.headers).not.toHaveProperty("authorization");
  });

  const table: [string, Behaviour, Descriptor, string][] = [
    [
      "that is too large",
      () => false,
      { ...layer, size: 8 * 1024 * 1024 + 1 },
      "it has 8388609 bytes, and at most 8 MiB are read into memory",
    ],
    [
      "with other bytes",
      content("the other", blobType),
      layer,
      `the registry sent sha256:${sha256("the other")} for ${layer.digest}; ${damaged}`,
    ],
    [
      "of another size than is said",
      () => false,
      { ...layer, size: 8 },
      "it has 9 bytes, but what refers to it says 8; push that again",
    ],
    [
      "that may not be read",
      error(403, "DENIED", "requested access is denied"),
      layer,
      `the registry answered 403 Forbidden, and Docker's configuration has no credentials for it; run docker login HOST as a user or with a token that may pull from there (on GHCR: read:packages); it says "DENIED: requested access is denied"`,
    ],
    [
      "behind a web page",
      (_, response) => html(response, 404),
      layer,
      `the registry answered 404 Not Found with text/html; charset=utf-8, as no registry does; ${address}`,
    ],
    [
      "whose digest is none",
      () => false,
      { ...layer, digest: "sha512:0" },
      "its digest must be sha256: and 64 digits; correct what refers to it",
    ],
  ];
  test.each(table)("%s is an error", async (_, behaviour, descriptor, problem) => {
    const registry = await serveBlob(behaviour);
    const separator = descriptor.digest.startsWith("sha256") ? "@" : ":";
    expect(await messageOf(clientOf(registry).getBlob("a/web", descriptor), registry)).toBe(
      `HOST/a/web${separator}${descriptor.digest} could not be read: ${problem}`,
    );
  });

  test("is not believed to be on a web page", async () => {
    const registry = await serve({ behaviour: (_, response) => html(response, 200) });
    expect(await messageOf(clientOf(registry).hasBlob("a/web", layer.digest), registry)).toContain(
      "the registry answered 200 OK with text/html; charset=utf-8, as no registry does",
    );
  });
});

describe("a blob in a file", () => {
  const target = (): string => join(folderWith({}), "layer");

  test("is what the registry has", async () => {
    const file = target();
    const registry = await serveBlob();
    await clientOf(registry).downloadBlob("a/web", layer, file);
    expect(readFileSync(file)).toEqual(bytes);
  });

  test("may be empty", async () => {
    const registry = await serve();
    registry.setBlob("a/web", "");
    const file = target();
    const empty = descriptorOf(Buffer.alloc(0), blobType);
    await clientOf(registry).downloadBlob("a/web", empty, file);
    expect(statSync(file).size).toBe(0);
  });

  /** Sends the first bytes of the rest, and cuts the connection. */
  const part =
    (length: number, takesRanges = true): Behaviour =>
    ({ headers }, response) => {
      const start = takesRanges ? Number(/=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0) : 0;
      response.writeHead(start === 0 ? 200 : 206, {
        "content-length": bytes.length - start,
        ...(start > 0 && { "content-range": `bytes ${start}-8/9` }),
      });
      response.write(bytes.subarray(start, start + length), () => response.socket?.destroy());
      return true;
    };
  const ranges = (registry: FakeRegistry): (string | undefined)[] =>
    registry.requests.map(({ headers }) => headers.range);

  test("whose connection is cut three times goes on where it ended", async () => {
    const file = target();
    const registry = await serveBlob(first(3, part(2)));
    await clientOf(registry).downloadBlob("a/web", layer, file);
    expect(readFileSync(file, "utf8")).toBe("the layer");
    expect(ranges(registry)).toEqual([undefined, "bytes=2-", "bytes=4-", "bytes=6-"]);
    expect(registry.requests[0]?.headers["accept-encoding"]).toBe("identity");
  });

  test("begins anew where the registry knows no ranges", async () => {
    const file = target();
    const registry = await serveBlob(first(3, part(5, false)));
    await clientOf(registry).downloadBlob("a/web", layer, file);
    expect(readFileSync(file, "utf8")).toBe("the layer");
    expect(ranges(registry)).toEqual([undefined, "bytes=5-", "bytes=5-", "bytes=5-"]);
  });

  const wrongRanges: [string, Behaviour][] = [
    ["none", status(416)],
    [
      "another one",
      (_, response) => {
        response.writeHead(206, { "content-range": "bytes 1-8/9" }).end("he layer");
        return true;
      },
    ],
    [
      "an unnamed one",
      (_, response) => {
        response.writeHead(206).end("he layer");
        return true;
      },
    ],
  ];
  test.each(wrongRanges)("begins anew where the registry has %s", async (_, behaviour) => {
    const file = target();
    const registry = await serveBlob((request, response, count) => {
      if (count === 1) return part(5)(request, response, count);
      return count === 2 && behaviour(request, response, count);
    });
    await clientOf(registry).downloadBlob("a/web", layer, file);
    expect(readFileSync(file, "utf8")).toBe("the layer");
    expect(ranges(registry)).toEqual([undefined, "bytes=5-", undefined]);
  });

  test("that was whole when the connection was cut is not asked for again", async () => {
    const file = target();
    const registry = await serveBlob((_, response) => {
      // One byte more is announced than there is.
      response.writeHead(200, { "content-length": 10 });
      response.write(bytes, () => response.socket?.destroy());
      return true;
    });
    await clientOf(registry).downloadBlob("a/web", layer, file);
    expect(readFileSync(file, "utf8")).toBe("the layer");
    expect(registry.requests).toHaveLength(1);
  });

  test("takes its time, as long as something comes", async () => {
    const registry = await serveBlob((_, response) => {
      response.writeHead(200, { "content-length": 9 });
      for (let at = 0; at < 9; at++)
        setTimeout(() => response.write(bytes.subarray(at, at + 1)), 60 * at);
      return true;
    });
    const file = target();
    const client = clientOf(registry, { timeoutMs: 300, deadlineMs: 300 });
    const started = performance.now();
    await client.downloadBlob("a/web", layer, file);
    expect(performance.now() - started).toBeGreaterThan(400);
  });

  test("of 200 MB is never in memory as a whole", async () => {
    const size = 200_000_000;
    const piece = Buffer.alloc(1_000_000);
    const hash = createHash("sha256");
    for (let done = 0; done < size; done += piece.length) hash.update(piece);
    const registry = await serve({
      behaviour: (_, response) => {
        response.writeHead(200, { "content-length": size });
        let left = size;
        const send = (): void => {
          while (left > 0) {
            left -= piece.length;
            if (!response.write(piece)) {
              response.once("drain", send);
              return;
            }
          }
          response.end();
        };
        send();
        return true;
      },
    });
    const descriptor = { ...layer, digest: `sha256:${hash.digest("hex")}`, size };
    const file = target();
    const before = process.memoryUsage().rss;
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 5);
    try {
      await clientOf(registry).downloadBlob("a/web", descriptor, file);
    } finally {
      clearInterval(watch);
    }
    expect(peak).toBeGreaterThan(0);
    expect(peak - before).toBeLessThan(size / 2);
    expect(statSync(file).size).toBe(size);
  });

  const runAgain = "look into its log, and run again";
  const table: [string, Behaviour, string, requests: number][] = [
    [
      "that is missing",
      error(404, "BLOB_UNKNOWN", "unknown"),
      "the registry does not have it; push it there again, and then repeat this",
      1,
    ],
    [
      "that may not be read",
      status(403),
      "the registry answered 403 Forbidden, and Docker's configuration has no credentials for it; run docker login HOST as a user or with a token that may pull from there (on GHCR: read:packages)",
      1,
    ],
    [
      "with other bytes",
      content("the other", blobType),
      `the registry sent sha256:${sha256("the other")} for ${layer.digest}; ${damaged}`,
      1,
    ],
    [
      "with more bytes",
      content("the layer and more", blobType),
      `the registry sends over 9 bytes; ${damaged}`,
      1,
    ],
    [
      "with fewer bytes, for ever",
      (_, response) => {
        response.writeHead(206, { "content-range": "bytes 0-3/9" }).end("the ");
        return true;
      },
      `the registry did not go on where the connection had ended; ${runAgain}`,
      4,
    ],
    [
      "with no more bytes, for ever",
      (_, response) => {
        response.writeHead(200).end("the ");
        return true;
      },
      `the registry sent 4 of 9 bytes; ${runAgain}`,
      4,
    ],
    [
      "whose connection is cut for ever",
      part(1),
      `the registry closed the connection before everything had come; ${runAgain}`,
      4,
    ],
    [
      "that never comes",
      (_, response) => {
        response.writeHead(200).write("the ");
        return true;
      },
      "HOST sent nothing for 0.2 s; start the registry (make platform-up for the local one), or set TINYOLLY_OFFLINE=1 for a preview that does not ask it",
      4,
    ],
  ];
  test.each(table)("%s is an error and leaves none", async (_, behaviour, problem, requests) => {
    const file = target();
    const registry = await serveBlob(behaviour);
    const client = clientOf(registry, { timeoutMs: 200 });
    expect(await messageOf(client.downloadBlob("a/web", layer, file), registry)).toBe(
      `HOST/a/web@${layer.digest} could not be read: ${problem}`,
    );
    expect(existsSync(file)).toBe(false);
    expect(registry.requests).toHaveLength(requests);
  });

  test("that cannot be written is wrong input", async () => {
    const registry = await serveBlob();
    await expect(clientOf(registry).downloadBlob("a/web", layer, "/nowhere/a")).rejects.toThrow(
      new InputError("/nowhere/a cannot be written (ENOENT); make room, or take another folder"),
    );
  });

  test("is copied to another registry", async () => {
    const file = target();
    const [from, to] = [await serveBlob(), await serve()];
    await clientOf(from).downloadBlob("a/web", layer, file);
    expect(await clientOf(to).uploadBlob("b/web", layer, file)).toBe("pushed");
    expect(to.store.blob("b/web", layer.digest)?.bytes).toEqual(bytes);
  });
});

const unused = { method: "", path: "", headers: {}, body: "", bytes: Buffer.alloc(0) };
