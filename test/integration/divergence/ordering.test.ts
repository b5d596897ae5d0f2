/**
 * Cases 1 to 5 of the ways to diverge: replies, reads and writes that overtake one another. The relays make each unlucky
 * moment last, so nothing here depends on chance. Every case is shown twice: with Ferry as it is, and with the rule that
 * prevents it switched off.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { withoutOwn } from '../../support/own-keys.js';
import { command } from '../../support/relay.js';
import { pause, Scenario, type ScenarioOptions, type Servers, startServers, stopServers, texts } from './scenario.js';

let servers: Servers;
let scenario: Scenario;

beforeAll(async () => {
  servers = await startServers();
});
afterEach(() => scenario.stop());
afterAll(() => stopServers(servers));

async function play(options: ScenarioOptions = {}): Promise<Scenario> {
  scenario = await Scenario.start(servers, options);
  return scenario;
}

const OFF = { hooks: { admission: false } } as const;

describe('case 1: the reply of an older state is read after that of a newer write', () => {
  /** A copy of `list` has read it on the source, its answer is on its way; then a client pushes. */
  async function pushBehindCopy(options: ScenarioOptions): Promise<string[]> {
    const { source, ferry } = await play({ ...options, before: [['RPUSH', 'list', 'a', 'b']] });
    const client = await scenario.client();
    const dumped = source.relay.hold('copy', 'replies', command('EXEC'));
    await ferry.control.backfill('start');
    await dumped.reached();
    const pushed = client.send('RPUSH', 'list', 'c');
    await pause(50);
    dumped.release();
    expect(await pushed).toBe('3');
    return scenario.outcome();
  }

  test('case 1: DUMP under way, RPUSH on another lane [L4]', async () => {
    expect(await pushBehindCopy({})).toEqual([]);
    expect(scenario.ferry.counters.parked).toBeGreaterThan(0);
  });
  test('case 1, admission off: the mirror lacks the push', async () => {
    expect(await pushBehindCopy(OFF)).toEqual([expect.stringMatching(/^list: /)]);
  });

  test('case 1: a push while a big key is copied in chunks [L4]', async () => {
    const elements = Array.from({ length: 3000 }, (_, i) => `element ${i}`);
    const config = { limits: { bigKeyBytes: 1024 } };
    const { source, ferry } = await play({ config, before: [['RPUSH', 'list', ...elements]] });
    const client = await scenario.client();
    const chunk = source.relay.hold('copy', 'replies', ([name, , from]) => name === 'LRANGE' && from !== '0');
    await ferry.control.backfill('start');
    await chunk.reached();
    // at the front: every later chunk moves by one
    expect(await client.send('LPUSH', 'list', 'first')).toBe('3001');
    chunk.release();
    // and one more while the slot is held for the swap
    const swap = source.relay.hold('copy', 'replies', command('PEXPIRETIME', 'list'));
    await swap.reached();
    const last = client.send('RPUSH', 'list', 'last');
    await pause(30);
    swap.release();
    expect(await last).toBe('3002');
    expect(await scenario.outcome()).toEqual([]);
    expect(ferry.counters.chunkedCopies).toBeGreaterThan(0);
  });

  /** Ann's SET is executed first, but Bob's reply comes first. */
  async function twoLanes(options: ScenarioOptions): Promise<string[]> {
    const { source } = await play(options);
    const [ann, bob] = [await scenario.client('ann'), await scenario.client('bob')];
    await ann.send('SET', 'key', 'old');
    const late = source.relay.hold('client/ann', 'replies');
    const first = ann.send('SET', 'key', 'from ann');
    await late.reached();
    const second = bob.send('SET', 'key', 'from bob');
    await pause(50);
    late.release();
    expect(texts([await first, await second])).toEqual(['OK', 'OK']);
    return scenario.outcome();
  }

  test('case 1: two identities write one key over two lanes [L1]', async () => {
    expect(await twoLanes({})).toEqual([]);
  });
  test('case 1, admission off: the two writes end in another order', async () => {
    expect(await twoLanes(OFF)).toEqual([expect.stringMatching(/^key: .*bob.*≠.*ann/)]);
  });

  test('case 1: a FLUSHALL between the replies of two lanes [L3]', async () => {
    const { source, target } = await play({ before: [['SET', 'unknown', '1']] });
    const [ann, bob] = [await scenario.client('ann'), await scenario.client('bob')];
    const late = source.relay.hold('client/ann', 'replies');
    const first = ann.send('SET', 'key', 'from ann');
    await late.reached();
    const flushed = bob.send('FLUSHALL');
    const after = bob.send('SET', 'other', 'after');
    await pause(30);
    expect(source.relay.delivered('client/bob').map(([name]) => name)).not.toContain('FLUSHALL');
    late.release();
    expect(texts([await first, await flushed, await after])).toEqual(['OK', 'OK', 'OK']);
    expect(await scenario.outcome()).toEqual([]);
    expect(withoutOwn(texts((await target.direct.send('KEYS', '*')) as Buffer[]))).toEqual(['other']);
  });
});

