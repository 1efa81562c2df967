import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { UpProgress } from "../../../platform/report/up-progress.ts";
import { enterFolderWith } from "../../folders.ts";

const urn = (types: string, name: string): string =>
  `urn:pulumi:local::tinyolly::${types}::${name}`;
const demo = urn("tinyolly:index:Image$docker-build:index:Image", "demo");
const chart = urn("tinyolly:index:Chart$command:local:Command", "shop");
const application = urn(
  "tinyolly:index:Application$kubernetes:argoproj.io/v1alpha1:Application",
  "shop",
);
const rollout = urn("tinyolly:index:Application$command:local:Command", "shop-rollout");

const pre = (op: string, urn: string): object => ({ resourcePreEvent: { metadata: { op, urn } } });
const done = (op: string, urn: string): object => ({ resOutputsEvent: { metadata: { op, urn } } });
const failed = (op: string, urn: string): object => ({
  resOpFailedEvent: { metadata: { op, urn } },
});
const says = (urn: string, message: string, more: object = { ephemeral: true }): object => ({
  diagnosticEvent: { urn, message, severity: "info", ...more },
});

let lines: string[];
let shown: string[];

beforeEach(() => {
  enterFolderWith({});
  vi.stubEnv("NO_COLOR", "1");
  [lines, shown] = [[], []];
});

function tell(events: readonly object[], isTerminal = false): void {
  const printer = {
    say: (line: string) => void lines.push(line),
    live: (line: string) => {
      shown.push(line);
      return isTerminal;
    },
  };
  const progress = new UpProgress(printer, "logs/up.log");
  const text = events.map((event) => `${JSON.stringify(event)}\n`).join("");
  // An event may come in parts.
  for (let at = 0; at < text.length; at += 100) progress.take(text.slice(at, at + 100));
  progress.end();
}

const timed = (line: string): string => line.replace(/\d+\.\d s/, "N s");

const whole = [
  pre("same", urn("pulumi:pulumi:Stack", "tinyolly-local")),
  pre("update", demo),
  says(demo, "#6 [stage-1 1/2] COPY . .\n"),
  says(demo, "#6 DONE 0.1s\n"),
  done("update", demo),
  pre("update", chart),
  done("update", chart),
  pre("update", application),
  done("update", application),
  pre("delete-replaced", rollout),
  pre("replace", rollout),
  pre("create-replacement", rollout),
  says(rollout, "shop: Synced, Progressing: Deployment web\n"),
  says(rollout, "shop: Synced, Healthy\n"),
  done("create-replacement", rollout),
];

describe("an up is told", () => {
  test("in a few lines where nobody looks", () => {
    tell(whole);
    expect(lines.map(timed)).toEqual([
      "[demo] building",
      "[demo] built and pushed (N s)",
      "[chart shop] packaging",
      "[chart shop] published (N s)",
      "[app shop] applied (N s)",
      "[app shop] rolling out",
      "[app shop] Synced, Progressing: Deployment web",
      "[app shop] Synced and Healthy (N s)",
    ]);
  });

  test("in a terminal by what ended, and below by what happens now", () => {
    tell(whole, true);
    expect(lines.map(timed)).toEqual([
      "[demo] built and pushed (N s)",
      "[chart shop] published (N s)",
      "[app shop] applied (N s)",
      "[app shop] Synced and Healthy (N s)",
    ]);
    expect(shown).toContain("[demo] COPY . .");
    expect(shown).toContain("[app shop] Synced, Progressing: Deployment web");
    expect(shown.at(-1)).toBe("");
  });

  test("with all that goes on side by side", () => {
    tell([pre("update", demo), pre("update", chart)], true);
    expect(shown).toContain("[demo] building\n[chart shop] packaging");
  });

  test("without what stays as it is", () => {
    tell([pre("same", demo), done("same", demo), pre("read", chart)]);
    expect(lines).toEqual([]);
  });

  test("with what failed, and why", () => {
    const error = { severity: "error" };
    tell([
      pre("update", demo),
      failed("update", demo),
      says(demo, "<{%fg 1%}>exit code: 7<{%reset%}>\nmore", error),
      says("", "update failed", error),
    ]);
    expect(lines.map(timed)).toEqual([
      "[demo] building",
      "[demo] building: failed after N s",
      "[demo] error: exit code: 7",
      "more",
      "error: update failed",
    ]);
  });

  test("with warnings, and without what only a debugger wants", () => {
    tell([
      says("", "no lock", { severity: "warning" }),
      says(demo, "Registering resource", { severity: "debug" }),
    ]);
    expect(lines).toEqual(["warning: no lock"]);
  });

  test("with Applications that go", () => {
    tell([pre("delete", application), done("delete", application), pre("delete", rollout)]);
    expect(lines.map(timed)).toEqual(["[app shop] removing", "[app shop] removed (N s)"]);
  });

  test("in a file word by word", () => {
    tell(whole, true);
    expect(readFileSync("logs/up.log", "utf8")).toContain("demo: #6 [stage-1 1/2] COPY . .\n");
  });
});
