/** Case 13: the intent bit is set after the send; write, acknowledge, crash, no trace. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type IntentCommit, type IntentReasons, type IntentStore, WriteIntent } from '../../../src/ledger/intent.js';
import { IntentFile } from '../../../src/ledger/intent-file.js';
import { ALL_SLOTS, LANE_SLOTS, NO_SLOT, Operation } from '../../../src/ledger/operation.js';
import { KEYLESS_SLOT, SLOTS } from '../../../src/ledger/slots.js';

class Write extends Operation {
  constructor(slot: number, ...more: number[]) {
    super();
    this.slot = slot;
    this.moreSlots = more.length === 0 ? null : more;
  }
  launch(): void {}
}

/** A disk that is done when it is told so. */
class SlowDisk implements IntentStore {
  readonly written: Buffer[] = [];
  discarded = 0;
  private waiting: { resolve: () => void; reject: (error: Error) => void } | null = null;

  write(bits: Buffer): Promise<void> {
    this.written.push(Buffer.from(bits));
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
    });
  }

  async discard(): Promise<void> {
    this.discarded++;
  }

  async done(error?: Error): Promise<void> {
    const waiting = this.waiting!;
    this.waiting = null;
    if (error === undefined) waiting.resolve();
    else waiting.reject(error);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }

  get isBusy(): boolean {
    return this.waiting !== null;
  }

  has(slot: number): boolean {
    return ((this.written.at(-1)![slot >> 3]! >> (slot & 7)) & 1) === 1;
  }
}

const quiet = (dirty: readonly number[] = [], open: readonly number[] = [], isUnfenced = false): IntentReasons => ({
  isOpen: (slot) => open.includes(slot),
  touchedMs: new Float64Array(SLOTS + 1).fill(Number.NEGATIVE_INFINITY),
  markDirtySlots(marks) {
    for (const slot of dirty) marks[slot] = 1;
  },
  isUnfenced,
});

