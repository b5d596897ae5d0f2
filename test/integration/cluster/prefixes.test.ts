/**
 * Several databases through a Cluster that keeps them apart by prefixes: in every phase each client sees its own keys under
 * their own names, as a server with as many databases would answer it, and both sides hold the same.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { PhaseName } from '../../../src/config/config.js';
import { casesOf } from '../../support/long-run.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Load } from '../journey/load.js';
import { Pipe } from '../journey/pipe.js';
import { list, text, type Wire, type WireReply } from '../journey/wire.js';
import { cluster, differencesBehindPrefixes, Harbour, type Side, standalone } from './prefixes.js';

const PREFIXES = { 1: 'db1:', 5: 'five*[x]?:' };
const DBS = [0, 1, 5];

const harbour = new Harbour();
afterEach(() => harbour.close());

/** The same line to Ferry and to a server of its own, whose answer is the right one. */
class Twin {
  constructor(
    private readonly db: number,
    private readonly ours: Wire,
    private readonly real: Wire,
  ) {}

  async ask(...args: (string | number)[]): Promise<WireReply> {
    const [ours, real] = await Promise.all([this.ours.send(...args), this.real.send(...args)]);
    expect(plain(ours), `db ${this.db}: ${args.join(' ')}`).toEqual(plain(real));
    return ours;
  }

  /** In whatever order. */
  async askForKeys(...args: (string | number)[]): Promise<void> {
    const [ours, real] = await Promise.all([this.ours.send(...args), this.real.send(...args)]);
    expect(sorted(ours), `db ${this.db}: ${args.join(' ')}`).toEqual(sorted(real));
  }

  async scan(...options: (string | number)[]): Promise<void> {
    const [ours, real] = await Promise.all([scanAll(this.ours, options), scanAll(this.real, options)]);
    expect(ours, `db ${this.db}: SCAN ${options.join(' ')}`).toEqual(real);
  }
}

function plain(reply: WireReply): unknown {
  if (Array.isArray(reply)) return reply.map(plain);
  return reply === null ? null : text(reply);
}

function sorted(reply: WireReply): string[] {
  if (!Array.isArray(reply)) throw new Error(`no list: ${text(reply)}`);
  return reply.map(text).sort();
}

async function scanAll(wire: Wire, options: (string | number)[]): Promise<string[]> {
  const found = new Set<string>();
  let cursor = '0';
  do {
    const reply = await wire.send('SCAN', cursor, ...options);
    if (!Array.isArray(reply)) throw new Error(`SCAN: ${text(reply)}`);
    cursor = text(reply[0]!);
    for (const key of sorted(reply[1]!)) found.add(key);
  } while (cursor !== '0');
  return [...found].sort();
}

