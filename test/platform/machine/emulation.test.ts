import { spawnSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { registration } from "../../../platform/machine/emulation.ts";
import { hostPlatform, project } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

test("the kernel is told of QEMU as Debian's own package does, opened at once", () => {
  // The line of qemu-user-static in /usr/lib/binfmt.d, with its own interpreter and flags.
  const magic = String.raw`\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
  const mask = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;
  expect(registration("qemu-aarch64", String.raw`\xb7\x00`, "/usr/bin/qemu-aarch64-static")).toBe(
    `:qemu-aarch64:M::${magic}:${mask}:/usr/bin/qemu-aarch64-static:F`,
  );
});

const foreign = hostPlatform === "linux/arm64" ? "linux/amd64" : "linux/arm64";
const qemu = foreign === "linux/arm64" ? "qemu-aarch64" : "qemu-x86_64";

/**
 * Runs steps in a user namespace, which has interpreters of its own, and a /run of its own. Returns the interpreters that
 * are registered after each step.
 */
function interpretersAfter(...steps: readonly string[]): string[][] {
  const bin = folderWith({});
  copyFileSync("/bin/true", join(bin, `${qemu}-static`));
  const program = `
    const { endEmulation, provideEmulation } = require(${JSON.stringify(join(project, "platform/machine/emulation.ts"))});
    const { readPlatformSettings } = require(${JSON.stringify(join(project, "platform/settings.ts"))});
    const { readdirSync, writeFileSync } = require("node:fs");
    const kernel = "/proc/sys/fs/binfmt_misc";
    const of = (state) => readPlatformSettings({ TINYOLLY_STATE: state });
    const up = (state) => provideEmulation(of(state), ["${hostPlatform}", "${foreign}"], () => undefined);
    const down = (state) => endEmulation(of(state));
    const others = (name) =>
      writeFileSync(kernel + "/register", ":" + name + ":E::tinyolly-test::/bin/true:");
    const own = ["register", "status"];
    const after = [];
    (async () => {
      for (const step of [${steps.map((step) => `() => ${step}`).join(", ")}]) {
        await step();
        after.push(readdirSync(kernel).filter((name) => !own.includes(name)).sort());
      }
      console.log(JSON.stringify(after));
    })();`;
  const mounts =
    "mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc && mount -t tmpfs tmpfs /run";
  const run = spawnSync(
    "unshare",
    [
      ...["--user", "--map-root-user", "--mount", "sh", "-c", `${mounts} && exec "$@"`, "sh"],
      ...[process.execPath, "-e", program],
    ],
    { encoding: "utf8", env: { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` } },
  );
  expect(run.stderr).toBe("");
  // The last line of the program.
  return JSON.parse(run.stdout) as string[][];
}

test("the interpreter of a platform is there until the last one that needs it ends", () => {
  const ours = [`tinyolly-${qemu}`];
  expect(
    interpretersAfter(
      ...['up("/srv/one")', 'up("/srv/one")', 'up("/srv/other")'],
      ...['down("/srv/one")', 'down("/srv/other")', 'down("/srv/other")'],
    ),
  ).toEqual([ours, ours, ours, ours, [], []]);
});

test("what others registered is used, and stays", () => {
  expect(interpretersAfter(`others("${qemu}")`, 'up("/srv/one")', 'down("/srv/one")')).toEqual([
    [qemu],
    [qemu],
    [qemu],
  ]);
});

test("what a platform registered that ended half way goes with the next one that ends", () => {
  const ours = [`tinyolly-${qemu}`];
  const forget = `require("node:fs").rmSync("/run/tinyolly/emulation/${qemu}", { recursive: true })`;
  expect(
    interpretersAfter('up("/srv/one")', forget, 'up("/srv/other")', 'down("/srv/other")'),
  ).toEqual([ours, ours, ours, []]);
});
