/**
 * Commands with keys in several slots, on the way from one server to a Cluster: before the cutover they do what they do on
 * that server, arrive on the Cluster, are counted by name and stand in the way of the cutover; after it they get the
 * Cluster's own error.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { statusText } from '../../../src/cli/status-text.js';
import { startRedis } from '../../support/redis.js';
import { Asker } from '../equality/asker.js';
import { text, Wire } from '../journey/wire.js';
import { Voyage } from './voyage.js';

const CROSSSLOT = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";

/** What each needs first, in one slot each; then the command, and the name under which it counts. */
const CASES: readonly (readonly [name: string, setup: readonly string[], line: string])[] = [
  ['SUNIONSTORE', ['SADD s1 a b', 'SADD s2 b c'], 'SUNIONSTORE union s1 s2'],
  ['SINTERSTORE', [], 'SINTERSTORE inter s1 s2'],
  ['SINTER', [], 'SINTER s1 s2'],
  ['SMOVE', ['SADD m1 x y', 'SADD m2 z'], 'SMOVE m1 m2 x'],
  ['RENAME', ['SET r1 v PX 100000000'], 'RENAME r1 r2'],
  ['RENAMENX', ['SET n1 v'], 'RENAMENX n1 n2'],
  ['COPY', ['HSET c1 f v'], 'COPY c1 c2'],
  ['MSETNX', [], 'MSETNX x1 1 x2 2 x3 3'],
  ['LMOVE', ['RPUSH l1 a b c', 'RPUSH l2 z'], 'LMOVE l1 l2 LEFT RIGHT'],
  ['RPOPLPUSH', [], 'RPOPLPUSH l1 l2'],
  ['BLPOP', ['RPUSH b2 one two'], 'BLPOP b1 b2 1'],
  ['BRPOPLPUSH', ['RPUSH p1 one two'], 'BRPOPLPUSH p1 p2 1'],
  ['BZPOPMIN', ['ZADD z2 1 a 2 b'], 'BZPOPMIN z1 z2 1'],
  ['LMPOP', [], 'LMPOP 2 l1 l2 LEFT'],
  ['ZUNIONSTORE', ['ZADD u1 1 a', 'ZADD u2 2 b'], 'ZUNIONSTORE zunion 2 u1 u2'],
  ['ZRANGESTORE', [], 'ZRANGESTORE zrange u1 0 -1'],
  ['PFMERGE', ['PFADD h1 a b', 'PFADD h2 c'], 'PFMERGE hall h1 h2'],
  ['PFCOUNT', [], 'PFCOUNT h1 h2'],
  ['BITOP', ['SET o1 abc', 'SET o2 abd'], 'BITOP AND oall o1 o2'],
  ['XREAD', ['XADD t1 1-1 f v', 'XADD t2 1-1 f v'], 'XREAD STREAMS t1 t2 0 0'],
  ['SORT', ['RPUSH q1 3 1 2'], 'SORT q1 STORE q2'],
  ['GEOSEARCHSTORE', ['GEOADD g1 13.3 38.1 P'], 'GEOSEARCHSTORE g2 g1 FROMLONLAT 13 38 BYRADIUS 200 km'],
  ['LCS', [], 'LCS o1 o2'],
  ['EVAL', [], "EVAL redis.call('SET',KEYS[1],'e')return(redis.call('RPUSH',KEYS[2],'e')) 2 e1 e2"],
];

let voyage: Voyage | null = null;
afterEach(async () => {
  await voyage?.close();
  voyage = null;
});

function words(line: string): string[] {
  return line.split(' ');
}

async function ask(port: number, lines: readonly string[]): Promise<string[]> {
  const asker = await Asker.open(port);
  try {
    return await asker.ask(lines.map(words));
  } finally {
    asker.close();
  }
}

async function metric(command: string): Promise<string | undefined> {
  const page = await (await fetch(`http://127.0.0.1:${voyage!.ferry.adminPort}/metrics`)).text();
  return new RegExp(`^ferry_cross_slot_commands_total\\{command="${command}"\\} (\\d+)$`, 'm').exec(page)?.[1];
}

