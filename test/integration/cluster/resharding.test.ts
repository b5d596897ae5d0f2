/**
 * The journeys while the Clusters reshard: slots with live keys in them are moved to another node and back, key by key,
 * on whatever side is a Cluster, through every phase. No client sees an error, and both sides hold the same in the end.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { keySlot } from '../../../src/topology/crc16.js';
import type { Cluster } from '../../support/cluster.js';
import { casesOf } from '../../support/long-run.js';
import { Load } from '../journey/load.js';
import { sleep } from '../journey/stage.js';
import type { Kind } from './deployment.js';
import { Voyage } from './voyage.js';

/** The first always; all of them in the long run (npm run test:long). */
const ALL_JOURNEYS: readonly (readonly [Kind, Kind])[] = [
  ['cluster', 'cluster'],
  ['standalone', 'cluster'],
  ['cluster', 'standalone'],
];
const JOURNEYS = casesOf(ALL_JOURNEYS, 1);

let voyage: Voyage | null = null;
afterEach(async () => {
  await voyage?.close();
  voyage = null;
});

/** Slots in which the load has keys. */
const BUSY = [
  ...['load:counter', 'load:set', 'load:list', 'load:hash', 'load:zset', 'load:stream'],
  ...[0, 1, 2, 3].flatMap((n) => ['string', 'hash', 'list', 'zset'].map((type) => `load:${n}:${type}`)),
].map((key) => keySlot(Buffer.from(key), 0, key.length));

/** Moves busy slots there and back until told to stop. */
class Resharding {
  moves = 0;
  private stopped = false;
  private readonly run: Promise<void>;

  constructor(private readonly cluster: Cluster) {
    this.run = this.go();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.run;
  }

  private async go(): Promise<void> {
    while (!this.stopped) {
      for (const slot of BUSY) {
        if (this.stopped) return;
        const owner = await this.cluster.ownerOf(slot);
        const others = (await this.cluster.masters()).filter(({ node }) => node !== owner);
        const to = others[this.moves % others.length]!.node;
        // while the last move of a slot spreads, a node may not know yet that it has it
        const moved = await this.cluster.moveSlot(slot, to, { stepKeys: 1, pauseMs: 5 }).catch(() => null);
        if (moved !== null) this.moves++;
        await sleep(5);
      }
    }
  }
}

describe.each(JOURNEYS)('%s to %s, while slots move', (from, to) => {
  test('carries the data and the traffic there, back and there again', async () => {
    voyage = await Voyage.open(from, to);
    const { source, target } = voyage;
    const load = new Load(voyage.ferry.port, { clients: 8 });
    const movers = [source.cluster, target.cluster].filter((c) => c !== null).map((c) => new Resharding(c));
    try {
      await load.more(200);
      await voyage.readyForCutover();
      await load.more(200);
      for (const step of ['target-first', 'target-read', 'target-first'] as const) {
        await voyage.goTo(step);
        await load.more(200);
        expect(await voyage.verify()).toEqual([]);
      }
    } finally {
      await Promise.all(movers.map((mover) => mover.stop()));
      await load.stop();
    }
    await voyage.settled();
    expect(load.complaints).toEqual([]);
    expect(load.closes).toBe(0);
    expect(await voyage.differences()).toEqual([]);
    expect(Math.min(...movers.map(({ moves }) => moves))).toBeGreaterThan(20);
  }, 180_000);
});
