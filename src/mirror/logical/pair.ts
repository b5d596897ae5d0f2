/**
 * The two sides of one comparison: how they are called, what counts as equal, and how a difference is worded. Every
 * type's comparison works on one of these.
 */
import type { Reply } from '../../resp/values.js';
import type { Args } from './replies.js';

/**
 * Sends commands pipelined on one connection; replies in the same order, server errors among them as values. Their
 * bytes are the receiver's: they are not overwritten later.
 */
export type Caller = (commands: Args[]) => Promise<Reply[]>;

export interface Difference {
  kind: 'missing' | 'extra' | 'type' | 'value' | 'ttl';
  /** a few words that name both sides */
  detail: string;
  /** what is on each side, where that can be said by itself: "list", "length 3" */
  onA?: string;
  onB?: string;
}

/** What one side's server can do. */
export interface CompareFeatures {
  /** HPEXPIRETIME: Redis ≥ 7.4, Valkey ≥ 9. A side without it has no field TTLs. */
  hashFieldTtl: boolean;
  /** SMISMEMBER: ≥ 6.2. */
  smismember: boolean;
}

export interface CompareOptions {
  chunkElements: number;
  chunkBytes: number;
  a?: CompareFeatures;
  b?: CompareFeatures;
  /** The key's name on side b, where it is another one. */
  keyOnB?: Buffer;
  /** How the two sides are called in `detail`. */
  names?: readonly [string, string];
  ttlToleranceMs?: number;
  deliveryToleranceMs?: number;
  /** b's clock minus a's. */
  clockDifferenceMs?: number;
  /** The value's size if known (its DUMP payload): a small one is then read in one piece. */
  sizeBytes?: number;
}

const REDIS_7_0: CompareFeatures = { hashFieldTtl: false, smismember: true };
const TOLERANCE_MS = 1000;

export class Pair {
  /** The key as each side calls it. */
  readonly keys: readonly [Buffer, Buffer];
  readonly chunkElements: number;
  readonly chunkBytes: number;
  readonly firstElements: number | undefined;
  readonly features: readonly [CompareFeatures, CompareFeatures];
  readonly names: readonly [string, string];
  readonly ttlToleranceMs: number;
  readonly deliveryToleranceMs: number;
  readonly clockDifferenceMs: number;

  constructor(
    readonly a: Caller,
    readonly b: Caller,
    key: Buffer,
    options: CompareOptions,
  ) {
    this.keys = [key, options.keyOnB ?? key];
    this.chunkElements = Math.max(1, options.chunkElements);
    this.chunkBytes = Math.max(1, options.chunkBytes);
    this.firstElements =
      (options.sizeBytes ?? Number.POSITIVE_INFINITY) <= this.chunkBytes ? this.chunkElements : undefined;
    this.features = [options.a ?? REDIS_7_0, options.b ?? REDIS_7_0];
    this.names = options.names ?? ['source', 'target'];
    this.clockDifferenceMs = options.clockDifferenceMs ?? 0;
    this.ttlToleranceMs = options.ttlToleranceMs ?? TOLERANCE_MS;
    this.deliveryToleranceMs = options.deliveryToleranceMs ?? TOLERANCE_MS;
  }

  /** The same commands on both sides, each about its own key. */
  both(commandsFor: (key: Buffer) => Args[]): Promise<[Reply[], Reply[]]> {
    return Promise.all([this.a(commandsFor(this.keys[0])), this.b(commandsFor(this.keys[1]))]);
  }

  /** "length 3 on source, 4 on target" */
  values(what: string, onA: string | number, onB: string | number): Difference {
    const detail = `${what} ${onA} on ${this.names[0]}, ${onB} on ${this.names[1]}`;
    return { kind: 'value', detail, onA: `${what} ${onA}`, onB: `${what} ${onB}` };
  }

  /** "member "x" only on source" */
  only(what: string, side: 0 | 1): Difference {
    return { kind: 'value', detail: `${what} only on ${this.names[side]}` };
  }

  differs(what: string): Difference {
    return { kind: 'value', detail: `${what} differs` };
  }

  /** Both deadlines in ms of their own server's clock, null without TTL. */
  deadlines(what: string, onA: number | null, onB: number | null): Difference | null {
    if (onA === null && onB === null) return null;
    if (onA === null || onB === null) {
      const [with_, without] = onB === null ? this.names : [this.names[1], this.names[0]];
      return { kind: 'ttl', detail: `${what} has a TTL on ${with_} and none on ${without}` };
    }
    const apartMs = onB - this.clockDifferenceMs - onA;
    if (Math.abs(apartMs) <= this.ttlToleranceMs) return null;
    const when = apartMs > 0 ? 'later' : 'earlier';
    return { kind: 'ttl', detail: `${what} expires ${Math.abs(apartMs)} ms ${when} on ${this.names[1]}` };
  }
}
