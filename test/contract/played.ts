/** What one step of a scenario did, in the form of `recorded.json`. */
export interface Played {
  readonly action?: string;
  readonly exit: number | null;
  readonly stdout?: string;
  readonly steps?: readonly Operation[];
  readonly failed?: readonly string[];
  readonly messages?: readonly string[];
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** One operation of the engine on a resource. */
export interface Operation {
  readonly op: string;
  readonly type: string;
  readonly name: string;
  readonly diffs?: readonly string[];
  readonly keys?: readonly string[];
  readonly detailedDiff?: Readonly<Record<string, string>>;
}
