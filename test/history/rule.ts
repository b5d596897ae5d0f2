/**
 * Which side may have been the authority when: a step takes a while, and what a client sent meanwhile may have been
 * answered by either side. Moments are those of the workload's clock.
 */
import type { Side } from '../../src/phases/phase.js';

interface Reign {
  readonly side: Side;
  readonly from: number;
  to: number;
}

export class Rule {
  private readonly reigns: Reign[] = [{ side: 'source', from: 0, to: Infinity }];

  /** A step has begun that may make `side` the authority. */
  begins(side: Side, at: number): void {
    if (!this.reigns.some((reign) => reign.side === side && reign.to === Infinity)) {
      this.reigns.push({ side, from: at, to: Infinity });
    }
  }

  /** The step is over, whatever came of it. */
  is(side: Side, at: number): void {
    for (const reign of this.reigns) if (reign.side !== side && reign.to === Infinity) reign.to = at;
  }

  mayHaveBeen(side: Side, from: number, to: number): boolean {
    return this.reigns.some((reign) => reign.side === side && reign.from <= to && from <= reign.to);
  }
}
