/**
 * Case 18 of the ways to diverge on a real Cluster: keys that move from a node which is not yet scanned to one that is.
 * Each case with what was on its way enumerated again, and without.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ConfigOverrides } from '../../../src/config/config.js';
import { Moves } from '../../../src/jobs/scan.js';
import { tagForSlot } from '../../../src/topology/crc16.js';
import type { ClusterMaster, ClusterNode } from '../../support/cluster.js';
import { withoutOwn } from '../../support/own-keys.js';
import { command, type Hold } from '../../support/relay.js';
import type { SlotMove } from '../../support/slot-move.js';
import { type ClusterServers, ClusterStage, startClusterServers, stopClusterServers } from './cluster-stage.js';
import { texts } from './scenario.js';

let servers: ClusterServers;
let stage: ClusterStage;
let openMoves: SlotMove[] = [];

beforeAll(async () => {
  servers = await startClusterServers();
});
afterEach(async () => {
  vi.restoreAllMocks();
  stage.cluster.releaseAll();
  for (const move of openMoves) {
    await move.finish();
    await stage.cluster.agree(move.slot);
  }
  openMoves = [];
  await stage.stop();
});
afterAll(() => stopClusterServers(servers));

const KEYS = 10;
/** The keys are written beside Ferry, only the scan is to find them, and where they are Ferry hears when it asks. */
const UNWATCHED: ConfigOverrides = { detectBypass: { mode: 'off' }, topology: { refreshMs: 3_600_000 } };

/** The node that is scanned first and the one that is scanned last, and a slot of each with some keys. */
interface Arrangement {
  readonly first: ClusterNode;
  readonly last: ClusterNode;
  readonly early: number;
  readonly late: number;
}

function keysIn(slot: number): string[] {
  return Array.from({ length: KEYS }, (_, i) => `{${tagForSlot(slot)}}${i}`);
}

function keysAt(node: ClusterNode, slot: number): Promise<string[]> {
  return stage.cluster.ask(node, 'CLUSTER', 'GETKEYSINSLOT', slot, 100).then((keys) => texts(keys as Buffer[]));
}

/** Slots that have been moved: one that goes back and forth may be lost (see RelayedCluster.agree). */
const used = new Set<number>();

function freshSlot({ slots }: ClusterMaster): number {
  for (const [from, to] of slots) {
    for (let slot = from; slot <= to; slot++) {
      if (used.has(slot)) continue;
      used.add(slot);
      return slot;
    }
  }
  throw new Error('every slot of the node was moved');
}

/** `wentUnheard`: the late slot is the first node's as far as Ferry knows. */
async function arrange(wentUnheard: boolean): Promise<Arrangement> {
  const { masters } = stage.side;
  const all = await stage.cluster.cluster.masters();
  const at = (port: number) => all.find(({ node }) => stage.relayOf(node).port === port)!;
  const [first, last] = [at(masters[0]!.address.port), at(masters.at(-1)!.address.port)];
  const [early, late] = [freshSlot(first), freshSlot(wentUnheard ? first : last)];
  if (wentUnheard) await stage.cluster.move(late, last.node);
  for (const [node, slot] of [
    [first.node, early],
    [last.node, late],
  ] as const) {
    for (const key of keysIn(slot)) await stage.cluster.ask(node, 'SET', key, slot);
  }
  return { first: first.node, last: last.node, early, late };
}

function withoutScanningAgain(): void {
  vi.spyOn(Moves.prototype, 'scanAgain').mockImplementation(async function* () {});
}

/** What happens to the late slot when the early node is scanned and the late one is not. */
type Movement = (arrangement: Arrangement) => Promise<void>;

const whole: Movement = ({ late, first }) => stage.cluster.move(late, first);

const MOVEMENTS: readonly (readonly [name: string, missed: number, move: Movement, wentUnheard: boolean])[] = [
  ['the slot moves as a whole', KEYS, whole, false],
  ['the slot comes back, whose going was not heard of', KEYS, whole, true],
  [
    'the move is still open when the scan ends',
    KEYS / 2,
    async ({ late, first }) => {
      const move = await stage.cluster.cluster.beginMove(late, first);
      openMoves.push(move);
      await move.step(KEYS / 2);
    },
    false,
  ],
];

