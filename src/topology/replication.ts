/**
 * How far a master's replication stream was, and when: what a replica that takes its place lacks.
 *
 * A promoted replica says in INFO which stream it continues (master_replid2) and up to which offset it has it
 * (second_repl_offset - 1). A write that was answered before a moment at which the old master's offset was not beyond
 * that is part of what the replica has; anything later may be missing (divergence 11). So with one look a second at
 * `master_repl_offset`, the writes of about the last second before the failover are in doubt, and no others.
 * https://redis.io/docs/management/replication
 */

interface Sample {
  /** performance.now() at which the question was sent: writes answered before that are within `offset`. */
  readonly atMs: number;
  readonly offset: number;
}

const SAMPLES_MAX = 600;
/** Samples closer to each other than this replace one another. */
const APART_MS = 50;

export class ReplicationHistory {
  replId = '';
  private continuedReplId = '';
  private continuedUpTo = -1;
  private samples: Sample[] = [];

  /**
   * INFO, or its section replication, asked for at `askedMs`. What a replica says is not kept: one that was a master soon
   * has the stream of the server that replaced it, and what it had itself is the question.
   */
  saw(info: string, askedMs: number): void {
    const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
    const replId = field('master_replid');
    if (replId === '' || field('role') !== 'master') return;
    if (replId !== this.replId) this.samples = [];
    this.replId = replId;
    this.continuedReplId = field('master_replid2');
    this.continuedUpTo = Number(field('second_repl_offset')) - 1;
    const offset = Number(field('master_repl_offset'));
    if (Number.isNaN(offset)) return;
    const last = this.samples.at(-1);
    if (last !== undefined && askedMs - last.atMs < APART_MS) return;
    if (last !== undefined && last.offset === offset) this.samples.pop(); // nothing was written since
    this.samples.push({ atMs: askedMs, offset });
    if (this.samples.length > SAMPLES_MAX) this.samples.shift();
  }

  /**
   * The moment (performance.now()) up to which this node, which took the place of `before`, has what was answered there;
   * null when it does not continue that node's stream, or nothing is known of it.
   */
  continuesUntil(before: ReplicationHistory): number | null {
    if (before.replId === '') return null;
    if (this.replId === before.replId) return null;
    if (this.continuedReplId !== before.replId) return null;
    let untilMs: number | null = null;
    for (const { atMs, offset } of before.samples) if (offset <= this.continuedUpTo) untilMs = atMs;
    return untilMs;
  }
}