/** Commands whose arguments or answers hold keys, in every form; `round` makes each phase's different. */
async function everyForm(twin: Twin, db: number, round: number): Promise<void> {
  const v = `${db}.${round}`;
  await twin.ask('SET', `k${round}`, v);
  await twin.ask('SET', 'same', v);
  await twin.ask('SET', 'gone', v, 'EX', 1000);
  await twin.ask('PERSIST', 'gone');
  await twin.ask('EXPIRE', `k${round}`, 5000);
  await twin.ask('TTL', `k${round}`);
  await twin.ask('MSET', 'a', v, 'b', v, 'c', v, 'd*[x]', v);
  await twin.ask('MGET', 'a', 'b', 'nothing', 'c', 'same');
  await twin.ask('EXISTS', 'a', 'b', 'nothing');
  // a key is what its client says: only in the database without a prefix could it be taken for another's
  if (db !== 0) await twin.ask('SET', 'db1:a', v);
  await twin.ask('DEL', 'a', 'b', 'nothing');
  await twin.ask('GETSET', 'same', `${v}!`);
  await twin.ask('SETNX', 'same', 'no');
  await twin.ask('APPEND', 'long', v);
  await twin.ask('INCRBY', 'counter', round + db);
  await twin.askForKeys('KEYS', '*');
  await twin.askForKeys('KEYS', 'k[0-9]');
  await twin.askForKeys('KEYS', 'd\\**');
  await twin.askForKeys('KEYS', '*k*');
  await twin.scan();
  await twin.scan('COUNT', 3);
  await twin.scan('MATCH', 'k*', 'COUNT', 100);
  await twin.scan('TYPE', 'list');
  await twin.ask('SCAN', 0, 'COUNT');
  await twin.ask('SCAN', 0, 'NONSENSE', 1);

  await twin.ask('RPUSH', '{t}list', 'x', v, 'y', 'z', '3', '1');
  await twin.ask('LMPOP', 2, '{t}none', '{t}list', 'LEFT');
  await twin.ask('BLPOP', '{t}none', '{t}list', 1);
  await twin.ask('BLMPOP', 1, 2, '{t}none', '{t}list', 'RIGHT', 'COUNT', 1);
  await twin.ask('BLMOVE', '{t}list', '{t}moved', 'LEFT', 'RIGHT', 1);
  await twin.ask('BRPOP', '{t}none', 0.01);
  await twin.ask('LRANGE', '{t}list', 0, -1);
  await twin.ask('ZADD', '{t}z', 1, v, 2, 'b', 3, 'c', 4, 'd');
  await twin.ask('ZMPOP', 2, '{t}none', '{t}z', 'MIN');
  await twin.ask('BZPOPMAX', '{t}none', '{t}z', 1);
  await twin.ask('BZMPOP', 1, 1, '{t}z', 'MAX');
  await twin.ask('ZUNIONSTORE', '{t}zz', 2, '{t}z', '{t}none', 'WEIGHTS', 2, 1);
  await twin.ask('SADD', '{t}s', v, 'member');
  await twin.ask('SINTERSTORE', '{t}ss', '{t}s', '{t}s');
  await twin.ask('SMOVE', '{t}ss', '{t}s', v);
  await twin.ask('HSET', 'hash', `f${round}`, v, 'g', 1);
  await twin.ask('HINCRBYFLOAT', 'hash', 'g', 0.5);
  await twin.ask('PFADD', '{t}p1', v);
  await twin.ask('PFMERGE', '{t}p2', '{t}p1');
  await twin.ask('PFCOUNT', '{t}p1', '{t}p2');
  await twin.ask('GEOADD', '{t}geo', 13, 38, 'here');
  await twin.ask('GEORADIUS', '{t}geo', 13, 38, 1, 'km', 'STORE', '{t}near');
  await twin.ask('SORT', '{t}moved', 'ALPHA', 'DESC');
  await twin.ask('SORT', '{t}moved', 'BY', 'nosort', 'ALPHA', 'STORE', '{t}sorted');
  await twin.ask('RENAME', '{t}sorted', '{t}renamed');
  await twin.ask('COPY', '{t}renamed', '{t}copied', 'REPLACE');
  await twin.ask('COPY', '{t}renamed', '{t}copied2', 'DB', db, 'REPLACE');
  await twin.ask('OBJECT', 'ENCODING', '{t}renamed');
  await twin.ask('BITOP', 'NOT', '{t}bits', '{t}none');
  await twin.ask('SETRANGE', 'long', 3, 'xyz');

  await twin.ask('XADD', '{t}x', `${round}-1`, 'f', v);
  await twin.ask('XADD', '{t}x', 'MAXLEN', '~', 100, `${round}-2`, 'f', v);
  await twin.ask('XGROUP', 'CREATE', '{t}x', `g${round}`, 0);
  await twin.ask('XREAD', 'COUNT', 10, 'STREAMS', '{t}x', '{t}none', 0, 0);
  await twin.ask('XREAD', 'BLOCK', 10, 'STREAMS', '{t}x', '$');
  await twin.ask('XREADGROUP', 'GROUP', `g${round}`, 'c', 'COUNT', 1, 'STREAMS', '{t}x', '>');
  await twin.ask('XREADGROUP', 'GROUP', `g${round}`, 'c', 'BLOCK', 10, 'COUNT', 1, 'STREAMS', '{t}x', '>');
  await twin.ask('XREADGROUP', 'GROUP', `g${round}`, 'c', 'STREAMS', '{t}x', 0);
  await twin.ask('XACK', '{t}x', `g${round}`, '1-1');
  await twin.ask('XREADGROUP', 'GROUP', 'nobody', 'c', 'STREAMS', '{t}x', '>');
  await twin.ask('XPENDING', '{t}x', 'nobody');
  await twin.ask('XINFO', 'CONSUMERS', '{t}x', 'nobody');
  await twin.ask('XGROUP', 'CREATECONSUMER', '{t}x', 'nobody', 'c');
  await twin.ask('XLEN', '{t}x');

  await twin.ask(
    'EVAL',
    "redis.call('SET', KEYS[1], ARGV[1]); return redis.call('GET', KEYS[2])",
    2,
    '{t}e',
    '{t}e',
    v,
  );
  await twin.ask('EVAL', "redis.call('RPUSH', KEYS[1], ARGV[1]); return redis.call('NOPE')", 1, '{t}half', v);
  await twin.ask('MULTI');
  await twin.ask('SET', '{t}m', v);
  await twin.ask('RPUSH', '{t}q', v, 'more');
  await twin.ask('BLPOP', '{t}none', '{t}q', 0);
  await twin.ask('XREAD', 'COUNT', 1, 'STREAMS', '{t}x', `${round}-1`);
  await twin.ask('XPENDING', '{t}x', 'nobody');
  await twin.ask('GET', '{t}m');
  await twin.ask('EXEC');
  await twin.ask('WATCH', '{t}m');
  await twin.ask('MULTI');
  await twin.ask('APPEND', '{t}m', '+');
  await twin.ask('EXEC');
  await twin.ask('WATCH', '{t}m');
  await twin.ask('SET', '{t}m', 'changed');
  await twin.ask('MULTI');
  await twin.ask('SET', '{t}m', 'never');
  await twin.ask('EXEC');
  await twin.ask('UNLINK', 'c', `k${round - 2}`, '{t}moved');
}

