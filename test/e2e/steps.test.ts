// What is foretold of a build is what BuildKit does: its steps whatever was built or pruned before, its bytes, and on an idle
// machine its seconds.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { JsonStream } from "../../delivery/basics/json-stream.ts";
import { sha256, shortHash } from "../../delivery/basics/sha256.ts";
import { forecastBuild } from "../../delivery/findings/build-forecast.ts";
import {
  type PulledImage,
  bytesBetween,
  readLayers,
} from "../../delivery/findings/image-layers.ts";
import { type BuildSteps, buildSteps } from "../../delivery/plan/build-steps.ts";
import { keepSteps } from "../../delivery/plan/kept-steps.ts";
import type { StepFate } from "../../delivery/plan/step-fates.ts";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { readSourceTree } from "../../delivery/sources/source-tree.ts";
import { buildkitAddress } from "../../platform/cluster/services.ts";
import { askBuilder } from "../../platform/report/builder-memory.ts";
import { writeFiles } from "../folders.ts";
import { type Random, seededRandom } from "../random.ts";
import { platform } from "./checkout.ts";

const rounds = Number(process.env["ROUNDS"] ?? 40);
const seed = Number(process.env["SEED"] ?? 15);

/** Where the machine is idle: so few rounds run beside other suites. */
const countsSeconds = rounds >= 100;

/** Other runs on this builder have built something else, which says nothing of these. */
const run = `w${Date.now().toString(36)}`;
const image = `steps-${run}`;
const registry = `localhost:${platform.ports.registry}`;
const client = new RegistryClient({ host: registry, tls: "plain-http" });
const work = mkdtempSync(join(tmpdir(), "tinyolly-steps-"));
const context = join(work, "context");

const home = process.cwd();

beforeAll(() => {
  // What is kept of builds is kept in the project's folder.
  process.chdir(work);
});

afterAll(() => {
  client.close();
  process.chdir(home);
  rmSync(work, { recursive: true });
});

/** A part of a second. */
const toil = `head -c ${countsSeconds ? 200 : 10}000000 /dev/zero | sha256sum`;

const dockerfile = (word: string): string => `FROM nginx:1.30-alpine AS source
WORKDIR /src
COPY list.txt ./
RUN ${toil} && cat list.txt > /list && echo ${word}
COPY src src
RUN --mount=type=bind,source=conf,target=/conf cat /conf/* > /seen || true

FROM source AS test
RUN echo test

FROM source AS build
ARG MODE=fast
ENV LEVEL=1
RUN ${toil} && echo $MODE $LEVEL > /mode && cat src/* | sort > /all

FROM nginx:1.30-alpine
LABEL title="steps"
COPY <<EOF /motd
hello ${word}
EOF
COPY conf/*.conf /etc/steps/
COPY --from=build /all /all
COPY --from=build /mode /mode
RUN <<EOF
echo hello
${toil}
EOF
USER 101
`;

/** What a build is made of. */
interface Sources {
  files: Record<string, { text: string; mode: number }>;
  dockerfile: string;
  buildArgs: Record<string, string>;
}

/** Text that cannot be compressed to nearly nothing, as sources cannot. */
const bulk = Array.from({ length: 200 }, (_, line) => sha256(`${line}`)).join("\n");

const file = (word: string, mode = 0o644): { text: string; mode: number } => ({
  text: `${word}\n${bulk}\n`,
  mode,
});

function fresh(word: string): Sources {
  const files = {
    "list.txt": word,
    "src/a": word,
    "src/b": "b",
    "conf/a.conf": "a",
    "conf/deep/b.conf": "b",
    "README.md": "r",
  };
  return {
    files: Object.fromEntries(Object.entries(files).map(([path, word]) => [path, file(word)])),
    dockerfile: dockerfile(word),
    buildArgs: {},
  };
}

type Edit = (sources: Sources, word: string) => void;

