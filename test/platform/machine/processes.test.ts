import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import {
  type Service,
  knownServices,
  logFile,
  memoryBytes,
  serviceCrash,
  servicePid,
  startService,
  stopService,
} from "../../../platform/machine/processes.ts";
import { startTime } from "../../../platform/machine/start-time.ts";
import { PlatformError, project } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";
import { runApart } from "../../run-apart.ts";

/** Long enough for a busy machine. */
const patience = { timeout: 30_000 };

let state = "";

beforeEach(() => {
  state = folderWith({});
});

afterEach(async () => {
  for (const name of knownServices(state)) await stopService(state, name);
});

/** A service that is ready once its script made the file `ready`. */
function service(script: string, changes: Partial<Service> = {}): Service {
  return {
    name: "server",
    command: ["sh", "-c", script],
    env: { STATE: state },
    address: "port 4711",
    ready: () => Promise.resolve(existsSync(join(state, "ready"))),
    patience: 10,
    ...changes,
  };
}

const serve = 'echo started; touch "$STATE/ready"; exec sleep 60';

async function failureOf(started: Promise<unknown>): Promise<unknown> {
  return started.catch((error: unknown) => error);
}

function isGone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return true;
  }
}

test("a service is started once, found again and stopped", async () => {
  expect(await startService(state, service(serve))).toBe(true);
  const pid = servicePid(state, "server") ?? 0;
  expect(knownServices(state)).toEqual(["server"]);
  expect(memoryBytes(pid)).toBeGreaterThan(0);
  expect(readFileSync(logFile(state, "server"), "utf8")).toBe("started\n");

  expect(await startService(state, service(serve))).toBe(false);
  expect(servicePid(state, "server")).toBe(pid);

  expect(await stopService(state, "server")).toBe(true);
  expect(isGone(pid)).toBe(true);
  expect(servicePid(state, "server")).toBeUndefined();
  expect(knownServices(state)).toEqual([]);
  expect(memoryBytes(pid)).toBe(0);
});

test("to stop what does not run does nothing", async () => {
  expect(await stopService(state, "server")).toBe(false);
});

test("what a service started ends with it", async () => {
  await startService(
    state,
    service('sleep 60 & echo $! > "$STATE/child"; touch "$STATE/ready"; wait'),
  );
  const child = Number(readFileSync(join(state, "child"), "utf8"));
  expect(isGone(child)).toBe(false);
  await stopService(state, "server");
  await vi.waitUntil(() => isGone(child), patience);
});

test("a server that needs root is started by sudo, is found without it, and ends by it", async () => {
  const bin = folderWith({
    sudo: '#!/bin/sh\nshift 2; echo "$@" >> "$0.calls"; exec "$@"\n',
  });
  chmodSync(join(bin, "sudo"), 0o755);
  vi.stubEnv("PATH", `${bin}:${process.env["PATH"] ?? ""}`);
  vi.spyOn(process, "getuid").mockReturnValue(1000);
  const kill = vi.spyOn(process, "kill");
  onTestFinished(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });
  const roots = service(serve, { name: "buildkitd" });
  expect(await startService(state, roots)).toBe(true);
  const pid = servicePid(state, "buildkitd") ?? 0;
  expect(readFileSync(logFile(state, "buildkitd"), "utf8")).toBe("started\n");
  expect(await startService(state, roots)).toBe(false);
  expect(servicePid(state, "buildkitd")).toBe(pid);

  expect(await stopService(state, "buildkitd")).toBe(true);
  expect(isGone(pid)).toBe(true);
  expect(kill).not.toHaveBeenCalled();
  const calls = readFileSync(join(bin, "sudo.calls"), "utf8").trim().split("\n");
  expect(calls.map((call) => /(?:setsid|kill) \S+/.exec(call)?.[0])).toEqual([
    "setsid --fork",
    "kill -s",
  ]);
});

test("a server that sudo does not start says what sudo said", async () => {
  const bin = folderWith({ sudo: "#!/bin/sh\necho sudo: a password is required >&2; exit 1\n" });
  chmodSync(join(bin, "sudo"), 0o755);
  vi.stubEnv("PATH", `${bin}:${process.env["PATH"] ?? ""}`);
  vi.spyOn(process, "getuid").mockReturnValue(1000);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });
  await expect(startService(state, service(serve, { name: "buildkitd" }))).rejects.toThrow(
    /^buildkitd cannot be started as root:\nsudo: a password is required\n/,
  );
});

