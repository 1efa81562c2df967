import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  isMountedAnywhere,
  mountPoints,
  processesRootedBelow,
  unmountBelow,
} from "../../../platform/machine/mounts.ts";
import { folderWith } from "../../folders.ts";
import { mount } from "../../mounts.ts";

function tmpfs(target: string): string {
  mkdirSync(target, { recursive: true });
  mount(["-t", "tmpfs", "tmpfs"], target);
  return target;
}

test("what is mounted below a folder is unmounted, whatever its name, and nothing else is", () => {
  const folder = folderWith({ "others/file": "" });
  const state = join(folder, "state");
  const nested = [join(state, "a b\\c"), join(state, "a b\\c/below")].map(tmpfs);
  const twice = [join(state, "twice"), join(state, "twice")].map(tmpfs);
  mkdirSync(join(state, "bound"));
  mount(["--bind", join(folder, "others")], join(state, "bound"));
  const kept = [tmpfs(join(folder, "state-2")), tmpfs(join(folder, "beside"))];
  expect(mountPoints()).toEqual(expect.arrayContaining([...nested, ...twice, ...kept]));
  unmountBelow(state);
  expect(mountPoints().filter((path) => path.startsWith(folder))).toEqual(kept);
  rmSync(state, { recursive: true });
  expect(readdirSync(join(folder, "others"))).toEqual(["file"]);
});

test("what a program is still in is unmounted as well", async () => {
  const state = folderWith({});
  const target = tmpfs(join(state, "in-use"));
  const user = spawn("sh", ["-c", "echo there; read -r _"], { cwd: target });
  onTestFinished(() => {
    user.kill("SIGKILL");
  });
  await once(user.stdout, "data");
  unmountBelow(state);
  rmSync(state, { recursive: true });
  expect(existsSync(state)).toBe(false);
});

test("a folder that is itself a mount, or is not there, is left", () => {
  const state = tmpfs(folderWith({}));
  unmountBelow(state);
  unmountBelow(join(state, "missing"));
  expect(mountPoints()).toContain(state);
});

test("a mount of another namespace is seen", async () => {
  const folder = folderWith({ "a b/file": "" });
  const target = join(folder, "a b");
  expect(isMountedAnywhere(target)).toBe(false);
  const script = 'mount -t tmpfs tmpfs "$1" && echo there && read -r _';
  const other = spawn("unshare", ["--mount", "sh", "-c", script, "sh", target]);
  onTestFinished(() => {
    other.kill("SIGKILL");
  });
  await once(other.stdout, "data");
  expect(mountPoints()).not.toContain(target);
  expect(isMountedAnywhere(target)).toBe(true);
});

test("processes whose root is written below a folder are found, and no others", async () => {
  const folder = folderWith({ "state/upper/a": "", "state/work/a": "", "root/a": "" });
  const [state, root] = [join(folder, "state"), join(folder, "root")];
  const options = `lowerdir=/,upperdir=${state}/upper,workdir=${state}/work`;
  rmSync(join(state, "work/a"));
  mount(["-t", "overlay", "overlay", "-o", options], root);
  const inside = spawn("chroot", [root, "sh", "-c", "echo there; read -r _"]);
  const beside = spawn("sh", ["-c", "echo there; read -r _"], { cwd: root });
  for (const child of [inside, beside]) {
    onTestFinished(() => {
      child.kill("SIGKILL");
    });
    await once(child.stdout, "data");
  }
  expect(processesRootedBelow(state)).toEqual([inside.pid]);
  expect(processesRootedBelow(join(folder, "sta"))).toEqual([]);
});
