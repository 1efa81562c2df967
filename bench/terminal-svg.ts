/** A line of a terminal, with the marks of its colours. */
export interface ShownLine {
  /** Screens take each other's place. */
  readonly screen: number;
  /** When it appears, from the begin. */
  readonly seconds: number;
  readonly text: string;
}

const columns = 118;
const lineHeight = 19;
const padding = 16;
const characterWidth = 7.83;

/** Colours by the code that terminals have for them. */
const colours: Readonly<Record<string, string>> = {
  "1": "bold",
  "2": "dim",
  "31": "red",
  "32": "green",
  "33": "yellow",
  "36": "cyan",
  "90": "dim",
};

/** A terminal as one SVG: lines appear when they did, once, and the last screen stays; it alone is shown where somebody wants no motion. */
export function terminalSvg(lines: readonly ShownLine[]): string {
  const screens = [...Map.groupBy(lines, ({ screen }) => screen).values()];
  const height = Math.max(...screens.map(({ length }) => length)) * lineHeight + 2 * padding;
  const width = Math.ceil(columns * characterWidth) + 2 * padding;
  const groups = screens.map((screen, at) => {
    const end = screens[at + 1]?.[0]?.seconds;
    const texts = screen.map(({ seconds, text }, line) => {
      const y = padding + (line + 0.75) * lineHeight;
      return `<text x="${padding}" y="${y}" style="animation-delay:${seconds.toFixed(2)}s">${coloured(text)}</text>`;
    });
    const vanishes =
      end === undefined ? "" : ` class="earlier" style="animation-delay:${end.toFixed(2)}s"`;
    return `<g${vanishes}>\n${texts.join("\n")}\n</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<style>
rect { fill: #16181d }
text { fill: #d7dae0; font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; animation: appear 0s both }
.bold { font-weight: bold } .dim { fill: #8b919c } .red { fill: #ff7b72 } .green { fill: #7ee787 } .yellow { fill: #e3b341 } .cyan { fill: #76d9e6 }
.earlier { animation: vanish 0s both }
@keyframes appear { from { opacity: 0 } to { opacity: 1 } }
@keyframes vanish { from { opacity: 1 } to { opacity: 0 } }
@media (prefers-reduced-motion: reduce) { text { animation: none } .earlier { animation: none; opacity: 0 } }
</style>
<rect width="100%" height="100%" rx="8"/>
${groups.join("\n")}
</svg>
`;
}

/** A line with spans for its colours. */
function coloured(text: string): string {
  const classes = new Set<string>();
  // What is wider ends with a mark.
  let left = columns;
  // Every second part is what stands between a mark's brackets.
  return text
    .split(/\u001B\[([\d;]*)m/)
    .map((part, at) => {
      if (at % 2 === 1) {
        const codes = part.split(";");
        // All of those that Node writes end with a code of their own.
        if (codes.some((code) => ["", "0", "22", "39"].includes(code))) classes.clear();
        for (const code of codes) if (colours[code] !== undefined) classes.add(colours[code]);
        return "";
      }
      const fits = part.length <= left;
      if (left === 0) return "";
      const shown = escaped(fits ? part : `${part.slice(0, Math.max(0, left - 1))}…`);
      left = fits ? left - part.length : 0;
      return classes.size === 0 || shown === ""
        ? shown
        : `<tspan class="${[...classes].join(" ")}">${shown}</tspan>`;
    })
    .join("");
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);
}
