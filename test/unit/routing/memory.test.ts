/** The ceiling's decisions: who waits, when the mirror is shed, and who is closed in the end. */
import { expect, test } from 'vitest';
import { type Holder, MemoryCeiling } from '../../../src/routing/memory.js';

const MIB = 1 << 20;

class Client implements Holder {
  isThrottled = false;
  isClosed = false;
  isStuck = true;
  went = 0;
  constructor(public mib: number) {}
  sentBytes = 0;
  get heldBytes(): number {
    return this.mib * MIB;
  }
  measure(): void {}
  goOn(): void {
    this.went++;
  }
  close(): void {
    this.isClosed = true;
  }
}

class Rig {
  nowMs = 0;
  mirrorMib = 0;
  laneMib = 0;
  readonly ceiling: MemoryCeiling;
  constructor(readonly clients: Client[]) {
    this.ceiling = new MemoryCeiling(
      () => 100 * MIB,
      () => this.nowMs,
    );
    this.ceiling.watch(() => clients.filter(({ isClosed }) => !isClosed), {
      unsentBytes: () => this.laneMib * MIB,
      partialBytes: () => 0,
      mirrorBytes: () => this.mirrorMib * MIB,
      copyBytes: () => 0,
    });
    this.ceiling.stop(); // measured by hand
  }
  after(ms: number): string {
    this.nowMs += ms;
    this.ceiling.measure();
    return this.ceiling.pressure;
  }
  get throttled(): boolean[] {
    return this.clients.map(({ isThrottled }) => isThrottled);
  }
}

test('below the limit nobody waits, whoever holds it', () => {
  const rig = new Rig([new Client(95), new Client(1)]);
  rig.mirrorMib = 4;
  expect(rig.after(100)).toBe('none');
  expect(rig.throttled).toEqual([false, false]);
});

test('over it those wait who hold more than a little, until a good part is gone, or their own', () => {
  const [big, middle, small] = [new Client(70), new Client(35), new Client(0.05)];
  const rig = new Rig([big, middle, small]);
  expect(rig.after(100)).toBe('throttling');
  expect(rig.throttled).toEqual([true, true, false]);
  expect([big.went, middle.went, small.went]).toEqual([1, 1, 0]);
  big.mib = 50;
  expect(rig.after(100)).toBe('throttling');
  big.mib = 100;
  middle.mib = 0.01;
  expect(rig.after(100)).toBe('throttling');
  expect(rig.throttled).toEqual([true, false, false]);
  middle.mib = 35;
  big.mib = 40;
  expect(rig.after(100)).toBe('none');
  expect(rig.throttled).toEqual([false, false, false]);
  expect(rig.ceiling.evicted).toBe(0);
});

test('the mirror is given nothing more only where its backlog is a good part of it', () => {
  const rig = new Rig([new Client(95)]);
  rig.mirrorMib = 6;
  rig.after(100);
  expect(rig.ceiling.shedsMirror).toBe(false);
  rig.mirrorMib = 20;
  rig.after(100);
  expect(rig.ceiling.shedsMirror).toBe(true);
  rig.mirrorMib = 0;
  rig.clients[0]!.mib = 10;
  rig.after(100);
  expect(rig.ceiling.shedsMirror).toBe(false);
});

test('when nothing gets better for a while the largest is closed, and one is enough if it was enough', () => {
  const [big, middle] = [new Client(80), new Client(30)];
  const rig = new Rig([big, middle]);
  rig.after(100);
  expect(rig.after(1900)).toBe('throttling');
  expect(big.isClosed).toBe(false);
  expect(rig.after(200)).toBe('refusing');
  expect([big.isClosed, middle.isClosed]).toEqual([true, false]);
  expect(rig.after(100)).toBe('none');
  expect(middle.isThrottled).toBe(false);
});

test('who waits for a server is not closed for it, until it is far over', () => {
  const [waiting, stuck] = [new Client(70), new Client(40)];
  waiting.isStuck = false;
  const rig = new Rig([waiting, stuck]);
  rig.after(100);
  rig.after(2100);
  expect([waiting.isClosed, stuck.isClosed]).toEqual([false, true]);
  waiting.mib = 101;
  for (let i = 0; i < 10; i++) rig.after(1000);
  expect(waiting.isClosed).toBe(false);
  waiting.mib = 126;
  rig.after(100);
  expect(waiting.isClosed).toBe(true);
});

test('as long as it gets better nobody is closed', () => {
  const big = new Client(120);
  const rig = new Rig([big]);
  for (let i = 0; i < 10; i++) {
    rig.after(1500);
    big.mib *= 0.93;
    if (rig.ceiling.pressure === 'none') break;
  }
  expect(big.isClosed).toBe(false);
});

test('far over it there is no waiting', () => {
  const rig = new Rig([new Client(90), new Client(60), new Client(1)]);
  expect(rig.after(100)).toBe('refusing');
  expect(rig.clients.map(({ isClosed }) => isClosed)).toEqual([true, false, false]);
});

test('what a connection to a server has not taken of a client counts once', () => {
  const rig = new Rig([new Client(70)]);
  rig.clients[0]!.sentBytes = 60 * MIB;
  rig.laneMib = 60;
  expect(rig.after(100)).toBe('none');
  expect(rig.ceiling.heldBytes).toBe(70 * MIB);
  rig.laneMib = 95;
  expect(rig.after(100)).toBe('throttling');
  expect(rig.ceiling.heldBytes).toBe(105 * MIB);
});

test('what no client holds closes nobody', () => {
  const rig = new Rig([new Client(0), new Client(0.01)]);
  rig.laneMib = 500;
  rig.after(100);
  rig.after(5000);
  expect(rig.clients.some(({ isClosed }) => isClosed)).toBe(false);
});

test('much that comes in at once is measured at once', () => {
  const rig = new Rig([new Client(101)]);
  rig.ceiling.arrived(6 * MIB);
  expect(rig.ceiling.pressure).toBe('none');
  rig.ceiling.arrived(MIB);
  expect(rig.ceiling.pressure).toBe('throttling');
});
