/**
 * Which keys Ferry wrote a moment ago, so that a change which the authority reports can be told from somebody else's.
 *
 *   note      at each write's reply, while detection is on: one more write of the key
 *   explains  at each report of a change, once it is known to be explained
 *               own      as many writes as reports, or more
 *               more     more reports than writes: somebody else may have written it in between, or a reply is not read yet
 *               unknown  Ferry did not write it within WINDOW_MS, or has not read the reply yet
 *
 * A server reports a key once per turn of its event loop, however often it was written then. So a stranger's write in the
 * very turn of one of Ferry's is not seen, and `own` is no proof. Keys are 64-bit hashes without their database, which
 * reports do not tell. Typed arrays, 8 ways, nothing is allocated per key; nothing at all while it is off.
 */
import { hashHigh, hashKey, hashLow } from './known.js';

export const WINDOW_MS = 250;
const WAYS = 8;
const ENTRIES = 1 << 18;
const SEED_A = 0x51ab;
const SEED_B = 0x1e57;

export type Explanation = 'own' | 'more' | 'unknown';

export class OwnWrites {
  isOn = false;
  /** When a write had to be forgotten before its time (performance.now()): until WINDOW_MS later `unknown` says nothing. */
  forgotAtMs = Number.NEGATIVE_INFINITY;
  /** When a FLUSHALL or FLUSHDB of Ferry's was answered (performance.now()). */
  flushedAtMs = Number.NEGATIVE_INFINITY;
  private low = new Int32Array(0);
  private high = new Int32Array(0);
  private atMs = new Float64Array(0);
  private writes = new Uint16Array(0);
  private reports = new Uint16Array(0);

  constructor(private readonly entries = ENTRIES) {}

  turnOn(): void {
    if (this.isOn) return;
    this.isOn = true;
    this.low = new Int32Array(this.entries);
    this.high = new Int32Array(this.entries);
    this.atMs = new Float64Array(this.entries).fill(Number.NEGATIVE_INFINITY);
    this.writes = new Uint16Array(this.entries);
    this.reports = new Uint16Array(this.entries);
  }

  turnOff(): void {
    this.isOn = false;
    this.low = this.high = new Int32Array(0);
    this.atMs = new Float64Array(0);
    this.writes = this.reports = new Uint16Array(0);
  }

  note(buf: Uint8Array, start: number, end: number, nowMs: number): void {
    hashKey(SEED_A, SEED_B, 0, buf, start, end);
    let at = this.find();
    if (at < 0) {
      at = this.oldest();
      if (nowMs - this.atMs[at]! < WINDOW_MS) this.forgotAtMs = nowMs;
      this.low[at] = hashLow;
      this.high[at] = hashHigh;
      this.writes[at] = 0;
      this.reports[at] = 0;
    } else if (nowMs - this.atMs[at]! >= WINDOW_MS) {
      this.writes[at] = 0;
      this.reports[at] = 0;
    }
    this.atMs[at] = nowMs;
    if (this.writes[at] === 0xffff) this.writes[at] = this.reports[at] = 0;
    this.writes[at]!++;
  }

  explains(buf: Uint8Array, start: number, end: number, nowMs: number): Explanation {
    hashKey(SEED_A, SEED_B, 0, buf, start, end);
    const at = this.find();
    if (at < 0 || nowMs - this.atMs[at]! >= WINDOW_MS) return 'unknown';
    if (this.reports[at]! >= this.writes[at]!) return 'more';
    this.reports[at]!++;
    return 'own';
  }

  private find(): number {
    const first = this.firstWay();
    for (let at = first; at < first + WAYS; at++) {
      if (this.high[at] === hashHigh && this.low[at] === hashLow) return at;
    }
    return -1;
  }

  private oldest(): number {
    const first = this.firstWay();
    let oldest = first;
    for (let at = first + 1; at < first + WAYS; at++) if (this.atMs[at]! < this.atMs[oldest]!) oldest = at;
    return oldest;
  }

  private firstWay(): number {
    return (hashLow & (this.entries / WAYS - 1)) * WAYS;
  }
}