describe('case 13: the bitmap', () => {
  let disk: SlowDisk;
  let intent: WriteIntent;
  beforeEach(async () => {
    disk = new SlowDisk();
    intent = new WriteIntent(disk);
    intent.enable(null);
    await disk.done();
  });

  test('case 13: a write on a clean slot waits for the disk, the next one there does not', async () => {
    const commit = intent.commitFor(new Write(7))!;
    expect(commit.isDone).toBe(false);
    await Promise.resolve();
    expect(disk.has(7)).toBe(true);
    expect(commit.isDone).toBe(false);
    await disk.done();
    expect(commit.isDone).toBe(true);
    expect(intent.commitFor(new Write(7))).toBeNull();
    expect(intent.size).toBe(1);
  });

  test('everybody of a turn shares one commit, and those who come during it the next one', async () => {
    const first = intent.commitFor(new Write(1));
    expect(intent.commitFor(new Write(2))).toBe(first);
    await Promise.resolve();
    expect(intent.commitFor(new Write(2))).toBe(first); // on its way
    const second = intent.commitFor(new Write(3))!;
    expect(second).not.toBe(first);
    expect(second.number).toBeGreaterThan(first!.number);
    // of two slots the later commit counts
    expect(intent.commitFor(new Write(1, 3))).toBe(second);
    expect(disk.has(3)).toBe(false);
    await disk.done();
    expect([first!.isDone, second.isDone]).toEqual([true, false]);
    expect(disk.has(3)).toBe(true);
    await disk.done();
    expect(second.isDone).toBe(true);
  });

  test('writes that may touch any key need every bit; those without keys need none', async () => {
    expect(intent.commitFor(new Write(NO_SLOT))).toBeNull();
    expect(intent.commitFor(new Write(KEYLESS_SLOT))).toBeNull();
    const commit = intent.commitFor(new Write(ALL_SLOTS));
    expect(intent.commitFor(new Write(LANE_SLOTS))).toBe(commit);
    await Promise.resolve();
    await disk.done();
    expect(intent.size).toBe(SLOTS);
    expect(intent.commitFor(new Write(ALL_SLOTS))).toBeNull();
  });

  test('a bit goes when its slot is quiet, and not before', async () => {
    for (const slot of [1, 2, 3, 4]) intent.commitFor(new Write(slot));
    await Promise.resolve();
    await disk.done();
    intent.settle(quiet([2], [3]), 0);
    await disk.done();
    expect([1, 2, 3, 4].map((slot) => disk.has(slot))).toEqual([false, true, true, false]);
    expect(intent.commitFor(new Write(1))).not.toBeNull();
    await Promise.resolve();
    await disk.done();
    intent.settle(quiet([], [], true), 0);
    expect(disk.isBusy).toBe(false); // a lost connection may still write
    const lately = { ...quiet(), touchedMs: new Float64Array(SLOTS + 1).fill(performance.now()) };
    intent.settle(lately, 60_000);
    expect(disk.isBusy).toBe(false);
  });

  test('what became dirty without a write of ours gets its bit', async () => {
    intent.settle(quiet([9]), 0);
    expect(disk.has(9)).toBe(true);
    const settled = intent.committed();
    await disk.done();
    await settled;
    expect(intent.size).toBe(1);
  });

  test('a disk that fails: the file goes, every slot counts as marked, and nobody waits for ever', async () => {
    const failures: string[] = [];
    intent.onFailure = ({ message }) => failures.push(message);
    const commit = intent.commitFor(new Write(5))!;
    await Promise.resolve();
    await disk.done(new Error('no space'));
    expect(commit.isDone).toBe(true);
    expect(disk.discarded).toBe(1);
    expect(failures).toEqual(['no space']);
    expect(intent.size).toBe(SLOTS);
    expect(intent.commitFor(new Write(6))).toBeNull();
    // tried again, and told once
    intent.settle(quiet([5]), 0);
    await disk.done(new Error('no space'));
    expect(failures).toHaveLength(1);
    intent.settle(quiet([5]), 0);
    await disk.done();
    expect(disk.has(5)).toBe(true);
    expect(disk.has(6)).toBe(false);
    expect(intent.size).toBe(1);
  });

  test('without a mirror nobody waits', async () => {
    intent.disable();
    expect(intent.commitFor(new Write(1))).toBeNull();
    expect(intent.commitFor(new Write(ALL_SLOTS))).toBeNull();
    expect(intent.size).toBe(0);
  });

  test('who holds back a connection is told at the end of the commit', async () => {
    let told = 0;
    const commit: IntentCommit = intent.commitFor(new Write(1))!;
    commit.held.push({ committed: () => told++ });
    await Promise.resolve();
    expect(told).toBe(0);
    await disk.done();
    expect(told).toBe(1);
  });
});

describe('the file', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ferry-intent-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  test('has what was written, 0600, and only for its migration', async () => {
    const file = new IntentFile(dir, 'abcd');
    expect(await file.load()).toBeNull();
    const bits = Buffer.alloc(SLOTS / 8);
    bits[0] = 0b101;
    await file.write(bits);
    bits[SLOTS / 8 - 1] = 0x80;
    await file.write(bits);
    await file.close();
    const marks = (await new IntentFile(dir, 'abcd').load())!;
    expect([...marks.keys()].filter((slot) => marks[slot] === 1)).toEqual([0, 2, SLOTS - 1]);
    expect(await new IntentFile(dir, 'other').load()).toBeNull();
    const path = join(dir, 'intent.bits');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    writeFileSync(path, readFileSync(path).subarray(0, 1000));
    expect(await new IntentFile(dir, 'abcd').load()).toBeNull();
  });

  test('is gone when it is discarded, and comes back whole', async () => {
    const file = new IntentFile(dir, 'abcd');
    await file.write(Buffer.alloc(SLOTS / 8));
    await file.discard();
    expect(await file.load()).toBeNull();
    await file.write(Buffer.alloc(SLOTS / 8, 0xff));
    expect((await file.load())!.every((mark) => mark === 1)).toBe(true);
    await file.close();
  });
});