async function twins(port: number, server: RedisServer): Promise<Map<number, Twin>> {
  const pairs = DBS.map(async (db): Promise<[number, Twin]> => {
    const [ours, real] = await Promise.all([harbour.wire(port, db), harbour.wire(server.port, db)]);
    return [db, new Twin(db, ours, real)];
  });
  return new Map(await Promise.all(pairs));
}

describe('standalone to cluster', () => {
  test('each database is answered as by a server of its own, in every phase', async () => {
    const [source, target, reference] = await Promise.all([standalone(), cluster(), startRedis()]);
    harbour.keep({ close: () => reference.stop() });
    const voyage = await harbour.between(source, target, { dbPrefix: PREFIXES });
    const ask = await twins(voyage.ferry.port, reference);
    let round = 0;
    const forms = async (): Promise<void> => {
      round++;
      await Promise.all(DBS.map((db) => everyForm(ask.get(db)!, db, round)));
    };
    const isClean = async (): Promise<void> => {
      await voyage.settled();
      expect(await voyage.verify()).toEqual([]);
      await voyage.settled();
      expect(await differencesBehindPrefixes([source, {}], [target, PREFIXES])).toEqual([]);
      const [ports, real] = [{ ports: async () => [reference.port] }, source];
      expect(await differencesBehindPrefixes([ports, {}], [real, {}])).toEqual([]);
    };
    const moved = await harbour.wire(voyage.ferry.port);

    await forms();
    await voyage.goTo('dual-write');
    await forms();
    // what only a server with several databases can do
    for (const wire of [moved, await harbour.wire(reference.port)]) {
      await wire.send('SET', '{t}leaves', 'for 1');
      expect(text(await wire.send('MOVE', '{t}leaves', 1))).toBe('1');
      await wire.send('SET', '{t}stays', 'in 0 and 5');
      expect(text(await wire.send('COPY', '{t}stays', '{t}stays', 'DB', 5))).toBe('1');
    }
    await voyage.backfill();
    await forms();
    await isClean();
    await voyage.goTo('target-read');
    await forms();
    await ask.get(5)!.ask('FLUSHDB');
    await ask.get(0)!.askForKeys('KEYS', '*');
    await ask.get(5)!.askForKeys('KEYS', '*');
    await forms();
    await isClean();
    const journey: PhaseName[] = ['target-first', 'target-read', 'target-first'];
    for (const phase of journey) {
      await voyage.goTo(phase);
      await forms();
      await isClean();
    }
    await ask.get(1)!.ask('FLUSHALL');
    for (const db of DBS) await ask.get(db)!.askForKeys('KEYS', '*');
    await forms();
    await isClean();
    await voyage.goTo('target-only');
    await forms();
    const ports = { ports: async () => [reference.port] };
    expect(await differencesBehindPrefixes([ports, {}], [target, PREFIXES])).toEqual([]);
    expect(voyage.ferry.counters.selfCheckMismatches).toBe(0);
  }, 120_000);
});

