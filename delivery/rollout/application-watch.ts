import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { JsonStream } from "../basics/json-stream.ts";
import { type ClusterAccess, KubectlError, accessFlags, lastLine, notOnPath } from "./kubectl.ts";
import type { LiveApplication } from "./completion.ts";

/** Kind of an Argo CD Application, as kubectl is told it. */
export const applicationKind = "application.argoproj.io";

const restartMs = 1000;
/** A connection that died without a word would otherwise be believed for ever. */
const longestWatch = "60s";

/** Follows one Application through kubectl, which is started again whenever it ends. Stop it when done. */
export class ApplicationWatch {
  /** The Application as it was last seen; undefined where it was not, or is gone. */
  public application: LiveApplication | undefined;
  /** Whether the cluster does not have it. */
  public gone = false;
  /** Why the cluster cannot be read now, as a clause; undefined when it can. */
  public problem: string | undefined;
  private failure: KubectlError | undefined;
  private child: ChildProcess | undefined;
  private stopped = false;
  private wake: () => void = () => undefined;
  private readonly access: ClusterAccess;
  private readonly namespace: string;
  private readonly name: string;

  public constructor(access: ClusterAccess, namespace: string, name: string) {
    this.access = access;
    this.namespace = namespace;
    this.name = name;

    this.start();
  }

  /**
   * Resolves when something changed, and after `ms` at the latest.
   *
   * @throws KubectlError when there is no kubectl.
   */
  public async change(ms: number): Promise<void> {
    const timer = new AbortController();
    const woken = new Promise<void>((resolve) => (this.wake = resolve));
    if (!this.failure)
      await Promise.race([
        woken,
        sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined),
      ]);
    timer.abort();
    if (this.failure) throw this.failure;
  }

  /** Ends kubectl. */
  public stop(): void {
    this.stopped = true;
    this.child?.kill();
  }

  private start(): void {
    const args = [
      "get",
      applicationKind,
      this.name,
      `--namespace=${this.namespace}`,
      "--watch",
      "--output-watch-events",
      "--output=json",
      ...accessFlags(this.access, longestWatch),
    ];
    const child = spawn("kubectl", args, { stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    const stream = new JsonStream();
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      try {
        // What kubectl prints with these flags.
        for (const event of stream.take(text) as WatchEvent[]) this.see(event);
      } catch {
        child.kill();
      }
    });
    child.once("error", (error) => {
      const missing = "code" in error && error.code === "ENOENT";
      this.failure = missing ? notOnPath() : new KubectlError(error.message, false);
      this.wake();
    });
    child.once("close", (status) => {
      if (this.stopped || this.failure) return;
      this.gone ||= said.includes("(NotFound)");
      if (status !== 0 && said !== "") this.problem = lastLine(said);
      this.wake();
      setTimeout(() => {
        if (!this.stopped) this.start();
      }, restartMs).unref();
    });
  }

  private see({ type, object }: WatchEvent): void {
    if (type === "ERROR") return;
    this.gone = type === "DELETED";
    this.problem = undefined;
    this.application = this.gone ? undefined : object;
    this.wake();
  }
}

interface WatchEvent {
  readonly type: string;
  readonly object: LiveApplication;
}
