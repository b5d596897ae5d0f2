/**
 * What the shop knows a key must hold, learnt from acknowledgements only, and how a reading is judged against it.
 *
 * Three sorts, by how concurrent writers stay decidable:
 * - exact (`Text`, `Fields`, `Members`, `Items`): one request at a time changes the key (its user's turn), so the state
 *   is known to the byte and every deviation, a field too many included, is a write that got lost;
 * - sums (`Count`, `Sums`): increments commute, so whoever writes concurrently, the total is known;
 * - told by the reply (`Log`, `Latest`, `FirstComer`): the reply says where the write took its place: RPUSH the
 *   position, GETSET the predecessor, SET … NX whether it came first.
 *
 * `undecided` is set for good once a write of unknown outcome (a lost connection) touched the key: it may even take
 * effect later. Then only lower bounds hold.
 */

import type { DirectCommand } from './direct.js';

export interface Verdict {
  /** acknowledged writes of which nothing is to be seen */
  lost: number;
  /** effects that no acknowledged write explains, e.g. one applied twice */
  unexpected: number;
  /** the first deviation, for a person; '' if there is none */
  detail: string;
}

export abstract class Expectation {
  undecided = false;
  constructor(readonly key: string) {}
  /** the commands that read the key; `judge` gets their replies in this order */
  abstract queries(): DirectCommand[];
  abstract judge(replies: readonly unknown[], nowMs: number): Verdict;
}

/** Deadlines are compared with this tolerance: a copy's and a clock's rounding. */
const TTL_TOLERANCE_MS = 1000;
const MAY_HAVE_EXPIRED_MS = 1500;

/** A string, or nothing. With a TTL the deadline is known as an interval: between sending and acknowledgement. */
export class Text extends Expectation {
  value: string | null = null;
  private deadlineFromMs = 0;
  private deadlineToMs = 0;

  set(value: string, ttl?: { ms: number; sentAtMs: number; ackedAtMs: number }): void {
    this.value = value;
    this.deadlineFromMs = ttl === undefined ? 0 : ttl.sentAtMs + ttl.ms;
    this.deadlineToMs = ttl === undefined ? 0 : ttl.ackedAtMs + ttl.ms;
  }

  queries(): DirectCommand[] {
    return [
      ['get', this.key],
      ['pttl', this.key],
    ];
  }

  judge([value, ttlMs]: readonly unknown[], nowMs: number): Verdict {
    if (this.undecided || (this.deadlineFromMs > 0 && this.deadlineFromMs < nowMs + MAY_HAVE_EXPIRED_MS)) return fine();
    if (value !== this.value) return lost(1, `${show(value)} instead of ${show(this.value)}`);
    if (this.value === null) return fine();
    if (this.deadlineToMs === 0) return ttlMs === -1 ? fine() : lost(1, `a TTL of ${ttlMs} ms that nobody set`);
    const deadlineMs = ttlMs === -1 ? Number.POSITIVE_INFINITY : nowMs + Number(ttlMs);
    const early = deadlineMs < this.deadlineFromMs - TTL_TOLERANCE_MS;
    const late = deadlineMs > this.deadlineToMs + TTL_TOLERANCE_MS;
    return early || late ? lost(1, `a TTL of ${ttlMs} ms instead of ${this.deadlineFromMs - nowMs}`) : fine();
  }
}

/** A hash whose every field is known. */
export class Fields extends Expectation {
  readonly fields = new Map<string, string>();

  queries(): DirectCommand[] {
    return [['hgetall', this.key]];
  }

  judge([reply]: readonly unknown[]): Verdict {
    if (this.undecided) return fine();
    const actual = pairs(reply);
    const verdict = fine();
    for (const [field, value] of this.fields) {
      if (actual.get(field) !== value)
        note(verdict, 1, 0, `${field} is ${show(actual.get(field))}, not ${show(value)}`);
    }
    for (const field of actual.keys()) {
      if (!this.fields.has(field)) note(verdict, 1, 0, `${field} is still there`);
    }
    return verdict;
  }
}

/** A set whose every member is known. */
export class Members extends Expectation {
  readonly members = new Set<string>();

  queries(): DirectCommand[] {
    return [['smembers', this.key]];
  }

