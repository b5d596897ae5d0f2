/**
 * A target that dies, or freezes, after the cutover, under load: the forced rollback gets everybody back to the source, and
 * names exactly the keys that may lack their last writes. What it does not name must be as if the target had never died;
 * and when the target comes back, it is made equal to the source, whatever it still had in its buffers.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Ferry, startFerry } from '../../src/app.js';
import { defaultConfig } from '../../src/config/config.js';
import type { Phase } from '../../src/phases/phase.js';
import { differences } from '../history/compare.js';
import { fill, judge, loadScripts, NARROW, WIDE } from '../history/judge.js';
import { Workload } from '../history/workload.js';
import { pause } from './node.js';
import { type Pair, startPair } from './ordeal.js';
import { IS_LONG, Tally, totals } from './tally.js';

const SEEDS = IS_LONG ? 40 : 2;
const QUIET_WITHIN_MS = 30_000;

let pair: Pair;
beforeAll(async () => {
  pair = await startPair(77);
}, 60_000);
afterAll(() => Promise.all([pair.source.stop(), pair.target.stop()]), 60_000);

it(`case 21: a forced rollback says what it could not bring back, ${SEEDS} times`, {
  retry: 0,
  timeout: 60_000 + SEEDS * 40_000,
}, async () => {
  const tally = new Tally('rescue');
  for (let seed = 1; seed <= SEEDS; seed++) {
    if (tally.has(seed)) continue;
    const { wrong, named, writes } = await rescue(seed, seed % 2 === 0);
    tally.add({
      id: seed,
      runs: 1,
      acknowledgedWrites: writes,
      lost: wrong.filter((line) => line.startsWith('lost')).length,
      silentDifferences: wrong.filter((line) => line.startsWith('source and target differ')).length,
      mirrorOnly: 0,
      unavailable: 0,
      wrong: wrong.map((line) => `seed ${seed}: ${line}`),
      counts: { 'keys named as left behind': named },
    });
  }
  console.log(totals('rescue', tally.results));
  expect(tally.report()).toBe('');
});

async function rescue(seed: number, freezes: boolean): Promise<{ wrong: string[]; named: number; writes: number }> {
  const { source, target } = pair;
  const stateDir = mkdtempSync(join(tmpdir(), 'ferry-chaos-rescue-'));
  let dead = false;
  const workload = new Workload({
    seed,
    clients: 6,
    burstsPerClient: 30,
    wide: WIDE,
    narrow: NARROW,
    flushes: false,
    aborts: false,
    databases: 1,
    paceMs: 25,
    excuses: ({ args }, error) => dead && error.word === 'FERRY' && (args[0] === 'AUTH' || args[0] === 'HELLO'),
  });
  await target.tell(['FLUSHALL'], ['SCRIPT', 'FLUSH']);
  await fill([source.port], workload);
  await loadScripts([source.port]);
  const ferry = await startFerry(
    defaultConfig({
      source: source.url(false),
      target: target.url(false),
      listen: { host: '127.0.0.1', port: 0 },
      admin: { port: 0 },
      stateDir,
      adopt: true,
      phase: 'dual-write',
      limits: { bigKeyBytes: 4096 },
      cutover: { drainTimeoutMs: 1000 },
      logLevel: 'silent',
    }),
  );
  const wrong: string[] = [];
  try {
    await cutOver(ferry);
    const load = workload.run(ferry.port);
    await pause(250);
    dead = true;
    if (freezes) target.freeze();
    else await target.kill();
    await pause(200);
    const step = await ferry.control.changePhase({ to: 'target-read', force: true });
    if (!step.ok) wrong.push(`refused: ${JSON.stringify(step)}`);
    else if (step.note === undefined) wrong.push('the step says nothing of what was lost');
    await load;
    dead = false;
    wrong.push(...workload.complaints);
    const left = leftBehind(stateDir);
    const excused = new Set(left.map((key) => /\{([a-d])\}$/.exec(key)?.[1] ?? ''));
    for (const line of await judge(workload, [source.port])) {
      const isNamed = [...excused].some(
        (tag) => tag !== '' && (line.includes(`:${tag}:`) || line.includes(`{${tag}}`)),
      );
      if (!isNamed) wrong.push(`lost and not named (${left.join(' ')}): ${line}`);
    }
    if (freezes) target.thaw();
    else await target.restart();
    await quiet(ferry);
    const differing = await differences([source.port], [target.port], [0, 1], (key) => key.startsWith('__ferry:'));
    wrong.push(...differing.map((line) => `source and target differ: ${line}`));
    return { wrong, named: left.length, writes: workload.acknowledgedWrites };
  } finally {
    target.thaw();
    await ferry.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function cutOver({ control }: Ferry): Promise<void> {
  await control.backfill('start');
  while (control.status().backfill.state !== 'done') await pause(4);
  await control.verify({ repair: true });
  while (control.status().verify.state === 'running') await pause(4);
  for (const to of ['target-read', 'target-first'] satisfies Phase[]) {
    const step = await control.changePhase({ to });
    if (!step.ok) throw new Error(`no step to ${to}: ${JSON.stringify(step.blockers)}`);
  }
}

/** The keys that the rollback named. A slot without its keys must not happen here: so few are dirty. */
function leftBehind(stateDir: string): string[] {
  const files = readdirSync(stateDir).filter((name) => name.startsWith('left-behind-'));
  return files.flatMap((name) =>
    readFileSync(join(stateDir, name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { key: string }).key),
  );
}

async function quiet({ control }: Ferry): Promise<void> {
  const deadlineMs = performance.now() + QUIET_WITHIN_MS;
  for (let calm = 0; calm < 5; ) {
    const { mirror, backfill, target } = control.status();
    const isBusy = mirror.backlogOps + mirror.dirtyKeys + mirror.dirtySlots > 0 || backfill.state !== 'done';
    calm = isBusy || target.state !== 'up' ? 0 : calm + 1;
    if (performance.now() > deadlineMs)
      throw new Error(`not repaired: ${JSON.stringify({ mirror, backfill, target })}`);
    await pause(10);
  }
}
