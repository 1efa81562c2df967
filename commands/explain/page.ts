import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fewNames } from "../../delivery/basics/few-names.ts";
import type { Reason } from "../../delivery/plan/reasons.ts";
import { type ExplainedBuild, buildLines } from "./build.ts";
import { type ExplainedItem, type Explanation, isChanged } from "./explanation.ts";
import { type ExplainedObject, objectLabel } from "./objects.ts";
import { visible } from "./render.ts";

/** A card of the page, and the cards that lead to it. */
interface Card {
  readonly id: string;
  /** What is done to it, which decides its colour. */
  readonly fate: string;
  readonly title: string;
  /** Lines below the title, in HTML. */
  readonly lines: readonly string[];
  readonly from: readonly string[];
  /** Changes that lead to it, where not all do that could. @default - all */
  readonly causes?: readonly string[];
}

/** Causes that are other items, and no beginning of their own. */
const followed = new Set<Reason["cause"]>(["image-of-chart", "chart-of-application"]);

const doctype = "<!doctype html>";
const generator = '<meta name="generator" content="make explain">';

/** Whether a file that begins like this is a page that was made here. */
export function isPage(begin: Buffer): boolean {
  const text = begin.toString();
  return text.startsWith(doctype) && text.includes(generator);
}

/**
 * An explanation as one page of HTML that needs no network: from what changed, over images, charts and Applications, to objects, with
 * an edge for each cause.
 */
export function renderPage(explanation: Explanation, summary: string): string {
  const { items, stack, problems, warnings } = explanation;
  const changed = items.filter(isChanged);
  const beginnings = beginningsOf(changed);
  const columns: [title: string, cards: Card[]][] = [
    ["Changes", [...beginnings.values()]],
    ["Images", cardsOf("image")],
    ["Charts", cardsOf("chart")],
    ["Applications", [...cardsOf("release"), ...cardsOf("application")]],
    ["Objects", changed.flatMap((item) => objectCards(item, [...beginnings.values()]))],
  ];
  const notes = [...problems, ...warnings, ...changed.flatMap(({ gaps = [] }) => gaps)];
  const same = items.filter((item) => !isChanged(item)).map(({ kind, name }) => `${kind} ${name}`);
  return `${doctype}
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
${generator}
<title>${text(`${stack}: what up would do`)}</title>
<style>
${readFileSync(join(import.meta.dirname, "page.css"), "utf8")}</style>
<h1>${text(summary)}</h1>
${same.length > 0 ? `<p><small>unchanged: ${text(same.join(", "))}</small></p>` : ""}
${notes.length > 0 ? `<ul>${notes.map((note) => `<li>${text(note)}</li>`).join("")}</ul>` : ""}
<main>
${columns.map(([title, cards]) => `<section><h2>${title}</h2><ul>${cards.map(html).join("")}</ul></section>`).join("\n")}
<svg aria-hidden="true"></svg>
</main>
<script type="module">
${readFileSync(join(import.meta.dirname, "page.js"), "utf8")}</script>
</html>
`;

  function cardsOf(kind: ExplainedItem["kind"]): Card[] {
    return changed.filter((item) => item.kind === kind).map(itemCard);
  }

  function itemCard(item: ExplainedItem): Card {
    const { kind, name, action, from, to, reasons, build } = item;
    const versions = [...new Set([from, to])].filter((one) => one !== undefined);
    const sources = reasons.flatMap((reason) => sourcesOf(item, reason, changed));
    return {
      ...{ id: idOf(kind, name), fate: action, title: name },
      from: [...new Set(sources)],
      lines: [
        `<small>${text(versions.join(" → "))}</small>`,
        `<small>because of: ${text(fewNames([...new Set(reasons.map(({ cause }) => cause))], 6))}</small>`,
        ...buildHtml(build),
      ],
    };
  }
}

