/**
 * Picks about one event in 64, for what would cost too much if it were looked at each time.
 *
 * Each event costs a decrement. The distance to the next pick is random, between 32 and 95: a fixed one would always hit the
 * same command of a client that repeats a sequence.
 */
export const SAMPLED_ONE_IN = 64;

const LEAST_DISTANCE = 32;
const DISTANCES_MASK = 63;

export class Sampler {
  private left = 1;
  private state: number;

  constructor(seed: number) {
    this.state = seed | 1;
  }

  /** True for the picked one. */
  tick(): boolean {
    if (--this.left > 0) return false;
    this.left = LEAST_DISTANCE + this.random();
    return true;
  }

  /** xorshift32 */
  private random(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x & DISTANCES_MASK;
  }
}
