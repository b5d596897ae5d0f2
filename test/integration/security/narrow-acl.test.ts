/** Users with narrow rights can do through Ferry what the server lets them do, and nothing else, in every phase. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PhaseName } from '../../../src/config/config.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Asker } from '../equality/asker.js';
import { Stage } from '../journey/stage.js';

const PHASES: readonly PhaseName[] = ['source-only', 'dual-write', 'target-read', 'target-first', 'target-only'];

const USERS: Readonly<Record<string, string>> = {
  reader: '~a:* +@read +ping',
  writer: '~a:* +@write +@read -flushall -flushdb +multi +exec +discard',
  halves: '%R~a:* %W~b:* +@all',
  channels: '~* &news:* +@all',
  selectors: '+get ~a:* (+set ~b:*)',
  bare: '~* +set +get -multi',
  nothing: 'resetkeys -@all',
  noclient: '~* &* +@all -client|list -client|kill -client|unpause -ping -select -echo -multi -monitor -wait',
};

const LINES: readonly string[] = [
  'GET a:k',
  'GET b:k',
  'SET a:k 1',
  'SET b:k 1',
  'MGET a:k b:k',
  'DEL a:k',
  'DEL b:k a:k',
  'RENAME a:k b:k',
  'COPY a:k b:k',
  'LPUSH a:l x',
  'BLPOP a:l 0.01',
  'BLPOP b:l 0.01',
  'BLMOVE a:l b:l LEFT LEFT 0.01',
  'XADD a:s 1-1 f v',
  'XREAD BLOCK 1 STREAMS a:s 5',
  'XREADGROUP GROUP g c BLOCK 1 STREAMS b:s >',
  'FLUSHALL',
  'FLUSHDB',
  'KEYS none*',
  'SCAN 0 COUNT 1000 MATCH none',
  'DBSIZE',
  "EVAL return(redis.call('set',KEYS[1],'x')) 1 b:k",
  "EVAL return(redis.call('set','b:undeclared','x')) 0",
  'EVALSHA ffffffffffffffffffffffffffffffffffffffff 0',
  'FCALL none 0',
  'SCRIPT LOAD return(1)',
  'FUNCTION FLUSH',
  'PUBLISH news:a m',
  'PUBLISH other m',
  'SPUBLISH other m',
  'PING',
  'ECHO x',
  'SELECT 1',
  'SELECT 0',
  'CLIENT SETNAME me',
  'CLIENT LIST TYPE master',
  'CLIENT KILL ID 999999',
  'CLIENT KILL USER nosuchuser',
  'CLIENT KILL USER nosuchuser ID 5',
  'CLIENT KILL ID 0 USER nosuchuser',
  'CLIENT UNPAUSE',
  'CLIENT NO-EVICT off',
  'CLIENT UNBLOCK 999999',
  'WAIT 0 1',
  'CONFIG GET maxmemory',
  'ACL WHOAMI',
  'ACL USERS',
  'INFO nosuch',
  'SORT a:l BY b:*',
  'SORT a:l STORE b:l',
  'OBJECT ENCODING b:k',
  'DUMP b:k',
  'RESTORE b:k 0 x',
  'SWAPDB 7 7',
  'GETEX b:k PERSIST',
  'SINTERSTORE b:s a:s',
  'WATCH b:k',
  'UNWATCH',
  'MOVE b:k 1',
  'EXPIRE b:k 10',
];

let reference: RedisServer;

beforeAll(async () => {
  reference = await startRedis();
  await setUp(reference.port);
});
afterAll(() => reference?.stop());

async function setUp(port: number): Promise<void> {
  const admin = await Asker.open(port);
  const lines = Object.entries(USERS).map(([name, rules]) => `ACL SETUSER ${name} reset on >pw ${rules}`);
  const replies = await admin.ask(
    [...lines, 'SET a:k start', 'SET b:k start'].map((line) => line.split(/ (?![^(]*\))/)),
  );
  expect(replies.every((reply) => reply === '+OK\r\n')).toBe(true);
  admin.close();
}

/** The same values for each user. */
async function begin(port: number): Promise<void> {
  const admin = await Asker.open(port);
  await admin.ask([['FLUSHALL'], ['SET', 'a:k', 'start'], ['SET', 'b:k', 'start']]);
  admin.close();
}

describe.each(PHASES)('in %s', (phase) => {
  let stage: Stage;

  beforeAll(async () => {
    // what a script writes and does not declare is to follow too
    stage = await Stage.open({ config: { scripts: { default: 'replay' } } });
    await setUp(stage.source.port);
    await setUp(stage.target.port);
    const at = PHASES.indexOf(phase);
    if (at >= 2) {
      await stage.backfill();
      await stage.verify(true);
      await stage.readyForCutover();
    } else if (at === 1) await stage.goTo('dual-write');
    if (at >= 3) await stage.goTo('target-first');
    if (at >= 4) await stage.goTo('target-only');
  });
  afterAll(() => stage?.close());

  test.each(Object.keys(USERS))('%s', async (name) => {
    await begin(reference.port);
    await begin(stage.ferry.port);
    const [direct, through] = [await Asker.open(reference.port), await Asker.open(stage.ferry.port)];
    try {
      const lines = [`AUTH ${name} pw`, ...LINES].map((line) => line.split(' '));
      const [its, mine] = [await direct.ask(lines), await through.ask(lines)];
      const mirrored = phase !== 'source-only' && phase !== 'target-only';
      const differing: Record<string, unknown> = {};
      for (const [i, line] of lines.entries()) {
        // refused while a mirror follows, whoever asks
        if (line[0] === 'SWAPDB' && mirrored) expect(mine[i]).toMatch(/^-(FERRY|NOPERM)/);
        else if (mine[i] !== its[i]) differing[line.join(' ')] = { direct: its[i], ferry: mine[i] };
      }
      expect(differing).toEqual({});
      // in a transaction a refusal shows at EXEC, and nothing of it happens
      const refused = lines.filter(
        (_, i) => its[i]!.startsWith('-NOPERM') && !/^(SWAPDB|SELECT|WATCH|CLIENT|ACL)$/.test(lines[i]![0]!),
      );
      for (const line of refused.slice(0, 8)) {
        const replies = await through.ask([['MULTI'], line, ['EXEC']]);
        expect(replies[2], line.join(' ')).toMatch(/^-(EXECABORT|NOPERM|ERR EXEC without MULTI)/);
      }
    } finally {
      direct.close();
      through.close();
    }
    if (phase !== 'source-only' && phase !== 'target-only') {
      await stage.settled();
      expect(await stage.differences()).toEqual([]);
    }
    const state = async (port: number): Promise<string> => {
      const admin = await Asker.open(port);
      const shown = await admin.ask([
        ['GET', 'a:k'],
        ['GET', 'b:k'],
        ['EXISTS', 'b:undeclared', 'b:l', 'b:s', 'a:l', 'a:s'],
      ]);
      admin.close();
      return shown.join('');
    };
    const authority = phase === 'target-first' || phase === 'target-only' ? stage.target.port : stage.source.port;
    expect(await state(authority)).toBe(await state(reference.port));
  });
});
