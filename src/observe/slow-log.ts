/**
 * The last commands that took long, newest first. It never holds a value: a command's name and its first key are all that
 * is kept of it.
 */
export interface SlowCommand {
  /** counts up, also over those that are forgotten */
  readonly id: number;
  readonly atMs: number;
  /** from the client's bytes to its reply */
  readonly tookMs: number;
  readonly command: string;
  /** null: it has none, or its bytes are gone */
  readonly key: Buffer | null;
  /** who answered */
  readonly side: string;
  readonly client: string;
  readonly clientName: string;
}

const KEPT = 128;

export class SlowLog {
  /** All there were. */
  total = 0;
  private commands: SlowCommand[] = [];

  add(command: Omit<SlowCommand, 'id'>): void {
    this.commands.push({ id: this.total++, ...command });
    if (this.commands.length > KEPT) this.commands.shift();
  }

  latest(limit: number): SlowCommand[] {
    return this.commands.slice(-limit).reverse();
  }

  get length(): number {
    return this.commands.length;
  }

  reset(): void {
    this.commands = [];
  }
}
