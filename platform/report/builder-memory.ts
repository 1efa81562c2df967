import { execFile } from "node:child_process";
import { join } from "node:path";
import { keep, readKept } from "../../delivery/basics/kept-file.ts";
import { parseJson } from "../../delivery/basics/json-fields.ts";
import { JsonStream } from "../../delivery/basics/json-stream.ts";
import type { BuilderMemory } from "../../delivery/findings/build-forecast.ts";
import { stepTitle } from "../../delivery/plan/build-steps.ts";
import { keptSteps } from "../../delivery/plan/kept-steps.ts";
import type { StepMemory } from "../../delivery/plan/step-fates.ts";
import { Limiter } from "../../delivery/registry/limiter.ts";
import {
  type BuildRecord,
  type SolveStatus,
  type Span,
  milliseconds,
  readHistory,
} from "./build-log.ts";
import { wallTime } from "./breakdown.ts";

/** Newest times of one step that are compared. */
const mostTimes = 5;

/** Logs that are read at the same time. */
const mostReads = 8;

const folder = ".tinyolly/builds";
const patienceMs = 10_000;

/** What a BuildKit tells of the images that it built, by their names. */
export interface Builder {
  readonly memoryOf: (image: string) => Promise<BuilderMemory>;
  /** The newest first. */
  readonly buildsOf: (image: string) => Promise<readonly PastBuild[]>;
}

/** A build as the builder's history tells of it. */
export interface PastBuild extends Span {
  /** Whether it came to its end, and pushed what it built. */
  readonly pushed: boolean;
  /** `own` and `chain` of each of its steps, by name; empty where nobody noted them. */
  readonly hashes: Readonly<Record<string, readonly [own: string, chain: string]>>;
  readonly ran: readonly RanStep[];
}

/** A step that ran. */
interface RanStep extends Span {
  /** As in a `BuildStep`. */
  readonly name: string;
  /** As the builder writes it. */
  readonly vertex: string;
}

/** What a step left in the builder's cache. */
interface CacheRecord {
  readonly created: number;
  /** The vertex of a COPY; how it came of a RUN. */
  readonly description: string;
}

/** Asks the BuildKit at an address what it has and what it built; nothing is known where it does not answer. Only reads. */
export function askBuilder(address: string): Builder {
  const told = {
    history: buildctl(address, ["debug", "histories", "--format={{json .}}"]).then(readHistory),
    records: buildctl(address, ["du", "--format={{json .}}"]).then(readRecords),
  };
  // A checkout that has kept none of them may find a thousand.
  const reads = new Limiter(mostReads);
  const buildsOf = async (image: string): Promise<readonly PastBuild[]> => {
    const builds = (await told.history)
      .filter((record) => record.CompletedAt !== undefined && imageOf(record).name === image)
      .sort((a, b) => milliseconds(b.CreatedAt) - milliseconds(a.CreatedAt))
      .map((record) => reads.run(() => readBuild(address, record)));
    return Promise.all(builds);
  };
  const memoryOf = async (image: string): Promise<BuilderMemory> =>
    memoryIn(await buildsOf(image), await told.records);
  return { memoryOf, buildsOf };
}

/** What builds of one image, the newest first, and the records of the cache say. */
function memoryIn(builds: readonly PastBuild[], records: readonly CacheRecord[]): BuilderMemory {
  const seconds = new Map<string, number[]>();
  for (const { ran } of builds)
    for (const { name, ...span } of ran) {
      const known = seconds.get(name) ?? [];
      if (known.length < mostTimes) seconds.set(name, [...known, secondsOf(span)]);
    }
  const rests = builds
    .filter(({ pushed, ran }) => pushed && ran.length > 0)
    .map(({ ran, ...span }) => secondsOf(span) - wallTime(ran) / 1000)
    .slice(0, mostTimes);
  return {
    seconds: new Map([...seconds].map(([name, all]) => [name, median(all)])),
    rest: rests.length === 0 ? undefined : median(rests),
    ...stepMemory(builds, records),
  };
}

