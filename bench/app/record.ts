/**
 * The shop's own record of every write that Redis acknowledged to it, as what each key must hold because of it.
 *
 * It is kept in the shop's process, beside Redis and by other means, so that it can convict whatever lies between the
 * shop and its data. A write is recorded when its acknowledgement arrives, never before. One that failed without a
 * definite answer leaves its keys `undecided`: neither state can be demanded of them.
 */
import {
  Count,
  type Expectation,
  Fields,
  FirstComer,
  Fleeting,
  Items,
  Latest,
  Log,
  Members,
  Sums,
  Text,
} from './expectations.js';

export class WriteRecord {
  acknowledgedWrites = 0;
  /** replies that contradict what had been acknowledged before they were asked for: stale reads, states forgotten */
  wrongReplies = 0;
  private readonly keys = new Map<string, Expectation>();
  private readonly complaints: string[] = [];

  get size(): number {
    return this.keys.size;
  }

  all(): Iterable<Expectation> {
    return this.keys.values();
  }

  text(key: string): Text {
    return this.get(key, () => new Text(key));
  }

  fields(key: string): Fields {
    return this.get(key, () => new Fields(key));
  }

  members(key: string): Members {
    return this.get(key, () => new Members(key));
  }

  items(key: string): Items {
    return this.get(key, () => new Items(key));
  }

  count(key: string, initial = 0): Count {
    return this.get(key, () => new Count(key, initial));
  }

  sums(key: string, type: 'hash' | 'zset'): Sums {
    return this.get(key, () => new Sums(key, type));
  }

  log(key: string): Log {
    return this.get(key, () => new Log(key));
  }

  latest(key: string): Latest {
    return this.get(key, () => new Latest(key));
  }

  firstComer(key: string): FirstComer {
    return this.get(key, () => new FirstComer(key));
  }

  fleeting(key: string, ttlMs: number): Fleeting {
    return this.get(key, () => new Fleeting(key, ttlMs));
  }

  acknowledged(writes: number): void {
    this.acknowledgedWrites += writes;
  }

  /** The outcome of a write to these keys is unknown: its connection was lost before the reply. */
  undecided(expectations: readonly Expectation[]): void {
    for (const expectation of expectations) expectation.undecided = true;
  }

  /** Compares a reply with what must be; the first few contradictions are kept for the report. */
  mustBe(what: string, actual: unknown, expected: unknown): boolean {
    if (actual === expected) return true;
    this.complain(`${what}: ${String(actual)} instead of ${String(expected)}`);
    return false;
  }

  mustReach(what: string, actual: number, atLeast: number): boolean {
    if (actual >= atLeast) return true;
    this.complain(`${what}: ${actual}, although ${atLeast} had been acknowledged`);
    return false;
  }

  examples(): readonly string[] {
    return this.complaints;
  }

  private complain(text: string): void {
    this.wrongReplies++;
    if (this.complaints.length < 20) this.complaints.push(text);
  }

  private get<T extends Expectation>(key: string, make: () => T): T {
    let expectation = this.keys.get(key);
    if (expectation === undefined) this.keys.set(key, (expectation = make()));
    return expectation as T;
  }
}
