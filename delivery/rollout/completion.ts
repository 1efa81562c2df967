import { editedPaths } from "./live-applications.ts";

/** What an Application must have become. */
export interface WantedRollout {
  /** Name of the Application. */
  readonly name: string;
  /** Its `spec` as it was applied. */
  readonly spec: WantedSpec;
  /** `sha256:…` of the chart that it deploys. */
  readonly digest: string;
}

/** The parts of a `spec` that a status belongs to. */
export interface WantedSpec {
  readonly source: unknown;
  readonly destination: unknown;
  readonly syncPolicy?: { readonly syncOptions?: readonly string[] };
  readonly ignoreDifferences?: unknown;
}

/** An Argo CD Application, as far as waiting reads it. */
export interface LiveApplication {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  /** What Argo CD is asked to do and has not begun. */
  readonly operation?: unknown;
  readonly status?: ApplicationStatus;
}

/** What Argo CD says of an Application. */
export interface ApplicationStatus {
  readonly sync?: {
    readonly status?: string;
    readonly revision?: string;
    readonly comparedTo?: unknown;
  };
  readonly health?: { readonly status?: string; readonly message?: string };
  readonly operationState?: OperationState;
  readonly conditions?: readonly Condition[];
  readonly resources?: readonly StatusResource[];
  readonly reconciledAt?: string;
}

/** Argo CD's last sync. */
export interface OperationState {
  readonly phase?: string;
  readonly message?: string;
  readonly finishedAt?: string;
  readonly syncResult?: {
    readonly revision?: string;
    readonly source?: unknown;
    readonly resources?: readonly SyncedResource[];
  };
}

/** What Argo CD complains about. */
export interface Condition {
  readonly type: string;
  readonly message?: string;
}

/** One resource of an Application; its health is there only where Argo CD is told to keep it. */
export interface StatusResource {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly status?: string;
  readonly health?: { readonly status?: string; readonly message?: string };
}

/** What became of one resource in the last sync. */
export interface SyncedResource {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly status?: string;
  readonly hookPhase?: string;
  readonly message?: string;
}

/** What to do about an Application as it is now. */
export type Verdict =
  | {
      readonly kind: "wait";
      /** State for people, such as `Synced, Progressing: Deployment web`. */
      readonly state: string;
      /** Whether the new revision is in the cluster, healthy or not. */
      readonly synced: boolean;
      /** Change that makes Argo CD try what it gave up before; a merge patch. */
      readonly patch?: object;
    }
  | { readonly kind: "done" }
  | {
      readonly kind: "stuck";
      /** Why waiting cannot help, as a clause. */
      readonly why: string;
      /** Change that keeps Argo CD from trying on; a merge patch. */
      readonly patch?: object;
    };

/** How long an error may be there before it counts; some are over at the next look. */
const graceMs = 10_000;

/** Between two times at which Argo CD is told to leave off an older sync. */
const askAgainMs = 3000;

/** Ends a sync that is running. */
const terminating = { status: { operationState: { phase: "Terminating" } } };

const refresh = "argocd.argoproj.io/refresh";
const errors = ["ComparisonError", "InvalidSpecError", "UnknownError"];

/**
 * Judges one Application again and again, until it is at the wanted revision, or waiting cannot help. A status that
 * belongs to another spec never counts.
 */
export class Rollout {
  private errorSince: number | undefined;
  /** When the sync ended whose failure was there before anything was asked for; undefined until the first look. */
  private failedBefore: string | undefined;
  private looked = false;
  private askedForSync = false;
  private terminatedAt = -Infinity;
  private readonly wanted: WantedRollout;

  public constructor(wanted: WantedRollout) {
    this.wanted = wanted;
  }

