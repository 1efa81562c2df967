/** Runs a limited number of functions at once; the others wait in the order in which they came. */
export class Limiter {
  private running = 0;
  private readonly waiting: { start: () => void; fail: (reason: Error) => void }[] = [];
  private readonly most: number;
  private readonly endsAll: ((error: unknown) => error is Error) | undefined;

  /**
   * @param most Number of functions that run at once.
   * @param endsAll Whether an error would meet all others as well, so that those that wait fail with it.
   * @default - an error ends one function
   */
  public constructor(most: number, endsAll?: (error: unknown) => error is Error) {
    this.most = most;
    this.endsAll = endsAll;
  }

  /** Runs a function once fewer than the limit are running. */
  public async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.running < this.most) this.running++;
    else
      await new Promise<void>((start, fail) => {
        this.waiting.push({ start, fail });
      });
    try {
      return await work();
    } catch (error) {
      if (this.endsAll?.(error)) for (const { fail } of this.waiting.splice(0)) fail(error);
      throw error;
    } finally {
      const next = this.waiting.shift();
      if (next) next.start();
      else this.running--;
    }
  }
}
