/** At most `limit` pieces of work at once; the first error is thrown to whoever asks next. */
export class Concurrency {
  private readonly running = new Set<Promise<void>>();
  private failure: Error | null = null;

  constructor(private readonly limit: number) {}

  /** Resolves when the work has begun. */
  async run(work: () => Promise<void>): Promise<void> {
    while (this.running.size >= this.limit) await Promise.race(this.running);
    this.throwFailure();
    const done: Promise<void> = work()
      .catch((error: Error) => {
        this.failure ??= error;
      })
      .finally(() => this.running.delete(done));
    this.running.add(done);
  }

  /** Resolves when all of it is over. */
  async settled(): Promise<void> {
    await Promise.all(this.running);
    this.throwFailure();
  }

  private throwFailure(): void {
    if (this.failure !== null) throw this.failure;
  }
}
