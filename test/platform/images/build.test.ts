import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { makeDebian } from "../../../platform/images/build.ts";
import { PlatformError } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

let bin = "";

/** Has only these programs on PATH besides the machine's. */
function addPrograms(scripts: Readonly<Record<string, string>>): void {
  bin = folderWith(scripts);
  for (const name of Object.keys(scripts)) chmodSync(join(bin, name), 0o755);
  vi.stubEnv("PATH", `${bin}:/usr/bin:/bin`);
}

beforeEach(() => () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test("a Debian is made by root, and its file is made by who calls", async () => {
  vi.spyOn(process, "getuid").mockReturnValue(1000);
  addPrograms({
    mmdebstrap: '#!/bin/sh\necho "packed in $TMPDIR: $@"\n',
    sudo: '#!/bin/sh\ntouch "$0.called"; shift 2; exec "$@"\n',
  });
  const file = join(bin, "debian.tar");
  await makeDebian("forky", ["--variant=minbase"], file);
  expect(readFileSync(file, "utf8")).toBe(
    `packed in ${bin}: --format=tar --variant=minbase forky -\n`,
  );
  expect(existsSync(join(bin, "sudo.called"))).toBe(true);
});

test("one that cannot be made says why", async () => {
  addPrograms({ mmdebstrap: "#!/bin/sh\necho half; echo no mirror answers >&2; exit 1\n" });
  await expect(makeDebian("forky", [], join(bin, "debian.tar"))).rejects.toThrow(
    new PlatformError("mmdebstrap failed:\nno mirror answers"),
  );
});
