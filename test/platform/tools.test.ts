import { type ChildProcess, spawn, spawnSync } from "node:child_process";
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
import { userInfo } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  checkTools,
  platformTools,
  pulumiPlugins,
  pulumiTools,
  pulumiVersion,
  releaseTools,
} from "../../platform/catalog";
import { PlatformError, project } from "../../platform/settings";
import { type Tool, cachedPath, linkTools, moduleFolder, provideTools } from "../../platform/tools";
import { folderWith, writeFiles } from "../folders";
import { makeReadOnly } from "../mounts";

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
const go = { module: "tools/registry", package: "example.test/tool" };
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
    await expect(provide(any)).rejects.toThrow("is built from source");
  });

  test("from where a link on PATH leads, since PATH may hold the platform's own links", async () => {
    const program = join(folderWith({}), "program");
    addProgram(program, "echo tool 1.9");
    symlinkSync(program, join(path, tool.name));
    expect((await provide(tool))?.path).toBe(program);
  });

  test("from Debian's folder of servers, which a user's PATH may lack", async () => {
    const found = await provide({ name: "ldconfig", version: "1" });
    expect(found?.origin).toBe("PATH");
    expect(found?.path).toMatch(/\/sbin\/ldconfig$/);
  });

  test("from a build, which leaves nothing but the program in the cache", async () => {
    addProgram(
      join(path, "go"),
      'PATH=/usr/bin:/bin; for word; do [ "$last" = -o ] && out=$word; last=$word; done; echo "$@" > "$out"',
    );
    const built: Tool = { ...tool, go: { ...go, variables: { "a.Version": "v1" } } };
    const found = await provide(built);
    expect(found).toEqual({ tool: built, path: cachedPath(built, cache), origin: "built" });
    expect(lines.join("\n")).toMatch(
      /^\[1\/1\] tinyolly-test-tool 1\.2\.3: building\n\[1\/1\] tinyolly-test-tool 1\.2\.3: built in \d+ s$/,
    );
    expect(readdirSync(join(cache, "tools"))).toEqual([
      dirname(cachedPath(built, cache)).split("/").at(-1),
    ]);
  });
});

describe("where a setting is missing, the sources are patched:", () => {
  const patch = {
    module: "example.test/sources",
    file: "cmd/main.go",
    edits: [
      ["0.0.0.0", "127.0.0.1"],
      ["80", "8080"],
    ],
  } as const;

  /** A Go whose module cache has the sources, and whose build keeps what it was given in the program. */
  function addGo(): string {
    const sources = folderWith({
      "cmd/main.go": "listen 0.0.0.0:80\n",
      "go.mod": "module sources",
    });
    chmodSync(join(sources, "cmd/main.go"), 0o444);
    const script = `
      if [ "$1 $2" = "mod download" ]; then echo '{"Dir": "${sources}"}'; exit; fi
      for word; do
        case $word in -modfile=*) modfile=\${word#*=} ;; esac
        [ "$last" = -o ] && out=$word
        last=$word
      done
      cat "$(sed -n 's/^replace [^ ]* => "\\(.*\\)"$/\\1/p' "$modfile")/cmd/main.go" > "$out"
      tail -n 1 "$modfile" | sed 's/ => .*//' >> "$out"
      test -f "\${modfile%go.mod}go.sum" && echo sums >> "$out"`;
    addProgram(join(path, "go"), script);
    vi.stubEnv("PATH", `${path}:/usr/bin:/bin`);
    return sources;
  }

  test("every edit is made in a copy that the build takes", async () => {
    const sources = addGo();
    cache = join(cache, "of one user");
    const found = await provide({ ...tool, go: { ...go, patch } });
    expect(readFileSync(found?.path ?? "", "utf8")).toBe(
      "listen 127.0.0.1:8080\nreplace example.test/sources\nsums\n",
    );
    expect(readFileSync(join(sources, "cmd/main.go"), "utf8")).toBe("listen 0.0.0.0:80\n");
  });

  test("a text that is not there is an error, since the patch would do nothing", async () => {
    addGo();
    const edits = [...patch.edits, ["10.0.0.1", "::1"]] as const;
    const patched: Tool = { ...tool, go: { ...go, patch: { ...patch, edits } } };
    await expect(provide(patched)).rejects.toThrow(
      new PlatformError("cmd/main.go has no 10.0.0.1 to replace"),
    );
  });
});

describe("the folder of a Go module", () => {
  test("is the one of the version that go.mod requires", () => {
    const module = folderWith({});
    addProgram(join(path, "go"), `echo "{\\"Dir\\": \\"$PWD $* $GOTOOLCHAIN\\"}"`);
    expect(moduleFolder("a.test/b", module, { ...process.env, GOTOOLCHAIN: "go1" })).toBe(
      `${module} mod download -json a.test/b go1`,
    );
  });

  test("cannot be told where the module cannot be fetched", () => {
    addProgram(join(path, "go"), "echo no such host >&2; exit 1");
    expect(() => moduleFolder("a.test/b", path)).toThrow(
      new PlatformError("a.test/b could not be fetched: no such host"),
    );
  });
});

