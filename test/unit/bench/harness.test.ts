/** The harness' own parts: turns, options, what the kernel says, rows. */
import { describe, expect, test } from 'vitest';
import { readOptions } from '../../../bench/harness/options.js';
import { cpuSecondsOf } from '../../../bench/harness/process-figures.js';
import { inTurns } from '../../../bench/harness/turns.js';
import { makeBatches } from '../../../bench/load/requests.js';
import { rateBetween } from '../../../bench/rows/five-million.js';
import { ROWS } from '../../../bench/rows/index.js';

describe('turns', () => {
  const { signal } = new AbortController();

  test('are A B A B, and the first round does not count', async () => {
    const order: string[] = [];
    const run = (name: string) => async (round: number) => {
      order.push(name);
      return `${name}${round}`;
    };
    const told: string[] = [];
    const onProgress = (done: number, total: number): void => void told.push(`${done}/${total}`);
    const results = await inTurns([run('A'), run('B')], { rounds: 2, warmUp: true, signal, onProgress });
    expect(order.join(' ')).toBe('A B A B A B');
    expect(results).toEqual([
      ['A0', 'A1'],
      ['B0', 'B1'],
    ]);
    expect(told).toEqual(['1/6', '2/6', '3/6', '4/6', '5/6', '6/6']);
  });

  test('all count where nothing has to warm up', async () => {
    expect(await inTurns([async (round) => round], { rounds: 2, warmUp: false, signal })).toEqual([[0, 1]]);
  });

  test('end when they are interrupted', async () => {
    const over = new AbortController();
    const run = async (): Promise<void> => over.abort(new Error('interrupted'));
    const turns = inTurns([run, run], { rounds: 1, warmUp: false, signal: over.signal });
    await expect(turns).rejects.toThrow('interrupted');
  });
});

describe('the command line', () => {
  const read = (...args: string[]) => readOptions(args, ['one', 'two']);

  test('has defaults', async () => {
    expect(await read()).toMatchObject({ rounds: 5, seconds: 2, scale: 1, full: false, only: null, install: true });
  });

  test('names rows, and peers', async () => {
    const options = await read('--only', 'two, one', '--nutcracker', '/x', '--no-install', '--rounds', '9');
    expect(options).toMatchObject({ only: ['two', 'one'], peers: { nutcracker: '/x' }, install: false, rounds: 9 });
  });

  test.each([
    [['--only', 'three'], "no row 'three'"],
    [['--rounds', '0'], '--rounds'],
    [['--rounds', '1.5'], '--rounds'],
    [['--seconds', '0'], '--seconds'],
    [['--scale', '2'], '--scale'],
    [['--scale', '0.1', '--publish'], '--publish'],
    [['--roundz', '3'], 'roundz'],
  ])('%j is refused in one sentence', async (args, text) => {
    await expect(read(...args)).rejects.toThrow(text);
  });
});

test('a process’ time is read behind its name, whatever that is', () => {
  const rest = ['S', ...Array.from({ length: 10 }, () => '0'), '250', '50', '0'].join(' ');
  expect(cpuSecondsOf(`12 (odd ) name) ${rest}`)).toBe(3);
});

test('the load is the same each time, and mixed as asked for', () => {
  const mix = { keys: 1000, valueBytes: 8, getShare: 0.9, pipeline: 4, seed: 7 };
  const batches = makeBatches(mix);
  expect(Buffer.concat(makeBatches(mix)).equals(Buffer.concat(batches))).toBe(true);
  const text = Buffer.concat(batches).toString('latin1');
  const [gets, sets] = [text.match(/\r\nGET\r\n/g)!.length, text.match(/\r\nSET\r\n/g)!.length];
  expect(gets + sets).toBe(4 * batches.length);
  expect(gets / (gets + sets)).toBeCloseTo(0.9, 1);
});

test('the rate of a part of a backfill is found between two looks', () => {
  const course = [
    { seconds: 0, copied: 0 },
    { seconds: 1, copied: 100 },
    { seconds: 3, copied: 200 },
  ];
  expect(rateBetween(course, 0, 0.5)).toBeCloseTo(100);
  expect(rateBetween(course, 0.9, 1)).toBeCloseTo(50);
  expect(rateBetween(course, 0, 1)).toBeCloseTo(200 / 3);
});

describe('the rows', () => {
  test('have names of their own', () => {
    expect(new Set(ROWS.map(({ id }) => id)).size).toBe(ROWS.length);
    for (const { id } of ROWS) expect(id).toMatch(/^[a-z0-9-]+$/);
  });

  test('are all that are to be reached, and one for information', () => {
    expect(ROWS.filter(({ onlyFull, bar }) => !onlyFull && bar !== '(information)')).toHaveLength(16);
  });
});
