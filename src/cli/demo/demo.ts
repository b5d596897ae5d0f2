/**
 * Sets the scene of the demo, lets the journey happen, and clears everything away, however it ends.
 *
 * The report is filled in as far as the journey came. A failure comes with the end of Ferry's log and a next step.
 */
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OTHER_DBS } from '../../../bench/dataset/dataset.js';
import { fillDataset } from '../../../bench/dataset/fill.js';
import { Cleanup } from './cleanup.js';
import { ClusterProcess } from './cluster.js';
import { FerryProcess } from './ferry.js';
import { type Scene, travel } from './journey.js';
import { RedisProcess, redisServerBinary } from './redis.js';
import { addLoad, type DemoReport, emptyReport } from './report.js';
import { LoadProcess, ShopProcess } from './shop.js';
import type { View } from './view.js';

export interface DemoOptions {
  keys: number;
  /** of steady load, all phases together */
  seconds: number;
  /** the target is a Redis Cluster */
  cluster: boolean;
  killTarget: boolean;
  /** leaves the directory with the logs and the state */
  keep: boolean;
  signal: AbortSignal;
}

export class Interrupted extends Error {}

const LOAD_CONNECTIONS = 16;
const LOG_LINES = 20;
const TIME_LIMIT_MS = 10 * 60_000;

export async function runDemo(options: DemoOptions, view: View): Promise<DemoReport> {
  const startedAtMs = Date.now();
  const report = emptyReport();
  const cleanup = new Cleanup();
  const dir = mkdtempSync(join(tmpdir(), 'ferry-demo-'));
  if (!options.keep) cleanup.addDirectory(dir);
  const over = new AbortController();
  const { seconds: loadSeconds, killTarget } = options;
  const scene: Partial<Scene> = { view, report, loadSeconds, killTarget, over: over.signal };
  try {
    const running = playAll(options, scene, dir, cleanup);
    running.catch(() => {}); // once it is over, whatever else it fails with is only the clearing away
    await Promise.race([running, interruption(options.signal), timeLimit(options.seconds)]);
  } catch (error) {
    view.end();
    report.ok = false;
    const reason = error instanceof Error ? error.message : String(error);
    report.problems.unshift(reason);
    if (!(error instanceof Interrupted)) explain(reason, scene, dir, options, view);
    await collect(scene, report);
    if (error instanceof Interrupted) throw error;
  } finally {
    over.abort();
    await cleanup.run();
    report.seconds = Math.round((Date.now() - startedAtMs) / 100) / 10;
  }
  if (options.keep) view.tell(`logs and state are kept in ${dir}`);
  return report;
}

async function playAll(options: DemoOptions, scene: Partial<Scene>, dir: string, cleanup: Cleanup): Promise<void> {
  const view = scene.view!;
  const packageRoot = findPackageRoot();
  const binary = await redisServerBinary(packageRoot);
  let shown = view.begin(options.cluster ? 'a redis-server, and a Redis Cluster of six' : 'two redis-servers');
  scene.source = await RedisProcess.start('the source', binary, join(dir, 'source'), cleanup);
  scene.target = options.cluster
    ? await ClusterProcess.start(binary, join(dir, 'target'), cleanup)
    : await RedisProcess.start('the target', binary, join(dir, 'target'), cleanup);
  scene.targetPrefixes = new Map(options.cluster ? OTHER_DBS.map((db) => [db, `db${db}:`]) : []);
  const { source, target, targetPrefixes } = scene;
  scene.report!.target = target.kind;
  shown.done(`Redis ${source.version}, source on ${source.place}, target on ${target.place}`);

  shown = view.begin('data of every type for the source');
  const filled = await fillDataset(source.url, { keys: options.keys }, (keys) =>
    shown.update(keys, options.keys, `${keys} keys`),
  );
  shown.done(`${filled.keys} keys by ${filled.commands} commands`);

  shown = view.begin('Ferry, the application, the load');
  const stateDir = join(dir, 'state');
  mkdirSync(stateDir);
  const logFile = join(dir, 'ferry.log');
  scene.ferry = await FerryProcess.start({
    packageRoot,
    source: source.url,
    target: target.url,
    args: prefixArgs(targetPrefixes),
    stateDir,
    logFile,
    cleanup,
  });
  await scene.ferry.ready();
  scene.shop = new ShopProcess(scene.ferry.url, cleanup);
  scene.load = new LoadProcess(await scene.shop.ready(), LOAD_CONNECTIONS, cleanup);
  shown.done(`the application's one connection string is ${scene.ferry.url}`);

  const { ferry, shop, load } = scene;
  await Promise.race([
    travel(scene as Scene),
    source.ended,
    ferry.child.ended,
    shop.child.ended,
    load.child.ended,
    target.ended,
  ]);
}

/** A Cluster has no SELECT: there the keys of other dbs have a prefix. */
function prefixArgs(prefixes: ReadonlyMap<number, string>): string[] {
  if (prefixes.size === 0) return [];
  return ['--db-prefix', [...prefixes].map(([db, prefix]) => `${db}=${prefix}`).join()];
}

function interruption(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const interrupt = (): void => reject(new Interrupted('interrupted'));
    if (signal.aborted) interrupt();
    else signal.addEventListener('abort', interrupt, { once: true });
  });
}

/** Nothing of the demo takes this long, unless something hangs. */
function timeLimit(loadSeconds: number): Promise<never> {
  const milliseconds = TIME_LIMIT_MS + loadSeconds * 1000;
  return new Promise((_, reject) => {
    const fail = (): void => reject(new Error(`the demo is not over after ${Math.round(milliseconds / 1000)} s`));
    setTimeout(fail, milliseconds).unref();
  });
}

/** What can still be learnt from a run that failed. */
async function collect(scene: Partial<Scene>, report: DemoReport): Promise<void> {
  const { load, shop } = scene;
  if (load?.child.running) addLoad(report, await load.report().catch(() => []));
  if (shop?.child.running) {
    const record = await shop.record().catch(() => null);
    report.acknowledgedWrites = record?.acknowledgedWrites ?? 0;
    report.problems.push(...(record?.failures.slice(0, 5) ?? []).map((failure) => `failed request: ${failure}`));
  }
}

function explain(reason: string, scene: Partial<Scene>, dir: string, options: DemoOptions, view: View): void {
  view.tell(`✘ ${reason}`);
  const culprit = [scene.ferry?.child, scene.shop?.child, scene.load?.child].find((child) => child?.running === false);
  for (const child of new Set([scene.ferry?.child, culprit])) {
    if (child === undefined) continue;
    view.tell(`the last lines of ${child.name}:`);
    for (const line of child.tail(LOG_LINES)) view.tell(`  ${line}`);
  }
  const next = options.keep
    ? `Next: read ferry.log and redis.log under ${dir}.`
    : 'Next: run it again with --keep, which leaves all logs and the state directory to read.';
  view.tell(next);
}

function findPackageRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'bin', 'ferry.js'))) {
    if (dir === dirname(dir)) throw new Error('bin/ferry.js is not to be found above the demo');
    dir = dirname(dir);
  }
  return dir;
}
