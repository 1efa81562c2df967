import { isDeepStrictEqual } from "node:util";
import { isMap, parseJson } from "../../delivery/basics/json-fields.ts";
import { partOf, plain, severityWord, withPrefix } from "./engine-part.ts";

/** Changed properties of one resource that are shown. */
const mostFields = 8;
const mostCharacters = 48;

/** As the engine writes what only the update will tell. */
const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Says what the engine would do, and which properties cause it, from what `pulumi preview --json` printed; ends with a newline. */
export function previewChanges(printed: string): string {
  // As the CLI writes it, also where the preview failed.
  const {
    steps = [],
    diagnostics = [],
    changeSummary = {},
  } = (parseJson(Buffer.from(printed)) ?? {}) as Digest;
  const told = diagnostics
    .filter(({ severity }) => ["warning", "error"].includes(severity))
    .map(({ severity, message }) => {
      const text = plain(message).replace(/^(?:error|warning): /, "");
      return `${severityWord(severity)} ${text}\n`;
    });
  const changed = steps
    .filter(({ op }) => op !== "same" && op !== "read")
    .sort((a, b) => rank(a) - rank(b))
    .map(changeOf);
  const counts = Object.entries(changeSummary)
    .filter(([op]) => op !== "same")
    .map(([op, count]) => `${count} to ${op}`);
  const unchanged = `${changeSummary["same"] ?? 0} unchanged`;
  const end = counts.length === 0 ? "" : "; VERBOSE=1 shows all of Pulumi's diff";
  const summary = `${[...counts, unchanged].join(", ")}${end}\n`;
  const failed = steps.length === 0 || diagnostics.some(({ severity }) => severity === "error");
  return [...changed, ...told, ...(failed ? [] : [summary])].join("");
}

/** Images first, then charts, then Applications, each with what becomes of it. */
function rank({ urn }: Step): number {
  return ["index:Image", "index:Chart", "index:Application"].findIndex((type) =>
    urn.includes(`tinyolly:${type}`),
  );
}

function changeOf({ op, urn, oldState, newState }: Step): string {
  const [types = "", name = ""] = urn.split("::").slice(-2);
  const part = partOf(urn, op);
  const component = components[types];
  const what = part
    ? `${part.prefix} ${part.does}`
    : component
      ? `${component(name)} ${op}`
      : `[${name}] ${op} ${types.slice(types.lastIndexOf("$") + 1)}`;
  const rows =
    oldState && newState ? differences(oldState.inputs ?? {}, newState.inputs ?? {}) : [];
  const shown = rows.slice(0, mostFields);
  const width = Math.max(0, ...shown.map(({ path }) => path.length));
  const more = rows.length - shown.length;
  return [
    withPrefix(what),
    ...shown.map(({ path, before, after }) =>
      `    ${path.padEnd(width)}  ${sides(before, after)}`.trimEnd(),
    ),
    ...(more > 0 ? [`    and ${more} more`] : []),
    "",
  ].join("\n");
}

const components: Readonly<Record<string, (name: string) => string>> = {
  "tinyolly:index:Image": (name) => `[${name}] image:`,
  "tinyolly:index:Chart": (name) => `[chart ${name}] chart:`,
  "tinyolly:index:Application": (name) => `[app ${name}] Application:`,
};

interface Difference {
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Where two values differ, property by property. */
function differences(before: unknown, after: unknown, path = ""): Difference[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isMap(before) || !isMap(after)) return [{ path, before, after }];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys]
    .sort()
    .flatMap((key) =>
      differences(before[key], after[key], path === "" ? key : `${path}${access(key)}`),
    );
}

function access(key: string): string {
  return /^[\w$]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** What a property was and will be; nothing where that would fill lines. */
function sides(before: unknown, after: unknown): string {
  if (before === undefined) return `added ${short(after)}`.trimEnd();
  if (after === undefined) return "removed";
  const [was, is] = [short(before), short(after)];
  return was === "" || is === "" ? "changes" : `${was} → ${is}`;
}

function short(value: unknown): string {
  if (value === unknownValue) return "known after up";
  if (typeof value !== "string") return isMap(value) || Array.isArray(value) ? "" : String(value);
  if (value.includes("\n") || value.startsWith("{")) return "";
  const text = value.replaceAll(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, "$1");
  return text.length > mostCharacters ? `${text.slice(0, mostCharacters - 1)}…` : text;
}

interface Digest {
  readonly steps?: readonly Step[];
  readonly diagnostics?: readonly { readonly severity: string; readonly message: string }[];
  readonly changeSummary?: Readonly<Record<string, number>>;
}

interface Step {
  readonly op: string;
  readonly urn: string;
  readonly oldState?: { readonly inputs?: unknown };
  readonly newState?: { readonly inputs?: unknown };
}
