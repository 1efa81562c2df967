import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { providePulumi, pulumiBin, pulumiHome } from "../../../platform/pulumi/provide.ts";
import {
  type PlatformSettings,
  project,
  readPlatformSettings,
} from "../../../platform/settings.ts";
import { pulumiPlugins, pulumiTools, pulumiVersion } from "../../../platform/tools/catalog.ts";
import { cachedPath } from "../../../platform/tools/find.ts";
import { folderWith, writeFiles } from "../../folders.ts";
import { makeReadOnly } from "../../mounts.ts";

let home = "";
let path = "";
let settings: PlatformSettings;

beforeEach(() => {
  const cache = folderWith({});
  home = join(cache, "pulumi");
  path = folderWith({});
  settings = readPlatformSettings({ TINYOLLY_STATE: folderWith({}), TINYOLLY_CACHE: cache });
  for (const tool of [...pulumiTools, ...pulumiPlugins.map(({ substitute }) => substitute)])
    addProgram(cachedPath(tool, cache), `# ${tool.name} made here`);
  vi.stubEnv("HOME", folderWith({}));
  vi.stubEnv("PULUMI_HOME", undefined);
  vi.stubEnv("PATH", path);
  installer(false);
  return () => {
    vi.unstubAllEnvs();
    vi.unstubAllGlobals();
  };
});

function addProgram(file: string, script: string): void {
  writeFiles("/", { [relative("/", file)]: `#!/bin/sh\n${script}\n` });
  chmodSync(file, 0o755);
}

/** Whether Pulumi's installer can be reached; it installs only what is not there, as the real one does. */
function installer(answers: boolean): void {
  vi.stubGlobal("fetch", () =>
    answers ? Promise.resolve({ ok: true }) : Promise.reject(new Error("offline")),
  );
  const bin = `"$PULUMI_HOME/versions/${pulumiVersion}/bin"`;
  const script = `PATH=/usr/bin:/bin; test -f ${bin}/pulumi || { mkdir -p ${bin}; echo "# official" > ${bin}/pulumi; }`;
  addProgram(join(path, "node"), script);
}

async function provide(): Promise<string[]> {
  const lines: string[] = [];
  await providePulumi(settings, (line) => lines.push(line));
  return lines;
}

function cli(): string {
  return readFileSync(join(pulumiBin(home), "pulumi"), "utf8");
}

describe("the CLI", () => {
  test("is made of its own sources where the installer cannot be reached", async () => {
    await provide();
    for (const { name } of pulumiTools)
      expect(readFileSync(join(pulumiBin(home), name), "utf8")).toContain(`# ${name} made here`);
  });

  test("is the installer's where that can be reached", async () => {
    installer(true);
    await provide();
    expect(cli()).toBe("# official\n");
    expect(existsSync(join(pulumiBin(home), "pulumi-language-nodejs"))).toBe(false);
  });

  test("that was made here stays while nothing about its making changes", async () => {
    await provide();
    addProgram(join(pulumiBin(home), "pulumi"), "# left alone");
    await provide();
    expect(cli()).toContain("# left alone");
  });

  /** Ages the CLI that is there: it was made in another way. */
  function age(): void {
    addProgram(join(pulumiBin(home), "pulumi"), "# of yesterday");
    writeFiles(pulumiBin(home), { "made-here": "pulumi-3.0.0-0123456789ab\n" });
  }

  test("that was made here is made again when its recipe changes", async () => {
    await provide();
    age();
    await provide();
    expect(cli()).toContain("# pulumi made here");
    expect(await provide()).toEqual([]);
  });

  test("that was made here before recipes were noted is made again", async () => {
    await provide();
    age();
    rmSync(join(pulumiBin(home), "made-here"));
    await provide();
    expect(cli()).toContain("# pulumi made here");
  });

  test("that was made here in another way gives way to the installer's once that can be reached", async () => {
    await provide();
    age();
    installer(true);
    await provide();
    expect(cli()).toBe("# official\n");
    await provide();
    expect(cli()).toBe("# official\n");
  });

  test("that could be made in part only is made again, whole", async () => {
    const cached = pulumiTools.map((tool) => cachedPath(tool, settings.cache));
    const last = cached.at(-1) ?? "";
    rmSync(last);
    writeFiles(last, { "in-the-way": "" });
    await expect(provide()).rejects.toThrow();
    expect(existsSync(pulumiBin(home))).toBe(false);
    rmSync(last, { recursive: true });
    addProgram(last, "# whole");
    await provide();
    expect(readdirSync(pulumiBin(home)).sort()).toEqual(
      [...pulumiTools.map(({ name }) => name), "made-here", "pulumi-resource-pulumi-nodejs"].sort(),
    );
    expect(readdirSync(dirname(pulumiBin(home)))).toEqual(["bin"]);
  });

  test("that is official stays", async () => {
    addProgram(join(pulumiBin(home), "pulumi"), "# official");
    await provide();
    expect(cli()).toContain("# official");
  });
});