describe("of two first starts at once with one cache", () => {
  const program = `
    const { provideTools } = require(${JSON.stringify(join(project, "platform/tools.ts"))});
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
      PATH=/usr/bin:/bin
      for word; do [ "$last" = -o ] && out=$word; last=$word; done
      echo half > "$out"
      echo $$ >> "${path}/builds"
      read -r _ < "${gate}"
      echo whole > "$out"`;
    addProgram(join(path, "go"), script);
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
    const args = ["--require", join(project, "run-typescript.cjs"), "-e", program];
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
    expect(await next(first.lines)).toMatch(/: building$/);
    const second = start();
    expect(await next(second.lines)).toBe(
      `[1/1] ${tool.name} 1.2.3: waiting for the checkout ${project} (process ${first.child.pid ?? 0}), which makes it`,
    );
    await vi.waitUntil(() => builds().length === 1, { timeout: 20_000 });
    writeFileSync(gate, "");
    expect(await next(first.lines)).toMatch(/: built in \d+ s$/);
    expect(await next(first.lines)).toBe(`built ${target()}`);
    expect(await next(second.lines)).toBe(`cache ${target()}`);
    expect(readFileSync(target(), "utf8")).toBe("whole\n");
    expect(builds()).toHaveLength(1);
    expect(readdirSync(join(cache, "tools"))).toEqual([basename(dirname(target()))]);
  });

  test("the other builds it when the one is killed, whose half is gone", async () => {
    const first = start();
    expect(await next(first.lines)).toMatch(/: building$/);
    await vi.waitUntil(() => builds().length === 1, { timeout: 20_000 });
    const second = start();
    expect(await next(second.lines)).toMatch(/: waiting for the checkout /);
    first.child.kill("SIGKILL");
    expect(await next(second.lines)).toMatch(/: building$/);
    await vi.waitUntil(() => builds().length === 2, { timeout: 20_000 });
    builds().slice(0, 1).forEach(end);
    writeFileSync(gate, "");
    expect(await next(second.lines)).toMatch(/: built in \d+ s$/);
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
        `[1/1] ${tool.name} 1.2.4 is missing in ${join(cache, "tools")}, which belongs to nobody and cannot be written by ` +
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
        "tinyolly-test-tool 1.2.3 is built from source, which needs Go 1.26 or newer on PATH",
      ),
    );
  });

  test("a build that fails, with the end of what Go said", async () => {
    addProgram(join(path, "go"), "echo no such module >&2; exit 1");
    await expect(provide(tool)).rejects.toThrow(
      new PlatformError("[1/1] tinyolly-test-tool 1.2.3 could not be built:\nno such module"),
    );
    expect(readdirSync(join(cache, "tools"))).toEqual([]);
  });

  test("a package of Debian for who is not root, and has no sudo", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(1000);
    addProgram(join(path, "apt-get"), "exit 1");
    await expect(
      provide({ name: tool.name, version: "1", debian: "some-package" }),
    ).rejects.toThrow(
      new PlatformError(
        "root is needed for the packages some-package, and there is no sudo; " +
          "install them as root: apt-get update; apt-get install -y --no-install-recommends some-package",
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
    { ...tool, go: { ...go, module: "tools/helm" } },
    { ...tool, go: { ...go, variables: { a: "b" } } },
    { ...tool, go: { ...go, toolchain: "go1.27.0" } },
    ...[[], [["a", "b"]] as const, [["a", "c"]] as const].map((edits) => ({
      ...tool,
      go: { ...go, patch: { module: "a.test/b", file: "main.go", edits } },
    })),
  ];
  expect(new Set(variations.map((one) => cachedPath(one, cache))).size).toBe(variations.length);
  expect(cachedPath({ ...tool, accepts: "nothing" }, cache)).toBe(cachedPath(tool, cache));
  expect(cachedPath(tool, cache)).toMatch(
    /\/tools\/tinyolly-test-tool-1\.2\.3-[0-9a-f]{12}\/tinyolly-test-tool$/,
  );
});

test("the cache has another folder when sources or locked versions change, not for tests", () => {
  const module = folderWith({ "go.mod": "module a", "go.sum": "", "cmd/main.go": "package main" });
  const own: Tool = { ...tool, go: { ...go, module: relative(join(project, "platform"), module) } };
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

  test("has the versions of package.json", () => {
    const manifest: unknown = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));
    const dependencies: Record<string, string> = { pulumi: pulumiVersion };
    for (const { name, version } of pulumiPlugins) dependencies[`@pulumi/${name}`] = version;
    expect(manifest).toMatchObject({ dependencies });
  });
});
