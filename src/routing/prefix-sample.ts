/**
 * Which kinds of keys the clients ask for: how often keys begin with what, from one command in 64.
 *
 *   user:7:cart  →  `user:`        everything up to the first `:`, `/`, `|` or `.`
 *   {user:7}     →  `{user:`
 *   counter      →  ``             no such byte among the first 48
 *
 * A command that is not sampled costs one decrement, and a sampled one whose prefix is known allocates nothing. Of a command
 * with several keys the first counts. At most 128 prefixes are kept: when there are more, or after 8192 samples, all counts are halved and
 * what is left with nothing goes. So what is kept is of the recent past, and whoever sends keys without an end of prefixes
 * costs a bounded amount.
 */
import type { Command } from '../commands/command.js';
import { Sampler } from '../observe/sampler.js';
import { firstKeyOf, type Spans } from './placement.js';

const MAX_PREFIXES = 128;
const MAX_PREFIX_BYTES = 48;
const HALVE_AFTER = 8192;

const COLON = 0x3a;
const SLASH = 0x2f;
const BAR = 0x7c;
const DOT = 0x2e;

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

export class PrefixSample {
  private readonly sampler = new Sampler(0x9e3779b9);
  /** How many commands the counts stand for. */
  private samples = 0;
  /** By the hash of the prefix: two prefixes of one hash, among 128 a rarity, would count as one. */
  private readonly entries = new Map<number, Entry>();

  isDue(): boolean {
    return this.sampler.tick();
  }

  take(command: Command, spans: Spans): void {
    const argument = firstKeyOf(command, spans);
    if (argument < 0) return;
    const { frame, starts, ends } = spans;
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
