/**
 * The journey of one server to another, for Clusters and Sentinels on either side: live load through every phase, cutover,
 * rollback, cutover, and in the end both sides hold the same, and no client has seen an error.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { Load } from '../journey/load.js';
import type { Kind } from './deployment.js';
import { Voyage } from './voyage.js';

const JOURNEYS: readonly (readonly [Kind, Kind])[] = [
  ['standalone', 'cluster'],
  ['cluster', 'cluster'],
  ['sentinel', 'cluster'],
  ['cluster', 'standalone'],
  ['cluster', 'sentinel'],
];

let voyage: Voyage | null = null;
afterEach(async () => {
  await voyage?.close();
  voyage = null;
});

describe.each(JOURNEYS)('%s to %s', (from, to) => {
  test('carries the data and the traffic there, back and there again', async () => {
    voyage = await Voyage.open(from, to);
    const load = new Load(voyage.ferry.port, { clients: 8 });
    try {
      await load.more(200);
      await voyage.readyForCutover();
      await load.more(100);
      const pausesMs = [await voyage.goTo('target-first')];
      await load.more(100);
      expect(await voyage.verify()).toEqual([]);
      pausesMs.push(await voyage.goTo('target-read'));
      await load.more(100);
      expect(await voyage.verify()).toEqual([]);
      pausesMs.push(await voyage.goTo('target-first'));
      await load.more(100);
      expect(Math.min(...pausesMs)).toBeGreaterThan(0);
    } finally {
      await load.stop();
    }
    await voyage.settled();
    expect(await voyage.differences()).toEqual([]);
    expect(load.complaints).toEqual([]);
    expect(load.closes).toBe(0);
    expect(voyage.ferry.counters.selfCheckMismatches).toBe(0);
  }, 120_000);
});
