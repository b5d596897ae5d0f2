/** Reads in `target-read`: how many of them the target serves, which slots are moved by `--share`, and that none is stale. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Load } from './load.js';
import { Stage } from './stage.js';
import { text, type Wire } from './wire.js';

const KEYS = 400;
const name = (i: number): string => `key ${i}`;

/** Reads of one key each, and what it takes to make that key. */
const READS: readonly (readonly [make: (key: string) => (string | number)[], read: (key: string) => string[]])[] = [
  [(key) => ['SET', `s ${key}`, 'v'], (key) => ['GET', `s ${key}`]],
  [(key) => ['HSET', `h ${key}`, 'f', 'v'], (key) => ['HGET', `h ${key}`, 'f']],
  [(key) => ['HSET', `h ${key}`, 'f', 'v'], (key) => ['HGETALL', `h ${key}`]],
  [(key) => ['RPUSH', `l ${key}`, 'a', 'b'], (key) => ['LRANGE', `l ${key}`, '0', '-1']],
  [(key) => ['SADD', `t ${key}`, 'a', 'b'], (key) => ['SMEMBERS', `t ${key}`]],
  [(key) => ['ZADD', `z ${key}`, 1, 'a'], (key) => ['ZSCORE', `z ${key}`, 'a']],
  [(key) => ['XADD', `x ${key}`, '1-1', 'f', 'v'], (key) => ['XLEN', `x ${key}`]],
  [(key) => ['SET', `s ${key}`, 'v'], (key) => ['EXISTS', `s ${key}`]],
  [(key) => ['SET', `s ${key}`, 'v'], (key) => ['TYPE', `s ${key}`]],
  [(key) => ['SET', `e ${key}`, 'v', 'EX', 10_000], (key) => ['TTL', `e ${key}`]],
];

/** How often a server executed each of the commands since CONFIG RESETSTAT. */
async function calls(server: Wire, commands: ReadonlySet<string>): Promise<number> {
  const stats = text(await server.send('INFO', 'commandstats'));
  const found = [...stats.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)];
  return found.reduce((sum, [, command, count]) => sum + (commands.has(command!) ? Number(count) : 0), 0);
}

let stage: Stage;
let source: Wire;
let target: Wire;
let client: Wire;

beforeAll(async () => {
  stage = await Stage.open();
  [source, target, client] = await Promise.all([stage.onSource(), stage.onTarget(), stage.client()]);
  for (let i = 0; i < KEYS; i++) {
    for (const [make] of READS) source.send(...make(name(i)));
  }
  await stage.readyForCutover();
});
afterAll(() => stage?.close());

describe('reads in target-read, after the backfill', () => {
  test('90 % and more of single-key reads on clean slots are served by the target', async () => {
    const commands = new Set(READS.map(([, read]) => read('')[0]!.toLowerCase()));
    await Promise.all([source.send('CONFIG', 'RESETSTAT'), target.send('CONFIG', 'RESETSTAT')]);
    let reads = 0;
    for (let i = 0; i < KEYS; i++) {
      const [, read] = READS[i % READS.length]!;
      const reply = await client.send(...read(name(i)));
      expect(text(reply), read(name(i)).join(' ')).toBe(text(await client.send(...read(name(i)))));
      reads += 2;
    }
    const [onSource, onTarget] = await Promise.all([calls(source, commands), calls(target, commands)]);
    expect(onTarget).toBeGreaterThanOrEqual(0.9 * reads);
    expect(onSource).toBeLessThanOrEqual(0.1 * reads);
    expect(stage.ferry.counters.targetReads).toBeGreaterThanOrEqual(0.9 * reads);
  });

  test('a key that is written and then read by itself is served by the target again', async () => {
    await Promise.all([source.send('CONFIG', 'RESETSTAT'), target.send('CONFIG', 'RESETSTAT')]);
    for (let i = 0; i < 100; i++) {
      await client.send('SET', `s ${name(i)}`, i);
      await stage.settled();
      expect(text(await client.send('GET', `s ${name(i)}`))).toBe(String(i));
    }
    expect(await calls(target, new Set(['get']))).toBeGreaterThanOrEqual(90);
  });

  test('a share is raised and lowered under load, and nobody notices', async () => {
    const load = new Load(stage.ferry.port, { clients: 4 });
    try {
      for (const share of [50, 10, 90, 0, 100]) {
        expect(await stage.phase('target-read', { share })).toMatchObject({ ok: true });
        await load.more(20);
      }
    } finally {
      await load.stop();
    }
    expect(load.complaints).toEqual([]);
    await stage.settled();
  });

  test('a dry run of another share says what would be, and changes nothing', async () => {
    await stage.goTo('target-read', { share: 30 });
    const { history } = stage.ferry.control.report();
    for (const [request, would] of [
      [{}, 100],
      [{ share: 50 }, 50],
      [{ share: 0, force: true }, 0],
    ] as const) {
      const note = expect.stringContaining(`${would} % of the slots would be read from the target, 30 % are`);
      expect(await stage.phase('target-read', { ...request, dryRun: true })).toEqual({ ok: true, note });
    }
    expect(stage.status).toMatchObject({ phase: 'target-read', share: 30 });
    expect(stage.ferry.control.report().history).toEqual(history);
  });

  test('a share moves a stable set of slots, which grows and shrinks with it', async () => {
    // who serves a read shows in its value: the target's were changed behind Ferry's back
    for (let i = 0; i < KEYS; i++) target.send('SET', `s ${name(i)}`, 'on target');
    const served = async (): Promise<Set<number>> => {
      const moved = new Set<number>();
      for (let i = 0; i < KEYS; i++) {
        if (text(await client.send('GET', `s ${name(i)}`)) === 'on target') moved.add(i);
      }
      return moved;
    };
    const at: Record<number, Set<number>> = {};
    for (const share of [30, 60, 20, 0, 100]) {
      expect(await stage.phase('target-read', { share })).toMatchObject({ ok: true });
      at[share] = await served();
      expect([...(await served())]).toEqual([...at[share]]);
      expect(Math.abs(at[share].size / KEYS - share / 100)).toBeLessThan(0.12);
    }
    expect([...at[20]!].every((i) => at[30]!.has(i))).toBe(true);
    expect([...at[30]!].every((i) => at[60]!.has(i))).toBe(true);
    expect(at[0]!.size).toBe(0);
    expect(at[100]!.size).toBe(KEYS);
  });

  test('what a read missed on the target is read from the source, and copied', async () => {
    await target.send('DEL', `h ${name(1)}`, `l ${name(1)}`);
    expect(text(await client.send('HGET', `h ${name(1)}`, 'f'))).toBe('v');
    expect(text(await client.send('LRANGE', `l ${name(1)}`, 0, -1))).toBe('["a","b"]');
    await stage.settled();
    await expect.poll(async () => text(await target.send('EXISTS', `h ${name(1)}`, `l ${name(1)}`))).toBe('2');
  });
});
