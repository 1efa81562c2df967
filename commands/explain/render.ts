import { styleText } from "node:util";
import type { Reason } from "../../delivery/plan/reasons.ts";
import { type ExplainedItem, type Explanation, isChanged } from "./explanation.ts";
import { buildLines } from "./build.ts";
import { objectLines } from "./objects.ts";

const mostReasons = 20;
const mostRows = 100;
const longestText = 160;
/** GitHub takes 65,536 characters a comment. */
const longestComment = 60_000;

type Kind = ExplainedItem["kind"];

/** What is done to a thing, with a place for the thing. */
const deeds: Readonly<Record<Kind, Readonly<Record<ExplainedItem["action"], string>>>> = {
  image: {
    create: "build _",
    update: "build _",
    adopt: "take _ as published",
    tag: "tag _",
    push: "push _ again",
    delete: "forget _",
    none: "leave _",
  },
  chart: {
    create: "publish _",
    update: "publish _",
    adopt: "take _ as published",
    tag: "publish _",
    push: "push _ again",
    delete: "forget _",
    none: "leave _",
  },
  release: {
    create: "record _",
    update: "record _",
    adopt: "record _",
    tag: "record _",
    push: "put _ back",
    delete: "forget _",
    none: "leave _",
  },
  application: {
    create: "create _",
    update: "update _",
    adopt: "update _",
    tag: "update _",
    push: "apply _ again",
    delete: "delete _",
    none: "leave _",
  },
};

/** An explanation for people: what changed with its reasons, and one line for all that did not; with `detail`, each field of objects. */
export function renderText(explanation: Explanation, detail = false): string {
  const blocks = explanation.items.filter(isChanged).map((item) => {
    const lines = [
      ...reasonLines(item.reasons),
      ...buildLines(item.build).map(shown),
      ...objectLines(item, { detail, value: shown }),
    ].map((line) => `    ${line}`);
    const heading = `${deed(item, label(item, visible))}  ${move(item, visible)}`;
    return [heading, ...lines].join("\n");
  });
  return `${[summary(explanation), ...blocks, ...footer(explanation, visible)].join("\n\n")}\n`;
}

/** What stands out in a terminal, by the first word of a line. */
const tones: Readonly<Record<string, "cyan" | "green" | "yellow" | "red">> = {
  ...{ build: "cyan", publish: "cyan", update: "cyan", record: "cyan", tag: "cyan" },
  ...{ "+": "green", create: "green", "~": "yellow", restart: "yellow", replace: "yellow" },
  ...{ "-": "red", prune: "red", refused: "red" },
};

/** A text with colours where standard output shows them. */
export function inColours(text: string): string {
  return text.replaceAll(/^( *)(\S+)/gm, (line, indent: string, word: string) => {
    const tone = tones[word];
    return tone === undefined ? line : `${indent}${styleText(tone, word)}`;
  });
}

/** An explanation as Markdown that fits a comment on a pull request. */
export function renderMarkdown(explanation: Explanation): string {
  const changed = explanation.items.filter(isChanged);
  const parts = [
    `### ${summary(explanation)}`,
    ...(changed.length === 0 ? [] : [markdownTable(changed)]),
  ];
  const end = footer(explanation, code).map((line) => abridge(line, longestText * 10));

  let room = longestComment - [...parts, ...end].join("\n\n").length;
  const details = changed.map(markdownDetails);
  const fitting = details.filter(({ length }) => (room -= length + 2) >= 0);
  const more = details.length - fitting.length;
  const rest = more > 0 ? [`The reasons of ${more} more did not fit.`] : [];
  return `${[...parts, ...fitting, ...rest, ...end].join("\n\n")}\n`;
}

function markdownTable(changed: readonly ExplainedItem[]): string {
  const rows = changed.slice(0, mostRows).map((item) => {
    const causes = [...new Set(item.reasons.map(({ cause }) => `\`${cause}\``))].join(", ");
    return `| ${deed(item, label(item, code))} | ${move(item, code)} | ${causes} |`;
  });
  const more = changed.length - mostRows;
  return [
    "| what | version | why |",
    "| --- | --- | --- |",
    ...rows,
    ...(more > 0 ? [`| and ${more} more | | |`] : []),
  ].join("\n");
}

function markdownDetails(item: ExplainedItem): string {
  const summary = label(item, (name) => `<code>${escapeHtml(name)}</code>`);
  return [
    `<details><summary>${summary}</summary>`,
    // No line of it can close the fence: each one starts with a sign.
    ["```diff", ...reasonLines(item.reasons), ...fencedForecasts(item), "```"].join("\n"),
    "</details>",
  ].join("\n\n");
}

