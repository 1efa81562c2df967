import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import {
  type HostsFile,
  forgetRegistry as forgetRegistryIn,
  forgetRehearsal as forgetRehearsalIn,
  nameRegistry as nameRegistryIn,
  nameRehearsal as nameRehearsalIn,
} from "../../../platform/machine/hosts.ts";
import { mountPoints } from "../../../platform/machine/mounts.ts";
import {
  PlatformError,
  type PlatformSettings,
  readPlatformSettings,
} from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";
import { leaveMounts, makeReadOnly, mount } from "../../mounts.ts";

const localhost = "127.0.0.1 localhost\n";
const settings = readPlatformSettings({ TINYOLLY_STATE: "/srv/one" });
const other = readPlatformSettings({ TINYOLLY_STATE: "/srv/other" });
const names = "registry.tinyolly.test docker-registry.registry.svc.cluster.local";

// The machine's own /etc/hosts is nothing to try things on.
let folder = "";
let file: HostsFile;

beforeEach(() => {
  folder = folderWith({ hosts: localhost });
  file = { path: join(folder, "hosts"), lock: join(folder, "run/hosts.lock") };
});

const hosts = {
  get text(): string {
    return readFileSync(file.path, "utf8");
  },
  set text(text: string) {
    writeFileSync(file.path, text);
  },
};

const nameRegistry = (of: PlatformSettings): void => {
  nameRegistryIn(of, file);
};
const nameRehearsal = (of: PlatformSettings): void => {
  nameRehearsalIn(of, file);
};
const forgetRegistry = (of: PlatformSettings): void => {
  forgetRegistryIn(of, file);
};
const forgetRehearsal = (of: PlatformSettings): void => {
  forgetRehearsalIn(of, file);
};

/** Tells one file from another that took its place, and whether it was written. */
function version(): unknown {
  const { ino, mtimeNs } = statSync(file.path, { bigint: true });
  return { ino, mtimeNs };
}

test("both names are added in one marked line", () => {
  nameRegistry(settings);
  expect(hosts.text).toBe(`${localhost}127.0.0.1 ${names} # TinyOlly platform 875fb59d\n`);
});

test("names that are there are not written again", () => {
  hosts.text = `${localhost}127.0.0.1\tother ${names} # by hand\n`;
  const before = version();
  nameRegistry(settings);
  expect(version()).toEqual(before);
});

test.each([
  ["in a comment", `127.0.0.1 localhost # ${names}`],
  ["of another machine", `192.0.2.1 ${names}`],
])("names %s do not count", (_, line) => {
  hosts.text = `${line}\n`;
  nameRegistry(settings);
  expect(hosts.text).toBe(`${line}\n127.0.0.1 ${names} # TinyOlly platform 875fb59d\n`);
});

test("only the missing name is added", () => {
  hosts.text = "127.0.0.1 registry.tinyolly.test";
  nameRegistry(settings);
  expect(hosts.text).toBe(
    "127.0.0.1 registry.tinyolly.test\n" +
      "127.0.0.1 docker-registry.registry.svc.cluster.local # TinyOlly platform 875fb59d\n",
  );
});

test("who may not write is told the line to add, and how", () => {
  makeReadOnly(file.path);
  const line = `127.0.0.1 ${names} # TinyOlly platform 875fb59d`;
  expect(() => {
    nameRegistry(settings);
  }).toThrow(
    new PlatformError(
      `${file.path} cannot be written; as root, add this line to it: ${line}, such as by ` +
        `echo '${line}' | sudo tee -a ${file.path}`,
    ),
  );
  expect(hosts.text).toBe(localhost);
});