const write =
  (path: string, mode = 0o644): Edit =>
  (sources, word) => {
    sources.files[path] = file(word, mode);
  };

const replace =
  (pattern: RegExp, text: (word: string) => string): Edit =>
  (sources, word) => {
    sources.dockerfile = sources.dockerfile.replace(pattern, text(word));
  };

const edits: Readonly<Record<string, Edit>> = {
  "a source": write("src/a"),
  "a source that can be run": write("src/b", 0o755),
  "a new source": (sources, word) => {
    sources.files[`src/${word}`] = file(word);
  },
  "a source that is renamed": (sources, word) => {
    const { "src/a": a = file(""), ...files } = sources.files;
    sources.files = { ...files, "src/a": file(word), [`src/${word}`]: a };
  },
  "lines of a source in another order": (sources, word) => {
    sources.files["src/a"] = file(`${word}\n${sources.files["src/a"]?.text ?? ""}`);
  },
  "the list": write("list.txt"),
  "a configuration": write("conf/a.conf"),
  "a new configuration": (sources, word) => {
    sources.files[`conf/${word}.conf`] = file(word);
  },
  "a configuration further down": write("conf/deep/b.conf"),
  "a file that nobody takes": write("README.md"),
  "a comment": replace(/^FROM source AS build/m, (word) => `# ${word}\nFROM source AS build`),
  "a stage that nobody takes": replace(/^RUN echo test.*/m, (word) => `RUN echo test ${word}`),
  "a label": replace(/title=".*"/, (word) => `title="${word}"`),
  "the user": (sources, word) => {
    sources.dockerfile = sources.dockerfile.replace(
      /USER .*/,
      `USER ${200 + Number(word.split("_")[1])}`,
    );
  },
  "a default of an argument": replace(/ARG MODE=.*/, (word) => `ARG MODE=${word}`),
  "an argument": (sources, word) => {
    sources.buildArgs = { MODE: word };
  },
  "an argument that nobody declares": (sources, word) => {
    sources.buildArgs = { ...sources.buildArgs, OTHER: word };
  },
  "a variable": replace(/ENV LEVEL=.*/, (word) => `ENV LEVEL=${word}`),
  "a command": replace(
    /^RUN (.*) && cat list.*/m,
    (word) => `RUN $1 && cat list.txt > /list && echo ${word}`,
  ),
  "a file in the Dockerfile": replace(/(<<EOF \/motd\n).*/, (word) => `$1${word}`),
  "a script in the Dockerfile": replace(/(RUN <<EOF\n).*/, (word) => `$1echo ${word}`),
  "one step more": replace(/^ARG MODE/m, (word) => `RUN echo ${word}\nARG MODE`),
  "two steps in another order": replace(
    /^(COPY conf.*\n)(COPY --from=build \/all.*\n)/m,
    () => "$2$1",
  ),
};

/** Key of a build, as far as this test needs it. */
const keyOf = (sources: Sources): string => sha256(JSON.stringify(sources));

function plan({ files, dockerfile, buildArgs }: Sources): BuildSteps {
  rmSync(context, { recursive: true, force: true });
  writeFiles(
    context,
    Object.fromEntries(Object.entries(files).map(([path, { text }]) => [path, text])),
  );
  for (const [path, { mode }] of Object.entries(files)) chmodSync(join(context, path), mode);
  return buildSteps({
    dockerfile: { path: "Dockerfile", text: dockerfile },
    ...{ target: undefined, buildArgs, platforms: ["linux/amd64"], key: "" },
    files: readSourceTree(context, { ignores: () => false, prunes: () => false }),
    // The base is not moved meanwhile.
    bases: new Map([["nginx:1.30-alpine", "sha256:1"]]),
  });
}

/** What BuildKit says of a build. */
interface Built {
  readonly digest: string;
  /** Whether each step ran, by stage in the order of its steps. */
  readonly ran: ReadonlyMap<string, readonly boolean[]>;
}

