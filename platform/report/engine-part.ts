import { styleText } from "node:util";

/** Part of the delivery that an operation of the engine belongs to. */
export interface Part {
  /** As lines begin, such as `[demo]`. */
  readonly prefix: string;
  readonly does: string;
  readonly begins: string;
  readonly done: string;
}

export const applying = "applying";
export const rollingOut = "rolling out";

/** What is said of a resource; undefined of those that nobody waits for. */
export function partOf(urn: string, op: string): Part | undefined {
  const [types = "", name = ""] = urn.split("::").slice(-2);
  if (op === "delete") {
    const isApplication = types.endsWith("kubernetes:argoproj.io/v1alpha1:Application");
    return isApplication
      ? { prefix: `[app ${name}]`, does: "remove", begins: "removing", done: "removed" }
      : undefined;
  }
  if (types.endsWith("docker-build:index:Image"))
    return {
      ...{ prefix: `[${name}]`, does: "build and push" },
      ...{ begins: "building", done: "built and pushed" },
    };
  if (types.endsWith("index:Chart$command:local:Command"))
    return {
      ...{ prefix: `[chart ${name}]`, does: "package and publish" },
      ...{ begins: "packaging", done: "published" },
    };
  if (types.endsWith("kubernetes:argoproj.io/v1alpha1:Application"))
    return { prefix: `[app ${name}]`, does: "apply", begins: applying, done: "applied" };
  if (types.endsWith("index:Application$command:local:Command"))
    return {
      ...{ prefix: `[app ${name.replace(/-rollout$/, "")}]`, does: "roll out" },
      ...{ begins: rollingOut, done: "Synced and Healthy" },
    };
  if (types.endsWith("$command:local:Command"))
    return { prefix: `[${name}]`, does: "record", begins: "recording", done: "recorded" };
  return undefined;
}

/** Whether an operation does something; of a replacement, the half that makes the new one. */
export function changes(op: string): boolean {
  return ["create", "update", "create-replacement", "delete"].includes(op);
}

/** A text without the engine's marks for colours, nor those of terminals. */
export function plain(text: string): string {
  return text.replaceAll(/<\{%[^%]*%\}>|\u001B\[[\d;]*m/g, "").trimEnd();
}

/** A line whose prefix, such as `[demo]`, stands out in a terminal. */
export function withPrefix(line: string): string {
  return line.replace(/^\[[^\]]*\]/, (prefix) => styleText("cyan", prefix));
}

/** How grave a message is, in the colour of that. */
export function severityWord(severity: string): string {
  return styleText(severity === "error" ? "red" : "yellow", `${severity}:`);
}
