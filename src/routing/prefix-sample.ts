/**
 * Which kinds of keys the clients ask for: how often keys begin with what, from one command in 64.
 *
 *   user:7:cart  →  `user:`        everything up to the first `:`, `/`, `|` or `.`
 *   {user:7}     →  `{user:`
 *   counter      →  ``             no such byte among the first 48
 *
 * A command that is not sampled costs one decrement, and a sampled one whose prefix is known allocates nothing. The distance
 * to the next one is random around 64, so that a pattern in the traffic does not decide what is seen. Of a command with several
 * keys the first counts. At most 128 prefixes are kept: when there are more, or after 8192 samples, all counts are halved and
 * what is left with nothing goes. So what is kept is of the recent past, and whoever sends keys without an end of prefixes
 * costs a bounded amount.
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

class Entry {
  count = 1;
  constructor(/** a copy: the frame is not ours */ readonly prefix: Buffer) {}
}

const keys = new KeyList();

export class PrefixSample {
  /** The random numbers are a fixed row; who sends the traffic does not know where it stands. */
  private random = 0x9e3779b9;
  private distance = 1;
  /** How many commands the counts stand for. */
  private samples = 0;
  /** By the hash of the prefix: two prefixes of one hash, among 128 a rarity, would count as one. */
  private readonly entries = new Map<number, Entry>();

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
    const start = starts[argument]!;
    this.count(frame, start, prefixEnd(frame, start, ends[argument]!));
  }

  /** The most frequent first. */
  top(limit: number): PrefixShare[] {
    return [...this.entries.values()]
      .sort((a, b) => b.count - a.count)
      .slice(0, limit)
      .map(({ prefix, count }) => ({ prefix, share: count / this.samples }));
  }

  private count(frame: Buffer, start: number, end: number): void {
    const hash = hashOf(frame, start, end);
    const entry = this.entries.get(hash);
    if (entry !== undefined) entry.count++;
    else {
      if (this.entries.size === MAX_PREFIXES) this.halve();
      if (this.entries.size === MAX_PREFIXES) return;
      this.entries.set(hash, new Entry(Buffer.from(frame.subarray(start, end))));
    }
    if (++this.samples >= HALVE_AFTER) this.halve();
  }

  private halve(): void {
    this.samples = 0;
    for (const [hash, entry] of this.entries) {
      entry.count >>= 1;
      if (entry.count === 0) this.entries.delete(hash);
      this.samples += entry.count;
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

/** FNV-1a, of 30 bits: a number that a Map needs no memory for. */
function hashOf(frame: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ frame[i]!, 0x01000193);
  return (hash ^ (hash >>> 30)) & 0x3fffffff;
}
