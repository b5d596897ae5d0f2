/**
 * Case 9 of the ways to diverge: a write that builds on a value runs before the key's deadline on one side and after it
 * on the other. There it makes another key, without a TTL, and often answers the same.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { withoutOwn } from '../../support/own-keys.js';
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

async function play(options: ScenarioOptions = {}): Promise<Wire> {
  scenario = await Scenario.start(servers, options);
  return scenario.client();
}

const TTL_MS = 2500;

/** What a key is, and what is done to it before its deadline. Sorted sets and so on stand for one road each. */
const CASES: Readonly<Record<string, readonly [make: string, ...thenDo: string[]]>> = {
  counter: ['SET counter 5', 'INCR counter'],
  hash: ['HSET hash a 1', 'HSET hash b 1'],
  list: ['RPUSH list a', 'RPUSH list b', 'LPOP list'],
  set: ['SADD set a b c', 'SADD set d', 'SPOP set'],
  zset: ['ZADD zset 1 a', 'ZADD zset 2 b'],
  stream: ['XADD stream 1-1 f v', 'XADD stream * f v'],
  float: ['SET float 1.5', 'INCRBYFLOAT float 1'],
  text: ['SET text abc', 'APPEND text d', 'SETRANGE text 5 z'],
  bits: ['SETBIT bits 7 1', 'SETBIT bits 9 1'],
  registers: ['PFADD registers a', 'PFADD registers b c d'],
  kept: ['SET kept a', 'SET kept b KEEPTTL'],
  prolonged: ['SET prolonged a', 'EXPIRE prolonged 100'],
  shortened: ['HSET shortened a 1', 'PEXPIRE shortened 1500', 'HSET shortened b 1'],
  persisted: ['HSET persisted a 1', 'PERSIST persisted'],
  'persisted too': ['SET persisted|too a', 'GETEX persisted|too PERSIST'],
  renamed: ['HSET renamed a 1', 'RENAME renamed renamed-to', 'HSET renamed-to b 1'],
  copied: ['HSET copied a 1', 'COPY copied copied-to', 'HSET copied-to b 1'],
  united: ['SADD united a b', 'SUNIONSTORE united-to united other'],
  moved: ['RPUSH moved a b', 'LMOVE moved moved-to LEFT LEFT'],
};

function lineFor(text: string): string[] {
  return text.split(' ').map((word) => word.replace('|', ' '));
}

async function sendAll(client: Wire, lines: readonly string[]): Promise<void> {
  for (const reply of await Promise.all(lines.map((line) => client.send(...lineFor(line))))) {
    if (reply instanceof Error) throw reply;
  }
}

async function makeAll(client: Wire): Promise<number> {
  for (const [make] of Object.values(CASES)) {
    const key = lineFor(make)[1] ?? '';
    await sendAll(client, [make]);
    await client.send('PEXPIRE', key, TTL_MS);
  }
  await client.send('SADD', 'other', 'c');
  await client.send('HSET', 'in a transaction', 'a', '1');
  await client.send('PEXPIRE', 'in a transaction', TTL_MS);
  const madeMs = performance.now();
  await scenario.settled();
  return madeMs;
}

async function writeAll(client: Wire): Promise<void> {
  await sendAll(
    client,
    Object.values(CASES).flatMap(([, ...thenDo]) => thenDo),
  );
  const transaction = [
    ['MULTI'],
    ['HSET', 'in a transaction', 'b', '1'],
    ['HINCRBY', 'in a transaction', 'a', '1'],
    ['EXEC'],
  ];
  await Promise.all(transaction.map((args) => client.send(...args)));
}

function withoutRules(): void {
  scenario.board.known.marginMs = 0;
  Object.assign(scenario.mirror, { isPast: () => false });
}

describe('case 9: the mirror executes after the deadline what the authority executed before it', () => {
  async function delayedMirror(options: ScenarioOptions, withRules: boolean): Promise<string[]> {
    const client = await play(options);
    if (!withRules) withoutRules();
    const madeMs = await makeAll(client);
    const { relay } = options.phase === 'target-first' ? scenario.source : scenario.target;
    const delayed = relay.hold('mirror', 'requests');
    await writeAll(client);
    await delayed.reached();
    await pause(madeMs + TTL_MS + 200 - performance.now());
    delayed.release();
    return scenario.outcome();
  }

  test('case 9: nothing stays behind [3.3 deadlines]', async () => {
    expect(await delayedMirror({}, true)).toEqual([]);
    const kept = withoutOwn(texts((await scenario.target.direct.send('KEYS', '*')) as Buffer[])).sort();
    expect(kept).toEqual(['moved-to', 'other', 'persisted', 'persisted too', 'prolonged', 'united-to']);
  });
  test('case 9: the same after the cutover [3.3 deadlines]', async () => {
    expect(await delayedMirror({ phase: 'target-first' }, true)).toEqual([]);
  });
  test('case 9, deadlines forgotten: keys that stay for ever on one side alone', async () => {
    const differences = await delayedMirror({}, false);
    const names = differences.map((line) => line.slice(0, line.indexOf(':')));
    expect(names).toEqual(expect.arrayContaining(['hash', 'zset', 'stream', 'float', 'prolonged', 'persisted too']));
  });
  test('case 9: more deadlines than can be remembered [3.3 deadlines]', async () => {
    expect(await delayedMirror({ config: { limits: { deadlines: 8 } } }, true)).toEqual([]);
    expect(scenario.board.known.deadlinesOverflowed).toBe(true);
  });
});

