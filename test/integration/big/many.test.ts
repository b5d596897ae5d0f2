/** Long pipelines, wide commands, and clients that do not read. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Stage } from '../journey/stage.js';
import { text, type Wire } from '../journey/wire.js';
import { Raw } from './raw.js';

const MIB = 1024 * 1024;

let stage: Stage;
let other: Wire;

beforeAll(async () => {
  stage = await Stage.open({ config: { phase: 'dual-write' } });
  other = await stage.client();
});
afterAll(() => stage?.close());

/** What the server itself answers to these bytes, and what Ferry does. */
async function bothAnswer(bytes: Buffer, length: number): Promise<[string, string]> {
  const [direct, through] = await Promise.all([Raw.open(stage.source.port), Raw.open(stage.ferry.port)]);
  try {
    await Promise.all([direct.send(bytes), through.send(bytes)]);
    return [await direct.expect(length), await through.expect(length)];
  } finally {
    direct.close();
    through.close();
  }
}

describe('many', () => {
  test('100,000 commands in one pipeline are answered, in order', async () => {
    const count = 100_000;
    const client = await Raw.open(stage.ferry.port);
    const replies: Buffer[] = [];
    client.socket.on('data', (chunk) => replies.push(chunk as Buffer));
    await client.send(Buffer.from('INCR n\r\n'.repeat(count)));
    const expected = Array.from({ length: count }, (_, i) => `:${i + 1}\r\n`).join('');
    await client.expect(expected.length);
    expect(Buffer.concat(replies).toString('latin1') === expected).toBe(true);
    client.close();
  });

  test('a million elements in one command, and in one reply', async () => {
    const count = 1_000_000;
    const client = await Raw.open(stage.ferry.port);
    const element = '$7\r\nelement\r\n';
    await client.send(Buffer.from(`*${count + 2}\r\n$5\r\nRPUSH\r\n$1\r\nl\r\n${element.repeat(count)}`));
    expect(await client.expect(10)).toBe(`:${count}\r\n`);
    await client.send('LRANGE l 0 -1\r\n');
    expect((await client.expect(`*${count}\r\n`.length + element.length * count)).startsWith(`*${count}\r\n`)).toBe(
      true,
    );
    client.close();
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });

  test('100,000 keys in one command, and in one transaction, come to both sides', async () => {
    const count = 100_000;
    const bulk = (arg: string): string => `$${arg.length}\r\n${arg}\r\n`;
    const keys = Array.from({ length: count }, (_, i) => bulk(`wide ${i}`));
    const client = await Raw.open(stage.ferry.port);
    await client.send(Buffer.from(`*${2 * count + 1}\r\n${bulk('MSET')}${keys.join('$1\r\n1\r\n')}$1\r\n1\r\n`));
    expect(await client.expect(5)).toBe('+OK\r\n');
    const sets = keys.map((key) => `*3\r\n${bulk('SET')}${key}$1\r\n2\r\n`).join('');
    await client.send(Buffer.from(`MULTI\r\n${sets}EXEC\r\n`));
    const queued = `+OK\r\n${'+QUEUED\r\n'.repeat(count)}`;
    expect((await client.expect(queued.length)).startsWith('+OK\r\n+QUEUED\r\n')).toBe(true);
    const executed = `*${count}\r\n${'+OK\r\n'.repeat(count)}`;
    await client.expect(executed.length);
    await client.send(Buffer.from(`*${count + 1}\r\n${bulk('UNLINK')}${keys.slice(1).join('')}${bulk('wide gone')}`));
    expect(await client.expect(8)).toBe(`:${count - 1}\r\n`);
    client.close();
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
    const target = await stage.onTarget();
    expect(text(await target.send('GET', 'wide 0'))).toBe('2');
  });

  test.each([
    ['just under the limit', 64 * 1024 - 10],
    ['of a megabyte', MIB],
  ])('an inline command %s is answered as Redis does', async (_, bytes) => {
    const line = Buffer.from(`ECHO ${'x'.repeat(bytes - 5)}\r\n`);
    const length = bytes < 64 * 1024 ? bytes - 5 : '-ERR Protocol error: too big inline request\r\n'.length;
    const [direct, through] = await bothAnswer(line, length);
    expect(through).toBe(direct);
  });
});

describe('a client that does not read', () => {
  test('is cut at its output limit, and nobody else notices', async () => {
    await stage.stop();
    await stage.start({ limits: { clientOutputBytes: 4 * MIB } });
    other = await stage.client();
    await other.send('SET', 'value', 'x'.repeat(MIB / 2));
    const deaf = await Raw.open(stage.ferry.port);
    deaf.socket.pause();
    deaf.socket.write('GET value\r\n'.repeat(200));
    let answered = 0;
    await stage.until('it is cut', ({ clients }) => {
      void other.send('PING').then(() => answered++);
      return clients.connected === 1;
    });
    expect(text(await other.send('STRLEN', 'value'))).toBe(String(MIB / 2));
    expect(answered).toBeGreaterThan(0);
    deaf.close();
  });
});
