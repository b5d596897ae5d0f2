/** Clients that misbehave: each gets Redis' own words, is closed as Redis would close it, and nobody else notices. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Load } from '../journey/load.js';
import { encode, Pipe } from '../journey/pipe.js';
import { Stage, sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

const KIB = 1024;

/** Everything that the other side says to these bytes until it closes the connection, or has said `until`. */
function conversation(port: number, bytes: Buffer, until = ''): Promise<{ answer: string; closed: boolean }> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1');
    const end = (closed: boolean) => (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ answer, closed });
    };
    const timer = setTimeout(end(false), SILENCE_MS);
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (until !== '' && answer.endsWith(until)) end(false)();
    });
    socket.on('error', () => {});
    socket.on('close', end(true));
    socket.write(bytes);
  });
}
const SILENCE_MS = 10_000;
const LAST = 'that was all';

const PING = encode([['PING']]);
const GET = encode([['GET', 'key']]);
const bytes = (...parts: (string | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));

const MALFORMED: Record<string, Buffer> = {
  'no $ before a bulk': bytes('*2\r\n$3\r\nGET\r\n+key\r\n'),
  'no $ before the name': bytes('*1\r\nPING\r\n'),
  'a length that is no number': bytes('*1\r\n$abc\r\nPING\r\n'),
  'an empty length': bytes('*1\r\n$\r\nPING\r\n'),
  'a negative length': bytes('*1\r\n$-1\r\nPING\r\n'),
  'a length over the limit': bytes('*1\r\n$600000000\r\nPING\r\n'),
  'a count that is no number': bytes('*abc\r\n'),
  'a count over the limit': bytes('*2147483648\r\n'),
  'a count that never ends': bytes('*', '1'.repeat(70 * KIB)),
  'a length that never ends': bytes('*1\r\n$', '1'.repeat(70 * KIB)),
  'an inline command that never ends': bytes('a'.repeat(70 * KIB)),
  'quotes that never end': bytes('GET "key\r\n'),
  'a quote in the middle': bytes('GET "key"x\r\n'),
  'valid commands before it': bytes(PING, GET, '*1\r\n$x\r\n', PING),
  'an open transaction before it': bytes(encode([['MULTI'], ['SET', 'key', 'x']]), '*1\r\n$x\r\n'),
  'a request of HTTP': bytes('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nSET key gone\r\n'),
  'a Host header': bytes('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'),
};

const ODD: Record<string, Buffer> = {
  'a count of nothing': bytes('*0\r\n', PING),
  'a negative count': bytes('*-1\r\n', PING),
  'empty lines': bytes('\r\n\r\nPING\r\n'),
  'an inline command': bytes('get key\r\nGET "k\\x65y"\r\n'),
  'an unknown command': bytes(encode([['NOSUCH', 'a\r\nb', 'c'.repeat(200), 'd']]), PING),
  'an unknown subcommand': bytes(encode([['CONFIG', 'NOSUCH', 'x']]), encode([['XGROUP', 'NOSUCH', 'key']])),
  'too few arguments': bytes(encode([['GET'], ['SET', 'key'], ['XGROUP', 'CREATE', 'key'], ['CONFIG', 'GET']]), PING),
  'an empty name': bytes('*1\r\n$0\r\n\r\n', PING),
};

describe('malformed input', () => {
  let stage: Stage;
  let neighbour: Load;

  beforeAll(async () => {
    stage = await Stage.open();
    await stage.goTo('dual-write');
    const client = await stage.client();
    await client.send('SET', 'key', 'value');
    neighbour = new Load(stage.ferry.port, { clients: 2, pauseMs: 5 });
  });
  afterAll(async () => {
    await neighbour?.stop();
    expect(neighbour.complaints).toEqual([]);
    expect(await stage.differences()).toEqual([]);
    await stage?.close();
  });

  test.each(Object.entries(MALFORMED))('%s: the answer of Redis, and the end', async (_name, input) => {
    const [real, ours] = await Promise.all([
      conversation(stage.source.port, input),
      conversation(stage.ferry.port, input),
    ]);
    expect(ours).toEqual(real);
    expect(real.closed).toBe(true);
    expect(text(await (await stage.onSource()).send('GET', 'key'))).toBe('value');
  });

  test.each(Object.entries(ODD))('%s: the answer of Redis', async (_name, input) => {
    const asked = Buffer.concat([input, encode([['ECHO', LAST]])]);
    const [real, ours] = await Promise.all(
      [stage.source, stage.ferry].map(({ port }) => conversation(port, asked, `${LAST}\r\n`)),
    );
    expect(ours).toEqual(real);
    expect(real?.closed).toBe(false);
  });

  test('the same in single bytes', async () => {
    const input = MALFORMED['valid commands before it']!;
    const real = await conversation(stage.source.port, input);
    const socket = connect({ port: stage.ferry.port, host: '127.0.0.1', noDelay: true });
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    for (const byte of input) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    expect(answer).toBe(real.answer);
  });
});