describe('case 9: writes at the moment of the deadline', () => {
  async function aroundDeadlines(withRules: boolean): Promise<string[]> {
    const client = await play();
    await client.send('PING');
    const hashes = Array.from({ length: 40 }, (_, i) => `hash ${i}`);
    for (const [i, key] of hashes.entries()) {
      await client.send('HSET', key, 'a', '1');
      await client.send('PEXPIRE', key, 1200 + i * 10);
    }
    await scenario.settled();
    if (!withRules) withoutRules();
    // the mirror is always a few milliseconds behind
    const [connection] = scenario.target.relay.connections.filter(({ label }) => label === 'mirror');
    const lag = setInterval(() => {
      const held = scenario.target.relay.hold('mirror', 'requests');
      setTimeout(() => held.release(), 15);
    }, 20);
    const endMs = performance.now() + 1700;
    for (let field = 0; performance.now() < endMs; field++) {
      await Promise.all(hashes.map((key) => client.send('HINCRBY', key, `field ${field % 50}`, '1')));
      await pause(4);
    }
    clearInterval(lag);
    await pause(30);
    expect(connection?.isOpen).toBe(true);
    return scenario.outcome();
  }

  test('case 9: HINCRBY all the time, the mirror a little late [3.3 deadlines]', async () => {
    expect(await aroundDeadlines(true)).toEqual([]);
  });

  test('case 9, deadlines forgotten: a hash with a field that the authority never had, or one too few', async () => {
    const client = await play();
    withoutRules();
    await client.send('HSET', 'hash', 'a', '1');
    await client.send('PEXPIRE', 'hash', '600');
    const madeMs = performance.now();
    await pause(400);
    const late = scenario.target.relay.hold('mirror', 'requests');
    await client.send('HSET', 'hash', 'b', '1');
    await pause(madeMs + 700 - performance.now());
    late.release();
    expect(await scenario.outcome()).toEqual([expect.stringMatching(/^hash: nothing ≠ hash .*b/)]);
  });
});

describe('case 9: the reply of the authority comes long after the deadline', () => {
  test('case 9: the writes were before it, the key is gone on both sides [3.3 deadlines]', async () => {
    const client = await play();
    await client.send('HSET', 'hash', 'a', '1');
    await client.send('RPUSH', 'list', 'a');
    await client.send('PEXPIRE', 'hash', '1400');
    await client.send('PEXPIRE', 'list', '1400');
    const madeMs = performance.now();
    await scenario.settled();
    const late = scenario.source.relay.hold('client', 'replies');
    const writes = [
      client.send('HSET', 'hash', 'b', '1'),
      client.send('HSET', 'hash', 'c', '1'),
      client.send('RPUSH', 'list', 'b'),
    ];
    await late.reached(3);
    await pause(madeMs + 1400 + 1200 - performance.now());
    late.release();
    expect(texts(await Promise.all(writes))).toEqual(['1', '1', '2']);
    expect(await scenario.outcome()).toEqual([]);
    expect(withoutOwn(texts((await scenario.source.direct.send('KEYS', '*')) as Buffer[]))).toEqual([]);
  });

  test('case 9: a relative deadline is the one that the authority used, though its reply comes late [3.2]', async () => {
    const client = await play();
    await client.send('MSET', 'a', '1', 'b', '1', 'c', '1');
    await client.send('HSET', 'hash', 'a', '1');
    await scenario.settled();
    const late = scenario.source.relay.hold('client', 'replies');
    const writes = [
      client.send('PEXPIRE', 'a', '3000'),
      client.send('SET', 'b', '2', 'EX', '3'),
      client.send('SETEX', 'c', '3', '2'),
      client.send('MULTI'),
      client.send('PEXPIRE', 'hash', '2500'),
      client.send('EXEC'),
    ];
    await late.reached(3);
    await pause(1200);
    late.release();
    await Promise.all(writes);
    expect(await scenario.outcome()).toEqual([]);
    // the authority's key dies more than a second before the one that a late clock would have made
    await pause(1400);
    await client.send('HSET', 'hash', 'b', '1');
    expect(await scenario.outcome()).toEqual([]);
  });
});

describe('case 9: deadlines that only a verification has seen', () => {
  test('case 9: after a restart everything is known again, and big hashes dump differently on both sides [3.3]', async () => {
    const client = await play();
    const fields = Array.from({ length: 600 }, (_, i) => [`field ${i}`, `${i}`]).flat();
    await client.send('HSET', 'hash', ...fields);
    await client.send('PEXPIRE', 'hash', '3500');
    const madeMs = performance.now();
    await scenario.backfilled();
    scenario.board.known.forget(); // as a new process of Ferry begins
    expect(await scenario.verified()).toBe(true);
    expect(scenario.board.known.allKnown).toBe(true);
    const delayed = scenario.target.relay.hold('mirror', 'requests', command('HSET'));
    expect(texts([await client.send('HSET', 'hash', 'another', '1')])).toEqual(['1']);
    await pause(madeMs + 3700 - performance.now());
    delayed.release();
    expect(await scenario.outcome()).toEqual([]);
  });
});
