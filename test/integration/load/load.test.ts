/** `ferry load` of RESP files through a Ferry that is dual-writing: what is in afterwards, what is told, the exit code. */
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { runFerry } from '../../support/cli.js';
import { encode } from '../journey/pipe.js';
import { Stage } from '../journey/stage.js';
import { text } from '../journey/wire.js';
import { Files, type LoadEnd, LoadProcess, sets } from './load-process.js';

const COUNT = 5000;

let stage: Stage;
let admin: string;
const files = new Files();

beforeAll(async () => {
  stage = await Stage.open();
  await stage.goTo('dual-write');
  admin = `http://127.0.0.1:${stage.ferry.adminPort}`;
});
afterEach(async () => {
  await (await stage.client()).send('FLUSHALL');
});
afterAll(async () => {
  await stage?.close();
  files.remove();
});

function load(file: string, args: readonly string[] = [], input?: Buffer): Promise<LoadEnd> {
  return new LoadProcess([file, '--admin', admin, ...args], input).ended;
}

async function ask(...args: (string | Buffer)[]): Promise<string> {
  return text(await (await stage.client()).send(...args));
}

/** Everything arrived, on both sides. */
async function expectKeys(count: number): Promise<void> {
  await stage.settled();
  expect(await ask('DBSIZE')).toBe(String(count));
  expect(await stage.differences()).toEqual([]);
}

test('a good file: all of it is in on both sides, every reply is counted, exit 0', async () => {
  const { code, answer, stderr } = await load(files.write('good.resp', sets(COUNT)));
  expect(answer).toMatchObject({ replies: COUNT, errors: [], errorCount: 0, outcome: 'done', resume: null });
  expect(code).toBe(0);
  expect(stderr).not.toContain('ferry:');
  expect(await ask('GET', `key:${COUNT - 1}`)).toBe(`value:${COUNT - 1}`);
  await expectKeys(COUNT);
});

test('an offset behind the end of the file, and a journal that cannot be written: told before anything is loaded', async () => {
  const file = files.write('short.resp', sets(3));
  const far = await runFerry(['load', file, '--admin', admin, '--offset', '99999', '--json']);
  expect(far.code).toBe(2);
  expect(JSON.parse(far.stdout)).toEqual({ error: expect.stringMatching(/ends before byte 99999, at \d+\.$/) });
  const nowhere = await runFerry(['load', file, '--admin', admin, '--journal', '/no/such/folder/j', '--json']);
  expect(nowhere.code).toBe(2);
  expect(JSON.parse(nowhere.stdout)).toEqual({ error: expect.stringMatching(/journal .+ cannot be written: ENOENT/) });
  expect(await ask('DBSIZE')).toBe('0');
});

test('without --json it says what redis-cli --pipe says', async () => {
  const ran = await runFerry(['load', files.write('few.resp', sets(3)), '--admin', admin]);
  expect(ran.stdout).toMatch(/^errors: 0, replies: 3 /);
  expect(ran.code).toBe(0);
});

test('errors in the middle: each with its command and its place in the file, the rest is in, exit 1', async () => {
  const before = sets(1000);
  const wrong = encode([['LPUSH', 'key:7', 'x']]);
  const between = sets(1000, 1000);
  const nonsense = Buffer.from('\r\nNOSUCHCOMMAND one two\n');
  const file = files.write('errors.resp', Buffer.concat([before, wrong, between, nonsense, sets(1000, 2000)]));
  const { code, answer, stderr } = await load(file);
  expect(code).toBe(1);
  const second = before.length + wrong.length + between.length + 2;
  expect(answer).toMatchObject({ replies: 3002, errorCount: 2, outcome: 'done' });
  expect(answer.errors).toEqual([
    { command: 'LPUSH key:7 x', offset: before.length, message: expect.stringMatching(/^WRONGTYPE/) },
    { command: 'NOSUCHCOMMAND one two', offset: second, message: expect.stringMatching(/^ERR unknown command/) },
  ]);
  expect(stderr).toContain(`ferry: byte ${second}: NOSUCHCOMMAND one two: ERR unknown command`);
  await expectKeys(3000);
});

test('errors within a transaction count, too', async () => {
  const good = encode([['SET', 'a', '1']]);
  const block = encode([['MULTI'], ['INCR', 'a'], ['LPUSH', 'a', 'x'], ['EXEC']]);
  const { code, answer } = await load(files.write('tx.resp', Buffer.concat([good, block])));
  expect(code).toBe(1);
  expect(answer).toMatchObject({ replies: 5, errorCount: 1 });
  expect(answer.errors[0]).toMatchObject({
    command: 'EXEC',
    offset: good.length + block.length - encode([['EXEC']]).length,
    message: expect.stringMatching(/^command 2 of the transaction: WRONGTYPE/),
  });
});

