// Runs that are killed at any moment: nothing of them is there 5 s later, and the next `make up` brings about what the sources say without
// anybody's help. TINYOLLY_KILLS_SEED repeats the choices of a run; moments differ, as the machine does.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { isMirrored } from "../../platform/images/bases.ts";
import { startTime } from "../../platform/machine/start-time.ts";
import { seededRandom } from "../random.ts";
import {
  checkout,
  deploy,
  platform,
  previewChanges,
  read,
  run,
  startDelivered,
} from "./checkout.ts";

const seed = Number(process.env["TINYOLLY_KILLS_SEED"] ?? Date.now() % 1_000_000);
const random = seededRandom(seed);

/** Names the run in the environment of each of its processes. */
const marker = "TINYOLLY_RUN";
/** What is promised. */
const soon = { timeout: 5000, interval: 100 };
/** Milliseconds until nothing was left, of each round. */
const times: number[] = [];
/** Milliseconds within which most of these runs end by themselves. */
const longestMs = 7000;

const makeUp = ["node", "platform/cli.ts", "deploy"] as const;
const pulumiUp = ["pulumi", "up", "--stack=local", "--yes", "--skip-preview"] as const;

/** A command that runs, and what is known of it. */
interface Started {
  readonly id: string;
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

/** Text of the files that a round may change, before the first one. */
const sources = new Map<string, string>();
const changes: Readonly<Record<string, (text: string, word: string) => string>> = {
  // One image, its chart and its pods.
  "apps/demo/backend.py": (text, word) => `${text}\n# ${word}\n`,
  // A chart without pods that change.
  "charts/tinyolly-demos/values.yaml": (text, word) => `${text}\n# ${word}\n`,
  // Another image and the other chart.
  "apps/opamp-server/Dockerfile": (text, word) => text.replace(/^RUN/m, `RUN echo ${word}\nRUN`),
};
const started: Started[] = [];

startDelivered();

beforeAll(() => {
  for (const path of Object.keys(changes)) sources.set(path, read(path));
});

afterAll(() => {
  process.stdout.write(`longest time until nothing of a run was left: ${Math.max(...times)} ms\n`);
  for (const [path, text] of sources) writeFileSync(join(checkout, path), text);
});

afterEach(() => {
  for (const { id } of started.splice(0)) for (const pid of processes(id)) kill(pid, "SIGKILL");
});

const command = ({ child }: Started): number[] => [pidOf(child)];
const group = ({ child }: Started): number[] => [-pidOf(child)];
const named =
  (name: RegExp) =>
  (run: Started): number[] =>
    programs(run).flatMap((one) => (name.test(one.name) ? one.pid : []));

/** Who is hit, found when it is time, and by which signals. */
const hits = [
  { who: "the command", find: command, signals: ["SIGKILL", "SIGINT", "SIGTERM", "SIGHUP"] },
  { who: "its process group", find: group, signals: ["SIGKILL", "SIGINT"] },
  { who: "the CLI", find: named(/^pulumi$/), signals: ["SIGKILL"] },
  { who: "the language host", find: named(/^pulumi-language-nodejs$/), signals: ["SIGKILL"] },
  { who: "the program", find: named(/^run$/), signals: ["SIGKILL"] },
  { who: "a plugin", find: named(/^pulumi-resource-/), signals: ["SIGKILL"] },
] as const;

const rounds = Array.from({ length: 30 }, (_, index) => {
  const { who, find, signals } = random.pick(hits);
  return {
    ...{ round: index + 1, who, find, signal: random.pick<NodeJS.Signals>(signals) },
    typed: random.pick(["pulumi up", "make up"] as const),
    after: 200 + random.below(longestMs),
    changed: random.pick(Object.keys(changes)),
    word: `${random.word()}-${seed}-${index}`,
  };
});

test.each(rounds)(
  `seed ${seed}, round $round: $typed of a changed $changed, $signal to $who after $after ms`,
  async ({ typed, find, signal, after, changed, word }) => {
    const text = changes[changed]?.(sources.get(changed) ?? "", word) ?? "";
    writeFileSync(join(checkout, changed), text);
    const run = start(typed === "make up" ? makeUp : pulumiUp);
    await Promise.race([sleep(after), run.ended]);
    const found = find(run);
    if (found.length > 0) kill(random.pick(found), signal);
    await run.ended;
    await expectNothingOf(run);
    expectConverged();
  },
);

test("nothing of a make up is left when its terminal is closed", async () => {
  const path = "apps/opamp-server/Dockerfile";
  const slow = (sources.get(path) ?? "").replace(/^RUN/m, `RUN sleep 8 && echo ${seed}\nRUN`);
  writeFileSync(join(checkout, path), slow);
  const terminal = ["script", "--quiet", "--command", makeUp.join(" "), "/dev/null"] as const;
  const run = start(terminal);
  await expect
    .poll(() => programs(run).some(({ name }) => name === "pulumi-resource-docker-build"))
    .toBe(true);
  kill(pidOf(run.child), "SIGKILL");
  await run.ended;
  await expectNothingOf(run);
  writeFileSync(join(checkout, path), sources.get(path) ?? "");
  expectConverged();
});

test("a base image that a killed make up was making is made by the next one", async () => {
  // No image stands on it, so that none is built anew.
  const base = "library/redis:8-alpine";
  await forgetBase(base);
  const run = start(makeUp);
  // The builder is asked for its state before.
  await expect.poll(() => programs(run).some(({ words }) => words.includes("build"))).toBe(true);
  kill(pidOf(run.child), "SIGKILL");
  await run.ended;
  await expectNothingOf(run);
  expectConverged();
  expect(await isMirrored(platform, base)).toBe(true);
});

test("nothing of the state was written in place, where a kill could leave half a file", () => {
  const folder = join(platform.state, "pulumi");
  // Other suites make and remove files there.
  const found = run("find", [folder, "-ignore_readdir_race", "-name", "*.attrs"]);
  expect(found).toEqual({ status: 0, output: "" });
});

/** Takes a base image out of the mirror, as on a first start. */
async function forgetBase(base: string): Promise<void> {
  const [name = "", tag = ""] = base.split(":");
  const client = new RegistryClient({
    host: `localhost:${platform.ports.registry}`,
    tls: "plain-http",
  });
  const manifest = await client.getManifest(`mirror/${name}`, tag);
  client.close();
  const url = `http://localhost:${platform.ports.registry}/v2/mirror/${name}/manifests/${manifest?.digest ?? ""}`;
  expect((await fetch(url, { method: "DELETE" })).status).toBe(202);
}

/** Starts a command in a group of its own. */
function start([name, ...args]: readonly [string, ...string[]]): Started {
  const id = randomUUID();
  const child = spawn(name, args, {
    cwd: checkout,
    detached: true,
    // A terminal that reads the end of its input would hand that on.
    stdio: ["pipe", "ignore", "ignore"],
    env: { ...process.env, [marker]: id },
  });
  const ended = new Promise<void>((resolve) =>
    child.once("exit", () => {
      resolve();
    }),
  );
  const made = { id, child, ended };
  started.push(made);
  return made;
}

async function expectNothingOf(run: Started): Promise<void> {
  const since = Date.now();
  await expect.poll(() => programs(run).map(({ name }) => name), soon).toEqual([]);
  times.push(Date.now() - since);
}

/** The next make up does all that is left, with nobody's help. */
function expectConverged(): void {
  const { status, output } = deploy();
  expect(status, output).toBe(0);
  expect(previewChanges()).toEqual([]);
}

/** Pids of all processes whose environment has the id of a run. */
function processes(id: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => fileOf(pid, "environ").split("\0").includes(`${marker}=${id}`))
    .filter((pid) => startTime(pid) !== undefined);
}

/** The processes of a run, each with the name of its program; for Node that of the script, without its ending. */
function programs({ id }: Started): { pid: number; name: string; words: string[] }[] {
  return processes(id).map((pid) => {
    const words = fileOf(pid, "cmdline").split("\0");
    const word = words.find((one) => one.includes("/cmd/run")) ?? words[0] ?? "";
    const name =
      word
        .replace(/\/index\.js$/, "")
        .split("/")
        .at(-1) ?? "";
    return { pid, name, words };
  });
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error("the command could not be started");
  return pid;
}

function fileOf(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
