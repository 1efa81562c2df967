import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { runStep } from "../../../platform/machine/root-steps.ts";
import { asRoot, requireRoot, requireUser, rootFolder } from "../../../platform/machine/root.ts";
import { readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

const settings = readPlatformSettings({ TINYOLLY_STATE: "/srv/one" });

let bin = "";
const lines: string[] = [];
const log = (line: string): void => void lines.push(line);

beforeEach(() => {
  bin = folderWith({});
  lines.length = 0;
  vi.useFakeTimers();
  vi.stubEnv("PATH", `${bin}:/usr/bin:/bin`);
  return () => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  };
});

function beUser(uid: number): void {
  vi.spyOn(process, "getuid").mockReturnValue(uid);
}

/** Puts a sudo on PATH that notes how it is called; `body` is what it then does. */
function addSudo(body: string): void {
  const file = join(bin, "sudo");
  writeFileSync(file, `#!/bin/sh\necho "$@" >> "${bin}/calls"\n${body}\n`);
  chmodSync(file, 0o755);
}

const calls = (): string[] =>
  existsSync(join(bin, "calls"))
    ? readFileSync(join(bin, "calls"), "utf8").trimEnd().split("\n")
    : [];

describe("for root", () => {
  test("commands are what they are, the state folder is root's as well, and nobody is asked", () => {
    beUser(0);
    addSudo("exit 1");
    requireRoot("trying", log);
    expect(asRoot(["kubelet", "--v=1"])).toEqual(["kubelet", "--v=1"]);
    expect(rootFolder(settings)).toBe("/srv/one");
    expect(calls()).toEqual([]);
  });
});

describe("for others", () => {
  test("commands go through sudo, which never asks, with the PATH of the platform's tools", () => {
    beUser(1000);
    vi.stubEnv("HTTPS_PROXY", "http://user:password@proxy.test");
    const [sudo, quiet, kept = "", ...rest] = asRoot(["kubelet", "--v=1"], ["REDIS_PASSWORD"]);
    expect([sudo, quiet]).toEqual(["sudo", "--non-interactive"]);
    expect(rest).toEqual(["env", `PATH=${bin}:/usr/bin:/bin:/usr/sbin:/sbin`, "kubelet", "--v=1"]);
    const names = kept.replace("--preserve-env=", "").split(",");
    for (const name of ["HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE", "REDIS_PASSWORD"])
      expect(names).toContain(name);
    // Root's programs would write to the folders that these name.
    for (const name of ["HOME", "TMPDIR", "XDG_CACHE_HOME"]) expect(names).not.toContain(name);
  });

  test("no value of a variable is in a command line", () => {
    beUser(1000);
    vi.stubEnv("HTTPS_PROXY", "http://user:password@proxy.test");
    vi.stubEnv("REDIS_PASSWORD", "password");
    expect(asRoot(["kubelet"], ["REDIS_PASSWORD"]).join(" ")).not.toContain("password");
  });

  test("what root's servers keep is outside the user's folders, apart from other platforms'", () => {
    beUser(1000);
    const other = readPlatformSettings({ TINYOLLY_STATE: "/srv/other" });
    expect(rootFolder(settings)).toBe("/var/lib/tinyolly/875fb59d");
    expect(rootFolder(other)).not.toBe(rootFolder(settings));
  });

  test("no password is asked for where sudo wants none", () => {
    beUser(1000);
    addSudo("exit 0");
    requireRoot("trying", log);
    requireRoot("more", log);
    expect(calls()).toEqual(["--non-interactive true", "--non-interactive true"]);
    expect(lines).toEqual([]);
  });

  test("a password is asked for once, after saying what for", () => {
    beUser(1000);
    addSudo(`[ "$1" = --validate ] && touch "${bin}/known"; [ -e "${bin}/known" ]`);
    requireRoot("/etc/hosts", log);
    requireRoot("more", log);
    expect(calls()).toEqual(["--non-interactive true", "--validate", "--non-interactive true"]);
    expect(lines).toEqual(["root is needed for /etc/hosts; sudo asks for your password"]);
  });

  test("sudo is reminded while the process lives, so that it does not ask again", async () => {
    beUser(1000);
    addSudo('[ "$1" != --non-interactive ]');
    requireRoot("/etc/hosts", log);
    vi.advanceTimersByTime(60_000);
    vi.useRealTimers();
    await vi.waitFor(() => {
      expect(calls()).toEqual([
        "--non-interactive true",
        "--validate",
        "--non-interactive --validate",
      ]);
    }, 30_000);
  });

  test.each([
    ["is missing", undefined, "and there is no sudo"],
    ["refuses", "exit 1", "and sudo refuses"],
  ])("where sudo %s, the message says what for and what else can be done", (_, body, why) => {
    beUser(1000);
    if (body === undefined) vi.stubEnv("PATH", bin);
    else addSudo(body);
    expect(() => {
      requireRoot("/etc/hosts", log, "use another registry");
    }).toThrow(`root is needed for /etc/hosts, ${why}; use another registry`);
    expect(() => {
      requireRoot("/etc/hosts", log);
    }).toThrow(new RegExp(`${why}$`));
  });

  test("a step that fails says why in root's words, and one that sudo refuses is named", async () => {
    beUser(1000);
    addSudo("printf 'no space is left'; exit 1");
    await expect(runStep("forgetRegistry", settings, log)).rejects.toThrow(/^no space is left$/);
    addSudo("exit 1");
    await expect(runStep("forgetRegistry", settings, log)).rejects.toThrow(
      "forgetRegistry failed as root",
    );
    const [call = ""] = calls();
    expect(call).toContain(
      `${join("platform/machine", "root-step.ts")} forgetRegistry {"state":"/srv/one"`,
    );
  });
});

// Only root may give a folder away.
describe.runIf(process.getuid?.() === 0)("by sudo", () => {
  const message =
    "run make without sudo, as the user whose checkout this is; it asks for root where it needs it";

  test.each([
    ["in a checkout of the user", { SUDO_UID: "1000" }, 1000, message],
    ["of root's", { SUDO_UID: "0" }, 1000, undefined],
    ["in a shell of root's, in its own checkout", { SUDO_UID: "1000" }, 0, undefined],
    ["not at all, as in a container", {}, 1000, undefined],
  ])("%s, it works or says how else", (_, env, owner, refusal) => {
    const checkout = folderWith({});
    chownSync(checkout, owner, owner);
    const run = (): void => {
      requireUser(env, checkout);
    };
    if (refusal === undefined) expect(run).not.toThrow();
    else expect(run).toThrow(refusal);
  });
});