  /** @param now Milliseconds of any clock. */
  public judge(application: LiveApplication, now: number): Verdict {
    const { status = {}, operation } = application;
    const { sync = {}, health = {}, operationState = {} } = status;
    const failed = hasFailed(operationState);
    if (!this.looked && failed) this.failedBefore = operationState.finishedAt ?? "";
    const first = !this.looked;
    this.looked = true;

    const current = isCurrent(this.wanted, status);
    const running = operation !== undefined || operationState.phase === "Running";
    const synced = current && !running && sync.status === "Synced";
    if (synced && health.status === "Healthy") return { kind: "done" };

    const error = status.conditions?.find(({ type }) => errors.includes(type));
    const compared = isCompared(this.wanted, status);
    const refreshing = application.metadata?.annotations?.[refresh] !== undefined;
    const counts =
      error !== undefined && !refreshing && (compared || error.type === "InvalidSpecError");
    if (!counts) this.errorSince = undefined;
    else if (first) {
      // Argo CD looks at most errors again only after minutes, though the cause may be mended.
      return this.wait(status, synced, { metadata: { annotations: { [refresh]: "hard" } } });
    } else {
      this.errorSince ??= now;
      if (now - this.errorSince >= graceMs)
        return { kind: "stuck", why: `Argo CD says ${error.type}` };
    }

    const refused = running && this.owns(operationState) ? refusal(operationState) : undefined;
    if (refused !== undefined) {
      // While it tries on, it does not begin with what mends this.
      return { kind: "stuck", why: `the cluster refuses ${refused}`, patch: terminating };
    }
    const isOlder = operationState.phase === "Running" && !this.owns(operationState);
    const isRetrying = isOlder && refusal(operationState) !== undefined;
    if (isRetrying && now - this.terminatedAt >= askAgainMs) {
      // Its controller may write over that what it is asked.
      this.terminatedAt = now;
      return this.wait(status, synced, terminating);
    }

    if (failed && !running && this.owns(operationState)) {
      const old = this.failedBefore === (operationState.finishedAt ?? "");
      if (!old) return { kind: "stuck", why: "the sync failed" };
      if (current && !error && !this.askedForSync) {
        // Argo CD never tries a revision again of which a sync failed.
        this.askedForSync = true;
        return this.wait(status, synced, { operation: syncOperation(this.wanted) });
      }
    }
    return this.wait(status, synced);
  }

  /** One that ended without a result keeps Argo CD from syncing whatever follows. */
  private owns({ syncResult }: OperationState): boolean {
    const { spec, digest } = this.wanted;
    return (
      syncResult === undefined ||
      (syncResult.revision === digest && covers(syncResult.source, spec.source))
    );
  }

  private wait(status: ApplicationStatus, synced: boolean, patch?: object): Verdict {
    const state = describeState(this.wanted, status);
    return { kind: "wait", state, synced, ...(patch === undefined ? {} : { patch }) };
  }
}

/** Whether Argo CD has compared the cluster with the applied spec. */
export function isCompared({ spec }: WantedRollout, { sync }: ApplicationStatus): boolean {
  const { source, destination, ignoreDifferences } = spec;
  const planned = {
    source,
    destination,
    ...(ignoreDifferences === undefined ? {} : { ignoreDifferences }),
  };
  return covers(sync?.comparedTo, planned);
}

/** Whether a status holds what was applied. */
function covers(noted: unknown, applied: unknown): boolean {
  return editedPaths(applied, noted).length === 0;
}

/** State of an Application, in few words. */
export function describeState(wanted: WantedRollout, status: ApplicationStatus): string {
  const { sync, health, operationState, conditions = [] } = status;
  const error = conditions.find(({ type }) => errors.includes(type));
  if (error && (isCompared(wanted, status) || error.type === "InvalidSpecError")) return error.type;
  if (!isCurrent(wanted, status)) return "waiting for Argo CD to see the new revision";
  if (operationState?.phase === "Running") return "syncing";
  if (sync?.status === "OutOfSync") {
    return hasFailed(operationState) ? `sync ${operationState?.phase ?? ""}` : "syncing";
  }
  const causes = healthCauses(status);
  const parts = [sync?.status, health?.status].filter((part) => part !== undefined).join(", ");
  return causes === "" ? parts : `${parts}: ${causes}`;
}

function isCurrent(wanted: WantedRollout, status: ApplicationStatus): boolean {
  return isCompared(wanted, status) && status.sync?.revision === wanted.digest;
}

/** What no other try can change; Argo CD would try for minutes. */
const final = /is invalid:|field is immutable|denied the request/;

/** The first object that the cluster refused for good, with its words. */
function refusal({ syncResult }: OperationState): string | undefined {
  const one = syncResult?.resources?.find(
    ({ status, message = "" }) => status === "SyncFailed" && final.test(message),
  );
  return one && `${one.kind} ${one.name}: ${one.message ?? ""}`;
}

function hasFailed(operation: OperationState | undefined): boolean {
  return operation?.phase === "Failed" || operation?.phase === "Error";
}

/** Resources that keep an Application from being healthy. */
function healthCauses({ health, resources = [] }: ApplicationStatus): string {
  const kept = resources.filter(({ health: own }) => own !== undefined && own.status !== "Healthy");
  if (kept.length > 0) return kept.map(({ kind, name }) => `${kind} ${name}`).join(", ");
  // `Caused by apps/Deployment:namespace/name, … and 1 more`.
  const { message = "" } = health ?? {};
  return message
    .replace(/^Caused by /, "")
    .replaceAll(/(?:[\w.-]+\/)?(\w+):(?:[\w.-]+\/)?/g, "$1 ");
}

function syncOperation({ spec }: WantedRollout): object {
  const { syncOptions } = spec.syncPolicy ?? {};
  return {
    initiatedBy: { username: "pulumi" },
    // As often as Argo CD's own syncs.
    retry: { limit: 5 },
    sync: { prune: true, ...(syncOptions === undefined ? {} : { syncOptions }) },
  };
}