function stepMemory(builds: readonly PastBuild[], records: readonly CacheRecord[]): StepMemory {
  const known = new Set(builds.flatMap(({ hashes }) => Object.values(hashes).flat()));
  const noted = builds.flatMap(({ hashes, ran }) =>
    ran.flatMap((step) => {
      const [own, chain] = hashes[step.name] ?? [];
      return own === undefined ? [] : [{ ...step, own, chain }];
    }),
  );
  const isLeft = (step: RanStep): boolean => records.some((record) => leftBy(step, record));
  // Left by builds of which nobody noted what decided their steps, or written anew later.
  const strange = records.filter((record) => !noted.some((step) => leftBy(step, record)));
  return {
    knows: (hash) => known.has(hash),
    holds({ own, chain, name }, byContent) {
      const ran = noted.filter((step) => step.chain === chain);
      if (ran.some(isLeft)) return true;
      if (ran.length > 0 && !byContent)
        return ran.some((step) => strange.some((record) => isRewritten(step, record)))
          ? "perhaps"
          : false;
      const isStrange = strange.some((record) => isOfSameKind(name, record));
      const others = noted.filter((step) => byContent && step.own === own);
      if (others.length > 0) {
        // Where it never ran itself, one of these gave what it took.
        if (ran.length === 0 && others.every(isLeft)) return undefined;
        return isStrange || others.some(isLeft) ? "perhaps" : false;
      }
      // It ran before all builds that are known, or never.
      return isStrange || !known.has(chain) ? undefined : false;
    },
  };
}

/** Whether a record may be what a RUN left, written anew when a later build first stood on it. */
function isRewritten(step: RanStep, record: CacheRecord): boolean {
  return isOfRun(record) && record.created > step.end && isAlike(step, record);
}

/** Whether a record may be of a step, by what it is of alone. */
function isAlike({ name, vertex }: RanStep, record: CacheRecord): boolean {
  if (record.description === "") return true;
  if (!isOfRun(record)) return record.description === vertex;
  const [, instruction] = /: RUN (?:--\S+ +)*(.*)$/s.exec(name) ?? [];
  if (instruction === undefined) return false;
  const [, command = ""] = / -c (.*)$/s.exec(record.description) ?? [];
  // Of a script in the Dockerfile, the builder tells the first line.
  const [, script = instruction] = / RUN <<\S+ \((.*?)(?:\.\.\.)?\)$/s.exec(vertex) ?? [];
  const begin = squeezed(script.replace(/…?(?: \(\d+\))?$/, ""));
  return begin.startsWith("<<") || squeezed(command).startsWith(begin);
}

function isOfSameKind(step: string, record: CacheRecord): boolean {
  return record.description === "" || isOfRun(record) === step.includes(": RUN ");
}

function squeezed(text: string): string {
  return text.replaceAll(/[\s\\]+/g, " ").trim();
}

/** Whether a record is what a step left that ran. */
function leftBy(step: RanStep, record: CacheRecord): boolean {
  return record.created >= step.start && record.created <= step.end && isAlike(step, record);
}

function isOfRun({ description }: CacheRecord): boolean {
  return description.startsWith("mount / from exec ");
}

async function readBuild(address: string, record: BuildRecord): Promise<PastBuild> {
  const { Ref, CreatedAt, CompletedAt = CreatedAt, error, Exporters } = record;
  const file = join(folder, `${Ref}.json`);
  // Only this function writes there.
  let logged = readKept(file) as readonly LoggedStep[] | undefined;
  if (!logged) {
    logged = loggedSteps(await buildctl(address, ["debug", "logs", "--progress=rawjson", Ref]));
    // A log that could not be read may be read the next time.
    if (logged.length > 0) keep(file, logged);
  }
  const hashes = keptSteps(imageOf(record).key);
  return {
    ...{ start: milliseconds(CreatedAt), end: milliseconds(CompletedAt), hashes },
    ran: ranSteps(logged, Object.keys(hashes)),
    pushed: error === undefined && Exporters?.[0]?.Attrs["push"] === "true",
  };
}