describe('limits', () => {
  test('a client that never reads is disconnected at the limit, whatever it asked, and nobody else notices', async () => {
    const stage = await Stage.open({ relays: true, config: { limits: { clientOutputBytes: 1024 * KIB } } });
    try {
      await stage.goTo('dual-write');
      const big = 'x'.repeat(300 * KIB);
      const client = await stage.client();
      await client.send('SET', 'big', big);
      const neighbour = new Load(stage.ferry.port, { clients: 3, pauseMs: 1 });
      const requests = {
        'big replies': [...Array(300)].map(() => ['GET', 'big']),
        'big answers of Ferry behind a reply': [
          ['GET', 'big'],
          ...[...Array(300)].map(() => ['ECHO', big.slice(0, 50_000)]),
        ],
        'writes and big replies': [...Array(300)].flatMap(() => [
          ['APPEND', 'other', 'x'],
          ['GET', 'big'],
        ]),
        'a transaction of big replies': [['MULTI'], ...[...Array(200)].map(() => ['GET', 'big']), ['EXEC']],
      };
      for (const [what, commands] of Object.entries(requests)) {
        const deaf = connect(stage.ferry.port, '127.0.0.1');
        deaf.on('error', () => {});
        const end = new Promise<boolean>((resolve) => {
          deaf.once('close', () => resolve(true));
          setTimeout(() => resolve(false), 10_000).unref();
        });
        // no reply before everything was asked
        stage.relay('source').hold('client');
        deaf.pause();
        deaf.write(encode(commands));
        await sleep(300);
        stage.relay('source').release('client');
        await stage.until(`a client with ${what} is gone`, ({ clients }) => clients.connected === 4, 10_000);
        deaf.resume();
        expect(await end, what).toBe(true);
      }
      await neighbour.more(20);
      await neighbour.stop();
      expect(neighbour.complaints).toEqual([]);
      // what its commands changed is mirrored all the same, and nothing of it is left in flight
      expect(await stage.phase('target-read')).toMatchObject({ ok: true });
      await stage.settled();
      expect(text(await client.send('STRLEN', 'big'))).toBe(String(big.length));
      expect(await stage.differences()).toEqual([]);
    } finally {
      await stage.close();
    }
  });

  test('the client over the limit of clients gets the error of Redis', async () => {
    const stage = await Stage.open({ config: { limits: { maxClients: 3 } } });
    try {
      await (await stage.onSource()).send('CONFIG', 'SET', 'maxclients', 100);
      const clients = [
        await Pipe.open(stage.ferry.port),
        await Pipe.open(stage.ferry.port),
        await Pipe.open(stage.ferry.port),
      ];
      for (const client of clients) expect(text(await client.ask('PING'))).toBe('PONG');
      const refused = await conversation(stage.ferry.port, Buffer.alloc(0));
      expect(refused).toEqual({ answer: '-ERR max number of clients reached\r\n', closed: true });
      clients[0]!.close();
      await stage.until('it has left', (status) => status.clients.connected === 2);
      const next = await Pipe.open(stage.ferry.port);
      expect(text(await next.ask('PING'))).toBe('PONG');
      for (const client of [next, ...clients]) client.close();
    } finally {
      await stage.close();
    }
  });

  test('when the source takes no more connections, its own words reach the client', async () => {
    const stage = await Stage.open();
    try {
      const source = await stage.onSource();
      const used = Number(/connected_clients:(\d+)/.exec(text(await source.send('INFO', 'clients')))?.[1]);
      await source.send('CONFIG', 'SET', 'maxclients', used);
      const client = await Pipe.open(stage.ferry.port);
      const asked = client.ask('PING').then(() => client.ask('GET', 'key'));
      await sleep(100);
      await source.send('CONFIG', 'SET', 'maxclients', 1000);
      expect(text(await asked)).toBe('(nil)');
      client.close();
    } finally {
      await stage.close();
    }
  });
});
