import { type Section, formatRatio, formatSeconds } from "./report.ts";

const width = 900;
const barStart = 150;
const barWidth = 560;
const rowHeight = 20;
const titleHeight = 26;
const gap = 18;

/**
 * Draws the sections as horizontal bars in an SVG for light and dark pages. Each section has a scale of its own, that
 * of its slowest bar; a tick on the first bar's row is its target.
 */
export function barPlot(shown: readonly Section[]): string {
  let y = gap;
  const parts: string[] = [];
  for (const section of shown) {
    parts.push(...drawSection(section, y));
    y += titleHeight + section.rows.length * rowHeight + gap;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="Median seconds of each contender, by case">
  <style>
    rect { fill: #a9b7cf }
    .first { fill: #3565c9 }
    .tick { stroke: #b42318; stroke-width: 2 }
    text { fill: #1c2430 }
    .title { font-weight: 600 }
    .target { fill: #51607a }
    @media (prefers-color-scheme: dark) {
      rect { fill: #51607a } .first { fill: #6f9bff } .tick { stroke: #ff8a7a }
      text { fill: #eef2f8 } .target { fill: #a9b7cf }
    }
  </style>
${parts.map((part) => `  ${part}\n`).join("")}</svg>
`;
}

function drawSection({ title, rows, target }: Section, top: number): string[] {
  const scale = barWidth / Math.max(target?.limit ?? 0, ...rows.map(({ seconds }) => seconds));
  const note = target
    ? ` <tspan class="target">target ${escape(target.formula)}: ${target.met ? "met" : "missed"}</tspan>`
    : "";
  const bars = rows.flatMap(({ contender, seconds, ratio }, i) => {
    const y = top + titleHeight + i * rowHeight;
    const length = (seconds * scale).toFixed(1);
    const label = `${formatSeconds(seconds)}${i === 0 ? "" : ` · ${formatRatio(ratio)}`}`;
    const end = (barStart + Math.max(seconds, i === 0 ? (target?.limit ?? 0) : 0) * scale).toFixed(
      1,
    );
    return [
      `<text x="${barStart - 10}" y="${y + 13}" text-anchor="end">${escape(contender)}</text>`,
      `<rect${i === 0 ? ' class="first"' : ""} x="${barStart}" y="${y + 2}" width="${length}" height="${rowHeight - 5}"/>`,
      `<text x="${end}" dx="8" y="${y + 13}">${label}</text>`,
    ];
  });
  return [
    `<text class="title" x="10" y="${top + 16}">${escape(title)}${note}</text>`,
    ...bars,
    ...(target ? [drawTick(barStart + target.limit * scale, top + titleHeight)] : []),
  ];
}

function drawTick(x: number, y: number): string {
  const at = x.toFixed(1);
  return `<line class="tick" x1="${at}" x2="${at}" y1="${y}" y2="${y + rowHeight - 1}"/>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