  judge([reply]: readonly unknown[]): Verdict {
    if (this.undecided) return fine();
    const actual = new Set(reply as string[]);
    const verdict = fine();
    for (const member of this.members) if (!actual.has(member)) note(verdict, 1, 0, `${member} is missing`);
    for (const member of actual) if (!this.members.has(member)) note(verdict, 1, 0, `${member} is still there`);
    return verdict;
  }
}

/** A list that is known from head to tail. */
export class Items extends Expectation {
  items: string[] = [];

  queries(): DirectCommand[] {
    return [['lrange', this.key, '0', '-1']];
  }

  judge([reply]: readonly unknown[]): Verdict {
    if (this.undecided) return fine();
    const actual = reply as string[];
    const verdict = fine();
    for (let i = 0; i < Math.max(actual.length, this.items.length); i++) {
      if (actual[i] !== this.items[i]) note(verdict, 1, 0, `[${i}] is ${show(actual[i])}, not ${show(this.items[i])}`);
    }
    return verdict;
  }
}

/** A number under INCR, INCRBY and DECRBY: the sum of what was acknowledged. */
export class Count extends Expectation {
  private readonly total: Total;
  /** a stock falls from `initial`: there a forgotten write shows as too much */
  constructor(key: string, initial = 0) {
    super(key);
    this.total = new Total(initial);
  }

  get sum(): number {
    return this.total.sum;
  }

  add(by: number): void {
    this.total.add(by);
  }

  queries(): DirectCommand[] {
    return [['get', this.key]];
  }

  judge([reply]: readonly unknown[]): Verdict {
    const verdict = fine();
    this.total.judge(reply, this.undecided, 'the counter', verdict);
    return verdict;
  }
}

/** Numbers under HINCRBY or ZINCRBY, by hash field or member. */
export class Sums extends Expectation {
  private readonly totals = new Map<string, Total>();
  constructor(
    key: string,
    private readonly type: 'hash' | 'zset',
  ) {
    super(key);
  }

  add(member: string, by: number): void {
    let total = this.totals.get(member);
    if (total === undefined) this.totals.set(member, (total = new Total(0)));
    total.add(by);
  }

  sum(member: string): number {
    return this.totals.get(member)?.sum ?? 0;
  }

  queries(): DirectCommand[] {
    return this.type === 'hash' ? [['hgetall', this.key]] : [['zrange', this.key, '0', '-1', 'WITHSCORES']];
  }

  judge([reply]: readonly unknown[]): Verdict {
    const actual = pairs(reply);
    const verdict = fine();
    for (const [member, total] of this.totals) total.judge(actual.get(member), this.undecided, member, verdict);
    if (this.undecided) return verdict;
    for (const member of actual.keys())
      if (!this.totals.has(member)) note(verdict, 0, 1, `${member} was never written`);
    return verdict;
  }
}

/** A sum of acknowledged steps, all in one direction. */
class Total {
  sum: number;
  private writes = 0;
  private falling = false;

  constructor(initial: number) {
    this.sum = initial;
  }

  add(by: number): void {
    this.sum += by;
    this.writes++;
    this.falling = by < 0;
  }

  judge(reply: unknown, undecided: boolean, name: string, into: Verdict): void {
    if (reply === null || reply === undefined) {
      if (this.sum !== 0) note(into, Math.max(1, this.writes), 0, `${name} is not there, ${this.sum} was written`);
      return;
    }
    const actual = Number(reply);
    const missing = this.falling ? actual - this.sum : this.sum - actual;
    const detail = `${name} is ${actual}, not ${this.sum}`;
    if (missing > 0) note(into, Math.max(1, Math.min(missing, this.writes)), 0, detail);
    else if (missing < 0 && !undecided) note(into, 0, 1, detail);
  }
}

/** A list that is only pushed to: RPUSH replies the length, so each element's position is known. */
export class Log extends Expectation {
  private readonly entries = new Map<number, string>();
  /** two acknowledged pushes were given one position: the earlier of them was lost in between */
  private collisions = 0;

  push(entry: string, lengthReply: number): void {
    if (this.entries.has(lengthReply - 1)) this.collisions++;
    this.entries.set(lengthReply - 1, entry);
  }

