/**
 * Random lives of operations in the slot ledger, against a plain model: what it must never do (two lanes on one slot,
 * a part of the slots, a later one first, a FLUSHALL among others), and what it must always reach (zero).
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALL_SLOTS, IDLE, LANE_SLOTS, LAUNCHED, PARKED, REPLIED } from '../../../src/ledger/operation.js';
import { KEYLESS_SLOT, SlotLedger } from '../../../src/ledger/slots.js';
import { FakeOperation, traces } from '../../unit/ledger/fake-operation.js';

/** Few, so that operations meet. The last one is the pseudo-slot of keyless writes. */
const SLOT_POOL = [0, 1, 2, 5, 16383, KEYLESS_SLOT];
const LANES = 3;

type Step =
  | { readonly does: 'admit'; readonly lane: number; readonly slots: readonly number[] | 'all' | 'lane' }
  | { readonly does: 'reply' | 'finish' | 'withdraw'; readonly pick: number };

const pick = fc.nat(1000);
const slotSet = fc.oneof(
  { weight: 6, arbitrary: fc.shuffledSubarray(SLOT_POOL, { minLength: 1, maxLength: 1 }) },
  { weight: 3, arbitrary: fc.shuffledSubarray(SLOT_POOL, { minLength: 2, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constant('all' as const) },
  { weight: 1, arbitrary: fc.constant('lane' as const) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('admit' as const), lane: fc.nat(LANES - 1), slots: slotSet }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('reply' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('finish' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('withdraw' as const), pick }) },
);

/** The ledger under test and everything that was ever admitted to it. */
class World {
  readonly ledger = new SlotLedger();
  readonly launched: FakeOperation[] = [];
  /** In the order of admission, without those that were withdrawn. */
  admitted: FakeOperation[] = [];
  private count = 0;

  take(step: Step): void {
    if (step.does === 'admit') {
      const op = new FakeOperation(`op ${this.count++}`, step.lane, step.slots, this.launched);
      this.admitted.push(op);
      const atOnce = this.ledger.admit(op);
      expect(op.stage).toBe(atOnce ? LAUNCHED : PARKED);
      if (atOnce) expect(op.wasLate).toBe(false);
      return;
    }
    const stage = { reply: LAUNCHED, finish: REPLIED, withdraw: PARKED }[step.does];
    const able = this.admitted.filter((op) => op.stage === stage);
    if (able.length === 0) return;
    const op = able[step.pick % able.length]!;
    if (step.does === 'reply') this.ledger.replied(op);
    else if (step.does === 'finish') this.ledger.finish(op);
    else {
      this.ledger.withdraw(op);
      this.admitted = this.admitted.filter((other) => other !== op);
      expect(op.launches).toBe(0);
    }
  }

  /** Holds after every step. */
  check(): void {
    const unreplied = this.admitted.filter((op) => op.stage === LAUNCHED);
    const parked = this.admitted.filter((op) => op.stage === PARKED);
    this.checkExclusion(unreplied);
    this.checkCounters(unreplied, parked);
    this.checkOrder();
    this.checkNobodyWaitsInVain(unreplied, parked);
  }

  /** L1 and L3: on one slot one lane; a barrier alone. */
  private checkExclusion(unreplied: readonly FakeOperation[]): void {
    if (unreplied.some((op) => op.slot === ALL_SLOTS)) must(unreplied.length === 1, 'a barrier is not alone');
    const wide = unreplied.find((op) => op.slot === LANE_SLOTS);
    if (wide !== undefined)
      must(
        unreplied.every((op) => op.laneId === wide.laneId),
        'another lane beside a script',
      );
    const lanes = new Map<number, number>();
    for (const op of unreplied) {
      for (const slot of op.slots) {
        must((lanes.get(slot) ?? op.laneId) === op.laneId, `two lanes on slot ${slot}`);
        lanes.set(slot, op.laneId);
        must(this.ledger.holder[slot] === op.laneId, `${op.name} does not hold slot ${slot}`);
      }
    }
  }

  private checkCounters(unreplied: readonly FakeOperation[], parked: readonly FakeOperation[]): void {
    const { ledger } = this;
    const open = this.admitted.filter((op) => op.stage !== IDLE);
    must(ledger.unrepliedTotal === unreplied.length, 'unrepliedTotal');
    must(ledger.parkedNow === parked.length, 'parkedNow');
    must(ledger.openTotal === open.length, 'openTotal');
    must(ledger.openAll === open.filter((op) => op.slot === ALL_SLOTS || op.slot === LANE_SLOTS).length, 'openAll');
    for (const slot of SLOT_POOL) {
      const on = (ops: readonly FakeOperation[]): number => ops.filter((op) => op.slots.includes(slot)).length;
      must(ledger.unreplied[slot] === on(unreplied), `unreplied of ${slot}`);
      must(ledger.open[slot] === on(open), `open of ${slot}`);
    }
    for (const op of this.admitted) must(op.launches === (op.stage === PARKED ? 0 : 1), `launches of ${op.name}`);
  }

  /** Of two that meet, the one admitted first is launched first. */
  private checkOrder(): void {
    for (const [i, later] of this.admitted.entries()) {
      if (later.launches === 0) continue;
      for (let j = 0; j < i; j++) {
        const earlier = this.admitted[j]!;
        if (!meet(earlier, later)) continue;
        const first = earlier.launches === 1 && earlier.launchedAs < later.launchedAs;
        must(first, `${later.name} passed ${earlier.name}`);
      }
    }
  }

  /** Whoever is parked has somebody in front of it on one of its slots: there is no deadlock. */
  private checkNobodyWaitsInVain(unreplied: readonly FakeOperation[], parked: readonly FakeOperation[]): void {
    must(unreplied.length > 0 || parked.length === 0, 'all was replied, and yet somebody is parked');
    for (const [i, op] of parked.entries()) {
      const hasEarlier = parked.slice(0, i).some((earlier) => meet(earlier, op));
      const hasRunning = unreplied.some((running) => meet(running, op));
      must(hasEarlier || hasRunning, `${op.name} waits for nobody`);
    }
  }

  /** Ends everything, oldest first; each step must make the next one possible. */
  end(): void {
    for (let rounds = 0; this.admitted.some((op) => op.stage !== IDLE); rounds++) {
      expect(rounds, 'a deadlock').toBeLessThan(10_000);
      const replied = this.admitted.find((op) => op.stage === REPLIED);
      const launched = this.admitted.find((op) => op.stage === LAUNCHED);
      if (launched !== undefined) this.ledger.replied(launched);
      else if (replied !== undefined) this.ledger.finish(replied);
    }
    expect(traces(this.ledger)).toBe('');
    for (const op of this.admitted) expect(op.launches).toBe(1);
  }
}

/** `expect` would cost most of the time here. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function meet(a: FakeOperation, b: FakeOperation): boolean {
  if (a.slot < 0 || b.slot < 0) return true;
  return a.slots.some((slot) => b.slots.includes(slot));
}

describe('ways to diverge 22: the slot ledger under random sequences', () => {
  it('keeps one lane to a slot, all or none, first come first served, and ends at zero', () => {
    let parked = 0;
    let barriers = 0;
    let scripts = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), (steps) => {
        const world = new World();
        for (const one of steps) {
          world.take(one);
          world.check();
        }
        parked += world.ledger.parkedEver;
        barriers += world.admitted.filter((op) => op.slot === ALL_SLOTS && op.launches === 1).length;
        scripts += world.admitted.filter((op) => op.slot === LANE_SLOTS && op.launches === 1).length;
        world.end();
      }),
      { numRuns: 300 },
    );
    expect(parked).toBeGreaterThan(1000);
    expect(barriers).toBeGreaterThan(50);
    expect(scripts).toBeGreaterThan(50);
  });
});
