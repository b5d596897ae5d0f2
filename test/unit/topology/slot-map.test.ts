import { describe, expect, it } from 'vitest';
import { HOME, NOBODY, SlotMap } from '../../../src/topology/slot-map.js';

describe('SlotMap', () => {
  it('begins with nobody', () => {
    const map = new SlotMap();
    expect([map.owner[0], map.owner[16383], map.owner[HOME]]).toEqual([NOBODY, NOBODY, NOBODY]);
    expect(map.owners()).toEqual([]);
    expect(map.slotsOf(0)).toEqual([]);
  });

  it('counts what is news, and only that', () => {
    const map = new SlotMap();
    expect(map.assign(7, 1)).toBe(true);
    expect(map.assign(7, 1)).toBe(false);
    expect([map.version[7], map.version[8], map.epoch]).toEqual([1, 0, 1]);
    expect(map.assign(7, 2)).toBe(true);
    expect([map.version[7], map.epoch]).toEqual([2, 2]);
  });

  it('counts keys that are on their way although the owner is the same', () => {
    const map = new SlotMap();
    map.assign(7, 1);
    map.touch(7);
    expect([map.owner[7], map.version[7], map.epoch]).toEqual([1, 2, 2]);
  });

  it('tells a slot that came back from one that never left', () => {
    const map = new SlotMap();
    for (const slot of [7, 8]) map.assign(slot, 1);
    const before = map.version.slice();
    map.assign(7, 2);
    map.assign(7, 1);
    expect(map.version[7]).not.toBe(before[7]);
    expect(map.version[8]).toBe(before[8]);
  });

  it('knows the slots of each node, and the nodes by their first slot; HOME is no slot', () => {
    const map = new SlotMap();
    map.assign(HOME, 9);
    for (const [slot, node] of [
      [5, 2],
      [0, 4],
      [16383, 2],
      [6, 4],
    ] as const) {
      map.assign(slot, node);
    }
    expect(map.slotsOf(2)).toEqual([5, 16383]);
    expect(map.slotsOf(4)).toEqual([0, 6]);
    expect(map.owners()).toEqual([4, 2]);
  });
});
