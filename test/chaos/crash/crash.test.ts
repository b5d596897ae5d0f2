/**
 * The crash matrix: Ferry is killed (SIGKILL) at a named step, under load with deletes in it, and started again. Then the
 * right side has the authority, no acknowledged write is lost, nothing that was deleted is back, and both sides are
 * equal after Ferry's own repair, which copies the slots that were in use and not everything (cases 7, 13 and 14).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Phase } from '../../../src/phases/phase.js';
import type { CrashPoint } from '../../../src/routing/switchboard.js';
import { Load } from '../../integration/journey/load.js';
import { FerryProcess } from '../../integration/journey/process.js';
import { Stage, sleep } from '../../integration/journey/stage.js';
import { IS_LONG, Tally } from '../tally.js';

const KILLED_FERRY = fileURLToPath(new URL('./killed-ferry.js', import.meta.url));
const COLD_KEYS = 5000;
const SLOTS = 16384;
const REPEATS = IS_LONG ? 5 : 1;

type Mirrored = 'dual-write' | 'target-read' | 'target-first';
const PHASES: readonly Mirrored[] = ['dual-write', 'target-read', 'target-first'];
const AUTHORITY = { 'dual-write': 'source', 'target-read': 'source', 'target-first': 'target' } as const;

/** In the order in which a write comes by. */
const WRITE_POINTS: readonly CrashPoint[] = [
  'before-intent',
  'write-sent',
  'write-answered',
  'mirror-appended',
  'copy-appended',
];

/** In the order in which a step comes by: before the new phase is on disk the old one counts, from then on the new one. */
const STEP_POINTS: readonly [CrashPoint, 'old' | 'new'][] = [
  ['gate-closed', 'old'],
  ['drained', 'old'],
  ['state-saved', 'new'],
  ['swapped', 'new'],
  ['gate-opened', 'new'],
];

const tally = new Tally('crash');

let stage: Stage;
let ferry: FerryProcess;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ferry-crash-'));
  stage = await Stage.open({ ferry: false });
  const source = await stage.onSource();
  await Promise.all(Array.from({ length: COLD_KEYS }, (_, i) => source.send('SET', `cold ${i}`, `value ${i}`)));
  const args = ['--source', stage.source.url, '--target', stage.target.url, '--state-dir', stage.stateDir];
  // few slots count as in use, so that it can be seen that only they are copied again
  const few = ['--intent-idle-ms', '300', '--reverify-seconds', '0', '--detect-bypass', 'off'];
  ferry = await FerryProcess.prepare([...args, ...few], [], [KILLED_FERRY], { FERRY_CRASH_FILE: join(dir, 'point') });
  await ferry.start();
  await ferry.phase({ to: 'dual-write' });
  await ferry.backfill();
  expect(await ferry.verify()).toBe(0);
});

afterAll(async () => {
  await ferry?.kill();
  await stage?.close();
  rmSync(dir, { recursive: true, force: true });
});

async function goTo(phase: Mirrored): Promise<void> {
  const at = PHASES.indexOf((await ferry.status()).phase as Mirrored);
  const to = PHASES.indexOf(phase);
  for (let i = at; i !== to; ) {
    i += i < to ? 1 : -1;
    if (PHASES[i] === 'target-first') await verified();
    await ferry.phase({ to: PHASES[i]! });
  }
}

/** The verification that a restarted Ferry makes by itself is over, and another one finds nothing. */
async function verified(): Promise<void> {
  await ferry.until('nothing is verified', ({ verify }) => verify.state !== 'running');
  expect(await ferry.verify()).toBe(0);
}

async function arm(point: CrashPoint, count: number): Promise<void> {
  writeFileSync(join(dir, 'point'), `${point} ${count}\n`);
  ferry.signal('SIGUSR2');
  await sleep(20);
}

let loads: Load[] = [];
afterEach(async () => {
  await Promise.all(loads.map((load) => load.stop()));
  loads = [];
});

function newLoad(): Load {
  const load = new Load(ferry.port, { clients: 4, mayClose: true, pauseMs: 3 });
  loads.push(load);
  return load;
}

