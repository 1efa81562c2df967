// Servers that end although nobody stopped them: who is told, and what brings them back.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { knownServices, servicePid } from "../../platform/machine/processes.ts";
import { startTime } from "../../platform/machine/start-time.ts";
import {
  checkout,
  deploy,
  platform,
  platformCommand,
  restart,
  startDelivered,
} from "./checkout.ts";
import { until, untilHealthy } from "./pods.ts";

startDelivered();

/** Kills servers of the platform, with all that they lead, and waits until they are gone. */
async function crash(...names: string[]): Promise<void> {
  const pids = names.flatMap((name) => servicePid(platform.state, name) ?? []);
  expect(pids).toHaveLength(names.length);
  for (const pid of pids) {
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // It ended with the node that it ran in.
    }
  }
  await until("the servers are gone", () =>
    pids.every((pid) => startTime(pid) === undefined) ? true : undefined,
  );
}

test("servers that crashed are named, and the next make up starts them again", async () => {
  await crash("registry", "argocd-repo-server");
  const { status, output } = platformCommand("status");
  expect(status).toBe(1);
  expect(output.match(/^(\S+) .* crashed/gm)).toHaveLength(2);
  for (const name of ["registry", "argocd-repo-server"])
    expect(output).toMatch(
      new RegExp(`^${name} crashed; its log ends at .*: .*/logs/${name}\\.log$`, "m"),
    );
  expect(output.trimEnd().split("\n").at(-1)).toBe("make platform-up starts what does not run");
  const up = deploy();
  expect(up.status, up.output).toBe(0);
  expect(platformCommand("status").status).toBe(0);
});

test("a server that crashes in the middle of make up is named at its end, and the next one converges", async () => {
  const args = ["platform/cli.ts", "deploy"];
  const child = spawn("node", args, { cwd: checkout });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  child.stdout.resume();
  const ended = once(child, "close") as Promise<[number | null]>;
  let output = "";
  for await (const line of createInterface({ input: child.stderr })) {
    output += `${line}\n`;
    // Pulumi's program asks the registry only after its own start.
    if (line.startsWith("platform is up")) await crash("registry-tls");
  }
  expect((await ended)[0], output).not.toBe(0);
  expect(output.trimEnd().split("\n").at(-1)).toMatch(
    /^registry-tls crashed; its log ends at .*registry-tls\.log; the next make up starts it again$/,
  );
  const next = deploy();
  expect(next.status, next.output).toBe(0);
});

test("after a restart of the machine in the middle of a start, make up starts everything", async () => {
  const names = knownServices(platform.state);
  // With all processes the kernel's name of the run goes, and pids and sockets that are on the disk mean nothing.
  await crash(...names);
  const folder = join(platform.state, "pids");
  for (const file of readdirSync(folder)) {
    const record = readFileSync(join(folder, file), "utf8");
    const earlier = record.replace(/"startTime":"[0-9a-f]{32}/, `"startTime":"${"0".repeat(32)}`);
    expect(earlier).not.toBe(record);
    writeFileSync(join(folder, file), earlier);
  }
  writeFileSync(join(folder, "etcd.json"), '{"pid":');
  writeFileSync(join(platform.state, "node/init.pid"), String(process.pid));
  expect(platformCommand("status").output).not.toContain("crashed");
  const { status, output } = restart();
  expect(status, output).toBe(0);
  expect(platformCommand("status").status).toBe(0);
  expect(deploy().status).toBe(0);
  await untilHealthy();
});

test("of a platform that was killed, make down leaves no control group", async () => {
  // A Kubelet's configuration.
  const { cgroupRoot } = JSON.parse(
    readFileSync(join(platform.state, "config/kubelet.json"), "utf8"),
  ) as { cgroupRoot: string };
  const groups = (): string[] =>
    ["", ...readdirSync("/sys/fs/cgroup")].filter((name) =>
      existsSync(join("/sys/fs/cgroup", name, cgroupRoot)),
    );
  await crash(...knownServices(platform.state));
  expect(groups()).not.toEqual([]);
  const { status, output } = platformCommand("down");
  expect(status, output).toBe(0);
  expect(groups()).toEqual([]);
});
