import type { Played } from "./played.ts";

/** Inputs of a command; `stdinFrom` names the command whose output it reads. */
export type Command = Readonly<Record<string, unknown>> & { readonly stdinFrom?: string };

/** A Kubernetes object as a program writes it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** What the program registers in one step. */
export interface Resources {
  readonly commands?: Readonly<Record<string, Command>>;
  readonly objects?: Readonly<Record<string, KubernetesObject>>;
  /** Kubeconfig instead of the one of the suite. */
  readonly kubeconfig?: string;
}

/** One run of the CLI on the scenario's stack. */
export interface Run {
  readonly action: "preview" | "up" | "refresh" | "destroy";
  readonly resources: Resources;
  /** What the error must say, whoever says it. */
  readonly says?: RegExp;
}

/** A look at, or a change of, what the CLI made; `$WORK` is the scenario's own folder. */
export interface Shell {
  readonly shell: string;
}

/** Steps on a new stack; the name is the key in `recorded.json`. */
export interface Scenario {
  readonly name: string;
  readonly steps: readonly (Run | Shell)[];
  /** First version of the official plugin that does this. @default - every version that is played */
  readonly since?: string;
  /** What our stand-in does instead of what was recorded, and why. @default - the same */
  readonly standIn?: StandIn;
}

/** A difference between our stand-in and the official plugin that is meant to be. */
export interface StandIn {
  readonly because: string;
  /** Parts of steps, by their index; `undefined` stands for what was recorded and is not there. */
  readonly instead: Readonly<
    Record<number, { readonly [Key in keyof Played]?: Played[Key] | undefined }>
  >;
}

export const preview = (resources: Resources, says?: RegExp): Run =>
  run("preview", resources, says);
export const up = (resources: Resources, says?: RegExp): Run => run("up", resources, says);
export const refresh = (resources: Resources): Run => run("refresh", resources);
export const destroy: Run = run("destroy", {});
export const shell = (text: string): Shell => ({ shell: text });

function run(action: Run["action"], resources: Resources, says?: RegExp): Run {
  return { action, resources, ...(says === undefined ? {} : { says }) };
}