/** A step in a build's log. */
interface LoggedStep {
  readonly platform: string;
  readonly stage: string;
  /** As the builder writes it, with the values of variables. */
  readonly vertex: string;
  readonly title: string;
  /** From and to milliseconds since 1970. @default - it did not run */
  readonly span?: Span;
}

/** Steps of a log as buildctl prints it, in the order of each stage. */
function loggedSteps(log: string): LoggedStep[] {
  // BuildKit's solve status.
  const told = (new JsonStream().take(log) as SolveStatus[]).flatMap(
    ({ vertexes = [] }) => vertexes,
  );
  return [...new Map(told.map((vertex) => [vertex.digest, vertex])).values()]
    .flatMap(({ name: vertex, started, completed, cached, error }) => {
      const [, platform = "", stage = "stage-0", index, text] =
        /^\[(linux\/\S+ )?(?:(\S+) +)?(\d+)\/\d+\] (.*)/s.exec(vertex) ?? [];
      if (index === undefined || text === undefined || text.startsWith("FROM ")) return [];
      // Of a script in the Dockerfile, the builder tells the begin as well.
      const title = stepTitle(text.replace(/(<<\S+) \(.*\)$/s, "$1"));
      const ran = started !== undefined && completed !== undefined && cached !== true;
      const span =
        ran && error === undefined
          ? { span: { start: Date.parse(started), end: Date.parse(completed) } }
          : {};
      return [{ index: Number(index), step: { platform, stage, vertex, title, ...span } }];
    })
    .sort((a, b) => a.index - b.index)
    .map(({ step }) => step);
}

/**
 * Names the steps that ran as the build's plan does.
 *
 * @param planned Names of all steps, in the order of each stage; empty where nobody noted them.
 */
function ranSteps(logged: readonly LoggedStep[], planned: readonly string[]): RanStep[] {
  const stages = Map.groupBy(logged, ({ platform, stage }) => `${platform}${stage}`);
  return [...stages.values()].flatMap((steps) => {
    const names = planned.filter((name) => name.startsWith(`${steps[0]?.stage ?? ""}: `));
    return steps.flatMap(({ stage, vertex, title, span }, at) => {
      // By their places, since the builder writes values in the place of variables.
      const name = names.length === steps.length ? names[at] : `${stage}: ${title}`;
      return span && name !== undefined ? [{ name, vertex, ...span }] : [];
    });
  });
}

/** Image that a build pushed, and the start of its key. */
function imageOf({ Exporters }: BuildRecord): { readonly name: string; readonly key: string } {
  const reference = Exporters?.[0]?.Attrs["name"] ?? "";
  const [, name = "", key = ""] = /\/([^/:]+):(?:\S*-)?h([0-9a-f]{12})$/.exec(reference) ?? [];
  return { name, key };
}

function readRecords(printed: string): CacheRecord[] {
  const all = parseJson(Buffer.from(printed));
  // What buildctl prints for each record.
  const records = (Array.isArray(all) ? all : []) as readonly DiskUsage[];
  return records
    .filter(({ recordType }) => recordType === "regular")
    .map(({ createdAt, description }) => ({ created: Date.parse(createdAt), description }));
}

interface DiskUsage {
  readonly createdAt: string;
  readonly description: string;
  readonly recordType: string;
}

/** What buildctl prints; nothing where it cannot be run, or takes too long. */
function buildctl(address: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const options = { maxBuffer: 1 << 28, timeout: patienceMs };
    execFile("buildctl", [`--addr=${address}`, ...args], options, (error, stdout) => {
      // What was cut off cannot be read.
      resolve(error?.killed === true ? "" : stdout);
    });
  });
}

function secondsOf({ start, end }: Span): number {
  return (end - start) / 1000;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
