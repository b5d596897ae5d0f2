/**
 * The journey of the demo, from a filled source to the target alone, under load all the way:
 *
 *   source-only → dual-write → backfill → verify → target-read → cutover → rollback → cutover → (compare) → finalize
 *
 * The load is only let go once, to hold both sides against each other; it is back for the last step. `Scene` is
 * everything that takes part; it is set up and cleared away elsewhere.
 */
import type { Status } from '../../admin/control.js';
import { type Comparison, compareServers } from './compare.js';
import type { FerryProcess } from './ferry.js';
import type { RedisProcess } from './redis.js';
import { addLoad, type DemoReport, judge } from './report.js';
import type { LoadProcess, ShopProcess } from './shop.js';
import type { Target } from './target.js';
import type { View } from './view.js';
import { sleep, until } from './waiting.js';

export interface Scene {
  source: RedisProcess;
  target: Target;
  /** db → what its keys are called by on the target; empty for a target that has dbs */
  targetPrefixes: ReadonlyMap<number, string>;
  ferry: FerryProcess;
  shop: ShopProcess;
  load: LoadProcess;
  view: View;
  report: DemoReport;
  /** for all windows of steady load together */
  loadSeconds: number;
  killTarget: boolean;
  /** aborted when the demo is over, whatever the journey is doing then */
  over: AbortSignal;
}

const BACKFILL_TIMEOUT_MS = 120_000;
const MAX_VERIFICATIONS = 5;
const MAX_REMEDIES = 2;
const RETRY_PAUSE_MS = 500;
/** how much of the backfill is done when the target is killed */
const KILL_AT_SHARE = 0.3;
/** where a Ferry notes that it works on this pair; what else it left behind would be a difference */
const LEASE_KEY = '__ferry:lease';
const MAX_PROBLEMS = 10;

export async function travel(scene: Scene): Promise<void> {
  const { ferry, load, report } = scene;
  await load.mark('source-only');
  await load.resume();
  await steadyLoad(scene, 'the application runs on the source, by Ferry', 0.1);

  await load.mark('dual-write');
  await ferry.step('dual-write');
  await steadyLoad(scene, 'dual-write: writes reach both', 0.1);
  await load.mark('dual-write, backfill');
  await backfill(scene);
  await load.mark('dual-write, verify');
  await verifyUntilClean(scene, scene.killTarget);

  await load.mark('target-read');
  await step(scene, 'target-read');
  await steadyLoad(scene, 'target-read: reads come from the target', 0.2);

  await load.mark('target-first');
  report.cutoverPauseMs.push(await swap(scene, 'target-first', 'cutover'));
  await steadyLoad(scene, 'target-first: the target decides', 0.2);
  await load.mark('target-read, rolled back');
  report.rollbackPauseMs.push(await swap(scene, 'target-read', 'rollback'));
  await steadyLoad(scene, 'target-read: the source decides again', 0.15);
  await load.mark('target-first, again');
  report.cutoverPauseMs.push(await swap(scene, 'target-first', 'cutover again'));
  await steadyLoad(scene, 'target-first: the target decides', 0.15);

  await compare(scene);

  await load.mark('target-only');
  await load.resume();
  await step(scene, 'target-only');
  await steadyLoad(scene, 'target-only: the source is not needed', 0.1);
  await load.pause();
  await audit(scene);
  addLoad(report, await load.report());
  report.ok = judge(report);
}

async function steadyLoad(scene: Scene, title: string, share: number): Promise<void> {
  const milliseconds = Math.max(1, scene.loadSeconds * share) * 1000;
  const shown = scene.view.begin(title);
  const startedAtMs = Date.now();
  const requestsBefore = scene.load.totals.requests;
  for (let elapsedMs = 0; elapsedMs < milliseconds; elapsedMs = Date.now() - startedAtMs) {
    scene.over.throwIfAborted();
    shown.update(elapsedMs, milliseconds, `${scene.load.totals.requests} requests`);
    await sleep(Math.min(200, milliseconds - elapsedMs));
  }
  const perSecond = ((scene.load.totals.requests - requestsBefore) * 1000) / (Date.now() - startedAtMs);
  shown.done(`${Math.round(perSecond)} requests/s`);
}

