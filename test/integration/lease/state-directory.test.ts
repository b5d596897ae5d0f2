/**
 * A state directory that was lost, or is an old copy, must not split the brain: the servers know better. In every phase.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ferry, startFerry } from '../../../src/app.js';
import { defaultConfig } from '../../../src/config/config.js';
import { PHASE_RULES, PHASES, type Phase } from '../../../src/phases/phase.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Stage } from '../journey/stage.js';
import { text, Wire } from '../journey/wire.js';

const KEY = '__ferry:lease';

let stage: Stage;
let dirs: string[];
let other: Ferry | null;

beforeEach(() => {
  dirs = [];
  other = null;
});
afterEach(async () => {
  await other?.stop();
  await stage?.close();
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ferry-lease-'));
  dirs.push(dir);
  return dir;
}

function startOther(stateDir: string, more: object = {}): Promise<Ferry> {
  const anywhere = { listen: { host: '127.0.0.1', port: 0 }, admin: { port: 0 }, logLevel: 'silent' as const };
  const sides = { source: stage.source.url, target: stage.target.url };
  return startFerry(defaultConfig({ ...sides, ...anywhere, stateDir, ...more }));
}

async function advanceTo(phase: Phase): Promise<void> {
  const client = await stage.client();
  for (let i = 0; i < 50; i++) await client.send('SET', `key ${i}`, i);
  if (phase === 'source-only') return;
  if (phase === 'dual-write') await stage.goTo('dual-write');
  else await stage.readyForCutover();
  if (phase === 'target-first' || phase === 'target-only') await stage.goTo('target-first');
  if (phase === 'target-only') await stage.goTo('target-only');
}

async function untilDone(ferry: Ferry): Promise<void> {
  const untilMs = performance.now() + 20_000;
  for (;;) {
    const { mirror, verify } = ferry.control.status();
    if (mirror.dirtySlots + mirror.dirtyKeys + mirror.backlogOps === 0 && verify.state !== 'running') return;
    if (performance.now() > untilMs) throw new Error(`not repaired: ${JSON.stringify(ferry.control.status())}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.each(PHASES)('in %s', (phase) => {
  const { authority } = PHASE_RULES[phase];

  test('both sides say how far the migration is', async () => {
    stage = await Stage.open();
    await advanceTo(phase);
    const { epoch } = stage.status;
    for (const side of ['source', 'target'] as const) {
      const wire = side === 'source' ? await stage.onSource() : await stage.onTarget();
      const record = JSON.parse(String(text(await wire.send('GET', KEY)))) as object;
      expect(record).toMatchObject({ side, phase, epoch, authority });
      expect(text(await wire.send('PTTL', KEY))).toBe('-1');
    }
  });

  test('killed, and the state directory lost: refused, and with --adopt the right side has the authority', async () => {
    stage = await Stage.open();
    await advanceTo(phase);
    const { epoch } = stage.status;
    // as a killed process leaves it; the lease stays as it is
    await stage.crash();
    const lost = newDir();
    if (phase !== 'source-only') await expect(startOther(lost)).rejects.toThrow(/--adopt/);
    await expect(startOther(lost)).rejects.toMatchObject({ exitCode: 1 });
    // one side differs, as the crash may have left it: repaired from the side that has the authority
    const [right, wrong] =
      authority === 'source'
        ? [await stage.onSource(), await stage.onTarget()]
        : [await stage.onTarget(), await stage.onSource()];
    await right.send('SET', 'key 7', 'right');
    await wrong.send('SET', 'key 7', 'wrong');
    await wrong.send('SET', 'ghost', 'wrong');
    other = await startOther(lost, { adopt: true });
    expect(other.control.status()).toMatchObject({ phase, authority, epoch });
    await untilDone(other);
    expect(text(await right.send('GET', 'key 7'))).toBe('right');
    if (phase === 'source-only' || phase === 'target-only') return;
    expect(text(await wrong.send('GET', 'key 7'))).toBe('right');
    expect(await wrong.send('GET', 'ghost')).toBeNull();
    expect(await stage.differences()).toEqual([]);
  });
});

test('an old copy of the state directory is refused, and --adopt goes on with what the servers know', async () => {
  stage = await Stage.open();
  await advanceTo('dual-write');
  const old = newDir();
  cpSync(stage.stateDir, old, { recursive: true });
  await stage.readyForCutover();
  await stage.goTo('target-first');
  const { epoch } = stage.status;
  await stage.crash();
  await expect(startOther(old)).rejects.toThrow(/target-first, epoch \d+.*old copy.*--adopt/);
  other = await startOther(old, { adopt: true });
  expect(other.control.status()).toMatchObject({ phase: 'target-first', authority: 'target', epoch });
  await untilDone(other);
  expect(await stage.differences()).toEqual([]);
});

test('a second one with a state directory of its own is told which one runs, and where', async () => {
  stage = await Stage.open();
  await advanceTo('dual-write');
  const runs = new RegExp(
    `Another Ferry \\(\\w+\\) is at work: process ${process.pid} on ${hostname()}\\. The servers know`,
  );
  await expect(startOther(newDir())).rejects.toThrow(runs);
  await expect(startOther(newDir(), { takeover: true })).rejects.toThrow(/--adopt --takeover/);
  const serves = new RegExp(
    `Another Ferry \\(\\w+\\) serves this pair: process ${process.pid} on ${hostname()}\\. .*--takeover`,
  );
  await expect(startOther(newDir(), { adopt: true })).rejects.toThrow(serves);
  await expect(startOther(newDir(), { target: stage.source.url, source: stage.target.url })).rejects.toThrow(
    /is at work: .*as its target/,
  );
  // nobody was disturbed
  expect(stage.status).toMatchObject({ phase: 'dual-write' });
  await stage.crash();
  await expect(startOther(newDir())).rejects.toThrow(/^The servers know .*--adopt/);
});

describe('--adopt with a server that never heard of the migration', () => {
  let stranger: RedisServer;
  beforeEach(async () => {
    stranger = await startRedis();
  });
  afterEach(() => stranger.stop());

  test.each(['dual-write', 'target-read', 'target-first'] as const)(
    'in %s it is refused, and nobody loses anything',
    async (phase) => {
      stage = await Stage.open();
      await advanceTo(phase);
      await stage.crash();
      const wire = await Wire.open(stranger.port);
      await wire.send('SET', 'precious', '1');
      const { authority } = PHASE_RULES[phase];
      for (const side of ['source', 'target'] as const) {
        const wrong = { [side]: stranger.url, adopt: true };
        const says = authority === side ? /has the authority: everything .*--phase/ : /is not empty.*empty it first/;
        await expect(startOther(newDir(), wrong)).rejects.toThrow(says);
        await expect(startOther(newDir(), wrong)).rejects.toThrow(`The ${side} ${stranger.url} does not know of`);
      }
      expect(text(await wire.send('GET', 'precious'))).toBe('1');
      wire.close();
      expect(text(await (await stage.onSource()).send('GET', 'key 7'))).toBe('7');
    },
  );

  test('an empty mirror is filled: it may have come back without its data', async () => {
    stage = await Stage.open();
    await advanceTo('dual-write');
    await stage.crash();
    other = await startOther(newDir(), { target: stranger.url, adopt: true });
    expect(other.control.status()).toMatchObject({ phase: 'dual-write', authority: 'source' });
  });
});

test('the servers of another migration are refused, with or without --adopt', async () => {
  stage = await Stage.open();
  await advanceTo('dual-write');
  await stage.crash();
  const anywhere = { listen: { host: '127.0.0.1', port: 0 }, admin: { port: 0 }, logLevel: 'silent' as const };
  // the other way round
  const sides = { source: stage.target.url, target: stage.source.url };
  for (const adopt of [false, true]) {
    const started = startFerry(defaultConfig({ ...sides, ...anywhere, stateDir: newDir(), adopt }));
    await expect(started).rejects.toThrow(/as its target.*delete the key __ferry:lease/);
  }
});

test('the key comes back after FLUSHALL, through Ferry and past it', async () => {
  stage = await Stage.open();
  await advanceTo('dual-write');
  const client = await stage.client();
  const [source, target] = [await stage.onSource(), await stage.onTarget()];
  for (const flush of [() => client.send('FLUSHALL'), () => source.send('FLUSHALL'), () => target.send('FLUSHALL')]) {
    await flush();
    const untilMs = performance.now() + 10_000;
    for (const wire of [source, target]) {
      while (text(await wire.send('EXISTS', KEY)) !== '1' && performance.now() < untilMs)
        await new Promise((resolve) => setTimeout(resolve, 20));
      expect(text(await wire.send('EXISTS', KEY))).toBe('1');
    }
  }
});

test('nothing stays behind on the source before anything began, nor on the target when it is alone', async () => {
  stage = await Stage.open();
  const [source, target] = [await stage.onSource(), await stage.onTarget()];
  await stage.stop();
  expect([text(await source.send('EXISTS', KEY)), text(await target.send('EXISTS', KEY))]).toEqual(['0', '0']);
  await stage.start();
  await advanceTo('target-only');
  await stage.stop();
  expect(text(await target.send('EXISTS', KEY))).toBe('0');
  // so that the old side is not taken for the right one
  expect(text(await source.send('EXISTS', KEY))).toBe('1');
});
