/**
 * A session's unanswered reads in `target-read`: where the target was asked, where the source was.
 *
 * Within a session the commands on one slot never run backwards (3.5), so both are counted by slot. Counted in 256
 * buckets (slot & 255): a collision only makes a command wait, or go to the source, that need not.
 */
const BUCKETS = 256;

/** A read that may concern any slot. */
export const ANY_BUCKET = -1;
/** A read that is not counted. */
export const NO_BUCKET = -2;

export class SlotReads {
  /** Target reads whose answer is not known yet. */
  targetTotal = 0;
  private onTarget: Uint16Array | null = null;
  private onSource: Uint16Array | null = null;
  private onSourceAny = 0;

  bucketOf(slot: number): number {
    return slot & (BUCKETS - 1);
  }

  /** Unanswered target reads on (at least) this slot. */
  targetReadsOn(slot: number): number {
    return this.onTarget === null ? 0 : this.onTarget[slot & (BUCKETS - 1)]!;
  }

  /** Unanswered source reads on (at least) this slot. */
  sourceReadsOn(slot: number): number {
    return this.onSourceAny + (this.onSource === null ? 0 : this.onSource[slot & (BUCKETS - 1)]!);
  }

  hasOtherTargetReads(bucket: number): boolean {
    return this.onTarget !== null && this.onTarget[bucket]! > 1;
  }

  targetBegins(bucket: number): void {
    this.onTarget ??= new Uint16Array(BUCKETS);
    this.onTarget[bucket]!++;
    this.targetTotal++;
  }

  targetOver(bucket: number): void {
    this.onTarget![bucket]!--;
    this.targetTotal--;
  }

  sourceBegins(bucket: number): void {
    if (bucket === ANY_BUCKET) this.onSourceAny++;
    else if (bucket >= 0) {
      this.onSource ??= new Uint16Array(BUCKETS);
      this.onSource[bucket]!++;
    }
  }

  sourceOver(bucket: number): void {
    if (bucket === ANY_BUCKET) this.onSourceAny--;
    else if (bucket >= 0) this.onSource![bucket]!--;
  }
}
