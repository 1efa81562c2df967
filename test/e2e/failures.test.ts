// What goes wrong on real machines: each failure ends with an exit code and one clear message, keeps what was done, and
// the next up converges.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get } from "../../platform/machine/http.ts";
import { servicePid, stopService } from "../../platform/machine/processes.ts";
import { freePort } from "../free-port.ts";
import {
  type Run,
  checkout,
  deploy,
  outputs,
  platform,
  previewChanges,
  restart,
  run,
  startDelivered,
  startUp,
  up,
  withConfig,
  withFile,
} from "./checkout.ts";
import { processBelow, until } from "./pods.ts";

const preview = (): Run =>
  run("pulumi", ["preview", "--stack=local", "--non-interactive", "--color=never"]);
const change = (text: string): string => `${text}\n# changed ${process.hrtime.bigint()}\n`;

let work: string;

startDelivered();

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), "tinyolly-failures-"));
});

afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

describe("wrong configuration is refused by the real CLI before anything happens", () => {
  test.each([
    [
      "an unknown key",
      { registryPusch: "x" },
      '"tinyolly:registryPusch" is not a configuration key of this project',
    ],
    ["a wrong type", { platforms: "linux/amd64" }, "platforms"],
    [
      "a malformed host",
      { registryPush: "https://ghcr.io" },
      '"registryPush" is "https://ghcr.io", but must be a host name',
    ],
    ["a context that is not there", { kubeContext: "nowhere" }, '"kubeContext" is "nowhere"'],
    ["a wrong TLS mode", { registryPushTls: "none" }, "registryPushTls"],
  ])("%s", async (_, values, message) => {
    await withConfig(values, () => {
      const { status, output } = preview();
      expect(output).toContain(message);
      expect(output).not.toMatch(/^\s+at .*\.ts:\d+/m);
      expect(status).not.toBe(0);
    });
  });
});

describe("wrong sources are refused by the real CLI before anything happens", () => {
  test("all problems at once, without a stack trace", async () => {
    const folder = join(checkout, "apps/opamp-server");
    const link = join(checkout, "apps/demo/tests/dangling");
    renameSync(folder, `${folder}-away`);
    symlinkSync("nowhere", link);
    try {
      await withFile(
        "apps/tinyolly/Dockerfile",
        (text) => `${text}\nRUNN x\n`,
        async () => {
          await withFile(
            "charts/tinyolly/Chart.yaml",
            (text) => text.replace(/^version:.*\n/m, ""),
            () => {
              const { status, output } = up();
              expect(output).toContain(
                'image "opamp-server": there is no folder apps/opamp-server',
              );
              expect(output).toContain('"RUNN" is not a Dockerfile instruction');
              expect(output).toContain('tests/dangling is a link to "nowhere"');
              expect(output).toContain(
                'chart "tinyolly": the version in charts/tinyolly/Chart.yaml is missing',
              );
              expect(output).not.toMatch(/^\s+at /m);
              expect(output).not.toMatch(/updat(?:ing|ed) /);
              expect(status).not.toBe(0);
            },
          );
        },
      );
    } finally {
      rmSync(link);
      renameSync(`${folder}-away`, folder);
    }
    expect(previewChanges()).toEqual([]);
  });
});

test("a build that fails shows the image and the last 30 lines of its log, and keeps other results", async () => {
  const before = outputs();
  const failing = (text: string): string =>
    text.replace(
      /^RUN/m,
      "RUN for i in $(seq 1 60); do echo noise $i; done; echo the reason; exit 7\nRUN",
    );
  await withFile("apps/opamp-server/Dockerfile", failing, () => {
    const { status, output } = deploy();
    const shown = output.slice(output.indexOf("failed to build; the end of its log"));
    expect(output).toMatch(
      /image registry\.tinyolly\.test:\d+\/tinyolly\/opamp-server:v2\.1\.x-h\w+ failed to build/,
    );
    expect(shown).toContain("the reason");
    expect(shown).toContain("exit code: 7");
    expect(shown.split("\n").length).toBeGreaterThan(30);
    expect(status).not.toBe(0);
  });
  expect(outputs()).toEqual(before);
  expect(up().status).toBe(0);
});

