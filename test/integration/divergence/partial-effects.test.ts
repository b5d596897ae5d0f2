/**
 * Case 8 of the ways to diverge: what happened on the authority is neither what was asked nor nothing. A script writes and
 * then fails, a transaction is applied in part, a write is refused.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { command } from '../../support/relay.js';
import type { Wire } from '../write-commands/wire.js';
import { pause, Scenario, type ScenarioOptions, type Servers, startServers, stopServers, texts } from './scenario.js';

let servers: Servers;
let scenario: Scenario;

beforeAll(async () => {
  servers = await startServers();
});
afterEach(() => scenario.stop());
afterAll(() => stopServers(servers));

const WRITES_THEN_FAILS = `
redis.call('SET', KEYS[1], ARGV[1])
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('INCR', KEYS[2])`;
const FAILS_BY_ITSELF = "redis.call('DEL', KEYS[1]) error('no more')";
const LIBRARY = `#!lua name=half
redis.register_function('half', function(keys) redis.call('INCR', keys[1]) return redis.error_reply('HALF done') end)`;

/** Each of these leaves something behind and answers an error. */
async function halfDone(client: Wire, round: string): Promise<string[]> {
  const sha = texts([await client.send('SCRIPT', 'LOAD', WRITES_THEN_FAILS)])[0] ?? '';
  await client.send('FUNCTION', 'LOAD', 'REPLACE', LIBRARY);
  return texts([
    await client.send('EVAL', WRITES_THEN_FAILS, '2', 'string', 'list', round),
    await client.send('EVALSHA', sha, '2', 'string of sha', 'list', round),
    await client.send('EVAL', FAILS_BY_ITSELF, '1', 'gone'),
    await client.send('FCALL', 'half', '1', 'counter'),
    await client.send(
      'EVAL',
      "redis.pcall('SETEX', KEYS[1], 100, 1) return redis.pcall('INCR', 'x', 'y')",
      '1',
      'expiring',
    ),
  ]);
}

const BEFORE = [
  ['SET', 'gone', 'here still'],
  ['SET', 'counter', '41'],
  ['RPUSH', 'list', 'first'],
  ['SET', 'string', 'old'],
];

async function play(options: ScenarioOptions = {}): Promise<Wire> {
  scenario = await Scenario.start(servers, options);
  return scenario.client();
}

describe('case 8: a script writes, then fails', () => {
  test.each(['dual-write', 'target-read', 'target-first'] as const)(
    'case 8: on known and unknown keys, in %s [3.2]',
    async (phase) => {
      const client = await play({ phase, before: phase === 'target-first' ? [] : BEFORE });
      for (const round of ['on unknown keys', 'on known keys']) {
        const replies = await halfDone(client, round);
        for (const reply of replies) expect(reply).toMatch(/^-/);
        expect(await scenario.outcome()).toEqual([]);
      }
      if (phase !== 'target-first') await scenario.backfilled();
      expect(await halfDone(client, 'after the backfill')).toHaveLength(5);
      expect(await scenario.outcome()).toEqual([]);
    },
  );

  test.each(['NOPERM', 'READONLY', 'LOADING', 'NOSCRIPT', 'EXECABORT'])(
    'case 8: its error begins with %s, as one does that comes before a script is run',
    async (word) => {
      const client = await play({ phase: 'target-read', before: BEFORE });
      await scenario.backfilled();
      const writes = `redis.call('SET', KEYS[1], 'new') return redis.error_reply('${word} said the script')`;
      expect(texts([await client.send('EVAL', writes, '1', 'written')])).toEqual([`-${word} said the script`]);
      expect(texts([await client.send('GET', 'written')])).toEqual(['new']);
      await Promise.all([
        client.send('MULTI'),
        client.send('EVAL', writes, '1', 'in a transaction'),
        client.send('EXEC'),
      ]);
      expect(await scenario.outcome()).toEqual([]);
    },
  );

  test('case 8, EVAL mirrored only when it succeeds: its effects are missing', async () => {
    const client = await play({ before: BEFORE });
    await scenario.backfilled();
    const evaluate = scenario.board.table.byName('eval');
    const set = scenario.board.table.byName('set');
    Object.assign(evaluate ?? {}, { mirroring: set?.mirroring });
    expect(texts([await client.send('EVAL', FAILS_BY_ITSELF, '1', 'gone')])[0]).toMatch(/^-/);
    expect(await scenario.outcome()).toEqual([expect.stringMatching(/^gone: nothing ≠ /)]);
  });

  test('case 8: the copy after a failed script holds its slot while the script is under way [L4]', async () => {
    const client = await play({ before: BEFORE });
    const other = await scenario.client('bob');
    await other.send('SET', 'elsewhere', '1');
    const read = scenario.source.relay.hold('copy', 'replies', command('EXEC'));
    const failed = client.send('EVAL', "redis.call('RPUSH', KEYS[1], 'script') error('x')", '1', 'list');
    await read.reached();
    expect(texts([await failed])[0]).toMatch(/^-/); // the copy is not waited for
    const pushed = other.send('RPUSH', 'list', 'bob');
    await pause(30);
    read.release();
    expect(await pushed).toBe('3');
    expect((await scenario.outcome()).filter((line) => line.startsWith('list'))).toEqual([]);
  });
});

