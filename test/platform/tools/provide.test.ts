import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  lstatSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { PlatformError, project } from "../../../platform/settings.ts";
import {
  checkTools,
  platformTools,
  pulumiPlugins,
  pulumiTools,
  pulumiVersion,
  releaseTools,
} from "../../../platform/tools/catalog.ts";
import { type Tool, cachedPath } from "../../../platform/tools/find.ts";
import type { Patch } from "../../../platform/tools/go-module.ts";
import { linkTools } from "../../../platform/tools/links.ts";
import { provideFiles, provideTools, startProviding } from "../../../platform/tools/provide.ts";
import type { Release } from "../../../platform/tools/releases.ts";
import { folderWith, writeFiles } from "../../folders.ts";
import { makeReadOnly } from "../../mounts.ts";

let cache = "";
let path = "";
const lines: string[] = [];

beforeEach(() => {
  cache = folderWith({});
  path = folderWith({});
  vi.stubEnv("PATH", path);
  lines.length = 0;
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function addProgram(file: string, script: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

async function provide(tool: Tool) {
  const found = await provideTools([tool], cache, (line) => lines.push(line));
  return found.get(tool.name);
}

/** A name that no machine has; the sources decide the name of its cache folder only. */
const go = { module: { folder: "tools/modules/lint" }, package: "example.test/tool" };
const tool: Tool = {
  name: "tinyolly-test-tool",
  version: "1.2.3",
  accepts: { args: ["--version"], pattern: /^tool 1\./ },
  go,
};

describe("a tool is taken", () => {
  test("from PATH when its version fits", async () => {
    const program = join(path, tool.name);
    addProgram(program, '[ "$1" = --version ] && echo tool 1.9');
    expect(await provide(tool)).toEqual({ tool, path: program, origin: "PATH" });
    expect(lines).toEqual([]);
  });

  test("from a later folder of PATH when the first one's version does not fit", async () => {
    const later = folderWith({});
    addProgram(join(path, tool.name), "echo tool 2.0");
    addProgram(join(later, tool.name), "echo tool 1.0 >&2");
    vi.stubEnv("PATH", `${path}:${later}`);
    expect((await provide(tool))?.path).toBe(join(later, tool.name));
  });

  test("from PATH at any version when nothing is asked", async () => {
    const { accepts, ...any } = tool;
    expect(accepts).toBeDefined();
    addProgram(join(path, tool.name), "exit 1");
    expect((await provide(any))?.origin).toBe("PATH");
  });

  test("from the cache when PATH has only another version", async () => {
    addProgram(join(path, tool.name), "echo tool 2.0");
    addProgram(cachedPath(tool, cache), "");
    expect(await provide(tool)).toEqual({ tool, path: cachedPath(tool, cache), origin: "cache" });
  });

  test("never from PATH when nothing there is accepted", async () => {
    const own: Tool = { ...tool, accepts: "nothing" };
    addProgram(join(path, tool.name), "echo tool 1.0");
    addProgram(cachedPath(own, cache), "");
    expect((await provide(own))?.origin).toBe("cache");
  });

  test("from PATH only when it is a program, not a folder or plain file", async () => {
    const { accepts, ...any } = tool;
    expect(accepts).toBeDefined();
    mkdirSync(join(path, tool.name));
    const other = folderWith({ [tool.name]: "" });
    vi.stubEnv("PATH", `${path}:${other}`);
    await expect(provide(any)).rejects.toThrow("that needs Go 1.21");
  });

  test("from where a link on PATH leads", async () => {
    const program = join(folderWith({}), "program");
    addProgram(program, "echo tool 1.9");
    symlinkSync(program, join(path, tool.name));
    expect((await provide(tool))?.path).toBe(program);
  });

  test("never from where a link on PATH leads into the cache, as in the shell of an earlier checkout", async () => {
    const other = join(cache, "tools/tool-1.2.3-another-recipe/tool");
    addProgram(other, "echo tool 1.9");
    symlinkSync(other, join(path, tool.name));
    await expect(provide(tool)).rejects.toThrow("that needs Go 1.21");
  });

  test("from Debian's folder of servers, which a user's PATH may lack", async () => {
    const found = await provide({ name: "ldconfig", version: "1" });
    expect(found?.origin).toBe("PATH");
    expect(found?.path).toMatch(/\/sbin\/ldconfig$/);
  });

  test("from a build, which leaves nothing but the program in the cache", async () => {
    addGo('echo "$@" > "$out/tool"');
    const built: Tool = { ...tool, go: { ...go, variables: { "a.Version": "v1" } } };
    const found = await provide(built);
    expect(found).toEqual({ tool: built, path: cachedPath(built, cache), origin: "built" });
    expect(readFileSync(found?.path ?? "", "utf8")).toContain("-ldflags=-s -w -X a.Version=v1 ");
    expect(lines).toEqual([
      "tools: building 1 from source; what is done stays when it is ended",
      expect.stringMatching(/^\[1\/1\] tinyolly-test-tool 1\.2\.3: ready after 0:\d\d$/),
    ]);
    expect(readdirSync(cache)).toEqual(["tools"]);
    expect(readdirSync(join(cache, "tools"))).toEqual([
      basename(dirname(cachedPath(built, cache))),
    ]);
  });

  test("from one build with others of its module, each under its own name", async () => {
    addGo('echo "$@" > "$out/tool"; echo other > "$out/other"');
    const twin: Tool = { ...tool, name: "tinyolly-test-twin" };
    const other: Tool = {
      ...tool,
      name: "tinyolly-test-other",
      go: { ...go, package: "a.test/other/v2" },
    };
    const found = await provideTools([tool, other, twin], cache, () => undefined);
    const text = (name: string): string => readFileSync(found.get(name)?.path ?? "", "utf8");
    expect(text(twin.name)).toMatch(/ example\.test\/tool a\.test\/other\/v2\n$/);
    expect(text(tool.name)).toBe(text(twin.name));
    expect(text(other.name)).toBe("other\n");
  });

  test("from a build before the others are ready", async () => {
    const gate = join(path, "gate");
    spawnSync("/usr/bin/mkfifo", [gate]);
    addGo(`echo tool > "$out/tool"; read -r _ < ${gate}; echo other > "$out/other"`);
    const other: Tool = {
      ...tool,
      name: "tinyolly-test-other",
      go: { ...go, package: "a.test/other" },
    };
    const { tool: ready, all } = startProviding({ tools: [tool, other] }, cache, () => undefined);
    expect((await ready(tool.name)).origin).toBe("built");
    expect(existsSync(cachedPath(other, cache))).toBe(false);
    writeFileSync(gate, "");
    expect((await ready(other.name)).path).toBe(cachedPath(other, cache));
    expect([...(await all).keys()]).toEqual([tool.name, other.name]);
  });

  test("from a build in caches of its own, without a C compiler", async () => {
    addGo(
      'for name in GOCACHE GOMODCACHE GOTMPDIR CGO_ENABLED; do eval "echo $name=\\$$name"; done > "$out/tool"',
    );
    const { path: file = "" } = (await provide(tool)) ?? {};
    expect(readFileSync(file, "utf8").trim().split("\n")).toEqual([
      ...["GOCACHE=cache", "GOMODCACHE=modules", "GOTMPDIR=tmp"].map((one) =>
        one.replace("=", `=${join(cache, "build")}/`),
      ),
      "CGO_ENABLED=0",
    ]);
  });
});

describe("an official release", () => {
  const program = "#!/bin/sh\necho tool 1.2.9\n";
  let served: Server;
  let url = "";

  beforeEach(async () => {
    served = createServer((_, response) => response.end(program)).listen(0, "127.0.0.1");
    await once(served, "listening");
    // A string would be the path of a socket, and null would be a server that does not listen.
    const { port } = served.address() as AddressInfo;
    url = `http://127.0.0.1:${port}/tool`;
  });

  afterEach(() => {
    served.close();
  });

  function release(text: string): Release {
    const digest = `sha256:${createHash("sha256").update(text).digest("hex")}` as const;
    return { version: "1.2.9", url, digest };
  }

  async function take(published: Release) {
    const wanted = { tools: [tool], releases: () => published };
    return (await startProviding(wanted, cache, (line) => lines.push(line)).all).get(tool.name);
  }

  beforeEach(() => {
    addGo('echo built > "$out/tool"');
  });

  test("is taken in place of a build, and is there the next time", async () => {
    const found = await take(release(program));
    expect(found?.origin).toBe("downloaded");
    expect(readFileSync(found?.path ?? "", "utf8")).toBe(program);
    served.close();
    expect(await take(release(program))).toEqual({ ...found, origin: "cache" });
  });

  test("that is not the published file ends all", async () => {
    await expect(take(release("another"))).rejects.toThrow("but sha256:");
    expect(readdirSync(join(cache, "tools"))).toEqual([]);
  });

  test("that does not run here gives way to a build", async () => {
    const accepts = { args: [], pattern: /^tool 2/ };
    const wanted = { tools: [{ ...tool, accepts }], releases: () => release(program) };
    const found = await startProviding(wanted, cache, (line) => lines.push(line)).all;
    expect(found.get(tool.name)?.origin).toBe("built");
    expect(lines).toContain(`${url} does not run here; ${tool.name}: built from source instead`);
  });

  test("that cannot be had gives way to a build", async () => {
    served.removeAllListeners("request").on("request", (_, response: ServerResponse) => {
      response.writeHead(404).end();
    });
    expect((await take(release(program)))?.origin).toBe("built");
    expect(lines).toContainEqual(
      expect.stringMatching(/404.*tinyolly-test-tool: built from source instead$/),
    );
  });

  test("of a host that does not answer is not waited for", async () => {
    served.close();
    expect((await take(release(program)))?.origin).toBe("built");
  });
});

/** A Go that fetches the Go program's sources from \`sources\`, and whose build runs \`script\` with \`$out\`, the folder of programs. */
function addGo(script: string, sources = "/nowhere"): void {
  addProgram(
    join(path, "go"),
    `PATH=/usr/bin:/bin
    if [ "$1 $2" = "mod download" ]; then echo '{"Dir": "${sources}"}'; exit; fi
    [ "$1" = list ] && exit
    for word; do
      case $word in -modfile=*) modfile=\${word#*=} ;; esac
      [ "$last" = -o ] && out=$word
      last=$word
    done
    ${script}`,
  );
  vi.stubEnv("PATH", `${path}:/usr/bin:/bin`);
}

describe("where a setting is missing, the sources are patched:", () => {
  const patch = {
    module: "example.test/sources",
    without: ["cmd/other.go"],
    edits: {
      "cmd/main.go": [
        ["0\\.0\\.0\\.0", "127.0.0.1"],
        [":80\\b", ":8080"],
      ] as const,
    },
  };
  let sources = "";

  beforeEach(() => {
    sources = folderWith({
      "cmd/main.go": "listen 0.0.0.0:80\n",
      "cmd/other.go": "",
      "go.mod": "module sources",
    });
    chmodSync(join(sources, "cmd/main.go"), 0o444);
    addGo(
      `copy=$(sed -n 's/^replace [^ ]* => "\\(.*\\)"$/\\1/p' "$modfile")
      { ls "$copy/cmd"; cat "$copy/cmd/main.go"; tail -n 1 "$modfile" | sed 's/ => .*//'; } > "$out/tool"
      test -f "\${modfile%go.mod}go.sum" && echo sums >> "$out/tool"`,
      sources,
    );
  });

  const patched = (patches: readonly Patch[]): Tool => ({
    ...tool,
    go: { ...go, module: { ...go.module, patches } },
  });

  test("every edit is made in a copy that the build takes", async () => {
    cache = join(cache, "of one user");
    const found = await provide(patched([patch]));
    expect(readFileSync(found?.path ?? "", "utf8")).toBe(
      "main.go\nlisten 127.0.0.1:8080\nreplace example.test/sources\nsums\n",
    );
    expect(readFileSync(join(sources, "cmd/main.go"), "utf8")).toBe("listen 0.0.0.0:80\n");
  });

  test.each(["cmd/main.go", "cmd/gone.go"])(
    "a text that is not in %s is an error, since the patch would do nothing",
    async (file) => {
      const edits = { [file]: [["10\\.0\\.0\\.1", "::1"]] as const };
      await expect(provide(patched([{ ...patch, edits }]))).rejects.toThrow(
        new PlatformError(
          `${tool.name} 1.2.3 cannot be had: ${file} has no 10\\.0\\.0\\.1 to replace`,
        ),
      );
    },
  );
});

describe("files of a Go module", () => {
  const files = { name: "files", module: go.module, of: "a.test/b", folder: "some/files" };

  test("are those of the version that go.mod requires, and stay", async () => {
    addGo("exit 1", folderWith({ "some/files/one": "1", "other/two": "2" }));
    const folder = await provideFiles(files, cache, () => undefined);
    expect(readdirSync(folder)).toEqual(["one"]);
    addGo("exit 1", "/nowhere");
    expect(await provideFiles(files, cache, () => undefined)).toBe(folder);
    expect(readdirSync(cache)).toEqual(["tools"]);
  });

  test("cannot be had where the module cannot be fetched", async () => {
    addProgram(join(path, "go"), "echo no such host >&2; exit 1");
    vi.stubEnv("PATH", `${path}:/usr/bin:/bin`);
    await expect(provideFiles(files, cache, () => undefined)).rejects.toThrow(
      new PlatformError("files cannot be had: a.test/b could not be fetched: no such host"),
    );
  });
});

describe("of two first starts at once with one cache", () => {
  const program = `
    const { provideTools } = require(${JSON.stringify(join(project, "platform/tools/provide.ts"))});
    const [tool, cache] = process.argv.slice(1);
    provideTools([JSON.parse(tool)], cache, console.log).then((found) => {
      for (const { path, origin } of found.values()) console.log(origin + " " + path);
    });`;
  let started: ChildProcess[] = [];
  let gate = "";

  /** A Go whose builds say in a file that they began, and end once the gate is opened. */
  beforeEach(() => {
    started = [];
    gate = join(path, "gate");
    spawnSync("/usr/bin/mkfifo", [gate]);
    const script = `
      echo half > "$out/half"
      echo $$ >> "${path}/builds"
      read -r _ < "${gate}"
      echo whole > "$out/half"
      mv "$out/half" "$out/tool"`;
    addGo(script);
  });

  afterEach(() => {
    for (const child of started) child.kill("SIGKILL");
    builds().forEach(end);
  });

  function end(pid: number): void {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }

  const target = (): string => cachedPath(tool, cache);

  /** Pids of the builds that began. */
  function builds(): number[] {
    const file = join(path, "builds");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").map(Number) : [];
  }

  function start(): { child: ChildProcess; lines: AsyncIterator<string> } {
    const args = ["-e", program];
    const child = spawn(process.execPath, [...args, JSON.stringify(tool), cache], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    started.push(child);
    return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
  }

  async function next(lines: AsyncIterator<string>): Promise<unknown> {
    return (await lines.next()).value;
  }

  test("one builds a tool, and the other waits, says for whom, and takes it", async () => {
    const first = start();
    expect(await next(first.lines)).toMatch(/^tools: building 1 /);
    const second = start();
    expect(await next(second.lines)).toBe(
      `${tool.name} 1.2.3: waiting for the checkout ${project} (process ${first.child.pid ?? 0}), which makes it`,
    );
    await vi.waitUntil(() => builds().length === 1, { timeout: 20_000 });
    writeFileSync(gate, "");
    expect(await next(first.lines)).toMatch(/: ready after /);
    expect(await next(first.lines)).toBe(`built ${target()}`);
    expect(await next(second.lines)).toBe(`cache ${target()}`);
    expect(readFileSync(target(), "utf8")).toBe("whole\n");
    expect(builds()).toHaveLength(1);
    expect(readdirSync(join(cache, "tools"))).toEqual([basename(dirname(target()))]);
  });

  test("the other builds it when the one is killed, whose half is gone", async () => {
    const first = start();
    expect(await next(first.lines)).toMatch(/^tools: building 1 /);
    await vi.waitUntil(() => builds().length === 1, { timeout: 20_000 });
    const second = start();
    expect(await next(second.lines)).toMatch(/: waiting for the checkout /);
    first.child.kill("SIGKILL");
    expect(await next(second.lines)).toMatch(/^tools: building 1 /);
    await vi.waitUntil(() => builds().length === 2, { timeout: 20_000 });
    builds().slice(0, 1).forEach(end);
    writeFileSync(gate, "");
    expect(await next(second.lines)).toMatch(/: ready after /);
    expect(await next(second.lines)).toBe(`built ${target()}`);
    expect(readFileSync(target(), "utf8")).toBe("whole\n");
    expect(readdirSync(join(cache, "tools"))).toEqual([basename(dirname(target()))]);
  });
});

describe("a tool cache", () => {
  const target = (): string => cachedPath(tool, cache);

  beforeEach(() => {
    vi.stubEnv("PATH", `${path}:/usr/bin:/bin`);
    addProgram(target(), "");
  });

  test("that cannot be written is used as it is", async () => {
    makeReadOnly(cache);
    expect(await provide(tool)).toEqual({ tool, path: target(), origin: "cache" });
  });

  test("that cannot be written and lacks something is named, with its owner and what to do", async () => {
    addProgram(join(path, "go"), "");
    chownSync(join(cache, "tools"), 65534, 65534);
    makeReadOnly(cache);
    await expect(provide({ ...tool, version: "1.2.4" })).rejects.toThrow(
      new PlatformError(
        `${tool.name} 1.2.4 is missing in ${join(cache, "tools")}, which belongs to nobody and cannot be written by ` +
          `${userInfo().username}; set TINYOLLY_CACHE to a folder of your own, or have the cache filled there by ` +
          `make platform-up, as nobody and where it is writable`,
      ),
    );
  });

  test.each([
    ["the cache", () => cache],
    ["the folder of tools", () => join(cache, "tools")],
    ["the tool's folder", () => dirname(target())],
    ["the program", target],
  ])("that another user could have filled is refused: %s", async (_, of) => {
    chownSync(of(), 65534, 65534);
    await expect(provide(tool)).rejects.toThrow(
      new PlatformError(
        `the programs of the tool cache ${cache} run as root, but ${of()} belongs to nobody; set TINYOLLY_CACHE to a folder ` +
          `of your own, or, if you trust what is in there, sudo chown -R root ${cache}`,
      ),
    );
  });

  test("of the user who called sudo is used", async () => {
    chownSync(cache, 65534, 65534);
    vi.stubEnv("SUDO_UID", "65534");
    expect((await provide(tool))?.origin).toBe("cache");
  });

  test("that anybody may write is refused", async () => {
    chmodSync(cache, 0o777);
    await expect(provide(tool)).rejects.toThrow(
      `but ${cache} may be written by anybody; set TINYOLLY_CACHE to a folder of your own, ` +
        `or, if you trust what is in there, chmod o-w ${cache}`,
    );
  });
});

describe("what cannot be had is named:", () => {
  test("a build without Go", async () => {
    await expect(provide(tool)).rejects.toThrow(
      new PlatformError(
        "tinyolly-test-tool 1.2.3 cannot be had: that needs Go 1.21 or newer on PATH: https://go.dev/doc/install",
      ),
    );
  });

  test("a build that fails, with the end of what Go said", async () => {
    addProgram(join(path, "go"), "echo no such module >&2; exit 1");
    await expect(provide(tool)).rejects.toThrow(
      new PlatformError("tinyolly-test-tool 1.2.3 cannot be had: go build failed:\nno such module"),
    );
    expect(readdirSync(join(cache, "tools"))).toEqual([]);
  });

  test("a module that the proxy refuses, with what to do", async () => {
    addGo(
      "echo 'go: a.test/b@v1: reading https://proxy.test/a.test/b/@v/v1.zip: 403 Forbidden' >&2; exit 1",
    );
    await expect(provide(tool)).rejects.toThrow(
      new PlatformError(
        "tinyolly-test-tool 1.2.3 cannot be had: go build failed:\n" +
          "go: a.test/b@v1: reading https://proxy.test/a.test/b/@v/v1.zip: 403 Forbidden\n" +
          "a Go module could not be fetched; set GOPROXY to a proxy that serves it, and run the command again: what is done stays",
      ),
    );
  });

  test("a package of Debian for who is not root, and has no sudo", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(1000);
    addProgram(join(path, "apt-get"), "exit 1");
    await expect(
      provide({ name: tool.name, version: "1", debian: "some-package" }),
    ).rejects.toThrow(
      new PlatformError(
        "root is needed for the packages some-package, and there is no sudo; " +
          "install them as root: apt-get update; apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=600 some-package",
      ),
    );
  });

  test("a package of Debian on another system", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(0);
    await expect(
      provide({ name: tool.name, version: "1", debian: "some-package" }),
    ).rejects.toThrow(
      new PlatformError("install tinyolly-test-tool; this machine has no apt-get to do it"),
    );
  });
});

test("the cache has another folder for all that decides the build", () => {
  const variations: Tool[] = [
    tool,
    { ...tool, version: "1.2.4" },
    { ...tool, go: { ...go, package: "example.test/other" } },
    { ...tool, go: { ...go, module: { folder: "tools/modules/cosign" } } },
    { ...tool, go: { ...go, variables: { a: "b" } } },
    ...["b", "c"].map((text): Tool => {
      const patches = [{ module: "a.test/b", edits: { "main.go": [["a", text]] as const } }];
      return { ...tool, go: { ...go, module: { ...go.module, patches } } };
    }),
  ];
  expect(new Set(variations.map((one) => cachedPath(one, cache))).size).toBe(variations.length);
  expect(cachedPath({ ...tool, accepts: "nothing" }, cache)).toBe(cachedPath(tool, cache));
  expect(cachedPath(tool, cache)).toMatch(
    /\/tools\/tinyolly-test-tool-1\.2\.3-[0-9a-f]{12}\/tinyolly-test-tool$/,
  );
});

test("the cache has another folder when sources or locked versions change, not for tests", () => {
  const module = folderWith({ "go.mod": "module a", "go.sum": "", "cmd/main.go": "package main" });
  const folder = relative(join(project, "platform"), module);
  const own: Tool = { ...tool, go: { ...go, module: { folder }, sources: join(folder, "cmd") } };
  const before = cachedPath(own, cache);
  writeFiles(module, { "cmd/main_test.go": "package main", "README.md": "" });
  expect(cachedPath(own, cache)).toBe(before);
  const after = ["go.mod", "go.sum", "cmd/main.go"].map((file) => {
    writeFiles(module, { [file]: `changed ${file}` });
    return cachedPath(own, cache);
  });
  expect(new Set([before, ...after]).size).toBe(4);
});

test("the folder of links has exactly one for each tool", () => {
  const folder = folderWith({ "bin/stale": "" });
  const bin = join(folder, "bin");
  linkTools([{ tool, path: "/somewhere/tool", origin: "PATH" }], bin);
  expect(readdirSync(bin)).toEqual([tool.name]);
  expect(readlinkSync(join(bin, tool.name))).toBe("/somewhere/tool");
});

test("a link that is right is never away, and a wrong one is replaced", () => {
  const bin = join(folderWith({}), "bin");
  const link = (path: string): number => {
    linkTools([{ tool, path, origin: "PATH" }], bin);
    return lstatSync(join(bin, tool.name)).ino;
  };
  const first = link("/somewhere/tool");
  expect(link("/somewhere/tool")).toBe(first);
  expect(link("/elsewhere/tool")).not.toBe(first);
  expect(readlinkSync(join(bin, tool.name))).toBe("/elsewhere/tool");
});

describe("the catalog", () => {
  const tools = [...platformTools, ...pulumiTools, ...checkTools, ...releaseTools].concat(
    pulumiPlugins.map(({ substitute }) => substitute),
  );

  test.each(tools.map((one) => [one.name, one] as const))("says where %s comes from", (_, one) => {
    expect(one.debian ?? one.go).toBeDefined();
  });

  test("has the versions of the packages", () => {
    // What is installed, since a package that programs share has a range.
    const { packages } = JSON.parse(readFileSync(join(project, "package-lock.json"), "utf8")) as {
      packages: Readonly<Record<string, { readonly version: string }>>;
    };
    const dependencies: Record<string, string> = { pulumi: pulumiVersion };
    for (const { name, version } of pulumiPlugins) dependencies[`@pulumi/${name}`] = version;
    for (const [name, version] of Object.entries(dependencies))
      expect(packages[`node_modules/${name}`]?.version, name).toBe(version);
  });
});
