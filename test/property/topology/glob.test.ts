/** Which names a pattern matches is what a real server says (KEYS), for random patterns full of what is special in them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { matchesGlob } from '../../../src/topology/glob.js';
import { Random } from '../../history/random.js';
import { list, Wire } from '../../integration/journey/wire.js';
import { type RedisServer, startRedis } from '../../support/redis.js';

const SEED = 11;
const NAMES = 1500;
const PATTERNS = 2000;
/** Few, so that patterns do match. */
const LETTERS = ['a', 'b', 'c', '-', ']', '[', '^', '\\', '*', '?', '\xff', '\0'];
const PIECES = [
  '*',
  '**',
  '?',
  '[',
  ']',
  '[^',
  '[a-c]',
  '[c-a]',
  '[^ab]',
  '[a',
  '[\\]]',
  '[b-c',
  '\\',
  '\\*',
  '-',
  'a',
  'b',
  'c',
  '\xff',
  '\0',
];

let server: RedisServer;
let wire: Wire;
beforeAll(async () => {
  server = await startRedis();
  wire = await Wire.open(server.port);
});
afterAll(async () => {
  wire?.close();
  await server?.stop();
});

function textOf(random: Random, pieces: readonly string[], most: number): Buffer {
  return Buffer.from(Array.from({ length: random.between(1, most) }, () => random.pick(pieces)).join(''), 'latin1');
}

it('agrees with the server', async () => {
  const random = new Random(SEED);
  const names = new Map<string, Buffer>();
  while (names.size < NAMES) {
    const name = textOf(random, LETTERS, 5);
    names.set(name.toString('latin1'), name);
  }
  await Promise.all([...names.values()].map((name) => wire.send('SET', name, '')));
  let matched = 0;
  for (let i = 0; i < PATTERNS; i++) {
    const pattern = textOf(random, PIECES, 6);
    // a range that ends beyond ASCII: there servers differ
    if (/-\xff|\xff-/.test(pattern.toString('latin1'))) continue;
    const theirs = list(await wire.send('KEYS', pattern)).map((name) => (name as Buffer).toString('latin1'));
    const framed = [...names].filter(([, name]) => {
      const frame = Buffer.concat([Buffer.from('<'), name, Buffer.from('>')]);
      return matchesGlob(pattern, frame, 1, frame.length - 1);
    });
    expect(framed.map(([text]) => text).sort(), JSON.stringify(pattern.toString('latin1'))).toEqual(theirs.sort());
    matched += theirs.length;
  }
  expect(matched).toBeGreaterThan(PATTERNS);
});

it('takes no time beyond the product of the lengths', () => {
  const text = Buffer.alloc(20_000, 'a');
  const pattern = Buffer.from(`${'a*'.repeat(50)}b`);
  const startedMs = performance.now();
  expect(matchesGlob(pattern, text, 0, text.length)).toBe(false);
  // without going back to earlier stars; with it, longer than anybody would wait
  expect(performance.now() - startedMs).toBeLessThan(5000);
});