test("a log goes on where the last start ended", async () => {
  for (let i = 0; i < 2; i++) {
    await startService(state, service(serve));
    await stopService(state, "server");
    rmSync(join(state, "ready"));
  }
  expect(readFileSync(logFile(state, "server"), "utf8")).toBe("started\nstarted\n");
});

test("errors of the readiness check count as not yet", async () => {
  let asked = 0;
  const ready = (): Promise<boolean> =>
    ++asked < 3 ? Promise.reject(new Error("connection refused")) : Promise.resolve(true);
  expect(await startService(state, service("sleep 60", { ready }))).toBe(true);
  expect(asked).toBe(3);
});

test("a process that got the pid of an ended service is left alone", async () => {
  await startService(state, service(serve));
  const pid = servicePid(state, "server") ?? 0;
  const file = join(state, "pids/server.json");
  const note = readFileSync(file, "utf8");
  writeFileSync(file, JSON.stringify({ pid, startTime: "1" }));
  expect(servicePid(state, "server")).toBeUndefined();
  expect(await stopService(state, "server")).toBe(false);
  expect(isGone(pid)).toBe(false);
  writeFileSync(file, note);
});

test("a process that ended and that nobody waited for counts as ended", async () => {
  // A container may have no init that waits for orphans; sleep does not wait either, once it took the shell's place.
  await startService(
    state,
    service('sleep 60 & echo $! > "$STATE/child"; touch "$STATE/ready"; exec sleep 60'),
  );
  const pid = Number(readFileSync(join(state, "child"), "utf8"));
  const parent = `/proc/${servicePid(state, "server") ?? 0}/comm`;
  await vi.waitUntil(() => readFileSync(parent, "utf8") === "sleep\n", patience);
  const record = { pid, startTime: startTime(pid) };
  writeFileSync(join(state, "pids/child.json"), JSON.stringify(record));
  expect(servicePid(state, "child")).toBe(pid);
  process.kill(pid, "SIGKILL");
  await vi.waitUntil(() => isGone(pid), patience);
  expect(servicePid(state, "child")).toBeUndefined();
});

test("a half-written pid file counts as not running", async () => {
  await startService(state, service(serve));
  const file = join(state, "pids/server.json");
  const note = readFileSync(file, "utf8");
  writeFileSync(file, note.slice(0, 5));
  expect(servicePid(state, "server")).toBeUndefined();
  writeFileSync(file, note);
});

test("a program that is not there is named", async () => {
  const failure = await failureOf(
    startService(state, service("", { command: ["no-such-program"] })),
  );
  expect(failure).toBeInstanceOf(PlatformError);
  expect(String(failure)).toMatch(
    /^PlatformError: server ended \(exit code 127\) instead of listening on port 4711:\n.*no-such-program: not found\n/,
  );
  expect(servicePid(state, "server")).toBeUndefined();
});

test("a service that ends shows the last ten lines of its log", async () => {
  const failure = await failureOf(startService(state, service("seq 12; exit 3")));
  const lines = ["3", "4", "5", "6", "7", "8", "9", "10", "11", "12"].join("\n");
  expect(failure).toEqual(
    new PlatformError(
      `server ended (exit code 3) instead of listening on port 4711:\n${lines}\nThe whole log is ${logFile(state, "server")}`,
    ),
  );
  expect(servicePid(state, "server")).toBeUndefined();
  expect(serviceCrash(state, "server")).toEqual({
    exit: "exit code 3",
    lastLine: statSync(logFile(state, "server")).mtime,
  });
});

test("a service that never becomes ready is told apart from one that ended", async () => {
  const failure = await failureOf(
    startService(state, service("echo busy; exec sleep 60", { patience: 1 })),
  );
  expect(failure).toEqual(
    new PlatformError(
      `server was not ready on port 4711 within 1 s:\nbusy\nThe whole log is ${logFile(state, "server")}`,
    ),
  );
});