/** It was killed: started again, everything must come right by itself. */
async function comesBack(id: number, load: Load, phase: Phase): Promise<{ slots: number; keys: number }> {
  await ferry.ended();
  await ferry.start();
  const status = await ferry.status();
  expect(status).toMatchObject({ phase, authority: AUTHORITY[phase as Mirrored] });
  const slots = status.mirror.recoveredSlots;
  await load.more(30);
  await ferry.until('everything is repaired', ({ mirror }) => mirror.dirtyKeys + mirror.dirtySlots === 0);
  const { repairedKeys } = (await ferry.status()).mirror;
  await load.more(10);
  await load.stop();
  expect(load.complaints).toEqual([]);
  await isSettled();
  // that of the restart, after its repair: a difference found here was none of those that the last process had marked
  expect((await ferry.status()).verify).toMatchObject({ state: 'done', clean: true });
  expect(await stage.differences()).toEqual([]);
  await verified();
  tally.add({
    id,
    runs: 1,
    acknowledgedWrites: load.replies,
    lost: 0,
    silentDifferences: 0,
    mirrorOnly: 0,
    unavailable: 0,
    wrong: [],
    counts: { slotsCopiedAgain: slots, keysCopiedAgain: repairedKeys },
  });
  return { slots, keys: repairedKeys };
}

function isSettled(): Promise<void> {
  return ferry.until(
    'nothing is owed to the mirror',
    ({ mirror, verify }) =>
      mirror.dirtyKeys + mirror.dirtySlots + mirror.backlogOps + mirror.uncertain === 0 && verify.state === 'done',
  );
}

const writePoints = PHASES.flatMap((phase) => WRITE_POINTS.map((point) => ({ phase, point })));
/** A copy on its way, a write without a trace, and an answer that nobody saw, each in another phase. */
const few = writePoints.filter(
  ({ phase, point }) =>
    `${phase} ${point}` === 'dual-write copy-appended' ||
    `${phase} ${point}` === 'target-read write-sent' ||
    `${phase} ${point}` === 'target-first write-answered',
);

describe.each(Array.from({ length: REPEATS }, (_, i) => i))('round %i', (round) => {
  const idOf = (n: number): number => round * 1000 + n;

  test.each(
    (IS_LONG ? writePoints : few).map((one, n) => ({ ...one, id: idOf(n) })).filter(({ id }) => !tally.has(id)),
  )(
    'cases 7 and 13: killed in $phase at $point',
    async ({ phase, point, id }) => {
      await goTo(phase);
      const load = newLoad();
      await load.more(40);
      await arm(point, 1 + Math.floor(Math.random() * 30));
      const { slots, keys } = await comesBack(id, load, phase);
      console.log(`killed in ${phase} at ${point}: ${slots} of ${SLOTS} slots, ${keys} of ${COLD_KEYS}+ keys again`);
      expect(slots).toBeGreaterThan(0);
      expect(slots).toBeLessThan(SLOTS / 4);
      expect(keys).toBeLessThan(COLD_KEYS / 2);
    },
    90_000,
  );

  const steps = [
    { from: 'target-read', to: 'target-first' },
    { from: 'target-first', to: 'target-read' },
    { from: 'dual-write', to: 'target-read' },
    { from: 'target-read', to: 'dual-write' },
  ] as const;
  const all = steps.flatMap((step) => STEP_POINTS.map(([point, counts]) => ({ ...step, point, counts })));
  /** The swaps of the authority, where it matters most. */
  const some = all.filter(
    ({ from, to, point }) =>
      (to === 'target-first' && /drained|state-saved/.test(point)) ||
      (from === 'target-first' && point === 'state-saved'),
  );

  test.each((IS_LONG ? all : some).map((one, n) => ({ ...one, id: idOf(100 + n) })).filter(({ id }) => !tally.has(id)))(
    'case 14: killed on the way from $from to $to at $point: the $counts phase counts',
    async ({ from, to, point, counts, id }) => {
      await goTo(from);
      await verified();
      const load = newLoad();
      await load.more(30);
      await arm(point, 1);
      await ferry.phase({ to }).then(
        () => expect.fail('it was not killed'),
        () => {},
      );
      await comesBack(id, load, counts === 'old' ? from : to);
    },
    90_000,
  );
});

test('case 13, no bitmap: the write that the last process had not mirrored stays a difference', async () => {
  await ferry.kill();
  const args = ['--source', stage.source.url, '--target', stage.target.url, '--state-dir', stage.stateDir];
  const env = { FERRY_CRASH_FILE: join(dir, 'point'), FERRY_CRASH_INTENT: 'off' };
  ferry = await FerryProcess.prepare(args, [], [KILLED_FERRY], env);
  await ferry.start();
  await goTo('dual-write');
  const load = newLoad();
  await load.more(20);
  await arm('write-answered', 5);
  await ferry.ended();
  await load.stop();
  await ferry.start();
  await isSettled();
  expect((await ferry.status()).mirror).toMatchObject({ recoveredSlots: 0 });
  expect((await ferry.status()).verify).toMatchObject({ clean: false });
  await verified(); // which its verification has repaired
});

test('a clean end leaves nothing to copy again', async () => {
  ferry.signal('SIGTERM');
  await ferry.ended();
  await ferry.start();
  expect((await ferry.status()).mirror.recoveredSlots).toBe(0);
  await verified();
});
