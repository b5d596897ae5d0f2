/** What somebody may do who has not logged in: nothing, in small sizes, for a short time, with few connections. */
import { afterEach, describe, expect, test } from 'vitest';
import { CLOSED, Pipe } from '../journey/pipe.js';
import { Stage, sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

let stage: Stage;
afterEach(() => stage?.close());

const LOGINS = { source: ':secret', target: ':secret' };
const ARGS = { sourceArgs: ['--requirepass', 'secret'], targetArgs: ['--requirepass', 'secret'] };

async function open(limits: Record<string, number> = {}): Promise<void> {
  stage = await Stage.open({ ...ARGS, logins: LOGINS, config: { limits } });
}

const command = (...args: string[]): string =>
  `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`;

/** The first reply to these bytes, and whether the connection is open afterwards. */
async function first(port: number, bytes: string): Promise<string> {
  const pipe = await Pipe.open(port);
  const [reply] = await pipe.raw(Buffer.from(bytes, 'latin1'), 1);
  await pipe.closed(50);
  const end = pipe.isClosed ? ' <closed>' : '';
  pipe.close();
  return reply === CLOSED ? `<closed>` : `${text(reply!)}${end}`;
}

describe('every verb is refused as by the server itself', () => {
  const asIs: Record<string, string> = {
    'eleven elements': '*11\r\n',
    'a bulk over 16 KiB': '*2\r\n$4\r\nAUTH\r\n$16385\r\n',
    'a bulk of 16 KiB': command('AUTH', 'x'.repeat(16384)),
    'a line without an end': 'a'.repeat(70_000),
    'HTTP POST': 'POST / HTTP/1.1\r\n',
    'HTTP Host': 'Host: example\r\n',
  };
  for (const line of [
    ['PING'],
    ['ECHO', 'x'],
    ['GET', 'k'],
    ['SET', 'k', 'v'],
    ['INFO'],
    ['INFO', 'ferry'],
    ['INFO', 'server'],
    ['HELLO'],
    ['HELLO', '3'],
    ['HELLO', '2', 'SETNAME', 'x'],
    ['HELLO', '3', 'AUTH', 'default', 'wrong'],
    ['RESET'],
    ['QUIT'],
    ['CLIENT', 'ID'],
    ['CLIENT', 'LIST'],
    ['CLIENT', 'KILL', 'TYPE', 'normal'],
    ['CLIENT', 'PAUSE', '1000'],
    ['CLIENT', 'UNPAUSE'],
    ['CLIENT', 'SETNAME', 'x'],
    ['CLIENT', 'REPLY', 'OFF'],
    ['AUTH', 'wrong'],
    ['AUTH'],
    ['AUTH', 'default', 'wrong'],
    ['AUTH', 'a', 'b', 'c'],
    ['COMMAND'],
    ['COMMAND', 'DOCS'],
    ['MULTI'],
    ['EXEC'],
    ['DISCARD'],
    ['WATCH', 'k'],
    ['SUBSCRIBE', 'c'],
    ['PSUBSCRIBE', '*'],
    ['UNSUBSCRIBE'],
    ['PUBLISH', 'c', 'm'],
    ['MONITOR'],
    ['SELECT', '1'],
    ['CLUSTER', 'SLOTS'],
    ['CLUSTER', 'NODES'],
    ['READONLY'],
    ['ASKING'],
    ['WAIT', '0', '0'],
    ['BLPOP', 'k', '0'],
    ['EVAL', 'return 1', '0'],
    ['SCRIPT', 'LOAD', 'return 1'],
    ['FUNCTION', 'LIST'],
    ['KEYS', '*'],
    ['SCAN', '0'],
    ['FLUSHALL'],
    ['DBSIZE'],
    ['CONFIG', 'GET', '*'],
    ['ACL', 'WHOAMI'],
    ['SHUTDOWN', 'NOSAVE'],
    ['SYNC'],
    ['PSYNC', '?', '-1'],
    ['REPLICAOF', 'a', '1'],
    ['NOSUCH', 'x'],
    ['GET'],
  ]) {
    asIs[line.join(' ')] = command(...line);
  }

  test('in many forms', async () => {
    await open();
    const differing: string[] = [];
    for (const [name, bytes] of Object.entries(asIs)) {
      const [server, ferry] = [await first(stage.source.port, bytes), await first(stage.ferry.port, bytes)];
      if (server !== ferry) differing.push(`${name}: ${server} ≠ ${ferry}`);
    }
    expect(differing).toEqual([]);
    for (const verb of ['STATUS', 'PHASE', 'DIRTY']) {
      expect(await first(stage.ferry.port, command('FERRY', verb))).toBe('(error) NOAUTH Authentication required.');
    }
  });

  test('after RESET as before a login', async () => {
    await open();
    const client = await Pipe.open(stage.ferry.port);
    const replies = await client.batch([
      ['AUTH', 'secret'],
      ['SET', 'k', 'v'],
      ['RESET'],
      ['GET', 'k'],
      ['INFO', 'ferry'],
    ]);
    const refused = '(error) NOAUTH Authentication required.';
    expect(replies.map(text)).toEqual(['OK', 'OK', 'RESET', refused, refused]);
    const [reply] = await client.raw(Buffer.from('*11\r\n'), 1);
    expect(text(reply!)).toBe('(error) ERR Protocol error: unauthenticated multibulk length');
    expect(await client.closed()).toBe(true);
  });

  test('on a side that wants a login although the other one does not, after the cutover', async () => {
    stage = await Stage.open({ targetArgs: ARGS.targetArgs, logins: { target: ':secret' } });
    expect(await first(stage.ferry.port, command('PING'))).toBe('PONG');
    await stage.readyForCutover();
    await stage.goTo('target-first', { force: true });
    expect(await first(stage.ferry.port, command('PING'))).toBe('(error) NOAUTH Authentication required.');
  });
});

describe('limits', () => {
  test('who does not log in in time is disconnected; who has, or need not, stays', async () => {
    await open({ authTimeoutSeconds: 1 });
    const [stranger, chatterbox, user] = await Promise.all([1, 2, 3].map(() => Pipe.open(stage.ferry.port)));
    await user!.ask('AUTH', 'secret');
    const talk = (async () => {
      while (!chatterbox!.isClosed) {
        await chatterbox!.ask('AUTH', 'wrong');
        await sleep(50);
      }
    })();
    expect(await stranger!.closed()).toBe(true);
    await talk;
    await sleep(1500);
    expect(text(await user!.ask('PING'))).toBe('PONG');
    // RESET begins it anew
    await user!.ask('RESET');
    expect(await user!.closed()).toBe(true);
    expect(stage.status.clients.connected).toBe(0);
  });

  test('so many at once: the oldest makes room, and users are not touched', async () => {
    await open({ maxUnauthenticated: 5 });
    const user = await Pipe.open(stage.ferry.port);
    await user.ask('AUTH', 'secret');
    const strangers: Pipe[] = [];
    for (let i = 0; i < 8; i++) {
      strangers.push(await Pipe.open(stage.ferry.port));
      await strangers.at(-1)!.ask('PING');
    }
    await strangers[2]!.closed();
    expect(strangers.map(({ isClosed }) => isClosed)).toEqual([true, true, true, false, false, false, false, false]);
    expect(text(await strangers[3]!.ask('AUTH', 'secret'))).toBe('OK');
    const another = await Pipe.open(stage.ferry.port);
    await another.ask('PING');
    await sleep(50);
    expect(strangers.filter(({ isClosed }) => isClosed)).toHaveLength(3);
    expect(text(await user.ask('PING'))).toBe('PONG');
    for (const pipe of [...strangers, user, another]) pipe.close();
  });

  test('a crowd of wrong logins does not use up the connections of the server', async () => {
    stage = await Stage.open({ ...ARGS, logins: LOGINS, relays: true });
    let most = 0;
    const relay = stage.relay('source');
    const watch = setInterval(() => {
      most = Math.max(most, relay.count(''));
    }, 1);
    const crowd = await Promise.all(Array.from({ length: 300 }, () => Pipe.open(stage.ferry.port)));
    const replies = await Promise.all(crowd.map((pipe) => pipe.ask('AUTH', 'wrong')));
    clearInterval(watch);
    expect(new Set(replies.map(text))).toEqual(
      new Set(['(error) WRONGPASS invalid username-password pair or user is disabled.']),
    );
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(40);
    for (const pipe of crowd) pipe.close();
  });
});