test("who may not write is told how to take the lines out", () => {
  nameRegistry(settings);
  makeReadOnly(file.path);
  let message = "";
  try {
    forgetRegistry(settings);
  } catch (error) {
    if (error instanceof PlatformError) ({ message } = error);
  }
  expect(message).toMatch(/ cannot be written; take this platform's names out of it: sudo sed -i /);
  const command = message.slice(message.indexOf("sudo sed") + "sudo ".length);
  leaveMounts();
  expect(spawnSync("sh", ["-c", command]).status).toBe(0);
  expect(hosts.text).toBe(localhost);
});

test("to forget takes the marked lines out and leaves the rest as it was", () => {
  nameRegistry(settings);
  forgetRegistry(settings);
  expect(hosts.text).toBe(localhost);
});

test("the rehearsal's name has a line of its own, which can be forgotten alone", () => {
  nameRegistry(settings);
  const before = hosts.text;
  expect(before).not.toContain("ghcr.tinyolly.test");
  nameRehearsal(settings);
  const named = version();
  nameRehearsal(settings);
  expect(version()).toEqual(named);
  expect(hosts.text).toBe(`${before}127.0.0.1 ghcr.tinyolly.test # TinyOlly rehearsal 875fb59d\n`);
  forgetRehearsal(settings);
  expect(hosts.text).toBe(before);
});

test("the platform forgets the rehearsal's name as well", () => {
  nameRegistry(settings);
  nameRehearsal(settings);
  forgetRegistry(settings);
  expect(hosts.text).toBe(localhost);
});

test("each platform has lines of its own, which outlive the reset of another", () => {
  nameRegistry(settings);
  nameRehearsal(settings);
  const before = hosts.text;
  nameRegistry(other);
  nameRehearsal(other);
  expect(hosts.text).toBe(
    `${before}127.0.0.1 ${names} # TinyOlly platform 1c8a9161\n` +
      "127.0.0.1 ghcr.tinyolly.test # TinyOlly rehearsal 1c8a9161\n",
  );
  forgetRegistry(other);
  expect(hosts.text).toBe(before);
});

test("who may not write can use the names of another platform", () => {
  nameRegistry(other);
  const before = hosts.text;
  makeReadOnly(file.path);
  nameRegistry(settings);
  expect(hosts.text).toBe(before);
});

test("lines of earlier versions, which name no platform, go with the last platform", () => {
  const unnamed = `127.0.0.1 ${names} # TinyOlly platform\n127.0.0.1 ghcr.tinyolly.test # TinyOlly rehearsal\n`;
  hosts.text = `${localhost}${unnamed}`;
  nameRegistry(settings);
  nameRegistry(other);
  forgetRegistry(settings);
  expect(hosts.text).toBe(
    `${localhost}${unnamed}127.0.0.1 ${names} # TinyOlly platform 1c8a9161\n`,
  );
  forgetRegistry(other);
  expect(hosts.text).toBe(localhost);
});

test("to forget what is not there writes nothing", () => {
  const before = version();
  forgetRegistry(settings);
  expect(version()).toEqual(before);
});

describe("the file is", () => {
  test("replaced, so that nobody ever reads half of it, with mode and owner as they were", () => {
    chmodSync(file.path, 0o664);
    chownSync(file.path, 12, 34);
    const { ino } = statSync(file.path);
    nameRegistry(settings);
    expect(statSync(file.path)).toMatchObject({ mode: 0o100664, uid: 12, gid: 34 });
    expect(statSync(file.path).ino).not.toBe(ino);
    expect(readdirSync(folder).sort()).toEqual(["hosts", "run"]);
    expect(readdirSync(join(folder, "run"))).toEqual([]);
  });

  test("replaced where a link to it leads", () => {
    const link: HostsFile = { ...file, path: join(folder, "link") };
    symlinkSync("hosts", link.path);
    nameRegistryIn(settings, link);
    expect(readdirSync(folder).sort()).toEqual(["hosts", "link", "run"]);
    expect(hosts.text).toContain(names);
  });

  test("replaced over the draft that a killed process left", () => {
    writeFileSync(`${file.path}.tinyolly`, "half");
    nameRegistry(settings);
    expect(readdirSync(folder).sort()).toEqual(["hosts", "run"]);
    expect(hosts.text).toContain(names);
  });

  test("written in its place where it is a mount, as in a container", () => {
    const { ino } = statSync(file.path);
    mount(["--bind", file.path], file.path);
    nameRegistry(settings);
    nameRegistry(other);
    forgetRegistry(settings);
    expect(hosts.text).toBe(`${localhost}127.0.0.1 ${names} # TinyOlly platform 1c8a9161\n`);
    forgetRegistry(other);
    expect(hosts.text).toBe(localhost);
    expect(statSync(file.path).ino).toBe(ino);
  });

  test("written in its place where a builder has mounted its own upon it, which keeps that", async () => {
    writeFileSync(join(folder, "builders"), "127.0.0.1 builder\n");
    const script =
      'mount --bind "$1/builders" "$1/hosts" && echo mounted && read -r _ && cat "$1/hosts"';
    const builder = spawn("unshare", ["--mount", "sh", "-c", script, "sh", folder], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    onTestFinished(() => {
      builder.kill("SIGKILL");
    });
    await once(builder.stdout, "data");
    expect(mountPoints()).not.toContain(file.path);
    nameRegistry(settings);
    expect(hosts.text).toContain(names);
    builder.stdin.write("\n");
    const [seen] = (await once(builder.stdout, "data")) as [Buffer];
    expect(seen.toString()).toBe("127.0.0.1 builder\n");
  });

  test("written where its folder is read-only, as with a container's read-only root", () => {
    const inner = join(folder, "etc");
    mkdirSync(inner);
    writeFileSync(join(inner, "hosts"), "");
    makeReadOnly(inner);
    mount(["--bind", file.path], join(inner, "hosts"));
    nameRegistryIn(settings, { ...file, path: join(inner, "hosts") });
    expect(hosts.text).toContain(names);
  });
});
