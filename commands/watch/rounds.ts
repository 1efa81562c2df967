const quietTime = 150;

/**
 * Runs a round at the start and one after each burst of changes, never two at once. What changes during a round leads to
 * one more after it.
 */
export class Rounds {
  readonly #round: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #due = false;
  #stopped = false;
  #wake: (() => void) | undefined;

  public constructor(round: () => Promise<void>) {
    this.#round = round;
  }

  /** Whether {@link stop} was called. */
  public get stopped(): boolean {
    return this.#stopped;
  }

  /** Runs rounds until {@link stop}; a round that is running then is waited for. Errors of a round end it as well. */
  public async run(): Promise<void> {
    while (!this.#stopped) {
      this.#due = false;
      await this.#round();
      await this.#nextChange();
    }
  }

  /** Says that something changed; the next round waits until nothing has for 150 ms. */
  public changed(): void {
    if (this.#stopped) return;
    this.#due = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#due = true;
      this.#wake?.();
    }, quietTime);
  }

  /** Starts no further round. */
  public stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#wake?.();
  }

  async #nextChange(): Promise<void> {
    if (this.#due || this.#stopped) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