test("a registry that is down stops the run before anything happens, or fails the push, and the next up catches up", async () => {
  await stopService(platform.state, "registry-tls");
  await withFile("apps/demo/backend.py", change, () => {
    const refused = up();
    expect(refused.output).toMatch(/registry\.tinyolly\.test:\d+\S* .*could not be read/);
    expect(refused.output).not.toMatch(/updat(?:ing|ed) \(/);
    expect(refused.status).not.toBe(0);
    const down = up({ TINYOLLY_OFFLINE: "1" });
    // With the build's log before it or not, as the plugin has it.
    expect(down.output).toMatch(/^ *docker-build:index:Image \(demo\):$/m);
    expect(down.output).toMatch(/error: .*registry\.tinyolly\.test:\d+.*connection refused/s);
    expect(down.status).not.toBe(0);
    expect(restart().status).toBe(0);
    expect(up().status).toBe(0);
    expect(previewChanges()).toEqual([]);
  });
});

test("a registry that wants credentials stops the run before anything is built, and says so", async () => {
  const registry = createServer((_, response) => {
    response.writeHead(401, {
      "www-authenticate": 'Basic realm="private"',
      "docker-distribution-api-version": "registry/2.0",
    });
    response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  // A listening TCP server has an address of this kind.
  const { port } = registry.address() as AddressInfo;
  try {
    await withConfig(
      { registryPush: `localhost:${port}`, registryPushTls: "plain-http" },
      async () => {
        const { status, output } = await upInBackground();
        expect(output).toContain(
          "could not be pushed: the registry wants a user name and a password",
        );
        expect(output).not.toContain("docker-build:index:Image");
        expect(status).not.toBe(0);
      },
    );
  } finally {
    registry.close();
  }
  expect(up().status).toBe(0);
});

test("a registry without room fails the push and says so", async () => {
  const folder = join(work, "full");
  mkdirSync(folder);
  expect(run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).status).toBe(0);
  const port = await freePort();
  const config = join(work, "full.json");
  writeFileSync(
    config,
    JSON.stringify({
      version: "0.1",
      storage: { filesystem: { rootdirectory: folder } },
      http: { addr: `127.0.0.1:${port}` },
      log: { level: "error" },
    }),
  );
  const registry = spawn("registry", ["serve", config], {
    stdio: "ignore",
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  try {
    await until("the registry answers", async () =>
      (await get(`http://127.0.0.1:${port}/v2/`)).status === 200 ? true : undefined,
    );
    await withConfig({ registryPush: `localhost:${port}`, registryPushTls: "plain-http" }, () => {
      const { status, output } = up();
      expect(output).toMatch(/^ *docker-build:index:Image \(\S+\):$/m);
      expect(output).toMatch(/error: .*localhost:\d+/s);
      expect(output).toMatch(/no space left on device|500 Internal Server Error|unknown error/i);
      expect(status).not.toBe(0);
    });
  } finally {
    registry.kill();
    await new Promise((resolve) => registry.once("exit", resolve));
    run("umount", [folder]);
  }
  expect(up().status).toBe(0);
});

test("a builder that cannot be reached is named", async () => {
  const instances = join(work, "buildx/instances");
  mkdirSync(instances, { recursive: true });
  const node = {
    Name: "tinyolly0",
    Endpoint: `unix://${work}/nobody.sock`,
    Platforms: null,
    DriverOpts: null,
    Flags: null,
    Files: null,
  };
  writeFileSync(
    join(instances, "tinyolly"),
    JSON.stringify({ Name: "tinyolly", Driver: "remote", Nodes: [node], Dynamic: false }),
  );
  await withFile("apps/demo/backend.py", change, () => {
    const { status, output } = up({ BUILDX_CONFIG: join(work, "buildx") });
    expect(output).toContain(
      `builder "tinyolly" does not answer: node "tinyolly0" at unix://${work}/nobody.sock`,
    );
    expect(status).not.toBe(0);
  });
  expect(up().status).toBe(0);
});

test("a cluster that cannot be reached keeps what was published, and the next up catches up", async () => {
  const kubeconfig = join(work, "kubeconfig");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "tinyolly", context: { cluster: "c", user: "u" } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  await withFile("apps/demo/backend.py", change, async () => {
    const before = outputs();
    await withConfig({ kubeconfig }, () => {
      const { status, output } = up();
      expect(output).toContain('the Applications in the cluster "tinyolly" cannot be read');
      expect(output).not.toMatch(/updat(?:ing|ed) \(/);
      expect(status).not.toBe(0);
      const unasked = up({ TINYOLLY_OFFLINE: "1" });
      expect(unasked.output).toMatch(/unreachable|connection refused/);
      expect(unasked.status).not.toBe(0);
    });
    expect(up().status).toBe(0);
    expect(outputs().images["demo"]?.digest).not.toBe(before.images["demo"]?.digest);
    expect(previewChanges()).toEqual([]);
  });
  expect(up().status).toBe(0);
});

test.each([["SIGINT"], ["SIGKILL"]] as const)(
  "after %s in the middle of a build make up converges with nobody's help",
  async (signal) => {
    const slow = (text: string): string => text.replace(/^RUN/m, "RUN sleep 600\nRUN");
    await withFile("apps/opamp-server/Dockerfile", slow, async () => {
      const { pid, ended } = startUp();
      const builder = servicePid(platform.state, "buildkitd") ?? 0;
      await until("it builds", () => processBelow(builder, "sleep 600"));
      process.kill(signal === "SIGINT" ? pid : -pid, signal);
      await ended;
    });
    const { status, output } = deploy();
    expect(status, output).toBe(0);
    expect(previewChanges()).toEqual([]);
  },
);

test("after a crash the platform comes back with its data", async () => {
  const names = ["registry", "kube-apiserver", "etcd", "buildkitd"];
  for (const name of names) {
    const pid = servicePid(platform.state, name);
    expect(pid).toBeDefined();
    process.kill(pid ?? 0, "SIGKILL");
  }
  await until("they are gone", () =>
    names.every((name) => servicePid(platform.state, name) === undefined) ? true : undefined,
  );
  const again = restart();
  expect(again.output).toContain("started etcd");
  expect(again.status).toBe(0);
  expect(previewChanges()).toEqual([]);
  expect(up().status).toBe(0);
  const second = restart();
  expect(second.output).not.toContain("started");
});

test("a cluster without Argo CD's CRD is named, and the next up catches up", () => {
  expect(
    run("pulumi", ["destroy", "--stack=local", "--yes", "--skip-preview", "--non-interactive"])
      .status,
  ).toBe(0);
  expect(run("kubectl", ["delete", "crd", "applications.argoproj.io"]).status).toBe(0);
  const { status, output } = up();
  expect(output).toMatch(/argoproj\.io\/v1alpha1.*(?:does not exist|CRD|not found|no matches)/is);
  expect(status).not.toBe(0);
  expect(restart().status).toBe(0);
  expect(up().status).toBe(0);
});

/** Runs up beside this process, which answers as the registry in the meantime. */
function upInBackground(): Promise<Run> {
  const args = [
    "up",
    "--stack=local",
    "--yes",
    "--skip-preview",
    "--non-interactive",
    "--color=never",
  ];
  return new Promise((resolve) => {
    const child = spawn("pulumi", args, { cwd: checkout, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("close", (status) => {
      resolve({ status, output });
    });
  });
}
