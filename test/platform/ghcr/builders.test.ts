import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { enter, linkOf } from "../../../platform/ghcr/builders.ts";
import { folderWith } from "../../folders.ts";

const links = ["/a", "/b", "/c/d"].flatMap((folder) =>
  ["linux/amd64", "linux/arm64"].map((platform) => linkOf(folder, platform)),
);

test("a link is found again by folder and platform, and no two are alike", () => {
  expect(linkOf("/a", "linux/arm64")).toEqual(links[1]);
  for (const key of ["namespace", "device", "hostAddress", "address"] as const)
    expect(new Set(links.map((link) => link[key])).size).toBe(links.length);
});

test("a link has two neighbouring addresses of a range that is set aside for tests", () => {
  for (const { hostAddress, address } of links) {
    expect(hostAddress).toMatch(/^198\.(18|19)\.\d+\.\d+$/);
    const [host = [], peer = []] = [hostAddress, address].map((one) => one.split(".").map(Number));
    expect(peer.slice(0, 3)).toEqual(host.slice(0, 3));
    expect([(host[3] ?? 0) % 4, (peer[3] ?? 0) - (host[3] ?? 0)]).toEqual([1, 1]);
  }
});

test("the name of a device is one that the kernel takes", () => {
  for (const { device } of links) expect(device).toMatch(/^[a-z0-9-]{1,15}$/);
});

test("a builder starts nothing in its temporary folder, where it would find out what is emulated", () => {
  const folder = folderWith({ hosts: "127.0.0.1 builder\n", "tmp/keep": "" });
  const command = `cat /etc/hosts; cp /bin/true "$TMPDIR/check"; "$TMPDIR/check"; echo $?`;
  const args = [
    join(folder, "hosts"),
    "/proc/self/ns/net",
    join(folder, "tmp"),
    "sh",
    "-c",
    command,
  ];
  const run = spawnSync("unshare", ["--mount", "sh", "-c", enter, "sh", ...args], {
    encoding: "utf8",
  });
  expect(run.stdout).toBe("127.0.0.1 builder\n126\n");
  expect(run.stderr).toContain("Permission denied");
});