describe('case 8: a transaction is applied in part', () => {
  async function transaction(client: Wire): Promise<string[]> {
    const asked = [
      client.send('MULTI'),
      client.send('SET', 'string', 'in a transaction'),
      client.send('INCR', 'list'), // WRONGTYPE
      client.send('HSET', 'counter', 'field', '1'), // WRONGTYPE
      client.send('INCR', 'counter'),
      client.send('EVAL', "redis.call('DEL', KEYS[1]) error('in a transaction')", '1', 'gone'),
      client.send('SPOP', 'set'),
      client.send('SET', 'counter', 'not set', 'NX'),
      client.send('EXPIRE', 'string', '100'),
      client.send('EXEC'),
    ];
    const replies = await Promise.all(asked);
    return texts(replies.at(-1) as Parameters<typeof texts>[0]);
  }

  test.each(['dual-write', 'target-read'] as const)(
    'case 8: elements that fail and elements that do not, in %s [3.2]',
    async (phase) => {
      const client = await play({ phase, before: [...BEFORE, ['SADD', 'set', 'a', 'b', 'c', 'd', 'e']] });
      for (const state of ['unknown', 'known']) {
        const replies = await transaction(client);
        expect(replies.map((reply) => /^-/.test(reply))).toEqual([false, true, true, false, true, false, false, false]);
        if (state === 'unknown') await scenario.backfilled();
        expect(await scenario.outcome()).toEqual([]);
      }
    },
  );

  test('case 8: EXECABORT and DISCARD apply nothing', async () => {
    const client = await play({ before: BEFORE });
    await scenario.backfilled();
    await client.send('MULTI');
    await client.send('SET', 'string', 'never');
    expect(texts([await client.send('NO-SUCH-COMMAND', 'string')])[0]).toMatch(/^-ERR unknown command/);
    expect(texts([await client.send('EXEC')])[0]).toMatch(/^-EXECABORT/);
    await client.send('MULTI');
    await client.send('DEL', 'string');
    await client.send('DISCARD');
    expect(texts([await client.send('GET', 'string')])).toEqual(['old']);
    expect(await scenario.outcome()).toEqual([]);
  });

  test('case 8: a transaction that the server refuses at EXEC is not mirrored', async () => {
    await play({ before: BEFORE });
    await scenario.backfilled();
    await scenario.source.direct.send('ACL', 'SETUSER', 'ann', '-rpush');
    const ann = await scenario.client('ann');
    await ann.send('MULTI');
    await ann.send('SET', 'string', 'never');
    await ann.send('RPUSH', 'list', 'never');
    expect(texts([await ann.send('EXEC')])[0]).toMatch(/^-(EXECABORT|NOPERM)/);
    expect(await scenario.outcome()).toEqual([]);
    expect(texts([await scenario.target.direct.send('GET', 'string')])).toEqual(['old']);
  });
});

describe('case 8: the authority refuses a write', () => {
  async function refused(options: ScenarioOptions): Promise<string[]> {
    const client = await play(options);
    await client.send('SET', 'taken', 'first');
    await client.send('SET', 'number', '7');
    await scenario.source.direct.send('ACL', 'SETUSER', 'ann', '-del', '+@all', '-del');
    const ann = await scenario.client('ann');
    const replies = texts([
      await client.send('SET', 'taken', 'second', 'NX'),
      await client.send('SET', 'new', 'value', 'XX'),
      await client.send('LPUSH', 'number', 'x'),
      await client.send('SETEX', 'expiring', '0', 'x'),
      await ann.send('DEL', 'taken'),
    ]);
    expect(replies.slice(0, 2)).toEqual(['null', 'null']);
    for (const reply of replies.slice(2)) expect(reply).toMatch(/^-/);
    return scenario.outcome();
  }

  test('case 8: nothing of it reaches the mirror [3, the reply decides]', async () => {
    expect(await refused({})).toEqual([]);
  });
  test('case 8, mirrored before the reply: the mirror has what the authority refused', async () => {
    expect(await refused({ hooks: { deriveEarly: true } })).toEqual([
      expect.stringMatching(/^new: nothing ≠ string value/),
      expect.stringMatching(/^taken: string first .*≠ nothing/),
    ]);
  });
});