test("of two that fill one home at once, the later one waits and takes what is there then", async () => {
  const fetched = vi.fn(() => Promise.reject(new Error("offline")));
  vi.stubGlobal("fetch", fetched);
  const [first, second] = await Promise.all([provide(), provide()]);
  expect(fetched).toHaveBeenCalledTimes(1);
  expect(first).toEqual([]);
  expect(second).toEqual([
    `Pulumi: waiting for the checkout ${project} (process ${process.pid}), which makes it`,
  ]);
  expect(readdirSync(home).sort()).toEqual(["plugins", "versions"]);
});

describe("a home that cannot be written", () => {
  const own = (): string => join(settings.state, "pulumi-home");

  test("is linked into one of the platform's state, where Pulumi can write", async () => {
    await provide();
    makeReadOnly(settings.cache);
    expect(pulumiHome(settings)).toBe(own());
    expect(await provide()).toEqual([]);
    const folders = [
      join("versions", pulumiVersion, "bin"),
      ...readdirSync(join(home, "plugins")).map((name) => join("plugins", name)),
    ];
    expect(folders).toHaveLength(1 + pulumiPlugins.length);
    for (const folder of folders) {
      // Pulumi overlooks plugins whose folder is a link.
      expect(lstatSync(join(own(), folder)).isDirectory()).toBe(true);
      const names = readdirSync(join(home, folder));
      expect(readdirSync(join(own(), folder))).toEqual(names);
      for (const name of names)
        expect(readlinkSync(join(own(), folder, name))).toBe(join(home, folder, name));
    }
    writeFiles(own(), { "workspaces/a.json": "" });
    expect(await provide()).toEqual([]);
  });

  test("is not needed where the tools are there", async () => {
    makeReadOnly(settings.cache);
    await provide();
    expect(readFileSync(join(pulumiBin(own()), "pulumi"), "utf8")).toContain("# pulumi made here");
    expect(readdirSync(join(own(), "plugins"))).toHaveLength(pulumiPlugins.length);
  });
});

test("a home that another user could have filled is refused", async () => {
  await provide();
  chownSync(join(home, "plugins"), 65534, 65534);
  await expect(provide()).rejects.toThrow(`${join(home, "plugins")} belongs to 65534; `);
});

describe("a plugin", () => {
  const [plugin] = pulumiPlugins;
  const program = (name = plugin?.name ?? ""): string =>
    join(home, "plugins", `resource-${name}-v${plugin?.version ?? ""}`, `pulumi-resource-${name}`);

  async function origins(): Promise<Record<string, string>> {
    const ready = await providePulumi(settings, () => undefined);
    return Object.fromEntries(ready.map(({ plugin: { name }, origin }) => [name, origin]));
  }

  test("is made here where the installer cannot be reached, and says of what", async () => {
    expect(await origins()).toEqual({
      "docker-build": "built from its sources",
      command: "stand-in",
      kubernetes: "stand-in",
    });
    expect(readFileSync(program(), "utf8")).toContain("# pulumi-resource-docker-build made here");
  });

  test("that was put in the place of ours is official and stays", async () => {
    await origins();
    addProgram(program(), "# official");
    expect(await origins()).toMatchObject({ "docker-build": "official" });
    expect(readFileSync(program(), "utf8")).toContain("# official");
  });

  test("of ours is made again when its recipe changes", async () => {
    await origins();
    const note = join(program(), "../made-here");
    const [, digest = ""] = readFileSync(note, "utf8").trim().split(" ");
    writeFiles("/", { [relative("/", note)]: `of-yesterday ${digest}\n` });
    await origins();
    expect(readFileSync(note, "utf8")).not.toContain("of-yesterday");
  });

  test("that Pulumi has installed in part only is made here", async () => {
    addProgram(program(), "# official, the first half");
    writeFiles("/", { [relative("/", `${dirname(program())}.partial`)]: "" });
    expect(await origins()).toMatchObject({ "docker-build": "built from its sources" });
    expect(readFileSync(program(), "utf8")).toContain("# pulumi-resource-docker-build made here");
    expect(existsSync(`${dirname(program())}.partial`)).toBe(false);
  });

  test("that the user has from other work in part only is not taken", async () => {
    const folder = `.pulumi/plugins/resource-docker-build-v${plugin?.version ?? ""}`;
    writeFiles(process.env["HOME"] ?? "", {
      [`${folder}/pulumi-resource-docker-build`]: "half",
      [`${folder}.partial`]: "",
    });
    expect(await origins()).toMatchObject({ "docker-build": "built from its sources" });
  });

  test("that the user has from other work is taken", async () => {
    const folder = `.pulumi/plugins/resource-docker-build-v${plugin?.version ?? ""}`;
    writeFiles(process.env["HOME"] ?? "", { [`${folder}/pulumi-resource-docker-build`]: "theirs" });
    expect(await origins()).toMatchObject({ "docker-build": "official" });
    expect(readFileSync(program(), "utf8")).toBe("theirs");
  });

  test("on PATH goes before all others", async () => {
    addProgram(join(path, "pulumi-resource-docker-build"), "");
    expect(await origins()).toMatchObject({ "docker-build": "official" });
    expect(existsSync(program())).toBe(false);
  });
});
