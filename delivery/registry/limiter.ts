/** Lets so many works run at once, and the others wait for their turn in the order in which they came. */
export class Limiter {
  private running = 0;
  private readonly waiting: { start: () => void; fail: (reason: Error) => void }[] = [];
  private readonly most: number;
  private readonly endsAll: ((error: unknown) => error is Error) | undefined;

  /**
   * @param most How many run at once.
   * @param endsAll Whether an error is that of all works, so that those that wait end with it as well.
   * @default - each ends on its own
   */
  public constructor(most: number, endsAll?: (error: unknown) => error is Error) {
    this.most = most;
    this.endsAll = endsAll;
  }

  /** Does a work when it is its turn. */
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
