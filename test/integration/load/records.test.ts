/** CSV and JSONL through Ferry, into every type. */
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Stage } from '../journey/stage.js';
import { list, text } from '../journey/wire.js';
import { Files, type LoadEnd, LoadProcess } from './load-process.js';

let stage: Stage;
const files = new Files();

beforeAll(async () => {
  stage = await Stage.open();
  await stage.goTo('dual-write');
});
afterEach(async () => {
  await (await stage.client()).send('FLUSHALL');
});
afterAll(async () => {
  await stage?.close();
  files.remove();
});

function load(name: string, content: Buffer | string, args: readonly string[]): Promise<LoadEnd> {
  const admin = `http://127.0.0.1:${stage.ferry.adminPort}`;
  return new LoadProcess([files.write(name, content), '--admin', admin, ...args]).ended;
}

async function ask(...args: string[]): Promise<string> {
  return text(await (await stage.client()).send(...args));
}

test('CSV into hashes: quotes, line ends within cells, CRLF, a byte order mark; the errors with their lines', async () => {
  const csv = '\ufeffid,name,note\r\n1,Ann,"says ""hi"""\r\n2,Bob,"two\nlines, one cell"\r\nx\r\n3,Cid,';
  const { code, answer } = await load('users.csv', csv, ['--key', 'user:{id}']);
  expect(code).toBe(1);
  expect(answer).toMatchObject({ replies: 3, errorCount: 1, outcome: 'done' });
  expect(answer.errors).toEqual([
    { command: 'x\\x0d', line: 5, offset: csv.indexOf('x\r\n') + 2, message: 'the row has 1 cells for 3 columns' },
  ]);
  expect(await ask('HGET', 'user:1', 'note')).toBe('says "hi"');
  expect(await ask('HGET', 'user:2', 'note')).toBe('two\nlines, one cell');
  expect(await ask('HGET', 'user:3', 'note')).toBe('');
  expect(await ask('HLEN', 'user:3')).toBe('3');
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
});

test('what the server refuses names its line', async () => {
  const { code, answer } = await load('scores.csv', 'who,points\na,1\nb,many\nc,3\n', [
    ...['--key', 'board', '--as', 'zset', '--score', '{points}', '--value', '{who}'],
  ]);
  expect(code).toBe(1);
  expect(answer.errors).toEqual([
    { command: 'ZADD board many b', line: 3, offset: 15, message: expect.stringContaining('not a valid float') },
  ]);
  expect(await ask('ZRANGE', 'board', '0', '-1', 'WITHSCORES')).toContain('c');
  expect(await ask('ZCARD', 'board')).toBe('2');
});

test('JSONL into strings, lists, sets and streams, with a time to live, gzipped, on several connections', async () => {
  const lines = Array.from({ length: 1000 }, (_, i) =>
    JSON.stringify({ id: i, group: `g${i % 7}`, text: `t ${i}`, ms: 1000 + i }),
  );
  const packed = gzipSync(lines.join('\n'));
  const loads = [
    ['--as', 'string', '--key', 's:{id}', '--value', '{text}', '--ttl', '100'],
    ['--as', 'list', '--key', 'l:{group}', '--value', '{id}', '--ttl', '100'],
    ['--as', 'set', '--key', 'u:{group}', '--value', '{id}'],
    ['--as', 'stream', '--key', 'x:{group}', '--id', '{ms}-1', '--fields', 'id,text'],
  ];
  for (const args of loads) {
    const { code, answer } = await load('all.jsonl.gz', packed, [...args, '--connections', '3']);
    expect({ code, errors: answer.errors }).toEqual({ code: 0, errors: [] });
  }
  expect(await ask('GET', 's:42')).toBe('t 42');
  expect(Number(await ask('TTL', 's:42'))).toBeGreaterThan(50);
  const order = list(await (await stage.client()).send('LRANGE', 'l:g3', '0', '-1')).map(text);
  expect(order).toEqual(
    Array.from({ length: 1000 }, (_, i) => i)
      .filter((i) => i % 7 === 3)
      .map(String),
  );
  expect(Number(await ask('TTL', 'l:g3'))).toBeGreaterThan(50);
  expect(await ask('SCARD', 'u:g0')).toBe('143');
  expect(await ask('XLEN', 'x:g0')).toBe('143');
  expect(await ask('XRANGE', 'x:g1', '1001-1', '1001-1')).toContain('t 1');
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
});

test('a column that is not there is an error before anything is sent', async () => {
  const { code, stderr } = await load('few.csv', 'a,b\n1,2\n', ['--key', 'k:{id}']);
  expect(code).toBe(2);
  expect(stderr).toContain("There is no column 'id': the columns are a, b.");
  expect(await ask('DBSIZE')).toBe('0');
});

test('semicolons, tabs, and names from outside', async () => {
  await load('semi.csv', 'id;v\n1;a,b\n', ['--key', 's:{id}', '--delimiter', ';']);
  await load('tabs.tsv', '2\tc\n', ['--key', 's:{id}', '--columns', 'id,v', '--fields', 'v']);
  expect(await ask('HGET', 's:1', 'v')).toBe('a,b');
  expect(await ask('HGETALL', 's:2')).toBe(await ask('HGETALL', 's:2'));
  expect(await ask('HLEN', 's:2')).toBe('1');
});