  queries(): DirectCommand[] {
    return [['lrange', this.key, '0', '-1']];
  }

  judge([reply]: readonly unknown[]): Verdict {
    const actual = reply as string[];
    const verdict = fine();
    if (this.collisions > 0) note(verdict, this.collisions, 0, `${this.collisions} positions were given twice`);
    for (const [position, entry] of this.entries) {
      if (actual[position] !== entry) note(verdict, 1, 0, `[${position}] is ${show(actual[position])}, not ${entry}`);
    }
    if (!this.undecided && actual.length > this.entries.size + this.collisions) {
      note(verdict, 0, actual.length - this.entries.size, `${actual.length} entries, ${this.entries.size} pushed`);
    }
    return verdict;
  }
}

/**
 * A string under GETSET with a new value each time. Each reply names the predecessor, so the acknowledged writes form
 * a chain and its last link is the value. Two ends mean that one write was forgotten, even if it was overwritten since.
 */
export class Latest extends Expectation {
  /** acknowledged and, as far as known, not replaced */
  private readonly ends = new Set<string>();
  /** named as a predecessor before their own acknowledgement was seen */
  private readonly replacedEarly = new Set<string>();

  set(value: string, predecessor: string | null): void {
    if (!this.replacedEarly.delete(value)) this.ends.add(value);
    if (predecessor !== null && !this.ends.delete(predecessor)) this.replacedEarly.add(predecessor);
  }

  queries(): DirectCommand[] {
    return [['get', this.key]];
  }

  judge([reply]: readonly unknown[]): Verdict {
    if (this.undecided) return fine();
    const verdict = fine();
    if (this.ends.size > 1) note(verdict, this.ends.size - 1, 0, `${this.ends.size} writes that nothing replaced`);
    if (!this.ends.has(reply as string))
      note(verdict, 1, 0, `${show(reply)} instead of ${[...this.ends].join(' or ')}`);
    return verdict;
  }
}

/** A string under SET … NX: exactly one writer may have been told that it was the first. */
export class FirstComer extends Expectation {
  private readonly winners: string[] = [];

  won(value: string): void {
    this.winners.push(value);
  }

  queries(): DirectCommand[] {
    return [['get', this.key]];
  }

  judge([reply]: readonly unknown[]): Verdict {
    const verdict = fine();
    if (this.winners.length > 1) note(verdict, this.winners.length - 1, 0, `won by ${this.winners.join(' and by ')}`);
    const last = this.winners.at(-1);
    if (!this.undecided && last !== undefined && reply !== last)
      note(verdict, 1, 0, `${show(reply)} instead of ${last}`);
    return verdict;
  }
}

/** A key that always has a short TTL. Its value is gone when anyone looks; what must never happen is that it stays. */
export class Fleeting extends Expectation {
  constructor(
    key: string,
    private readonly ttlMs: number,
  ) {
    super(key);
  }

  queries(): DirectCommand[] {
    return [['pttl', this.key]];
  }

  judge([reply]: readonly unknown[]): Verdict {
    const ttlMs = Number(reply);
    const stays = ttlMs === -1 || ttlMs > this.ttlMs + TTL_TOLERANCE_MS;
    return stays ? lost(1, `PTTL ${ttlMs}, at most ${this.ttlMs} was set`) : fine();
  }
}

function fine(): Verdict {
  return { lost: 0, unexpected: 0, detail: '' };
}

function lost(count: number, detail: string): Verdict {
  return { lost: count, unexpected: 0, detail };
}

function note(verdict: Verdict, lostCount: number, unexpected: number, detail: string): void {
  verdict.lost += lostCount;
  verdict.unexpected += unexpected;
  if (verdict.detail === '') verdict.detail = detail;
}

/** HGETALL and ZRANGE WITHSCORES, flat or (through RESP3) as an object. */
function pairs(reply: unknown): Map<string, string> {
  if (!Array.isArray(reply)) return new Map(Object.entries((reply ?? {}) as Record<string, string>));
  const map = new Map<string, string>();
  for (let i = 0; i + 1 < reply.length; i += 2) map.set(String(reply[i]), String(reply[i + 1]));
  return map;
}

function show(value: unknown): string {
  return value === null || value === undefined ? 'nothing' : String(value).slice(0, 80);
}