test('a truncated file: what comes before is in, exit 1, and it goes on from there once the rest is there', async () => {
  const whole = sets(5000);
  const cut = whole.length - 5;
  const last = encode([['SET', 'key:4999', 'value:4999']]).length;
  const file = files.write('cut.resp', whole.subarray(0, cut));
  const { code, answer, stderr } = await load(file);
  expect(code).toBe(1);
  expect(answer).toMatchObject({
    replies: 4999,
    errorCount: 1,
    outcome: 'truncated',
    resume: { offset: whole.length - last, db: 0 },
    unanswered: 0,
  });
  expect(answer.errors[0]).toMatchObject({ offset: whole.length - last, message: 'the file ends within this command' });
  expect(stderr).toContain(`go on with --offset ${whole.length - last} --db 0`);
  expect(await ask('DBSIZE')).toBe('4999');
  files.write('cut.resp', whole);
  const rest = await load(file, ['--offset', String(answer.resume?.offset)]);
  expect(rest).toMatchObject({ code: 0, answer: { replies: 1 } });
  await expectKeys(5000);
});

test('a file that ends within a transaction: nothing of it is in, and it begins anew there', async () => {
  const before = sets(10);
  const file = files.write('open.resp', Buffer.concat([before, encode([['MULTI'], ['SET', 'x', '1']])]));
  const { code, answer } = await load(file);
  expect(code).toBe(1);
  expect(answer).toMatchObject({ outcome: 'truncated', resume: { offset: before.length }, errorCount: 1 });
  await expectKeys(10);
});

test('malformed RESP: where and what, what comes before is in, exit 1', async () => {
  const before = sets(100);
  const file = files.write(
    'bad.resp',
    Buffer.concat([before, Buffer.from('*2\r\n$3\r\nGET\r\n#1\r\na\r\n'), sets(5, 500)]),
  );
  const { code, answer } = await load(file);
  expect(code).toBe(1);
  expect(answer).toMatchObject({ replies: 100, outcome: 'malformed', resume: { offset: before.length } });
  expect(answer.errors).toEqual([
    expect.objectContaining({ offset: before.length, message: expect.stringContaining("expected '$', got '#'") }),
  ]);
  await expectKeys(100);
});

test('binary keys and values, also big ones that go out in pieces', { timeout: 60_000 }, async () => {
  const key = Buffer.from([0, 13, 10, 0xff, 42, 36]);
  const small = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const big = randomBytes(9 * 1024 * 1024);
  const after = encode([
    ['SET', 'after', '1'],
    ['LPUSH', 'after', 'x'],
  ]);
  const bytes = Buffer.concat([
    encode([
      ['SET', key, small],
      ['SET', 'big', big],
    ]),
    after,
  ]);
  for (const args of [[], ['--connections', '3']]) {
    const { answer } = await load(files.write('binary.resp', bytes), args);
    expect(answer).toMatchObject({ replies: 4, errorCount: 1, outcome: 'done' });
    expect(answer.errors[0]?.offset).toBe(bytes.length - encode([['LPUSH', 'after', 'x']]).length);
    const client = await stage.client();
    expect(small.equals((await client.send('GET', key)) as Buffer)).toBe(true);
    expect(big.equals((await client.send('GET', 'big')) as Buffer)).toBe(true);
    await client.send('DEL', 'big', 'after');
  }
  await expectKeys(1);
});

test('gzip, and stdin, and both', async () => {
  const plain = sets(COUNT);
  const packed = gzipSync(plain);
  expect((await load(files.write('a.resp.gz', packed))).answer).toMatchObject({ replies: COUNT, errorCount: 0 });
  expect((await load('-', [], plain)).answer).toMatchObject({ replies: COUNT, errorCount: 0 });
  expect((await load('-', [], packed)).answer).toMatchObject({ replies: COUNT, errorCount: 0 });
  // two archives in a row are one
  const two = Buffer.concat([gzipSync(sets(10, 90_000)), gzipSync(sets(10, 90_010))]);
  expect((await load(files.write('two.gz', two))).answer).toMatchObject({ replies: 20, errorCount: 0 });
  await expectKeys(COUNT + 20);
});