/** Runs a job until it is about to scan the last node; then slots move in both directions, and it goes on. */
async function moveDuring(
  label: string,
  arrangement: Arrangement,
  start: () => Promise<unknown>,
  isFirstScanned: () => boolean | Promise<boolean>,
  move: Movement,
): Promise<void> {
  const { early, last } = arrangement;
  const hold: Hold = stage.relayOf(last).hold(label, 'requests', command('SCAN'));
  await start();
  await hold.reached();
  await stage.until('the first node to be scanned', isFirstScanned);
  await move(arrangement);
  // what was seen already goes to where it will be seen again
  await stage.cluster.move(early, last);
  hold.release();
}

describe.each(MOVEMENTS)('case 18, %s', (_name, missed, move, wentUnheard) => {
  /** The keys that did not arrive. */
  async function backfilled(): Promise<string[]> {
    stage = await ClusterStage.start(servers, { cluster: 'source', config: UNWATCHED });
    const arrangement = await arrange(wentUnheard);
    const progress = () => stage.ferry.control.status().backfill;
    const start = () => stage.ferry.control.backfill('start');
    await moveDuring('backfill', arrangement, start, () => progress().scanned >= KEYS, move);
    await stage.until('the backfill to end', () => progress().state === 'done');
    await stage.settled();
    const there = new Set(withoutOwn(texts((await stage.direct.send('KEYS', '*')) as Buffer[])));
    return [...keysIn(arrangement.early), ...keysIn(arrangement.late)].filter((key) => !there.has(key));
  }

  test('case 18: backfill from a Cluster: every key arrives', async () => {
    expect(await backfilled()).toEqual([]);
  });
  test('case 18, not enumerated again: keys are missing', async () => {
    withoutScanningAgain();
    expect(await backfilled()).toHaveLength(missed);
  });

  /** Does it say that both sides are the same, although the mirror lacks those of the late keys that moved? */
  async function calledClean(): Promise<boolean> {
    stage = await ClusterStage.start(servers, { cluster: 'source', config: UNWATCHED });
    const arrangement = await arrange(wentUnheard);
    const { early, late, first } = arrangement;
    for (const slot of [early, late]) for (const key of keysIn(slot)) await stage.direct.send('SET', key, slot);
    const start = () => stage.ferry.control.verify({ repair: false });
    await moveDuring(
      'verify',
      arrangement,
      start,
      () => true,
      async () => {
        await move(arrangement);
        for (const key of await keysAt(first, late)) await stage.direct.send('DEL', key);
      },
    );
    await stage.until('the verification to end', () => stage.ferry.control.status().verify.state === 'done');
    return stage.ferry.control.status().verify.clean === true;
  }

  test('case 18: verification of a Cluster: the difference is found', async () => {
    expect(await calledClean()).toBe(false);
  });
  test('case 18, not enumerated again: it is called clean', async () => {
    withoutScanningAgain();
    expect(await calledClean()).toBe(true);
  });

  /** The keys that only the mirror has, and keeps. */
  async function ghosts(): Promise<string[]> {
    stage = await ClusterStage.start(servers, {
      cluster: 'target',
      onTarget: [['SET', 'not empty', '1']],
      config: UNWATCHED,
    });
    const arrangement = await arrange(wentUnheard);
    const { early, first } = arrangement;
    const start = () => stage.ferry.control.backfill('start');
    const isFirstSwept = async () => (await keysAt(first, early)).length === 0;
    await moveDuring('sweep', arrangement, start, isFirstSwept, move);
    await stage.until('the backfill to end', () => stage.ferry.control.status().backfill.state === 'done');
    await stage.settled();
    return stage.cluster.cluster.keys();
  }

  test('case 18: the sweep of a mirror that is a Cluster: no ghost stays', async () => {
    expect(await ghosts()).toEqual([]);
  });
  test('case 18, not enumerated again: ghosts stay', async () => {
    withoutScanningAgain();
    expect(await ghosts()).toHaveLength(missed);
  });
});
