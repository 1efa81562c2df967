import { spawnSync } from "node:child_process";

const made: string[] = [];

/** Unmounts all of {@link mount}, the latest first; vitest.config.mts has it done after each test. */
export function leaveMounts(): void {
  for (const target of made.splice(0).reverse()) spawnSync("/bin/umount", ["--lazy", target]);
}

/** Mounts something by mount(8), until the test ends. */
export function mount(options: readonly string[], target: string): void {
  const { status, stderr } = spawnSync("/bin/mount", [...options, target], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  made.push(target);
}

/** Makes a file or folder one that nobody may write, root included, until the test ends. */
export function makeReadOnly(path: string): void {
  mount(["--bind", path], path);
  mount(["-o", "remount,bind,ro"], path);
}