test('a gzip file that is cut off: what could be unpacked is in, exit 1', async () => {
  const packed = gzipSync(sets(COUNT));
  const { code, answer } = await load(files.write('cut.gz', packed.subarray(0, packed.length / 2)));
  expect(code).toBe(1);
  expect(answer).toMatchObject({ outcome: 'truncated', errorCount: 1 });
  expect(answer.errors[0]?.message).toContain('gzip');
  expect(answer.replies).toBeGreaterThan(1000);
  await expectKeys(answer.replies);
});

test('several connections keep the order of each key, and what concerns several keys has its place', async () => {
  const commands: string[][] = [];
  for (let round = 0; round < 200; round++) {
    for (let key = 0; key < 50; key++) commands.push(['APPEND', `k:${key}`, `${round % 10}`]);
    if (round === 100) commands.push(['SUNIONSTORE', 'none', 'x', 'y'], ['MSET', 'k:1', '', 'k:2', '']);
    if (round === 150) commands.push(['SELECT', '1'], ['SET', 'elsewhere', '1'], ['SELECT', '0']);
  }
  const file = files.write('order.resp', encode(commands));
  const { answer } = await load(file, ['--connections', '4']);
  expect(answer).toMatchObject({ replies: commands.length, errorCount: 0, outcome: 'done' });
  const all = '0123456789'.repeat(20);
  expect(await ask('GET', 'k:0')).toBe(all);
  expect(await ask('GET', 'k:1')).toBe(all.slice(101));
  expect(await ask('GET', 'k:2')).toBe(all.slice(101));
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
  const client = await stage.client();
  await client.send('SELECT', '1');
  expect(text(await client.send('DBSIZE'))).toBe('1');
});

test('what would put replies out of step is not sent', async () => {
  const file = files.write('never.resp', 'SET a 1\nSUBSCRIBE news\nCLIENT REPLY OFF\nSET b 2\n');
  const { code, answer } = await load(file);
  expect(code).toBe(1);
  expect(answer).toMatchObject({ replies: 2, errorCount: 2, outcome: 'done' });
  expect(answer.errors.map(({ offset }) => offset)).toEqual([8, 23]);
  await expectKeys(2);
});

test('errors are told in the order of the file, whether a command was refused by the server or never sent', async () => {
  const { answer } = await load(files.write('mixed.resp', 'SET a 1\nLPUSH a x\nSUBSCRIBE news\nLPUSH a y\n'));
  expect(answer.errors.map(({ offset }) => offset)).toEqual([8, 18, 33]);
});

test('a rate is kept', async () => {
  const { answer } = await load(files.write('rate.resp', sets(1000)), ['--rate', '500']);
  expect(answer).toMatchObject({ replies: 1000, errorCount: 0 });
  expect(answer.seconds).toBeGreaterThan(1.8);
  expect(answer.seconds).toBeLessThan(6);
});

test('after --max-errors it stops', async () => {
  const { code, answer } = await load(files.write('many.resp', 'NOPE\n'.repeat(50_000)), ['--max-errors', '10']);
  expect(code).toBe(1);
  expect(answer.errorCount).toBeGreaterThanOrEqual(10);
  expect(answer.outcome).toBe('interrupted');
  expect(answer.errors[9]).toMatchObject({ offset: 45 });
});

test('a login: asked for when it is missing, refused when it is wrong', async () => {
  const client = await stage.onSource();
  await client.send('CONFIG', 'SET', 'requirepass', 'pass@word');
  try {
    const file = files.write('login.resp', sets(5));
    const url = (login: string): string => `redis://${login}127.0.0.1:${stage.source.port}`;
    const [none, wrong, right] = await Promise.all(
      ['', ':nope@', ':pass%40word@'].map((login) => runFerry(['load', file, '--url', url(login)])),
    );
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('wants a login') });
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('refuses the login') });
    expect(wrong?.stderr).not.toContain('nope');
    expect(right).toMatchObject({ code: 0, stdout: expect.stringMatching(/^errors: 0, replies: 5 /) });
  } finally {
    await client.send('CONFIG', 'SET', 'requirepass', '');
  }
});

test('what cannot begin says so: no file, no Ferry, options that do not fit', async () => {
  const file = files.write('one.resp', sets(1));
  const codes = await Promise.all(
    [
      [files.path('missing'), '--admin', admin],
      [file, '--url', 'redis://127.0.0.1:1'],
      [file, '--admin', 'http://127.0.0.1:1'],
      [file, '--admin', admin, '--key', 'a:{b}'],
      [file, '--admin', admin, '--format', 'csv'],
      [file, '--url', 'redis+cluster://127.0.0.1:1'],
    ].map(async (args) => (await runFerry(['load', ...args])).code),
  );
  expect(codes).toEqual([2, 3, 3, 2, 2, 2]);
});