/** Cards of what was not made of anything else: files, settings, and what was lost. */
function beginningsOf(changed: readonly ExplainedItem[]): Map<string, Card> {
  const cards = new Map<string, Card>();
  for (const item of changed) {
    for (const reason of item.reasons) {
      const [id] = sourcesOf(item, reason, changed);
      if (!id?.startsWith("change-")) continue;
      const { cause, subject, from, to } = reason;
      const fate = from === undefined ? "create" : to === undefined ? "delete" : "update";
      const values = [from, to].filter((value) => value !== undefined).join(" → ");
      const lines = [`<small>${text([cause, values].filter(Boolean).join(": "))}</small>`];
      cards.set(id, { id, fate, title: subject, lines, from: [] });
    }
  }
  return cards;
}

/** Cards that a reason is an edge from. */
function sourcesOf(
  item: ExplainedItem,
  { cause, subject, to }: Reason,
  changed: readonly ExplainedItem[],
): string[] {
  const has = (kind: string, name: string): boolean =>
    changed.some((one) => one.kind === kind && one.name === name);
  const [image = ""] = (to ?? "").split(" ");
  if (cause === "image-of-chart" && has("image", image)) return [idOf("image", image)];
  if (cause === "chart-of-application" && has("chart", item.name))
    return [idOf("chart", item.name)];
  if (cause === "base-moved" && has("image", subject)) return [idOf("image", subject)];
  return followed.has(cause) ? [] : [idOf("change", `${cause} ${subject}`)];
}

function objectCards({ name, objects = [] }: ExplainedItem, beginnings: readonly Card[]): Card[] {
  const from = [idOf("application", name)];
  const single = objects.filter(({ fate }) => fate !== "labels");
  const labelled = objects.length - single.length;
  return [
    ...single.map((object) => ({
      ...objectCard(object, from),
      causes: beginnings
        .filter(({ title }) => object.because.includes(title === "values" ? "chartValues" : title))
        .map(({ id }) => id),
    })),
    ...(labelled === 0
      ? []
      : [{ ...{ id: idOf("labels", name), fate: "labels", from }, ...labelsCard(labelled) }]),
  ];
}

function labelsCard(objects: number): Pick<Card, "title" | "lines"> {
  return {
    title: count(objects, "object"),
    lines: ["<small>only the label of the chart's version</small>"],
  };
}

function objectCard(object: ExplainedObject, from: readonly string[]): Card {
  const { fate, because, cure, fields, kind, namespace = "", name } = object;
  const paths = fields.map(({ path }) => `<li>${text(path)}</li>`).join("");
  return {
    id: idOf("object", `${kind} ${namespace} ${name}`),
    ...{ fate, from, title: objectLabel(object) },
    lines: [
      ...(cure === undefined ? [] : [`<small>${text(cure)}</small>`]),
      ...(because.length === 0 ? [] : [`<small>because of ${text(fewNames(because))}</small>`]),
      ...(paths === ""
        ? []
        : [
            `<details><summary><small>${count(fields.length, "field")}</small></summary><ul>${paths}</ul></details>`,
          ]),
    ],
  };
}

function buildHtml(build: ExplainedBuild | undefined): string[] {
  if (!build) return [];
  const steps = build.steps.map(
    ({ name, fate }) => `<li><span class="fate ${fate}">${fate}</span> ${text(name)}</li>`,
  );
  return [
    ...buildLines(build).map((line) => `<small>${text(line)}</small>`),
    `<details><summary><small>${count(steps.length, "step")}</small></summary><ul>${steps.join("")}</ul></details>`,
  ];
}

function html({ id, fate, title, lines, from, causes = [] }: Card): string {
  const heading = `<p><span class="fate">${text(fate)}</span> <strong>${text(title)}</strong></p>`;
  return (
    `<li><article id="${id}" class="${fate}" tabindex="0" data-from="${from.join(" ")}" data-causes="${causes.join(" ")}">` +
    `${heading}${lines.map((line) => (line.startsWith("<small>") ? `<p>${line}</p>` : line)).join("")}</article></li>`
  );
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** A name that HTML takes as an identifier, and that no other name gives. */
function idOf(kind: string, name: string): string {
  return `${kind}-${Buffer.from(name).toString("hex")}`;
}

/** Text that HTML reads as nothing else. */
function text(value: string): string {
  return visible(value).replaceAll(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
}
