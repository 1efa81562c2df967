export interface RefresherArgs {
  readonly intervalMs: number;
  /** Loads what is on the page; what it rejects with reaches `onSettled`. */
  readonly load: (signal: AbortSignal) => Promise<void>;
  readonly onSettled: (error: unknown) => void;
}

/** Loads at once when asked to, and again after each interval; never twice at a time. */
export class Refresher {
  private controller: AbortController | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isPaused = false;

  constructor(private readonly args: RefresherArgs) {}

  get paused(): boolean {
    return this.isPaused;
  }

  /** Stops or resumes the interval; resuming loads at once. */
  setPaused(paused: boolean): void {
    this.isPaused = paused;
    if (paused) clearTimeout(this.timer);
    else this.refresh();
  }

  /** Loads now; a load under way is aborted, because it may be for another address. */
  refresh(): void {
    this.controller?.abort();
    clearTimeout(this.timer);
    const controller = new AbortController();
    this.controller = controller;
    void this.args.load(controller.signal).then(
      () => {
        this.settle(controller, undefined);
      },
      (error: unknown) => {
        this.settle(controller, error);
      },
    );
  }

  private settle(controller: AbortController, error: unknown): void {
    if (controller.signal.aborted) return;
    this.controller = undefined;
    this.args.onSettled(error);
    if (!this.isPaused) this.schedule();
  }

  private schedule(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (document.hidden) this.schedule();
      else this.refresh();
    }, this.args.intervalMs);
  }
}