describe('clients that wait', () => {
  test('are served by their own database, before and after another side became the authority', async () => {
    const [source, target] = await Promise.all([standalone(), cluster()]);
    const voyage = await harbour.between(source, target, { dbPrefix: PREFIXES });
    const { port } = voyage.ferry;
    const pushers = new Map<number, Wire>();
    for (const db of DBS) pushers.set(db, await harbour.wire(port, db));
    await pushers.get(1)!.send('SET', 'k', 'so that there is such a database');
    await voyage.readyForCutover();
    const waitAndPush = async (between: () => Promise<unknown>): Promise<void> => {
      const waiting = [];
      for (const db of DBS) {
        const [popper, reader] = [await harbour.wire(port, db), await harbour.wire(port, db)];
        waiting.push(
          popper.send('BLPOP', '{t}none', '{t}wanted', 20),
          reader.send('XREAD', 'BLOCK', 20_000, 'STREAMS', '{t}x', '$'),
        );
      }
      await voyage.until('all wait', ({ clients }) => clients.blocked === 2 * DBS.length);
      await between();
      for (const db of [...DBS].reverse()) {
        await pushers.get(db)!.send('RPUSH', '{t}wanted', `of ${db}`);
        await pushers.get(db)!.send('XADD', '{t}x', '*', 'of', db);
      }
      const replies = await Promise.all(waiting);
      for (const [i, db] of DBS.entries()) {
        expect(plain(replies[2 * i]!)).toEqual(['{t}wanted', `of ${db}`]);
        expect(plain(replies[2 * i + 1]!)).toEqual([['{t}x', [[expect.any(String), ['of', `${db}`]]]]]);
      }
    };
    await waitAndPush(async () => {});
    await waitAndPush(() => voyage.goTo('target-first'));
    await waitAndPush(async () => {});
    // somebody who goes round Ferry: the look at the waited keys finds it by the name that it has there
    const late = await harbour.wire(port, 1);
    const reply = late.send('BLPOP', 'aside', 20);
    await voyage.until('it waits', ({ clients }) => clients.blocked === 1);
    const nodes = await Promise.all((await target.ports()).map((node) => harbour.wire(node)));
    await Promise.all(nodes.map((node) => node.send('RPUSH', 'db1:aside', 'came')));
    expect(plain(await reply)).toEqual(['aside', 'came']);
    await waitAndPush(() => voyage.goTo('target-read'));
    expect(await voyage.verify(true)).toEqual([]);
    await voyage.settled();
    expect(await differencesBehindPrefixes([source, {}], [target, PREFIXES])).toEqual([]);
  }, 90_000);

  test('the names that RESP3 clients read are their own', async () => {
    const [source, target] = await Promise.all([cluster(), standalone()]);
    const voyage = await harbour.between(source, target, { dbPrefix: PREFIXES });
    const pipe = await Pipe.open(voyage.ferry.port);
    harbour.keep(pipe);
    await pipe.ask('SELECT', 1);
    await pipe.ask('XADD', '{s}x', '1-1', 'f', 'v');
    await pipe.ask('RPUSH', '{s}l', 'a', 'b');
    const raw: Buffer[] = [];
    pipe.socket.removeAllListeners('data').on('data', (chunk: Buffer) => raw.push(chunk));
    const lines =
      'HELLO 3\r\nXREAD STREAMS {s}x 0\r\nBLPOP {s}l 1\r\nMULTI\r\nXREAD STREAMS {s}x 0\r\nLMPOP 1 {s}l LEFT\r\nEXEC\r\nPING\r\n';
    pipe.socket.write(lines);
    await voyage.until('the last reply', () => Buffer.concat(raw).includes('+PONG'));
    const stream = '%1\r\n$4\r\n{s}x\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n';
    const answers = Buffer.concat(raw).toString();
    expect(answers.slice(answers.indexOf('%1'))).toBe(
      `${stream}*2\r\n$4\r\n{s}l\r\n$1\r\na\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n${stream}*2\r\n$4\r\n{s}l\r\n*1\r\n$1\r\nb\r\n+PONG\r\n`,
    );
  }, 60_000);
});

