import { expect, test } from "vitest";
import { linkOf } from "../../../platform/rehearsal/builders";

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