describe('case 2: a read overtakes the mirrored write on the way to the target', () => {
  async function readBehindWrite(withRule: boolean): Promise<string[]> {
    const { target, board } = await play({ phase: 'target-read' });
    if (!withRule) Object.assign(board.ledger, { open: ZEROES });
    const [writer, reader] = [await scenario.client('ann'), await scenario.client('bob')];
    await writer.send('SET', 'key', 'old');
    await scenario.settled();
    for (const client of [writer, reader]) await client.send('GET', 'key'); // opens their lanes to the target
    await targetLanesUp();
    const mirrored = target.relay.hold('mirror', 'requests');
    expect(texts([await writer.send('SET', 'key', 'new')])).toEqual(['OK']);
    await mirrored.reached();
    const before = scenario.ferry.counters.targetReads;
    const seen = texts([await writer.send('GET', 'key'), await reader.send('GET', 'key')]);
    if (withRule) expect(scenario.ferry.counters.targetReads).toBe(before);
    mirrored.release();
    await scenario.settled();
    seen.push(...texts([await writer.send('GET', 'key'), await reader.send('GET', 'key')]));
    // once acknowledged, the target serves it
    expect(scenario.ferry.counters.targetReads).toBe(before + (withRule ? 2 : 4));
    expect(await scenario.outcome()).toEqual([]);
    return seen;
  }

  test('case 2: SET acknowledged, then GET [L2]', async () => {
    expect(await readBehindWrite(true)).toEqual(['new', 'new', 'new', 'new']);
  });
  test('case 2, open writes not counted: the acknowledged write is not seen', async () => {
    expect(await readBehindWrite(false)).toEqual(['old', 'old', 'new', 'new']);
  });

  test('case 2: the write waits for a lane, the mirror has acknowledged everything before it [L2]', async () => {
    const { source } = await play({ phase: 'target-read' });
    const [ann, bob] = [await scenario.client('ann'), await scenario.client('bob')];
    const reader = await scenario.client();
    await ann.send('SET', 'key', '0');
    await scenario.settled();
    const late = source.relay.hold('client/ann', 'replies');
    const first = ann.send('INCR', 'key');
    await late.reached();
    const second = bob.send('INCR', 'key'); // parked
    await pause(20);
    expect(texts([await reader.send('GET', 'key')])).toEqual(['1']);
    late.release();
    expect(texts([await first, await second])).toEqual(['1', '2']);
    expect(texts([await reader.send('GET', 'key')])).toEqual(['2']);
    expect(await scenario.outcome()).toEqual([]);
  });
});

describe('case 3: a session passes its own parked command', () => {
  /** Bob's SET waits for Ann's lane; behind it in his pipeline come a read of the same key and a write of another. */
  async function pipelineBehindParked(withRule: boolean): Promise<string[]> {
    const { source } = await play();
    const [ann, bob] = [await scenario.client('ann'), await scenario.client('bob')];
    await ann.send('MSET', 'data', 'old', 'flag', 'down');
    await bob.send('PING');
    if (!withRule) {
      const session = scenario.sessions.find(({ identity }) => identity.name === 'bob');
      Object.defineProperty(session, 'parkedOp', { get: () => null, set: () => {} });
    }
    const late = source.relay.hold('client/ann', 'replies');
    const first = ann.send('SET', 'data', 'from ann');
    await late.reached();
    const pipeline = [
      bob.send('SET', 'data', 'new'),
      bob.send('GET', 'data'),
      bob.send('SET', 'flag', 'up'),
      bob.send('PUBLISH', 'channel', 'up'),
    ];
    await pause(50);
    const [data, flag] = [await source.direct.send('GET', 'data'), await source.direct.send('GET', 'flag')];
    if (withRule) {
      const sent = source.relay.delivered('client/bob').map(([name]) => name);
      expect(sent).not.toContain('PUBLISH');
    }
    late.release();
    await first;
    const [set, got] = texts(await Promise.all(pipeline));
    expect(set).toBe('OK');
    expect(await scenario.outcome()).toEqual([]);
    return [...texts([data, flag]), got ?? ''];
  }

  test('case 3: a parked SET, then GET of its key and SET of a flag [L1b]', async () => {
    expect(await pipelineBehindParked(true)).toEqual(['from ann', 'down', 'new']);
  });
  test('case 3, the session goes on: its GET misses its own SET, the flag is up before the data', async () => {
    expect(await pipelineBehindParked(false)).toEqual(['from ann', 'up', 'from ann']);
  });
});