describe('what cannot be exact', () => {
  test('is refused with its reason, and nothing of it happens', async () => {
    const [source, target] = await Promise.all([standalone(), cluster()]);
    const scripts = { e0e1f9fabfc9d4800c877a703b823ac0578ff8db: 'replay' as const }; // return 1
    const voyage = await harbour.between(source, target, { dbPrefix: PREFIXES, scripts });
    const { port } = voyage.ferry;
    const [zero, one, waiter, open] = await Promise.all([0, 1, 0, 1].map((db) => harbour.wire(port, db)));
    const refused = async (wire: Wire, ...args: (string | number)[]): Promise<void> => {
      expect(text(await wire.send(...args)), args.join(' ')).toMatch(/^\(error\) FERRY .*refused.*db-prefix/);
    };
    for (const wire of [zero!, one!]) await wire.send('MSET', '{t}a', 'x', 'b', 'x', 'c', 'x');

    // a key that would be another database's: nothing begins
    await zero!.send('SET', 'db1:b', 'of database 0');
    expect(await voyage.phase('dual-write')).toMatchObject({
      ok: false,
      blockers: [{ code: 'database-unusable', message: expect.stringMatching(/"db1:b" of database 0 .* database 1 /) }],
    });
    await zero!.send('DEL', 'db1:b');
    const waiting = waiter!.send('BLPOP', 'db1:queue', 0);
    await voyage.until('it waits', ({ clients }) => clients.blocked === 1);

    await voyage.goTo('dual-write');
    expect(text(await waiting)).toMatch(/^\(error\) FERRY BLPOP is refused/);
    await refused(zero!, 'SET', 'db1:b', 'x');
    await refused(zero!, 'GET', 'db1:b');
    await refused(zero!, 'MSET', 'b', 'y', 'five*[x]?:b', 'x');
    await refused(one!, 'COPY', '{t}a', 'db1:b', 'DB', 0);
    await refused(one!, 'EVAL', 'return 1', 1, 'b');
    expect(text(await zero!.send('EVAL', 'return 1', 1, 'b'))).toBe('1');
    expect(text(await one!.send('SELECT', 2))).toMatch(/^\(error\) FERRY database 2 cannot be used on the target/);
    for (const [wire, size] of [
      [zero!, '3'],
      [one!, '3'],
    ] as const) {
      expect(text(await wire.send('DBSIZE'))).toBe(size); // the source still can
      expect(text(await wire.send('RANDOMKEY'))).toMatch(/^(\{t\}a|b|c)$/);
    }
    await voyage.backfill();
    expect(await voyage.verify()).toEqual([]);
    await voyage.goTo('target-read');

    // transactions that were opened for the other side
    const late = await harbour.wire(port, 1);
    for (const args of [['MULTI'], ['SET', '{t}a', 'never'], ['FLUSHDB']]) await open!.send(...args);
    for (const args of [['MULTI'], ['SET', '{t}a', 'late'], ['GET', '{t}a']]) await late.send(...args);
    await voyage.goTo('target-first');
    expect(text(await open!.send('EXEC'))).toMatch(/^\(error\) FERRY FLUSHDB is refused/);
    expect(plain(await late.send('EXEC'))).toEqual(['OK', 'late']);

    for (const wire of [zero!, one!]) {
      await refused(wire, 'DBSIZE');
      await refused(wire, 'RANDOMKEY');
      await refused(wire, 'FLUSHDB');
      await refused(wire, 'CLUSTER', 'GETKEYSINSLOT', 0, 10);
      await refused(wire, 'CLUSTER', 'COUNTKEYSINSLOT', 0);
      await refused(wire, 'MOVE', 'b', 5);
      await refused(wire, 'COPY', 'b', 'b', 'DB', 5);
    }
    await refused(zero!, 'SET', 'db1:b', 'x');
    await refused(one!, 'SORT', 'l', 'GET', 'w*');
    await refused(one!, 'SORT_RO', 'l', 'BY', 'w*');
    await refused(one!, 'EVAL', "return redis.call('GET', 'b')", 0);
    await refused(one!, 'EVAL', 'return 1', 1, 'b');
    await one!.send('MULTI');
    await one!.send('SET', '{t}a', 'never');
    await refused(one!, 'DBSIZE');
    expect(text(await one!.send('EXEC'))).toMatch(/^\(error\) EXECABORT/);
    expect(text(await one!.send('SELECT', 2))).toMatch(/^\(error\) FERRY database 2 cannot be used/);
    expect(text(await one!.send('GET', '{t}a'))).toBe('late');
    expect(plain(await zero!.send('MGET', '{t}a', 'b', 'c', 'd'))).toEqual(['x', 'x', 'x', null]);
    expect(
      list(await one!.send('KEYS', '*'))
        .map(text)
        .sort(),
    ).toEqual(['b', 'c', '{t}a']);
    await voyage.settled();
    expect(await differencesBehindPrefixes([source, {}], [target, PREFIXES])).toEqual([]);
  }, 90_000);
});

