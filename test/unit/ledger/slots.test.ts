/** The slot ledger's rules one by one; random sequences of them are in property/ledger/slots.test.ts. */
import { beforeEach, describe, expect, it } from 'vitest';
import { IDLE, LAUNCHED, PARKED, REPLIED } from '../../../src/ledger/operation.js';
import { KEYLESS_SLOT, SlotLedger } from '../../../src/ledger/slots.js';
import { FakeOperation, traces } from './fake-operation.js';

const LANE_A = 1;
const LANE_B = 2;
const LANE_C = 3;

let ledger: SlotLedger;
let launched: FakeOperation[];

beforeEach(() => {
  ledger = new SlotLedger();
  launched = [];
});

function admit(name: string, laneId: number, ...slots: number[]): FakeOperation {
  const op = new FakeOperation(name, laneId, slots, launched);
  ledger.admit(op);
  return op;
}

function admitBarrier(name: string): FakeOperation {
  const op = new FakeOperation(name, LANE_A, 'all', launched);
  ledger.admit(op);
  return op;
}

function end(...ops: FakeOperation[]): void {
  for (const op of ops) {
    ledger.replied(op);
    ledger.finish(op);
  }
}

function order(): string {
  return launched.map((op) => op.name).join(' ');
}

describe('admission on one slot (L1)', () => {
  it('lets one lane pipeline its writes', () => {
    const ops = [admit('1', LANE_A, 7), admit('2', LANE_A, 7), admit('3', LANE_A, 7)];
    expect(order()).toBe('1 2 3');
    expect(ledger.unreplied[7]).toBe(3);
    end(...ops);
    expect(traces(ledger)).toBe('');
  });

  it("parks another lane's write until the holder has no unreplied one", () => {
    const first = admit('1', LANE_A, 7);
    const second = admit('2', LANE_A, 7);
    const other = admit('other', LANE_B, 7);
    expect(other.stage).toBe(PARKED);
    ledger.replied(first);
    expect(other.stage).toBe(PARKED);
    ledger.replied(second);
    expect(other.stage).toBe(LAUNCHED);
    expect(other.wasLate).toBe(true);
    expect(ledger.holder[7]).toBe(LANE_B);
    ledger.finish(first);
    ledger.finish(second);
    end(other);
    expect(traces(ledger)).toBe('');
  });

  it('is not freed by the mirror: a slot is open until `finish`, but free after `replied`', () => {
    const first = admit('1', LANE_A, 7);
    ledger.replied(first);
    expect(ledger.open[7]).toBe(1);
    const other = admit('other', LANE_B, 7);
    expect(other.stage).toBe(LAUNCHED);
    expect(ledger.open[7]).toBe(2);
    ledger.finish(first);
    end(other);
    expect(traces(ledger)).toBe('');
  });

  it('counts a parked write as open, and changes the version at admission', () => {
    const first = admit('1', LANE_A, 7);
    const { version } = ledger;
    const before = version[7]!;
    const parked = admit('parked', LANE_B, 7);
    expect(ledger.open[7]).toBe(2);
    expect(version[7]).toBe(before + 1);
    end(first, parked);
    expect(version[7]).toBe(before + 1);
  });

  it('leaves other slots alone', () => {
    admit('1', LANE_A, 7);
    expect(admit('2', LANE_B, 8).stage).toBe(LAUNCHED);
  });

  it('gives writes without keys a slot of their own', () => {
    admit('script', LANE_A, KEYLESS_SLOT);
    expect(admit('set', LANE_B, 7).stage).toBe(LAUNCHED);
    expect(admit('another script', LANE_B, KEYLESS_SLOT).stage).toBe(PARKED);
  });
});

describe('ways to diverge 22: starvation of waiters by a busy holder', () => {
  it("queues the holder's own new writes behind whoever is parked", () => {
    const held = admit('held', LANE_A, 7);
    const waiter = admit('waiter', LANE_B, 7);
    const greedy = admit('greedy', LANE_A, 7);
    expect(greedy.stage).toBe(PARKED);
    end(held);
    expect(order()).toBe('held waiter');
    end(waiter);
    expect(order()).toBe('held waiter greedy');
    end(greedy);
    expect(traces(ledger)).toBe('');
  });

  it('lets a write over several slots through although each of them is always busy with somebody', () => {
    const busy = [admit('a', LANE_A, 1), admit('b', LANE_A, 2)];
    const both = admit('both', LANE_B, 1, 2);
    for (let round = 0; round < 10; round++) {
      const more = [admit(`a${round}`, LANE_A, 1), admit(`b${round}`, LANE_A, 2)];
      expect(more.map((op) => op.stage)).toEqual([PARKED, PARKED]);
      busy.push(...more);
    }
    end(busy[0]!, busy[1]!);
    expect(both.stage).toBe(LAUNCHED);
  });

  it('lets FLUSHALL through although somebody always writes', () => {
    const before = admit('before', LANE_A, 1);
    const flush = admitBarrier('flush');
    const after = [admit('same lane', LANE_A, 1), admit('other slot', LANE_B, 2), admitBarrier('second flush')];
    expect(after.map((op) => op.stage)).toEqual([PARKED, PARKED, PARKED]);
    end(before);
    expect(order()).toBe('before flush');
    end(flush);
    expect(order()).toBe('before flush same lane other slot');
    end(after[0]!, after[1]!);
    expect(order()).toBe('before flush same lane other slot second flush');
    end(after[2]!);
    expect(traces(ledger)).toBe('');
  });
});

