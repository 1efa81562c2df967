// The end: what `make down` leaves.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  checkout,
  deploy,
  kubectl,
  outputs,
  platform,
  platformCommand,
  restart,
  run,
  startDelivered,
} from "./checkout.ts";
import { isHealthy, list } from "./pods.ts";

startDelivered();

/** Processes whose command line or working folder is of this platform. */
function processes(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const command = readFileSync(join("/proc", name, "cmdline"), "utf8").replaceAll("\0", " ");
        return command.includes(platform.state) ? [command] : [];
      } catch {
        // It ended in the meantime.
        return [];
      }
    });
}

test("make up after a stop waits for the pods, although there is nothing to change", () => {
  expect(platformCommand("down").status).toBe(0);
  const { status, output } = deploy();
  expect(status, output).toBe(0);
  expect(output).toMatch(/^total +\d/m);
  expect(output).toContain(`http://127.0.0.1:${platform.ports.ui}`);
  expect([isHealthy("tinyolly"), isHealthy("tinyolly-demos")]).toEqual([true, true]);
});

test("make down stops all servers where Pulumi cannot destroy, and says last what is left", () => {
  const folder = join(platform.state, "pulumi/.pulumi/locks/organization/tinyolly/local");
  const lock = join(folder, "other.json");
  mkdirSync(folder, { recursive: true });
  onTestFinished(() => {
    rmSync(lock, { force: true });
  });
  // Of somebody at work on another machine.
  const holder = { pid: 1, username: "alice", hostname: "elsewhere", timestamp: new Date() };
  writeFileSync(lock, JSON.stringify(holder));
  const { status, output } = platformCommand("end");
  expect(status, output).not.toBe(0);
  expect(output).toContain("alice@elsewhere");
  expect(output.trimEnd().split("\n").at(-1)).toMatch(
    /^The servers are stopped all the same\. The state of the stack local still has \d+ resources, with .*Application tinyolly-demos.*: make down tries again, /,
  );
  expect(processes()).toEqual([]);
  rmSync(lock);
  const again = deploy();
  expect(again.status, again.output).toBe(0);
});

test("make down removes the workloads through Argo CD, and keeps what was published and stored", () => {
  const { charts } = outputs();
  const removed = platformCommand("destroy");
  expect(removed.status, removed.output).toBe(0);
  for (const namespace of ["tinyolly", "tinyolly-demos"]) {
    expect(list("deployments,statefulsets,services,pods", namespace)).toEqual([]);
  }
  const applications = kubectl("get", "applications.argoproj.io", "--all-namespaces");
  expect(applications).toMatchObject({ items: [] });
  expect(list("persistentvolumeclaims", "tinyolly")).toHaveLength(1);
  expect(Object.keys(charts)).toEqual(["tinyolly", "tinyolly-demos"]);
});

test("nothing runs after it: no process, no mount, no control group, no port", () => {
  const init = Number(readFileSync(join(platform.state, "node/init.pid"), "utf8"));
  const { status, output } = platformCommand("down");
  expect(status, output).toBe(0);
  expect(processes()).toEqual([]);
  expect(existsSync(`/proc/${init}`)).toBe(false);
  expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(platform.state);
  const groups = run("find", ["/sys/fs/cgroup", "-maxdepth", "2", "-name", "tinyolly-*"]).output;
  const config = JSON.parse(readFileSync(join(platform.state, "config/kubelet.json"), "utf8")) as {
    cgroupRoot: string;
  };
  expect(groups).not.toContain(config.cgroupRoot);
  const ports = Object.values(platform.ports).map((port: number) =>
    port.toString(16).toUpperCase().padStart(4, "0"),
  );
  const listening = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state]) => state === "0A")
    .map(([, local = ""]) => local.split(":")[1] ?? "");
  expect(ports.filter((port) => listening.includes(port))).toEqual([]);
});

test("the platform starts again with what it had", () => {
  expect(restart().status).toBe(0);
  expect(existsSync(join(checkout, ".tinyolly"))).toBe(true);
  expect(list("persistentvolumeclaims", "tinyolly")).toHaveLength(1);
});
