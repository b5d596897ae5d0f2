/** Case 16: two Ferry processes on one pair (a rolling deploy): each would order the writes alone. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Load } from '../journey/load.js';
import { FerryProcess } from '../journey/process.js';
import { Stage, sleep } from '../journey/stage.js';

let stage: Stage;
let processes: FerryProcess[] = [];
let dirs: string[] = [];

afterEach(async () => {
  for (const one of processes) {
    one.signal('SIGCONT');
    await one.kill();
  }
  processes = [];
  await stage?.close();
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
  dirs = [];
});

async function prepare(more: readonly string[] = [], stateDir = stage.stateDir): Promise<FerryProcess> {
  const sides = ['--source', stage.source.url, '--target', stage.target.url];
  const one = await FerryProcess.prepare([...sides, '--state-dir', stateDir, ...more]);
  processes.push(one);
  return one;
}

async function ready(one: FerryProcess): Promise<void> {
  await one.phase({ to: 'dual-write' });
  await one.backfill();
}

describe('case 16: a second Ferry', () => {
  test('case 16: is refused while the first one serves, with the same state directory or a copy', async () => {
    stage = await Stage.open({ ferry: false });
    const first = await prepare();
    await first.start();
    await ready(first);
    const load = new Load(first.port, { clients: 4 });
    await load.more(20);
    const second = await prepare();
    await expect(second.start()).rejects.toThrow(/Another Ferry \(\w+\) serves this pair[\s\S]*--takeover/);
    await load.more(20);
    const copy = mkdtempSync(join(tmpdir(), 'ferry-copy-'));
    dirs.push(copy);
    cpSync(stage.stateDir, copy, { recursive: true });
    const third = await prepare([], copy);
    await expect(third.start()).rejects.toThrow(/Another Ferry/);
    await load.more(20);
    await load.stop();
    expect(load.complaints).toEqual([]);
    expect(load.closes).toBe(0);
    expect(await first.verify()).toBe(0);
  });

  test('case 16: with --takeover the first one is cut off, and nothing that it acknowledged is lost', async () => {
    stage = await Stage.open({ ferry: false });
    const first = await prepare();
    await first.start();
    await ready(first);
    const load = new Load(first.port, { clients: 4, mayClose: true });
    await load.more(30);
    const second = await prepare(['--takeover']);
    await second.start();
    await first.ended();
    expect(first.said).toMatch(/another Ferry serves this pair now/i);
    expect(first.exitCode).toBe(1);
    const later = new Load(second.port, { clients: 4, name: 'later' });
    await later.more(30);
    await Promise.all([load.stop(), later.stop()]);
    expect([...load.complaints, ...later.complaints]).toEqual([]);
    await second.until('repaired', ({ mirror }) => mirror.dirtySlots + mirror.dirtyKeys + mirror.backlogOps === 0);
    await second.until('verified', ({ verify }) => verify.state !== 'running');
    expect(await stage.differences()).toEqual([]);
    expect(await second.verify()).toBe(0);
  });

  test('case 16: the first one slept, the second one cut over: it wakes up and stops, and writes nothing', async () => {
    stage = await Stage.open({ ferry: false });
    const first = await prepare();
    await first.start();
    await ready(first);
    const load = new Load(first.port, { clients: 4, mayClose: true });
    await load.more(30);
    first.signal('SIGSTOP');
    await sleep(50);
    const second = await prepare(['--takeover']);
    await second.start();
    await second.until('repaired', ({ mirror }) => mirror.dirtySlots + mirror.dirtyKeys + mirror.backlogOps === 0);
    await second.until('verified', ({ verify }) => verify.state !== 'running');
    expect(await second.verify()).toBe(0);
    await second.phase({ to: 'target-read' });
    await second.phase({ to: 'target-first' });
    first.signal('SIGCONT');
    await first.ended();
    await load.stop();
    expect(load.complaints).toEqual([]);
    expect(await stage.differences()).toEqual([]);
    expect(await second.verify()).toBe(0);
  });
});

test('after SIGKILL its successor does not wait', async () => {
  stage = await Stage.open({ ferry: false });
  const first = await prepare();
  await first.start();
  await ready(first);
  await first.kill();
  const startedMs = performance.now();
  await first.start();
  // far less than it takes until a lease that nobody renews is given up
  expect(performance.now() - startedMs).toBeLessThan(9000);
});