test('before the cutover they work, arrive, count and block; after it they are refused', async () => {
  voyage = await Voyage.open('standalone', 'cluster', { detectBypass: { mode: 'off' } });
  const reference = await startRedis();
  try {
    await voyage.goTo('dual-write');
    const all = [
      ...CASES.flatMap(([, setup, line]) => [...setup, line]),
      ...[
        'MULTI',
        'SET t:1 v',
        'INCR t:2',
        'EXEC',
        'WATCH t:1',
        'MULTI',
        'SET t:2 w',
        'EXEC',
        'WATCH t:1 t:2',
        'UNWATCH',
      ],
      ...['SORT q2 BY w_*', 'SORT q2 GET #', 'SORT_RO q2 GET o_*', 'SORT q2 BY nosort'],
      // one slot, or split by Ferry: these do not count
      ...['MSET k:1 a k:2 b', 'MGET k:1 k:2', 'DEL k:1 k:2', 'EXISTS k:1 k:2', 'SUNIONSTORE {a}1 {a}2 {a}3'],
      ...['MULTI', 'SET {a}1 v', 'GET {a}2', 'EXEC'],
    ];
    const its = await ask(reference.port, all);
    expect(await ask(voyage.ferry.port, all)).toEqual(its);
    expect(its.filter((reply) => reply.startsWith('-'))).toEqual([]);
  } finally {
    await reference.stop();
  }
  await voyage.settled();
  expect(await voyage.differences()).toEqual([]);

  const expected = Object.fromEntries(CASES.map(([name]) => [name, 1]));
  Object.assign(expected, { MULTI: 2, WATCH: 1, SORT: 2, SORT_RO: 1 });
  const total = Object.values(expected).reduce((sum, count) => sum + count, 0);
  expect(voyage.status.crossSlot).toEqual({ total, commands: expected });
  expect(await metric('SUNIONSTORE')).toBe('1');
  expect(await metric('MULTI')).toBe('2');
  expect(statusText(voyage.status)).toMatch(
    new RegExp(`! +${total} commands had keys in several slots, .*SMOVE \\(1\\)`),
  );
  const [info] = await ask(voyage.ferry.port, ['INFO ferry']);
  expect(info).toContain(`\r\ncross_slot_total:${total}\r\n`);
  expect(info).toMatch(/\r\ncross_slot_commands:.*\bMULTI=2\b.*\r\n/);
  expect(info).toMatch(/\r\ntarget_node0:address=127\.0\.0\.1:\d+,state=up,slots=5461\r\n/);

  await voyage.backfill();
  expect(await voyage.verify()).toEqual([]);
  await voyage.goTo('target-read');
  expect(await voyage.phase('target-first')).toMatchObject({ ok: false, blockers: [{ code: 'cross-slot' }] });
  expect(voyage.status.phase).toBe('target-read');
  await voyage.goTo('target-first', { force: true });

  const lines = CASES.map(([, , line]) => line);
  expect(await ask(voyage.ferry.port, lines)).toEqual(lines.map(() => CROSSSLOT));
  const transaction = ['MULTI', 'SET t:1 v', 'INCR t:2', 'EXEC'];
  expect(await ask(voyage.ferry.port, transaction)).toEqual(['+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n', CROSSSLOT]);
  expect(await ask(voyage.ferry.port, ['SORT q2 BY w_*'])).toEqual([expect.stringMatching(/denied in Cluster mode/)]);
  expect(voyage.status.crossSlot.total).toBe(total);
  expect(statusText(voyage.status)).not.toContain('several slots');
  expect(await voyage.differences()).toEqual([]);
}, 90_000);

test('a node that is down shows, and the others go on', async () => {
  voyage = await Voyage.open('cluster', 'standalone');
  const { status } = voyage;
  expect(status.source.nodes.map(({ state, slots }) => `${state} ${slots}`)).toEqual(['up 5461', 'up 5461', 'up 5462']);
  expect(status.target.nodes).toEqual([]);
  const cluster = voyage.source.cluster!;
  const dead = await cluster.killMaster(1);
  await voyage.until('it is degraded', ({ source }) => source.state === 'degraded');
  const address = `127.0.0.1:${dead.port}`;
  expect(voyage.status.source.nodes).toContainEqual({ address, state: 'down', slots: 5461 });
  expect(statusText(voyage.status)).toContain(`The source is degraded, these nodes are down: ${address} (5461 slots).`);
  expect(voyage.ferry.control.ready()).toEqual({ ok: true });
  await vi.waitFor(
    async () => {
      const page = await (await fetch(`http://127.0.0.1:${voyage!.ferry.adminPort}/metrics`)).text();
      expect(page).toContain(`ferry_breaker_open{node="${address}"} 1`);
    },
    { timeout: 10_000, interval: 100 },
  );
  await cluster.failedOver(dead);
  await voyage.until('it is whole again', ({ source }) => source.state === 'up');
  const through = await Wire.open(voyage.ferry.port);
  for (let i = 0; i < 50; i++) expect(text(await through.send('SET', `k${i}`, 'v'))).toBe('OK');
  through.close();
  expect(voyage.status.source.nodes.map(({ address }) => address)).not.toContain(address);
}, 90_000);