describe('ways to diverge 22: {1,2} against {2,1}', () => {
  it('acquires all or none, so that neither waits for the other', () => {
    const holder = admit('holder', LANE_C, 1);
    const onetwo = admit('onetwo', LANE_A, 1, 2);
    const twoone = admit('twoone', LANE_B, 2, 1);
    // slot 2 is free all the time, and yet nobody has taken it alone
    expect(ledger.unreplied[2]).toBe(0);
    end(holder);
    expect(order()).toBe('holder onetwo');
    end(onetwo);
    expect(order()).toBe('holder onetwo twoone');
    end(twoone);
    expect(traces(ledger)).toBe('');
  });

  it('does not close a ring of three either', () => {
    const holders = [admit('h', LANE_C, 1, 2, 3)];
    const ring = [admit('12', 10, 1, 2), admit('23', 11, 2, 3), admit('31', 12, 3, 1)];
    end(...holders);
    for (let left = ring.length; left > 0; left--) {
      const running = ring.find((op) => op.stage === LAUNCHED);
      expect(running).toBeDefined();
      end(running!);
    }
    expect(traces(ledger)).toBe('');
  });
});

describe('ways to diverge 22: counters decremented once, whatever happens to the client', () => {
  it('withdraws a parked write without a trace and lets those behind it pass', () => {
    const holder = admit('holder', LANE_A, 1);
    const killed = admit('killed', LANE_B, 1, 2);
    const behind = admit('behind', LANE_C, 2);
    expect(behind.stage).toBe(PARKED);
    ledger.withdraw(killed);
    expect(killed.stage).toBe(IDLE);
    expect(behind.stage).toBe(LAUNCHED);
    end(holder, behind);
    expect(killed.launches).toBe(0);
    expect(traces(ledger)).toBe('');
  });

  it('withdraws a waiting FLUSHALL and admits what waited behind it', () => {
    const holder = admit('holder', LANE_A, 1);
    const flush = admitBarrier('flush');
    const behind = admit('behind', LANE_B, 2);
    ledger.withdraw(flush);
    expect(behind.stage).toBe(LAUNCHED);
    end(holder, behind);
    expect(flush.launches).toBe(0);
    expect(traces(ledger)).toBe('');
  });

  it('withdraws what waits behind a FLUSHALL, and the FLUSHALL still comes', () => {
    const holder = admit('holder', LANE_A, 1);
    const flush = admitBarrier('flush');
    const [gone, stays] = [admit('gone', LANE_B, 2), admit('stays', LANE_B, 3)];
    ledger.withdraw(gone);
    end(holder);
    expect(flush.stage).toBe(LAUNCHED);
    end(flush, stays);
    expect(traces(ledger)).toBe('');
  });

  it('withdraws the last parked write in front of a FLUSHALL, which then starts', () => {
    const holder = admit('holder', LANE_A, 1);
    const parked = admit('parked', LANE_B, 1);
    const flush = admitBarrier('flush');
    end(holder);
    expect(parked.stage).toBe(LAUNCHED);
    end(parked);
    expect(flush.stage).toBe(LAUNCHED);
    end(flush);
    const [again, killed] = [admit('again', LANE_A, 1), admit('killed', LANE_B, 1)];
    const second = admitBarrier('second');
    ledger.withdraw(killed);
    expect(second.stage).toBe(PARKED);
    end(again);
    expect(second.stage).toBe(LAUNCHED);
    end(second);
    expect(traces(ledger)).toBe('');
  });

  it('says so instead of counting twice', () => {
    const op = admit('op', LANE_A, 1);
    expect(() => ledger.admit(op)).toThrow(/stage/);
    expect(() => ledger.finish(op)).toThrow(/stage/);
    expect(() => ledger.withdraw(op)).toThrow(/stage/);
    ledger.replied(op);
    expect(op.stage).toBe(REPLIED);
    expect(() => ledger.replied(op)).toThrow(/stage/);
    ledger.finish(op);
    expect(() => ledger.finish(op)).toThrow(/stage/);
    expect(traces(ledger)).toBe('');
    const parked = [admit('holder', LANE_A, 1), admit('parked', LANE_B, 1)];
    ledger.withdraw(parked[1]!);
    expect(() => ledger.withdraw(parked[1]!)).toThrow(/stage/);
    expect(() => ledger.replied(parked[1]!)).toThrow(/stage/);
  });
});

describe('the test hook that switches admission off', () => {
  it('launches everything at once, and still counts', () => {
    ledger.admissionOff = true;
    const ops = [admit('1', LANE_A, 1), admit('2', LANE_B, 1), admit('3', LANE_C, 1, 2)];
    expect(order()).toBe('1 2 3');
    end(...ops);
    expect(traces(ledger)).toBe('');
  });
});
