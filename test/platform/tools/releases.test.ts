import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { type RequestListener, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { PlatformError } from "../../../platform/settings.ts";
import { type Digest, releaseTable } from "../../../platform/tools/release-table.ts";
import {
  ReleaseUnavailable,
  answers,
  fetchRelease,
  releaseOf,
} from "../../../platform/tools/releases.ts";
import { folderWith } from "../../folders.ts";
import { freePort } from "../../free-port.ts";

/** A server that answers in this way until the test ends; resolves to its address. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  // A string would be the path of a socket, and null would be a server that does not listen.
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

/** Serves one content at every path. */
function serveFile(content: string | Buffer): Promise<string> {
  return serve((_, response) => {
    response.setHeader("content-length", content.length);
    response.end(content);
  });
}

function digestOf(content: string | Buffer, algorithm: "sha256" | "sha512" = "sha256"): Digest {
  return `${algorithm}:${createHash(algorithm).update(content).digest("hex")}`;
}

/** A compressed archive of these files. */
function archiveOf(files: Readonly<Record<string, string>>): Buffer {
  const args = [
    "--create",
    "--gzip",
    "--directory",
    folderWith(files),
    "--",
    ...Object.keys(files),
  ];
  const { status, stdout } = spawnSync("tar", args);
  expect(status).toBe(0);
  return stdout;
}

const lines: string[] = [];
const log = (line: string): void => void lines.push(line);
const program = "#!/bin/sh\necho a program\n";

afterEach(() => {
  lines.length = 0;
  vi.useRealTimers();
});

/** Fetches the only program to a new folder, and returns the error and the names of what is there then. */
async function failure(url: string, digest: Digest = digestOf(program), signal?: AbortSignal) {
  const folder = folderWith({});
  const files = new Map([[undefined, join(folder, "tool")]]);
  const error: unknown = await fetchRelease(
    { url, digest },
    files,
    signal ? { log, signal } : { log },
  ).catch((error: unknown) => error);
  return { error, left: readdirSync(folder) };
}

describe("a release is fetched", () => {
  test.each(["sha256", "sha512"] as const)(
    "as the program itself, by its %s",
    async (algorithm) => {
      const url = await serveFile(program);
      const folder = folderWith({});
      const file = join(folder, "tool");
      const digest = digestOf(program, algorithm);
      await fetchRelease({ url, digest }, new Map([[undefined, file]]), { log });
      expect(readFileSync(file, "utf8")).toBe(program);
      expect(statSync(file).mode & 0o777).toBe(0o755);
      expect(readdirSync(folder)).toEqual(["tool"]);
      expect(lines).toEqual([`downloading ${url} (0.0 MB)`]);
    },
  );

  test("as some programs of an archive, from one download", async () => {
    const archive = archiveOf({ "bin/one": "1", "./two": "2", three: "3" });
    let asked = 0;
    const url = await serve((_, response) => {
      asked += 1;
      response.flushHeaders();
      response.end(archive);
    });
    const folder = folderWith({ "a/.keep": "", "b/.keep": "" });
    const files = new Map([
      ["bin/one", join(folder, "a/first")],
      ["./two", join(folder, "b/second")],
    ]);
    await fetchRelease({ url, digest: digestOf(archive) }, files, { log });
    expect(asked).toBe(1);
    expect(readFileSync(join(folder, "a/first"), "utf8")).toBe("1");
    expect(readFileSync(join(folder, "b/second"), "utf8")).toBe("2");
    expect(statSync(join(folder, "b/second")).mode & 0o777).toBe(0o755);
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual(
      ["a", "a/.keep", "a/first", "b", "b/.keep", "b/second"].sort(),
    );
    expect(lines).toEqual([`downloading ${url}`]);
  });

  test("over redirects, as the bytes that were published", async () => {
    const encodings: unknown[] = [];
    const url = await serve(({ url, headers }, response) => {
      encodings.push(headers["accept-encoding"]);
      if (url === "/file") response.end(program);
      else response.writeHead(302, { location: url === "/" ? "/next" : "file" }).end("elsewhere");
    });
    expect(await failure(url)).toEqual({ error: undefined, left: ["tool"] });
    expect(encodings).toEqual(["identity", "identity", "identity"]);
  });

  test("not at all where nothing of it is wanted", async () => {
    const files = new Map<string | undefined, string>();
    await fetchRelease({ url: "https://example.test", digest: digestOf("") }, files, { log });
  });
});

describe("a release is refused", () => {
  test.each(["sha256", "sha512"] as const)("where its %s is another one", async (algorithm) => {
    const url = await serveFile("tampered with");
    const published = digestOf(program, algorithm);
    const { error, left } = await failure(url, published);
    expect(error).toBeInstanceOf(PlatformError);
    expect(error).not.toBeInstanceOf(ReleaseUnavailable);
    const came = digestOf("tampered with", algorithm);
    expect(String(error)).toMatch(
      `${url} gave a file with the digest ${came}, but ${published} is published; nothing of it was kept. Try again on another network`,
    );
    expect(left).toEqual([]);
  });
});

describe("a release is unavailable", () => {
  /** Expects that it is not to be had for this reason, and that nothing is left. */
  async function expectUnavailable(url: string, message: string | RegExp): Promise<void> {
    const { error, left } = await failure(url);
    expect(error).toBeInstanceOf(ReleaseUnavailable);
    expect(error).toHaveProperty(
      "message",
      typeof message === "string" ? message : expect.stringMatching(message),
    );
    expect(left).toEqual([]);
  }

  test.each([
    [404, "404 Not Found"],
    [503, "503 Service Unavailable"],
    [206, "206 Partial Content"],
    [304, "304 Not Modified"],
  ])("where the server answers %i", async (status, said) => {
    const url = await serve((_, response) => response.writeHead(status).end());
    await expectUnavailable(
      `${url}/tool`,
      `${url}/tool answered ${said} instead of the file; try again later`,
    );
  });

  test("where the answer is another one that never ends, which is not waited for", async () => {
    let closed: Promise<unknown> = Promise.resolve();
    const url = await serve((_, response) => {
      closed = once(response, "close");
      response.writeHead(404).write("not here");
    });
    await expectUnavailable(
      `${url}/tool`,
      `${url}/tool answered 404 Not Found instead of the file; try again later`,
    );
    await closed;
  });

  test("where the connection is closed in the middle", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-length": 10 });
      response.write("12345", () => response.socket?.end());
    });
    await expectUnavailable(
      url,
      // What follows is in the words of Node's fetch.
      /^the download of .+ ended after 5 of 10 bytes: .+; check the network and try again$/,
    );
  });

  test("where the server stops sending for 30 s, not where it is only slow", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let send: (text: string) => void = () => undefined;
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-length": 10 });
      send = (text) => response.write(text);
      send("1234");
    });
    const folder = folderWith({});
    const fetched = fetchRelease(
      { url, digest: digestOf(program) },
      new Map([[undefined, join(folder, "tool")]]),
      { log },
    ).catch((error: unknown) => error);
    const bytes = (): number => {
      const draft = readdirSync(folder)[0] ?? "";
      const download = join(folder, draft, "download");
      return existsSync(download) ? statSync(download).size : 0;
    };
    await expect.poll(bytes).toBe(4);
    vi.advanceTimersByTime(29_000);
    send("5");
    await expect.poll(bytes).toBe(5);
    vi.advanceTimersByTime(29_000);
    send("6");
    await expect.poll(bytes).toBe(6);
    vi.advanceTimersByTime(30_000);
    const error = await fetched;
    expect(error).toBeInstanceOf(ReleaseUnavailable);
    expect(String(error)).toContain(
      `${url} sent nothing for 30 s after 6 of 10 bytes; check the network and try again`,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  // No server here has a certificate that is trusted, so that this is all that is shown of https.
  test.each(["http", "https"])("where nothing listens for %s", async (scheme) => {
    const address = `127.0.0.1:${await freePort()}`;
    await expectUnavailable(
      `${scheme}://${address}/tool`,
      `the download of ${scheme}://${address}/tool ended after 0 bytes: connect ECONNREFUSED ${address}; check the network and try again`,
    );
  });

  test("where it redirects in circles", async () => {
    const url = await serve((_, response) => response.writeHead(302, { location: "/" }).end());
    await expectUnavailable(
      url,
      `${url} redirects more than 5 times; check the network and try again`,
    );
  });

  test("where the archive has no such program", async () => {
    const archive = archiveOf({ one: "1" });
    const url = await serveFile(archive);
    const folder = folderWith({});
    const files = new Map([
      ["one", join(folder, "one")],
      ["two", join(folder, "two")],
    ]);
    const fetched = fetchRelease({ url, digest: digestOf(archive) }, files, { log });
    await expect(fetched).rejects.toThrow(ReleaseUnavailable);
    await expect(fetched).rejects.toThrow(`one, two cannot be unpacked from ${url}: tar: two: `);
    expect(readdirSync(folder)).toEqual([]);
  });

  const notAsked =
    "is not asked, since nobody verifies who answers; releases are taken from https only";

  test("where its server is another machine's, and not verified", async () => {
    await expectUnavailable("http://example.test/tool", `http://example.test/tool ${notAsked}`);
  });

  test("where it redirects to such a server", async () => {
    const location = "http://example.test/tool";
    const url = await serve((_, response) => response.writeHead(302, { location }).end());
    await expectUnavailable(url, `${location} ${notAsked}`);
  });
});