test("an address that another server has is not shared with it", async () => {
  writeFileSync(join(state, "ready"), "");
  const started = startService(state, service(serve));
  expect(await failureOf(started)).toEqual(
    new PlatformError(
      "something else answers on port 4711 already, perhaps of the platform of another checkout; " +
        "end it there with make platform-down, or give this one other ports (TINYOLLY_PORT_OFFSET=100 and so on, see docs/platform.md)",
    ),
  );
  expect(knownServices(state)).toEqual([]);
});

test("a server that crashed is told apart from one that was stopped, and is started again", async () => {
  await startService(state, service(serve));
  expect(serviceCrash(state, "server")).toBeUndefined();
  const pid = servicePid(state, "server") ?? 0;
  process.kill(pid, "SIGKILL");
  await vi.waitUntil(() => isGone(pid), patience);
  const lastLine = statSync(logFile(state, "server")).mtime;
  expect(serviceCrash(state, "server")).toEqual({ exit: undefined, lastLine });
  rmSync(join(state, "ready"));
  expect(await startService(state, service(serve))).toBe(true);
  expect(serviceCrash(state, "server")).toBeUndefined();
  await stopService(state, "server");
  expect(serviceCrash(state, "server")).toBeUndefined();
});

test.each(["stopped", "started again"])(
  "what a crashed server has left ends when it is %s",
  async (what) => {
    const script = 'sleep 60 & echo $! > "$STATE/child"; touch "$STATE/ready"; wait';
    await startService(state, service(script));
    const child = Number(readFileSync(join(state, "child"), "utf8"));
    const pid = servicePid(state, "server") ?? 0;
    process.kill(pid, "SIGKILL");
    await vi.waitUntil(() => isGone(pid), patience);
    expect(isGone(child)).toBe(false);
    rmSync(join(state, "ready"));
    if (what === "stopped") expect(await stopService(state, "server")).toBe(true);
    else await startService(state, service(script));
    expect(isGone(child)).toBe(true);
  },
);

test("a stop that is cut off loses no server", async () => {
  const stubborn =
    'trap "" TERM; touch "$STATE/ready"; while [ ! -e "$STATE/end" ]; do sleep 0.05; done';
  await startService(state, service(stubborn));
  const stopped = stopService(state, "server");
  expect(knownServices(state)).toEqual(["server"]);
  writeFileSync(join(state, "end"), "");
  expect(await stopped).toBe(true);
  expect(knownServices(state)).toEqual([]);
});