/** Past Ferry; of a Cluster's nodes the one takes it that has the slot. */
async function plant([deployment, prefixes]: Side, db: number, key: string, value: string): Promise<void> {
  const prefix = prefixes[db];
  for (const port of await deployment.ports()) {
    const wire = await harbour.wire(port, prefix === undefined ? db : 0);
    await wire.send('SET', `${prefix ?? ''}${key}`, value);
  }
}

const JOURNEYS = [
  ['cluster', 'cluster'],
  ['standalone', 'cluster'],
  ['cluster', 'standalone'],
] as const;

describe.each(casesOf(JOURNEYS, 1))('%s to %s', (from, to) => {
  test('carries traffic in several databases there, back and there again', async () => {
    const [source, target] = await Promise.all(
      [from, to].map((kind) => (kind === 'cluster' ? cluster() : standalone())),
    );
    const prefixesOf = (kind: string): Record<number, string> => (kind === 'cluster' ? PREFIXES : {});
    const sides: [Side, Side] = [
      [source!, prefixesOf(from)],
      [target!, prefixesOf(to)],
    ];
    // small, so that copies in pieces are made too; what is planted beside Ferry is for the verification to find
    const config = { dbPrefix: PREFIXES, limits: { bigKeyBytes: 3000 }, detectBypass: { mode: 'off' } } as const;
    const voyage = await harbour.between(source!, target!, config);
    const big = await harbour.wire(voyage.ferry.port, 5);
    for (let i = 0; i < 300; i++) await big.send('ZADD', 'big', i, `member ${i} with some more bytes`);
    const loads = DBS.map((db) => new Load(voyage.ferry.port, { clients: 3, db, pauseMs: 2 }));
    const more = (batches: number): Promise<unknown> => Promise.all(loads.map((load) => load.more(batches)));
    try {
      await more(60);
      await voyage.readyForCutover();
      for (const phase of ['target-first', 'target-read', 'target-first'] as const) {
        await more(40);
        await voyage.goTo(phase);
        await more(40);
        expect(await voyage.verify()).toEqual([]);
      }
    } finally {
      await Promise.all(loads.map((load) => load.stop()));
    }
    await voyage.settled();
    expect(await differencesBehindPrefixes(sides[0], sides[1])).toEqual([]);
    expect(loads.flatMap(({ complaints }) => complaints)).toEqual([]);
    expect(voyage.ferry.counters.selfCheckMismatches).toBe(0);

    // a difference is found by its own name, on whichever side it was made, and what only one side has too
    for (const [i, side] of sides.entries()) await plant(side, 1, 'planted', `on side ${i}`);
    await plant(sides[1], 5, 'extra', 'only there');
    const found = (await voyage.verify(true)).map(({ db, key, kind }) => [db, String(key), kind]);
    expect(found.sort()).toEqual([
      [1, 'planted', 'value'],
      [5, 'extra', 'missing'], // the target has the authority
    ]);
    await voyage.settled();
    expect(await voyage.verify()).toEqual([]);
    expect(await differencesBehindPrefixes(sides[0], sides[1])).toEqual([]);
  }, 120_000);
});

describe('a node of the Cluster dies', () => {
  test('what its replica lacks is copied again, wherever the ledger counts it', async () => {
    const [source, target] = await Promise.all([standalone(), cluster(1)]);
    const voyage = await harbour.between(source, target, { dbPrefix: PREFIXES });
    const loads = DBS.map((db) => new Load(voyage.ferry.port, { clients: 2, db, pauseMs: 2 }));
    const more = (batches: number): Promise<unknown> => Promise.all(loads.map((load) => load.more(batches)));
    try {
      await more(40);
      await voyage.readyForCutover();
      const killed = await target.cluster!.killMaster(1);
      await more(40);
      await target.cluster!.failedOver(killed);
      await more(40);
    } finally {
      await Promise.all(loads.map((load) => load.stop()));
    }
    await voyage.settled();
    expect(await voyage.verify()).toEqual([]);
    expect(await differencesBehindPrefixes([source, {}], [target, PREFIXES])).toEqual([]);
    expect(loads.flatMap(({ complaints }) => complaints)).toEqual([]);
  }, 120_000);
});