/** The target may die meanwhile; whatever state that leaves the backfill in, it is brought to its end. */
async function backfill(scene: Scene): Promise<void> {
  const { ferry, target, view, report } = scene;
  const shown = view.begin('backfill: the keys that were there before');
  const startedAtMs = Date.now();
  let toKill = scene.killTarget;
  const showAndLookForTheMoment = ({ backfill }: Status): boolean => {
    const { copied, scanned, estimated, keysPerSecond } = backfill;
    shown.update(scanned, estimated, `${copied} keys, ${Math.round(keysPerSecond)} keys/s`);
    // before the keys are counted they are estimated at none
    return toKill && scanned > 0 && scanned >= KILL_AT_SHARE * estimated;
  };
  let status = await ferry.backfill(showAndLookForTheMoment);
  if (toKill) {
    toKill = false;
    view.tell(`with ${status.backfill.copied} keys copied, ${target.crash()}`);
    view.tell(await target.recover());
    await until('Ferry sees the target again', BACKFILL_TIMEOUT_MS, async () => {
      return (await ferry.admin.status()).target.state === 'up';
    });
    status = await ferry.backfill(showAndLookForTheMoment);
  }
  for (const deadlineMs = Date.now() + BACKFILL_TIMEOUT_MS; status.backfill.state !== 'done'; ) {
    if (Date.now() > deadlineMs) throw new Error(`the backfill does not end: ${JSON.stringify(status.backfill)}`);
    await sleep(RETRY_PAUSE_MS);
    status = await ferry.backfill(showAndLookForTheMoment);
  }
  report.keysCopied = status.backfill.copied;
  report.keysPerSecond = Math.round((status.backfill.copied * 1000) / (Date.now() - startedAtMs));
  shown.done(`${report.keysCopied} keys, ${report.keysPerSecond} keys/s`);
}

/** Differences are repaired; it is over when a whole verification found none. */
async function verifyUntilClean(scene: Scene, repairAtOnce: boolean): Promise<void> {
  for (let round = 1; round <= MAX_VERIFICATIONS; round++) {
    const shown = scene.view.begin('verify: every key of both sides');
    const { verify } = await scene.ferry.verify(repairAtOnce || round > 1, (status) => {
      const { compared, differences } = status.verify;
      shown.update(compared, status.backfill.estimated, `${compared} keys, ${total(differences)} differ`);
    });
    scene.report.verifications++;
    shown.done(`${verify.compared} keys, ${total(verify.differences)} differ`);
    if (verify.clean === true) return;
  }
  throw new Error(`${MAX_VERIFICATIONS} verifications with repair, and there are still differences`);
}

/** A step that may ask for a newer verification first, e.g. since a script ran before Ferry watched for bypasses. */
function step(scene: Scene, to: 'target-read' | 'target-first' | 'target-only'): Promise<Status> {
  let remedies = 0;
  return scene.ferry.step(to, async ({ blockers }) => {
    if (remedies === MAX_REMEDIES || !blockers.some(({ code }) => code === 'not-verified')) return false;
    remedies++;
    scene.view.tell(`${to} waits: ${blockers.map(({ message }) => message).join(' · ')}`);
    await verifyUntilClean(scene, true);
    return true;
  });
}

async function swap(scene: Scene, to: 'target-read' | 'target-first', name: string): Promise<number> {
  const shown = scene.view.begin(name);
  const { lastCutover } = await step(scene, to);
  if (lastCutover === null || lastCutover.to !== to) throw new Error(`Ferry reports no ${name}`);
  shown.done(`clients paused for ${lastCutover.pauseMs.toFixed(1)} ms`);
  return lastCutover.pauseMs;
}

async function compare(scene: Scene): Promise<void> {
  const { ferry, load, shop, source, target, targetPrefixes, report } = scene;
  const shown = scene.view.begin('the load rests; both sides, key by key');
  await load.pause();
  await shop.quiet();
  await ferry.settled();
  const comparison: Comparison = await compareServers(source.url, target.url, {
    targetPrefixes,
    ignore: (key) => key.toString('latin1').startsWith(LEASE_KEY),
    onProgress: (compared) => shown.update(compared, report.keysCopied, `${compared} keys`),
  });
  report.differences = comparison.count;
  report.keysCompared = comparison.compared;
  for (const { db, key, kind, detail } of comparison.differences.slice(0, MAX_PROBLEMS)) {
    report.problems.push(`different (${kind}): db ${db} ${key}: ${detail}`);
  }
  shown.done(`${comparison.compared} keys, ${comparison.count} differ`);
}

async function audit(scene: Scene): Promise<void> {
  const { shop, target, report } = scene;
  const shown = scene.view.begin("the application's record, held to the target");
  await shop.quiet();
  const { failures } = await shop.record();
  const found = await shop.audit(target.url);
  report.acknowledgedWrites = found.acknowledgedWrites;
  report.lostWrites = found.lostWrites;
  report.unexpectedWrites = found.unexpectedWrites;
  report.problems.push(...failures.slice(0, MAX_PROBLEMS).map((failure) => `failed request: ${failure}`));
  report.problems.push(...found.examples.slice(0, MAX_PROBLEMS).map((example) => `lost or unexplained: ${example}`));
  shown.done(`${found.acknowledgedWrites} acknowledged writes in ${found.keys} keys, ${found.lostWrites} lost`);
}

function total(differences: Record<string, number>): number {
  return Object.values(differences).reduce((sum, count) => sum + count, 0);
}