test("no process of an earlier run of the machine counts, though pid and count are the same", async () => {
  await startService(state, service(serve));
  const file = join(state, "pids/server.json");
  const note = readFileSync(file, "utf8");
  const pid = servicePid(state, "server") ?? 0;
  writeFileSync(file, note.replace(/"startTime":"\w+/, `"startTime":"${"0".repeat(32)}`));
  expect(servicePid(state, "server")).toBeUndefined();
  // The machine's end was no crash of the server.
  expect(serviceCrash(state, "server")).toBeUndefined();
  expect(await stopService(state, "server")).toBe(false);
  expect(isGone(pid)).toBe(false);
  writeFileSync(file, note);
});

/** Runs a script that starts the service by its modules; `serve` is the service's command. */
function startElsewhere(script: string): ChildProcess {
  const prelude = `
    const processes = require("node:child_process");
    const { startService } = require("./platform/machine/processes.ts");
    const state = ${JSON.stringify(state)};
    const service = {
      name: "server",
      command: ["sh", "-c", ${JSON.stringify(serve)}],
      env: { STATE: state },
      address: "port 4711",
      ready: () => Promise.resolve(require("node:fs").existsSync(state + "/ready")),
      patience: 10,
    };`;
  const args = ["--eval", `${prelude}\n${script}`];
  return spawn(process.execPath, args, { cwd: project, stdio: ["ignore", "pipe", "inherit"] });
}

test("a program that is killed right after it started a server leaves none that nobody knows", async () => {
  const child = startElsewhere(`
    const { spawn } = processes;
    processes.spawn = (...args) => {
      const server = spawn(...args);
      require("node:fs").writeSync(1, String(server.pid));
      process.kill(process.pid, "SIGKILL");
    };
    require("node:module").syncBuiltinESMExports();
    void startService(state, service);`);
  let pid = "";
  child.stdout?.on("data", (text: Buffer) => (pid += text.toString()));
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  expect({ signal, pid }).toEqual({
    signal: "SIGKILL",
    pid: expect.stringMatching(/^\d+$/) as string,
  });
  onTestFinished(() => {
    if (!isGone(Number(pid))) process.kill(-Number(pid), "SIGKILL");
  });
  await vi.waitUntil(() => isGone(Number(pid)), patience);
  expect(existsSync(join(state, "ready"))).toBe(false);
});

test("a server runs on after the program that started it was killed, and is found", async () => {
  const child = startElsewhere(`
    void startService(state, service).then(() => process.kill(process.pid, "SIGKILL"));`);
  await once(child, "close");
  const pid = servicePid(state, "server") ?? 0;
  expect(isGone(pid)).toBe(false);
  expect(await stopService(state, "server")).toBe(true);
  expect(isGone(pid)).toBe(true);
});

/** Listens on a port that the kernel chose, until the test ends. */
async function listen(address: string): Promise<number> {
  const server = createServer().listen(0, address);
  onTestFinished(() => {
    server.close();
  });
  await once(server, "listening");
  // Of a TCP server.
  return (server.address() as AddressInfo).port;
}

test.each(["127.0.0.1", "0.0.0.0", "::"])(
  "who serves on a port of a server at %s is named before anything is started or sent there",
  async (address) => {
    const port = await listen(address);
    let asked = 0;
    const ready = (): Promise<boolean> => Promise.resolve(++asked > 0);
    const failure = await failureOf(startService(state, service(serve, { ports: [port], ready })));
    expect(failure).toEqual(
      new PlatformError(
        `port ${port} of server is taken by ${process.execPath.replace(/^.*\//, "")} (process ${process.pid}, started in ${process.cwd()}), ` +
          "perhaps of the platform of another checkout; end it there with make platform-down, or give this one other ports " +
          "(TINYOLLY_PORT_OFFSET=100 and so on, see docs/platform.md)",
      ),
    );
    expect(asked).toBe(0);
    expect(existsSync(join(state, "ready"))).toBe(false);
  },
);

test("a server on another address is not in the way", async () => {
  const port = await listen("127.0.0.2");
  expect(await startService(state, service(serve, { ports: [port] }))).toBe(true);
});

test("a connection that sits on the port of a server is named, and waited for", () => {
  // Needs root, for a network in which connections get no other port.
  const script = `
    const { writeFileSync } = require("node:fs");
    const { createServer, connect } = require("node:net");
    const { accepts } = require("./platform/machine/http.ts");
    const { startService, stopService } = require("./platform/machine/processes.ts");
    const port = 40123;
    const state = ${JSON.stringify(state)};
    const listening = "require('node:net').createServer().listen(" + port + ", '127.0.0.1')";
    const service = {
      name: "server",
      command: [process.execPath, "--eval", listening],
      address: "127.0.0.1:" + port,
      ports: [port],
      ready: () => accepts({ host: "127.0.0.1", port }),
      patience: 10,
    };
    writeFileSync("/proc/sys/net/ipv4/ip_local_port_range", port + " " + port);
    const server = createServer((socket) => socket.on("error", () => {})).listen(1024, "127.0.0.1", () => {
      const connection = connect(1024, "127.0.0.1", async () => {
        // Others may be given from now on, or nobody could ask the server.
        writeFileSync("/proc/sys/net/ipv4/ip_local_port_range", "50000 50010");
        console.log(await startService(state, service, (line) => {
          console.log(line.replace(/process \\d+/, "process N"));
          connection.resetAndDestroy();
        }));
        await stopService(state, "server");
        server.close();
      });
    });`;
  expect(runApart(script)).toBe(
    `port 40123 of server is taken by a connection of node (process N, started in ${project}); trying again until it ends\ntrue\n`,
  );
});

test("a server that lost its port between the last look and its start is started again", async () => {
  const script = `[ -e "$STATE/lost" ] || { touch "$STATE/lost"; echo "listen tcp: bind: address already in use"; exit 1; }; ${serve}`;
  expect(await startService(state, service(script))).toBe(true);
  const failing = service("echo EADDRINUSE; exit 1", {
    name: "failing",
    ready: () => Promise.resolve(false),
  });
  expect(String(await failureOf(startService(state, failing)))).toContain(
    "failing ended (exit code 1)",
  );
  expect(readFileSync(logFile(state, "failing"), "utf8")).toBe("EADDRINUSE\n".repeat(3));
});
