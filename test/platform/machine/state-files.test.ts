// Needs root, as the platform does: it mounts a file system of one page.
import { execFileSync, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { accountKey } from "../../../platform/cluster/access.ts";
import { requireClock, secret, selfSigned } from "../../../platform/machine/state-files.ts";
import { PlatformError, project, readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

/** Self-signed, of 2020. */
const expired = `-----BEGIN CERTIFICATE-----
MIIBKTCB0AIBATAKBggqhkjOPQQDAjAhMR8wHQYDVQQDDBZyZWdpc3RyeS50aW55
b2xseS50ZXN0MB4XDTIwMDEwMTAwMDAwMFoXDTIxMDEwMTAwMDAwMFowITEfMB0G
A1UEAwwWcmVnaXN0cnkudGlueW9sbHkudGVzdDBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABAitYE5YgEUF0LVGM/0tx88Ugy+ZVXLg4nNsCYysOjSMHNMaKKy5rojW
tu5l4unkMhnJ7rVRPzdNKEjb69nU5GIwCgYIKoZIzj0EAwIDSAAwRQIgEx52UiaQ
gnqYyLm0Vt/Chlc4nsOPpwd/EBBZ+y0LodACIQCBt6YMP1+R1pgMIMRXaLACvmov
BTQIYVqPVNwna5JsCQ==
-----END CERTIFICATE-----
`;

describe("the clock", () => {
  const hour = 3_600_000;

  test("fits certificates that were just made, and folders without any", () => {
    const folder = folderWith({ "other/tls.key": "", "other/all.pem": "of the machine" });
    selfSigned(join(folder, "a/b"), "/CN=a", "DNS:a");
    requireClock(folder);
    requireClock(join(folder, "missing"));
  });

  test.each(["before", "after"])(
    "that is %s a certificate's life is named, with what to do",
    (when) => {
      const folder = folderWith({});
      const { certificate } = selfSigned(join(folder, "a/b"), "/CN=a", "DNS:a");
      const { validFrom, validTo } = new X509Certificate(readFileSync(certificate));
      const [from, to] = [new Date(validFrom), new Date(validTo)];
      const clock = new Date(when === "before" ? from.getTime() - hour : to.getTime() + hour);
      expect(() => {
        requireClock(folder, clock);
      }).toThrow(
        new PlatformError(
          `the clock of this machine says ${clock.toISOString()}, but ${certificate} is valid from ${from.toISOString()} to ` +
            `${to.toISOString()}; set the clock, or make platform-reset and start again, which makes new certificates`,
        ),
      );
    },
  );

  /** Starts the platform with one file in its state. */
  function start(
    file: string,
    content: string,
  ): { state: string; status: number | null; stderr: string } {
    const state = folderWith({ [file]: content });
    const { status, stderr } = spawnSync(process.execPath, ["platform/cli.ts", "up"], {
      cwd: project,
      encoding: "utf8",
      env: { ...process.env, TINYOLLY_STATE: state, TINYOLLY_CACHE: folderWith({}), PATH: "" },
    });
    return { state, status, stderr };
  }

  test.each(["registry-tls/tls.crt", "rehearsal/tls/tls.crt"])(
    "is asked before anything is started, by %s",
    (file) => {
      const { state, status, stderr } = start(file, expired);
      expect(stderr).toContain(`${file} is valid from 2020-01-01T00:00:00.000Z to `);
      expect(status).not.toBe(0);
      expect(readdirSync(state)).toEqual([file.split("/")[0]]);
    },
  );

  test("has nothing to do with what a registry holds", () => {
    const { stderr } = start("rehearsal/registry/uploads/tls.crt", expired);
    expect(stderr).not.toContain("is valid from");
  });
});

/** Puts an openssl first on PATH that is killed in the middle of what it was to write; returns what takes it away. */
function killOpenssl(): () => void {
  const bin = folderWith({});
  const half = `#!/bin/sh\nfor word; do [ "$last" = -out ] && echo half > "$word"; last=$word; done\nkill -9 $$\n`;
  writeFileSync(join(bin, "openssl"), half, { mode: 0o755 });
  vi.stubEnv("PATH", `${bin}:${process.env["PATH"] ?? ""}`);
  const end = (): void => void vi.unstubAllEnvs();
  onTestFinished(end);
  return end;
}

test("half a key that signs tokens is not believed", () => {
  const settings = readPlatformSettings({ TINYOLLY_STATE: folderWith({}) });
  const mend = killOpenssl();
  expect(() => accountKey(settings)).toThrow();
  mend();
  const key = accountKey(settings);
  execFileSync("openssl", ["ec", "-noout", "-in", key], { stdio: "ignore" });
  expect(statSync(key).mode & 0o777).toBe(0o600);
});

test("a secret that could not be written whole is made anew", () => {
  const state = folderWith({});
  const settings = readPlatformSettings({ TINYOLLY_STATE: state });
  const folder = join(state, "secrets");
  mkdirSync(folder);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4k", "tinyolly-test", folder]);
  try {
    writeFileSync(join(folder, "filler"), "x".repeat(4096));
    expect(() => secret(settings, "token")).toThrow("ENOSPC");
    expect(readdirSync(folder)).toEqual(["filler"]);
    rmSync(join(folder, "filler"));
    const made = secret(settings, "token");
    expect(made).toMatch(/^[0-9a-f]{48}$/);
    expect(secret(settings, "token")).toBe(made);
  } finally {
    execFileSync("umount", [folder]);
  }
});

test("a certificate is believed when its key is there as well", () => {
  const folder = folderWith({});
  // Killed after the key, in the middle of the certificate.
  const mend = killOpenssl();
  expect(() => selfSigned(folder, "/CN=a", "DNS:a")).toThrow();
  mend();
  const { certificate, key } = selfSigned(folder, "/CN=a", "DNS:a");
  expect(new X509Certificate(readFileSync(certificate)).subject).toBe("CN=a");
  expect(readFileSync(key, "utf8")).toContain("PRIVATE KEY");
  expect(statSync(key).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).sort()).toEqual(["tls.crt", "tls.key"]);
});

test("a secret stays, and only its owner may read it", () => {
  const settings = readPlatformSettings({ TINYOLLY_STATE: folderWith({}) });
  const value = secret(settings, "admin-token");
  expect(value).toMatch(/^[0-9a-f]{48}$/);
  expect(secret(settings, "admin-token")).toBe(value);
  const folder = join(settings.state, "secrets");
  expect(readdirSync(folder)).toEqual(["admin-token"]);
  expect(statSync(join(folder, "admin-token")).mode & 0o777).toBe(0o600);
});