/** What the build does, and objects with their fields, each line with a sign. */
function fencedForecasts(item: ExplainedItem): string[] {
  const lines = [...buildLines(item.build), ...objectLines(item, { detail: true, value: shown })];
  return lines.map((line) => `! ${visible(line)}`);
}

/** What `up` would do, in one sentence. */
export function summary({ stack, items, problems }: Explanation): string {
  const counts = new Map<string, { readonly item: ExplainedItem; readonly count: number }>();
  for (const item of items.filter(isChanged)) {
    const what = deed(item, item.kind);
    counts.set(what, { item, count: (counts.get(what)?.count ?? 0) + 1 });
  }
  const parts = [...counts.values()].map(({ item, count }) =>
    deed(item, `${count} ${item.kind}${count === 1 ? "" : "s"}`),
  );
  const restarts = items.flatMap(({ objects = [] }) =>
    objects.filter(({ fate }) => fate === "restart"),
  ).length;
  if (restarts > 0) parts.push(`restart ${restarts} workload${restarts === 1 ? "" : "s"}`);
  const deeds = parts.length === 0 ? "change nothing" : parts.join(", ");
  return problems.length === 0
    ? `stack ${stack}: up would ${deeds}`
    : `stack ${stack}: up is refused for what stands at the end; otherwise it would ${deeds}`;
}

function footer(
  { items, checked, problems, warnings }: Explanation,
  show: (name: string) => string,
): string[] {
  const kinds: readonly Kind[] = ["image", "chart", "release", "application"];
  const unchanged = kinds.flatMap((kind) => {
    const names = items
      .filter((item) => item.kind === kind && !isChanged(item))
      .map(({ name }) => show(name));
    if (names.length === 0 || kind === "release") return names.slice(0, 1).map(() => kind);
    return [`${kind}${names.length === 1 ? "" : "s"} ${names.join(", ")}`];
  });
  const isRelease = items.some(({ kind }) => kind === "release");
  return [
    ...(unchanged.length === 0 ? [] : [`unchanged: ${unchanged.join("; ")}`]),
    ...(checked ? [] : ["registry and cluster were not asked whether everything is still there"]),
    ...warnings.map((warning) => `warning: ${visible(warning)}`),
    ...(problems.length === 0
      ? []
      : [
          `${isRelease ? "the release is refused" : "versions are those of development, since no release can be made"}:\n` +
            problems.map((problem) => `- ${visible(problem)}`).join("\n"),
        ]),
  ];
}

/** Kind and name; there is one release. */
function label({ kind, name }: ExplainedItem, show: (name: string) => string): string {
  return kind === "release" ? kind : `${kind} ${show(name)}`;
}

function deed({ kind, action }: ExplainedItem, what: string): string {
  return deeds[kind][action].replace("_", () => what);
}

function move({ from, to }: ExplainedItem, show: (version: string) => string): string {
  const versions = [...new Set([from, to])].flatMap((version) => version ?? []);
  return versions.map(show).join(" → ");
}

/** Reasons as a diff, the first ones of many. */
function reasonLines(reasons: readonly Reason[]): string[] {
  const width = Math.max(...reasons.map(({ cause }) => cause.length), 0);
  const lines = reasons.slice(0, mostReasons).map(({ cause, subject, from, to }) => {
    const values = [from, to].flatMap((value) => (value === undefined ? [] : shown(value)));
    const change = values.length === 0 ? "" : `  (${values.join(" → ")})`;
    return `${sign({ cause, from, to })} ${cause.padEnd(width)}  ${shown(subject)}${change}`;
  });
  const more = reasons.length - mostReasons;
  return more > 0 ? [...lines, `  and ${more} more`] : lines;
}

interface Values {
  readonly from: string | undefined;
  readonly to: string | undefined;
}

function sign({ cause, from, to }: Pick<Reason, "cause"> & Values): string {
  if (from !== undefined && to !== undefined) return "~";
  if (from !== undefined || cause === "removed") return "-";
  return to !== undefined || cause === "first-time" ? "+" : "!";
}

function shown(value: string): string {
  const short = value.replaceAll(/\b(sha256:[0-9a-f]{12})[0-9a-f]{52}\b/g, "$1");
  return value === "" ? '""' : abridge(visible(short), longestText);
}

/** Control characters, and those that turn or hide text, as their numbers. */
export function visible(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** A name as code inside a table or a paragraph of Markdown, whatever it holds. */
function code(name: string): string {
  return /^[\w./:-]+$/.test(name) ? `\`${name}\`` : `<code>${escapeHtml(name)}</code>`;
}

/** Escapes what HTML and Markdown read as more than a character. */
function escapeHtml(text: string): string {
  return visible(text).replaceAll(
    /(?![-./:,])[\p{P}\p{S}]/gu,
    (character) => `&#${character.codePointAt(0) ?? 0};`,
  );
}

function abridge(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
