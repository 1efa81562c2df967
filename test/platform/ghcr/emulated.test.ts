import { expect, test } from "vitest";
import { deliverables } from "../../../deliverables.ts";
import { type ImageConfig, containerSpec, programs } from "../../../platform/ghcr/emulated.ts";

const config: ImageConfig = {
  user: "10001:10002",
  command: ["python", "main.py"],
  env: ["PATH=/bin"],
  folder: "/app",
};

test("every image that runs in the cluster has a program that is started", () => {
  const started = programs.map(({ image }) => image);
  const built = Object.keys(deliverables.images).filter((name) => name !== "python-base");
  expect([...new Set(started)].sort()).toEqual(built.sort());
});

test("a program runs as its image says, without rights and with a read-only root", () => {
  expect(containerSpec(config, { MODE: "ui" }, "/resolv.conf", "/group")).toMatchObject({
    process: {
      user: { uid: 10001, gid: 10002 },
      args: ["python", "main.py"],
      env: ["PATH=/bin", "MODE=ui"],
      cwd: "/app",
      noNewPrivileges: true,
      capabilities: {},
    },
    root: { path: "rootfs", readonly: true },
    linux: {
      cgroupsPath: "/group",
      namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })),
    },
  });
});

test.each([
  ["101", { uid: 101, gid: 0 }],
  ["", { uid: 0, gid: 0 }],
])("the user %j is %j", (user, expected) => {
  expect(containerSpec({ ...config, user }, {}, "", "")).toMatchObject({
    process: { user: expected },
  });
});

test("a user by name is refused, as a cluster does that wants programs not to run as root", () => {
  expect(() => containerSpec({ ...config, user: "nginx" }, {}, "", "")).toThrow(
    'the image runs as "nginx", but a cluster can check numbers only; write USER as such',
  );
});
