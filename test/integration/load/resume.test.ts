/** What breaks in the middle: the loader killed, interrupted, its connection cut. The rest loses nothing. */
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encode } from '../journey/pipe.js';
import { Relay } from '../journey/relay.js';
import { Stage, sleep } from '../journey/stage.js';
import { text, type Wire } from '../journey/wire.js';
import { Files, type LoadEnd, LoadProcess, sets } from './load-process.js';

const COUNT = 12_000;
const WAIT_MS = 20_000;

let stage: Stage;
let files: Files;
let counter: Wire | null;

beforeEach(async () => {
  stage = await Stage.open();
  await stage.goTo('dual-write');
  files = new Files();
  counter = null;
});
afterEach(async () => {
  await stage?.close();
  files.remove();
});

async function size(): Promise<number> {
  counter ??= await stage.client();
  return Number(text(await counter.send('DBSIZE')));
}

async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(10);
  }
}

function start(file: string, args: readonly string[], port = stage.ferry.port): LoadProcess {
  return new LoadProcess([file, '--url', `redis://127.0.0.1:${port}`, ...args]);
}

async function expectWhole(end: LoadEnd): Promise<void> {
  expect({ code: end.code, errors: end.answer.errors }).toEqual({ code: 0, errors: [] });
  expect(await size()).toBe(COUNT);
  expect(text(await (await stage.client()).send('GET', `key:${COUNT - 1}`))).toBe(`value:${COUNT - 1}`);
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
}

test('the loader is killed: the journal is never ahead of what is in, and the next load goes on there', async () => {
  const file = files.write('kill.resp', sets(COUNT));
  const journal = files.path('journal');
  const args = ['--journal', journal, '--rate', '3000'];
  const first = start(file, args);
  await until(
    'the journal is written',
    () => existsSync(journal) && !readFileSync(journal, 'utf8').includes('"offset":0,'),
  );
  first.signal('SIGKILL');
  expect((await first.ended).code).toBeNull();
  const { offset } = JSON.parse(readFileSync(journal, 'utf8')) as { offset: number };
  const before = readFileSync(file).subarray(0, offset).toString().split('*3\r\n').length - 1;
  const had = await size();
  expect(had).toBeGreaterThanOrEqual(before);
  expect(before).toBeGreaterThan(0);
  expect(had).toBeLessThan(COUNT);
  const second = await start(file, ['--journal', journal]).ended;
  expect(second.stderr).toContain(`going on at byte ${offset}`);
  expect(second.answer.replies).toBe(COUNT - before);
  await expectWhole(second);
  expect(existsSync(journal)).toBe(false);
});

test('a journal of another load is refused', async () => {
  const journal = files.path('journal');
  const first = start(files.write('one.resp', sets(COUNT)), ['--journal', journal, '--rate', '3000']);
  await until('the journal is written', () => existsSync(journal));
  first.signal('SIGKILL');
  await first.ended;
  const other = await start(files.write('two.resp', sets(1)), ['--journal', journal]).ended;
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('belongs to another load') });
});

test('SIGINT: what was sent is answered first, and the offset is exact', async () => {
  const file = files.write('stop.resp', sets(COUNT));
  const load = start(file, ['--rate', '4000']);
  await until('something is in', async () => (await size()) > 500);
  load.signal('SIGINT');
  const { code, answer, stderr } = await load.ended;
  expect(code).toBe(1);
  expect(answer).toMatchObject({ outcome: 'interrupted', unanswered: 0, errorCount: 0 });
  expect(await size()).toBe(answer.replies);
  const offset = answer.resume!.offset;
  expect(stderr).toContain(`go on with --offset ${offset} --db 0`);
  expect(readFileSync(file).subarray(0, offset).toString().split('*3\r\n').length - 1).toBe(answer.replies);
  const rest = await start(file, ['--offset', String(offset)]).ended;
  expect(rest.answer.replies).toBe(COUNT - answer.replies);
  await expectWhole(rest);
});

test.each([1, 4])(
  'the connection is cut (%i of them): exit 3, and from the offset nothing is missing',
  async (connections) => {
    const relay = await Relay.open(stage.ferry.port);
    try {
      const file = files.write('cut.resp', sets(COUNT));
      const more = ['--connections', String(connections)];
      const load = start(file, ['--rate', '4000', ...more], relay.port);
      await until('something is in', async () => (await size()) > 500);
      relay.cut('');
      const { code, answer } = await load.ended;
      expect(code).toBe(3);
      expect(answer.outcome).toBe('lost');
      const offset = answer.resume!.offset;
      const acknowledged = readFileSync(file).subarray(0, offset).toString().split('*3\r\n').length - 1;
      expect(await size()).toBeGreaterThanOrEqual(acknowledged);
      await expectWhole(await start(file, ['--offset', String(offset), ...more]).ended);
    } finally {
      await relay.close();
    }
  },
);

test('a database that was selected before the cut is selected again', async () => {
  const commands = [['SELECT', '3'], ...Array.from({ length: COUNT }, (_, i) => ['SET', `key:${i}`, 'x'])];
  const file = files.write('db.resp', encode(commands));
  const load = start(file, ['--rate', '4000']);
  const client = await stage.client();
  await client.send('SELECT', '3');
  await until('something is in', async () => Number(text(await client.send('DBSIZE'))) > 500);
  load.signal('SIGINT');
  const { answer } = await load.ended;
  expect(answer.resume?.db).toBe(3);
  const { offset, db } = answer.resume!;
  const rest = await start(file, ['--offset', String(offset), '--db', String(db)]).ended;
  expect(rest.code).toBe(0);
  expect(text(await client.send('DBSIZE'))).toBe(String(COUNT));
  expect(await size()).toBe(0);
});
