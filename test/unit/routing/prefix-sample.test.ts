/** What keys begin with: counted from some commands, in bounded memory. */
import { expect, test } from 'vitest';
import { CommandTable } from '../../../src/commands/table.js';
import { PrefixSample } from '../../../src/routing/prefix-sample.js';
import { frameOf, words } from '../commands/frames.js';

const table = CommandTable.offline();

/** One command as a session dispatches it; whether it was sampled. */
function send(sample: PrefixSample, line: string): boolean {
  if (!sample.isDue()) return false;
  const frame = frameOf(words(line));
  sample.take(table.lookup(frame.frame, frame.argc, frame.starts, frame.ends)!, frame);
  return true;
}

/** Again and again until it was sampled. */
function sampled(sample: PrefixSample, line: string): void {
  while (!send(sample, line));
}

const topOf = (sample: PrefixSample, limit = 10): string[] =>
  sample.top(limit).map(({ prefix, share }) => `${prefix.toString('latin1')} ${Math.round(share * 100)}`);

test.each([
  ['GET user:7:cart', 'user:'],
  ['GET {user:7}', '{user:'],
  ['GET a/b:c', 'a/'],
  ['GET a.b', 'a.'],
  ['GET a|b', 'a|'],
  ['GET counter', ''],
  ['GET :', ':'],
  [`GET ${'x'.repeat(60)}:y`, ''],
  ['MGET one:1 two:2', 'one:'],
  ['EVAL return 1 script:k', 'script:'],
  ['XREAD STREAMS stream:1 0', 'stream:'],
  ['OBJECT ENCODING thing:1', 'thing:'],
])('%s', (line, prefix) => {
  const sample = new PrefixSample();
  sampled(sample, line);
  expect(topOf(sample)).toEqual([`${prefix} 100`]);
});

test('commands without a key, and those whose arguments make no sense, count for nothing', () => {
  const sample = new PrefixSample();
  for (const line of ['PING', 'INFO', 'EVAL return many k', 'XREAD a b c']) sampled(sample, line);
  expect(sample.top(10)).toEqual([]);
});

test('one command in 64 is looked at, and a pattern in the traffic does not decide which', () => {
  const sample = new PrefixSample();
  let count = 0;
  for (let i = 0; i < 64_000; i++) if (send(sample, i % 64 === 0 ? 'GET rare:1' : 'GET often:1')) count++;
  expect(count).toBeGreaterThan(900);
  expect(count).toBeLessThan(1100);
  const [first, second] = sample.top(2);
  expect(first?.prefix.toString()).toBe('often:');
  expect(first?.share).toBeGreaterThan(0.95);
  expect(second === undefined || second.share < 0.04).toBe(true);
});

test('prefixes without an end cost nothing but their own places', () => {
  const sample = new PrefixSample();
  for (let i = 0; i < 30_000; i++) {
    sampled(sample, i % 2 === 0 ? 'GET real:1' : `GET p${i}:1`);
  }
  const all = sample.top(1_000_000);
  expect(all.length).toBeLessThanOrEqual(128);
  expect(all[0]?.prefix.toString()).toBe('real:');
  expect(all[0]?.share).toBeGreaterThan(0.4);
  expect(all.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
});

test('what is gone is forgotten', () => {
  const sample = new PrefixSample();
  for (let i = 0; i < 5000; i++) sampled(sample, 'GET old:1');
  for (let i = 0; i < 60_000; i++) sampled(sample, 'GET new:1');
  expect(topOf(sample)[0]).toBe('new: 100');
});