test("a signal ends a download with its reason, even one that looks like fetch's", async () => {
  const stop = new AbortController();
  const url = await serve((_, response) => {
    response.writeHead(200, { "content-length": 10 });
    response.write("1234", () => {
      stop.abort(new TypeError("interrupted"));
    });
  });
  const { error, left } = await failure(url, digestOf(program), stop.signal);
  expect(error).toBe(stop.signal.reason);
  expect(left).toEqual([]);
});

describe("a server answers", () => {
  test.each([200, 302, 404])("with status %i", async (status) => {
    const methods: unknown[] = [];
    const url = await serve(({ method }, response) => {
      methods.push(method);
      response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end();
    });
    expect(await answers(url)).toBe(true);
    expect(methods).toEqual(["HEAD"]);
  });

  test("not where it says nothing in time", async () => {
    const url = await serve(() => undefined);
    expect(await answers(url, 50)).toBe(false);
  });

  test("not where nothing listens", async () => {
    expect(await answers(`http://127.0.0.1:${await freePort()}`)).toBe(false);
  });
});

describe("the table", () => {
  const entries = releaseTable.flatMap(({ version, digests, programs }) =>
    Object.keys(programs).flatMap((name) =>
      Object.keys(digests).map((platform) => [name, version, platform] as const),
    ),
  );

  test.each(entries)("has a whole release of %s %s for %s", (name, version, platform) => {
    expect(platform).toMatch(/^linux\/(?:amd64|arm64)$/);
    const release = releaseOf(name, platform);
    expect(release?.version).toBe(version);
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(release?.url).toMatch(/^https:\/\/[^{}]+$/);
    expect(release?.url).toContain(version);
    expect(release?.url).toContain(platform.replace("linux/", ""));
    expect(release?.digest).toMatch(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/);
    expect(release?.member === undefined).toBe(!/\.(?:tgz|tar\.gz)$/.test(release?.url ?? ""));
    expect(release?.member ?? "").toMatch(/^[^{}]*$/);
  });

  test("has no file and no program twice", () => {
    const releases = entries.map(([name, , platform]) => releaseOf(name, platform));
    const files = new Map(releases.map((release) => [release?.digest, release?.url]));
    expect(files.size).toBe(new Set(releases.map((release) => release?.url)).size);
    const pins = releaseTable.flatMap(({ programs }) => Object.keys(programs));
    expect(new Set(pins).size).toBe(pins.length);
  });

  test("says which member of an archive is the program", () => {
    expect(releaseOf("etcd", "linux/arm64")).toEqual({
      version: "3.6.14",
      url: "https://github.com/etcd-io/etcd/releases/download/v3.6.14/etcd-v3.6.14-linux-arm64.tar.gz",
      digest: "sha256:fa1b80565ee6fc2df1ae6f57a508b221f3ecc7d591c317c581cd8281b0842b3e",
      member: "etcd-v3.6.14-linux-arm64/etcd",
    });
  });

  test("says no member where the file is the program itself", () => {
    expect(releaseOf("kubectl", "linux/amd64")).toEqual({
      version: "1.37.1",
      url: "https://dl.k8s.io/release/v1.37.1/bin/linux/amd64/kubectl",
      digest: "sha256:65691ff77eb6fa44c908b77a1082c9f092c3b9733b5cefabec0d1104890e21a8",
    });
  });

  test.each([
    ["another tool", "toString", "linux/amd64"],
    ["another platform", "etcd", "linux/riscv64"],
  ])("has nothing for %s", (_, name, platform) => {
    expect(releaseOf(name, platform)).toBeUndefined();
  });
});