interface Vertex {
  readonly digest: string;
  readonly name: string;
  readonly started?: string;
  readonly completed?: string;
  readonly cached?: boolean;
}

function build(sources: Sources): Built {
  const { dockerfile, buildArgs } = sources;
  const reference = `${registry}/${image}:h${shortHash(keyOf(sources))}`;
  const [path, metadata] = ["Dockerfile", "metadata.json"].map((name) => join(work, name));
  writeFileSync(path ?? "", dockerfile);
  const args = Object.entries({ ...buildArgs, SOURCE_DATE_EPOCH: "315532800" });
  const { status, stderr } = spawnSync(
    "buildctl",
    [
      ...[`--addr=${buildkitAddress(platform)}`, "build", "--progress=rawjson"],
      ...["--frontend=dockerfile.v0", `--local=context=${context}`, `--local=dockerfile=${work}`],
      ...args.map(([name, value]) => `--opt=build-arg:${name}=${value}`),
      `--output=type=image,name=${reference},push=true,registry.insecure=true,rewrite-timestamp=true`,
      `--metadata-file=${metadata ?? ""}`,
    ],
    { encoding: "utf8", maxBuffer: 1 << 28 },
  );
  if (status !== 0) throw new Error(stderr);
  // BuildKit's solve status, as buildctl prints it.
  const told = (new JsonStream().take(stderr) as { vertexes?: Vertex[] }[]).flatMap(
    ({ vertexes = [] }) => vertexes,
  );
  const last = new Map(told.map((vertex) => [vertex.digest, vertex]));
  const stages = new Map<string, { index: number; ran: boolean }[]>();
  for (const { name, started, completed, cached = false } of last.values()) {
    const [, stage = "", index, text = ""] =
      /^\[(?:linux\/\S+ )?(\S+) +(\d+)\/\d+\] (.*)/s.exec(name) ?? [];
    if (index === undefined || text.startsWith("FROM ")) continue;
    const ran = started !== undefined && completed !== undefined && !cached;
    stages.set(stage, [...(stages.get(stage) ?? []), { index: Number(index), ran }]);
  }
  const ran = [...stages].map(([stage, steps]) => {
    const inOrder = steps.sort((a, b) => a.index - b.index);
    return [stage, inOrder.map((step) => step.ran)] as const;
  });
  // What buildctl writes there.
  const { "containerimage.digest": digest = "" } = JSON.parse(
    readFileSync(metadata ?? "", "utf8"),
  ) as Record<string, string>;
  return { digest, ran: new Map(ran) };
}

function notes({ steps = [] }: BuildSteps): Record<string, string> {
  return Object.fromEntries(steps.map(({ name, own }) => [name, own]));
}

function pulled({ digest }: Built): Promise<PulledImage | undefined> {
  return readLayers(client, image, digest, "linux/amd64");
}