describe('case 4: of two pipelined reads the first falls back to the source', () => {
  /** What a pipeline of four GETs sees: the target lacks the key for the first, has an old value for the others. */
  async function fallback(withRule: boolean): Promise<string[]> {
    const { target } = await play({ phase: 'target-read', before: [['SET', 'key', 'v']] });
    const [reader, writer] = [await scenario.client('ann'), await scenario.client('bob')];
    await reader.send('GET', 'elsewhere'); // opens the lane to the target
    await scenario.until('a target lane', () => target.relay.connections.some(({ label }) => label === 'client/ann'));
    await targetLanesUp();
    if (!withRule) for (const session of scenario.sessions) session.cascade = () => {};
    const asked = target.relay.hold('client/ann', 'requests');
    const answered = target.relay.hold('client/ann', 'replies');
    const reads = [1, 2, 3].map(() => reader.send('GET', 'key'));
    await asked.reached(3);
    asked.pass(1); // a miss
    await answered.reached(1);
    await writer.send('APPEND', 'key', '1'); // unknown there: the key is copied
    await scenario.settled();
    asked.pass(2); // two hits: v1
    await answered.reached(3);
    await writer.send('APPEND', 'key', '2');
    await scenario.settled();
    asked.release();
    answered.release();
    const seen = texts(await Promise.all(reads));
    expect(await scenario.outcome()).toEqual([]);
    return seen;
  }

  test('case 4: the later reads are asked again behind it [3.5]', async () => {
    expect(await fallback(true)).toEqual(['v12', 'v12', 'v12']);
    expect(scenario.ferry.counters).toMatchObject({ fallbacks: 1, cascades: 2 });
  });
  test('case 4, later reads keep their replies: time runs backwards', async () => {
    expect(await fallback(false)).toEqual(['v12', 'v1', 'v1']);
  });

  test('case 4: a write in the pipeline waits for the reads before it, and a read behind a fallback follows it', async () => {
    const { source, target } = await play({ phase: 'target-read', before: [['SET', 'key', '1']] });
    const client = await scenario.client('ann');
    await client.send('GET', 'elsewhere');
    await targetLanesUp();
    const answered = target.relay.hold('client/ann', 'replies');
    const pipeline = [client.send('GET', 'key'), client.send('INCR', 'key'), client.send('GET', 'key')];
    await answered.reached();
    await pause(20);
    expect(source.relay.delivered('client/ann').map(([name]) => name)).not.toContain('INCR');
    answered.release();
    expect(texts(await Promise.all(pipeline))).toEqual(['1', '2', '2']);
    expect(await scenario.outcome()).toEqual([]);
  });
});

describe('case 5: a read waits on its way to the source, the next one of the key would go to the target', () => {
  async function readBehindSourceRead(withRule: boolean): Promise<string[]> {
    const { source, target } = await play({ phase: 'target-read' });
    const [reader, writer] = [await scenario.client('ann'), await scenario.client('bob')];
    await writer.send('SET', 'key', 'old');
    await scenario.settled();
    await reader.send('GET', 'key');
    await reader.send('SET', 'elsewhere', '1'); // opens the lanes to both
    await targetLanesUp();
    if (!withRule) for (const session of scenario.sessions) session.reads.sourceReadsOn = () => 0;
    const mirrored = target.relay.hold('mirror', 'requests');
    await writer.send('SET', 'key', 'old');
    const behindBigReplies = source.relay.hold('client/ann', 'requests');
    const first = reader.send('GET', 'key'); // the write is not acknowledged: to the source
    await behindBigReplies.reached();
    mirrored.release();
    await scenario.until('the mirror has caught up', () => scenario.board.ledger.openTotal === 0);
    const second = reader.send('GET', 'key');
    await pause(50);
    await writer.send('SET', 'key', 'new');
    behindBigReplies.release();
    const seen = texts([await first, await second]);
    expect(await scenario.outcome()).toEqual([]);
    return seen;
  }

  test('case 5: the second read goes behind the first [L2, one side]', async () => {
    expect(await readBehindSourceRead(true)).toEqual(['new', 'new']);
  });
  test('case 5, sides taken apart: the second read is older than the first', async () => {
    expect(await readBehindSourceRead(false)).toEqual(['new', 'old']);
  });

  test('case 5: a read of several keys waits for the single reads before it', async () => {
    const { target } = await play({ phase: 'target-read' });
    const [reader, writer] = [await scenario.client('ann'), await scenario.client('bob')];
    await writer.send('SET', 'key', 'old');
    await scenario.settled();
    await reader.send('GET', 'key');
    await targetLanesUp();
    const asked = target.relay.hold('client/ann', 'requests');
    const single = reader.send('GET', 'key');
    await asked.reached();
    const several = reader.send('MGET', 'key', 'other');
    await pause(20);
    await writer.send('SET', 'key', 'new');
    await scenario.until('the mirror has caught up', () => scenario.board.ledger.openTotal === 0);
    asked.release();
    const seen = texts([await single, ...((await several) as Buffer[])]);
    expect(seen).toEqual(['new', 'new', 'null']);
    expect(await scenario.outcome()).toEqual([]);
  });
});

/** Reads may go to the target once its lanes are there. */
function targetLanesUp(): Promise<void> {
  return scenario.until('the lanes to the target are up', () =>
    scenario.board.target.clientLanes().every((lane) => lane.state === 'up'),
  );
}

/** Counters that never count. */
const ZEROES = new Proxy(new Uint32Array(0), { get: () => 0, set: () => true });
