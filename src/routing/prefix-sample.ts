/**
 * Which kinds of keys the clients ask for: how often keys begin with what, from one command in 64.
 *
 *   user:7:cart  →  `user:`        everything up to the first `:`, `/`, `|` or `.`
 *   {user:7}     →  `{user:`
 *   counter      →  ``             no such byte among the first 48
 *
 * A command that is not sampled costs one decrement. The distance to the next one is random around 64, so that a pattern in
 * the traffic does not decide what is seen. Of a command with several keys the first counts. At most 128 prefixes are
 * kept: when there are more, or after 8192 samples, all counts are halved and what is left with nothing goes. So what is
 * kept is of the recent past, and whoever sends keys without an end of prefixes costs a bounded amount.
 */
import type { Command } from '../commands/command.js';
import { findKeys, KeyList } from '../commands/keys.js';
import type { RequestScanner } from '../resp/request.js';

/** Distances are 1 … 127, all alike: 64 on average. */
const DISTANCES = 127;
const MAX_PREFIXES = 128;
const MAX_PREFIX_BYTES = 48;
const HALVE_AFTER = 8192;

const COLON = 0x3a;
const SLASH = 0x2f;
const BAR = 0x7c;
const DOT = 0x2e;

type Arguments = Pick<RequestScanner, 'frame' | 'argc' | 'starts' | 'ends'>;

export interface PrefixShare {
  /** as bytes: it need not be UTF-8; empty: keys without a prefix */
  readonly prefix: Buffer;
  /** of the sampled commands that have a key, 0 to 1 */
  readonly share: number;
}

const keys = new KeyList();

export class PrefixSample {
  /** The random numbers are a fixed row; who sends the traffic does not know where it stands. */
  private random = 0x9e3779b9;
  private distance = 1;
  /** How many commands the counts stand for. */
  private samples = 0;
  /** By the prefix's bytes as latin1. */
  private readonly counts = new Map<string, number>();

  isDue(): boolean {
    return --this.distance === 0;
  }

  take(command: Command, { frame, argc, starts, ends }: Arguments): void {
    this.distance = this.nextDistance();
    let argument = command.firstKey;
    if (!command.singleKey) {
      if (!findKeys(command, frame, argc, starts, ends, keys) || keys.count === 0) return;
      argument = keys.index[0]!;
    }
    this.count(frame, starts[argument]!, ends[argument]!);
  }

  /** The most frequent first. */
  top(limit: number): PrefixShare[] {
    return [...this.counts]
      .sort((a, b) => b[1] - a[1])
      .slice(0, limit)
      .map(([prefix, count]) => ({ prefix: Buffer.from(prefix, 'latin1'), share: count / this.samples }));
  }

  private count(frame: Buffer, start: number, end: number): void {
    const prefix = frame.toString('latin1', start, prefixEnd(frame, start, end));
    const before = this.counts.get(prefix);
    if (before === undefined && this.counts.size === MAX_PREFIXES) this.halve();
    if (before === undefined && this.counts.size === MAX_PREFIXES) return;
    this.counts.set(prefix, (this.counts.get(prefix) ?? 0) + 1);
    if (++this.samples >= HALVE_AFTER) this.halve();
  }

  private halve(): void {
    this.samples = 0;
    for (const [prefix, count] of this.counts) {
      const half = count >> 1;
      if (half === 0) this.counts.delete(prefix);
      else this.counts.set(prefix, half);
      this.samples += half;
    }
  }

  private nextDistance(): number {
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    return 1 + ((x >>> 0) % DISTANCES);
  }
}

function prefixEnd(frame: Buffer, start: number, end: number): number {
  const limit = Math.min(end, start + MAX_PREFIX_BYTES);
  for (let i = start; i < limit; i++) {
    const byte = frame[i]!;
    if (byte === COLON || byte === SLASH || byte === BAR || byte === DOT) return i + 1;
  }
  return start;
}