/** By how much a forecast is off, as a part of the fact. */
function errorOf(foretold: number, fact: number): number {
  return Math.abs(foretold - fact) / fact;
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function choose(random: Random): string[] {
  return random.shuffle(Object.keys(edits)).slice(0, 1 + random.below(3));
}

/** Takes some records out of the builder's cache, or all; says which. */
function prune(random: Random): string {
  const some = `--filter=id~=^[${"0123456789abcdefghijklmnopqrstuvwxyz".slice(random.below(18)).slice(0, 18)}]`;
  const args = random.below(4) === 0 ? [] : [some];
  const run = spawnSync("buildctl", [`--addr=${buildkitAddress(platform)}`, "prune", ...args]);
  expect(run.status, String(run.stderr)).toBe(0);
  return `prune ${args.join("")}`;
}

test(
  `the steps foretold of ${rounds} random edits are those that run`,
  { timeout: (rounds + 10) * 20_000 },
  async () => {
    process.stdout.write(`SEED=${seed} ROUNDS=${rounds}\n`);
    const random = seededRandom(seed);
    let sources = fresh(run);
    keepSteps({ key: keyOf(sources), steps: plan(sources) });
    let [before, was] = [plan(sources), build(sources)];
    const all = [sources];
    const counts: Record<StepFate, number> = { runs: 0, unchanged: 0, open: 0 };
    // Of rounds in which what was known of the cache is all that there is.
    const ordinary = { open: 0, all: 0 };
    const errors = { seconds: [] as number[], bytes: [] as number[], range: [] as number[] };
    let [openRan, sameDigests, reverts, prunes] = [0, 0, 0, 0];
    for (let round = 0; round < rounds; round++) {
      const done = choose(random);
      let isOrdinary = true;
      sources = structuredClone(sources);
      if (random.below(4) === 0) {
        const at = random.below(all.length);
        sources = structuredClone(all[at] ?? sources);
        done.splice(random.below(2), done.length, `back to round ${at}`);
        reverts++;
        isOrdinary = false;
      }
      for (const name of done) edits[name]?.(sources, `${run}_${round}`);
      if (random.below(5) === 0) {
        done.push(prune(random));
        prunes++;
        isOrdinary = false;
      }
      all.push(sources);
      const now = plan(sources);
      keepSteps({ key: keyOf(sources), steps: now });
      const builder = await askBuilder(buildkitAddress(platform)).memoryOf(image);
      const recorded = { steps: notes(before), result: before.result };
      const had = await pulled(was);
      const forecast = forecastBuild({ steps: now }, recorded, { pulled: had, builder });
      const built = build(sources);
      const what = `round ${round} of SEED=${seed}: ${done.join(", ")}`;
      const seen = new Map<string, number>();
      for (const { name, fate } of forecast?.steps ?? []) {
        const stage = name.slice(0, name.indexOf(":"));
        const at = seen.get(stage) ?? 0;
        seen.set(stage, at + 1);
        const ran = built.ran.get(stage)?.[at] ?? false;
        counts[fate]++;
        if (isOrdinary) {
          ordinary.all++;
          if (fate === "open") ordinary.open++;
        }
        if (fate === "open") openRan += ran ? 1 : 0;
        else expect(ran, `${what}: ${name} is foretold as ${fate}`).toBe(fate === "runs");
      }
      if (now.result === before.result) {
        expect(built.digest, what).toBe(was.digest);
        sameDigests++;
      }
      const [past] = await askBuilder(buildkitAddress(platform)).buildsOf(image);
      const has = await pulled(built);
      if (forecast?.seconds !== undefined && past && past.ran.length > 0)
        errors.seconds.push(errorOf(forecast.seconds, (past.end - past.start) / 1000));
      if (forecast?.bytes !== undefined && had && has && built.digest !== was.digest) {
        const { bytes, openBytes = 0 } = forecast;
        const fact = bytesBetween(had, has);
        errors.bytes.push(errorOf(bytes, fact));
        // Only the build tells what lies between.
        const nearest = Math.min(Math.max(fact, bytes - openBytes), bytes);
        errors.range.push(errorOf(nearest, fact));
      }
      [before, was] = [now, built];
    }
    const { seconds, bytes, range } = errors;
    const median = { seconds: middle(seconds), bytes: middle(bytes), range: middle(range) };
    const compared = { seconds: seconds.length, bytes: bytes.length };
    const told = { ...counts, openRan, ordinary, sameDigests, reverts, prunes, compared, median };
    process.stdout.write(`${JSON.stringify(told)}\n`);
    // Who calls everything open is never wrong.
    expect(ordinary.open).toBeLessThan(0.3 * ordinary.all);
    expect(compared.bytes).toBeGreaterThan(0.5 * rounds);
    expect(median.bytes).toBeLessThanOrEqual(0.05);
    if (countsSeconds) {
      expect(compared.seconds).toBeGreaterThan(0.5 * rounds);
      expect(median.seconds).toBeLessThanOrEqual(0.25);
    }
  },
);
