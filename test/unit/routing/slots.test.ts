/** The list of slots of one write: each once, in the order in which they came. */
import { expect, test } from 'vitest';
import { CommandTable } from '../../../src/commands/table.js';
import { ALL_SLOTS, LANE_SLOTS, NO_SLOT } from '../../../src/ledger/operation.js';
import { KEYLESS_SLOT } from '../../../src/ledger/slots.js';
import { SlotList } from '../../../src/routing/slots.js';
import { keySlot } from '../../../src/topology/crc16.js';
import { frameOf } from '../commands/frames.js';

const table = CommandTable.offline();

function add(list: SlotList, ...args: string[]): void {
  addAll(list, args);
}

function addAll(list: SlotList, args: readonly string[]): void {
  const { frame, argc, starts, ends } = frameOf(args);
  list.addWrite(table.lookup(frame, argc, starts, ends)!, frame, argc, starts, ends);
}

function slotsOf(list: SlotList): number[] {
  return list.first === NO_SLOT ? [] : [list.first, ...(list.more ?? [])];
}

const slotOf = (key: string): number => keySlot(Buffer.from(key), 0, key.length);

/** Each once, where it came first. */
const distinct = (slots: readonly number[]): number[] => [...new Set(slots)];

test('one command after another: nothing is left of the one before', () => {
  const list = new SlotList();
  for (let round = 0; round < 3; round++) {
    for (const keys of [['a'], ['a', 'b', 'a'], ['b', 'a', 'c', 'a', 'b'], ['{a}1', '{a}2'], ['c', 'b']]) {
      list.clear();
      add(list, 'DEL', ...keys);
      expect(slotsOf(list)).toEqual(distinct(keys.map(slotOf)));
      if (new Set(keys.map(slotOf)).size === 1) expect(list.more).toBeNull();
    }
  }
});

test('100,000 keys in one command, and in as many of a transaction', () => {
  const keys = Array.from({ length: 100_000 }, (_, i) => `key ${i}`);
  const expected = distinct(keys.map(slotOf));
  const list = new SlotList();
  addAll(list, ['MSET', ...keys.flatMap((key) => [key, 'v'])]);
  expect(slotsOf(list)).toEqual(expected);
  list.clear();
  for (const key of keys) add(list, 'SET', key, 'v');
  expect(slotsOf(list)).toEqual(expected);
});

test('two lists that are filled by turns do not see each other', () => {
  const [one, other] = [new SlotList(), new SlotList()];
  for (const slot of [1, 2, 3, 2, 1, 3]) {
    one.add(slot);
    other.add(4 - slot);
  }
  expect([slotsOf(one), slotsOf(other)]).toEqual([
    [1, 2, 3],
    [3, 2, 1],
  ]);
});

test('what was handed over stays as it was', () => {
  const list = new SlotList();
  for (const slot of [5, 6, 7]) list.add(slot);
  const given = list.more;
  list.clear();
  for (const slot of [7, 6, 5]) list.add(slot);
  expect(given).toEqual([6, 7]);
  expect(slotsOf(list)).toEqual([7, 6, 5]);
});

test('who takes all slots, or all of its lane, takes no others', () => {
  const list = new SlotList();
  add(list, 'MSET', 'a', '1', 'b', '2');
  add(list, 'SCRIPT', 'LOAD', 'return 1');
  expect(slotsOf(list)).toEqual([slotOf('a'), slotOf('b'), KEYLESS_SLOT]);
  list.add(LANE_SLOTS);
  list.add(9);
  expect(list.first).toBe(LANE_SLOTS);
  add(list, 'FLUSHALL');
  list.add(LANE_SLOTS);
  add(list, 'SET', 'a', '1');
  expect(list.first).toBe(ALL_SLOTS);
});
