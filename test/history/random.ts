/** A small seeded generator (xorshift32), so that a seed names one set of scripts and one schedule. */
export class Random {
  private x: number;

  constructor(seed: number) {
    this.x = Math.imul(seed + 1, 2654435761) >>> 0 || 1;
    for (let i = 0; i < 4; i++) this.below(2);
  }

  /** an integer from 0 to n - 1 */
  below(n: number): number {
    this.x ^= this.x << 13;
    this.x >>>= 0;
    this.x ^= this.x >>> 17;
    this.x ^= this.x << 5;
    this.x >>>= 0;
    return this.x % n;
  }

  /** true once in n times */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** by weight; a weight of 0 is never picked */
  weighted<T>(items: readonly (readonly [number, T])[]): T {
    let at = this.below(items.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, item] of items) if ((at -= weight) < 0) return item;
    throw new Error('no weights');
  }

  /** another generator that goes its own way from here */
  fork(): Random {
    return new Random(this.below(0x7fffffff));
  }
}
