/**
 * Ways to diverge 19, 23 and 33: which side answers a read, and that its answer is the one that the authority has.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { READS } from '../../../src/commands/misses.js';
import { withoutOwn } from '../../support/own-keys.js';
import { command } from '../../support/relay.js';
import { canonical, list, text } from '../write-commands/state.js';
import type { Wire, WireReply } from '../write-commands/wire.js';
import { callsOf, resetCalls } from './command-stats.js';
import {
  commandName,
  DATA,
  FUNCTIONS,
  LINES,
  NEWER_DATA,
  NEWER_LINES,
  UNORDERED_LINES,
  withPrefix,
} from './read-lines.js';
import { Scenario, type ScenarioOptions, type Servers, startServers, stopServers, texts } from './scenario.js';

let servers: Servers;
let scenario: Scenario;

beforeAll(async () => {
  servers = await startServers();
});
afterEach(() => scenario.stop());
afterAll(() => stopServers(servers));

async function begin(options: ScenarioOptions): Promise<Wire> {
  scenario = await Scenario.start(servers, options);
  return scenario.client();
}

function sorted(reply: WireReply): WireReply {
  if (!Array.isArray(reply)) return reply;
  return reply.map((part) => canonical(part)).sort();
}

describe('ways to diverge 19: a cursor belongs to one server', () => {
  const ELEMENTS = 5000;
  const names = Array.from({ length: ELEMENTS }, (_, i) => `element:${i}`);
  const DATA_TO_SCAN = [
    ['HSET', 'hash', ...names.flatMap((name) => [name, 'v'])],
    ['SADD', 'set', ...names],
    ['ZADD', 'zset', ...names.flatMap((name, i) => [i, name])],
    ['MSET', ...names.flatMap((name) => [name, 'v'])],
  ];
  const SCANS = [
    { args: ['HSCAN', 'hash'], width: 2, expected: ELEMENTS },
    { args: ['SSCAN', 'set'], width: 1, expected: ELEMENTS },
    { args: ['ZSCAN', 'zset'], width: 2, expected: ELEMENTS },
    { args: ['SCAN'], width: 1, expected: ELEMENTS + 3 },
  ];

  /** Distinct elements seen; `at` is called with the number of each round and says whom to ask. */
  async function scan(at: (round: number) => Wire | Promise<Wire>, args: string[], width: number): Promise<number> {
    const seen = new Set<string>();
    let cursor = '0';
    let round = 0;
    do {
      const wire = await at(round++);
      const [next, page] = list(await wire.send(...args, cursor, 'COUNT', 100));
      cursor = text(next);
      list(page).forEach((element, i) => {
        if (i % width === 0) seen.add(text(element));
      });
    } while (cursor !== '0');
    return seen.size;
  }

  it('19: continued on the other server a scan loses elements, so through Ferry it never is', async () => {
    const client = await begin({ phase: 'target-read', before: DATA_TO_SCAN });
    await scenario.backfilled();
    const { source, target } = scenario;
    const torn = await scan((round) => (round < 20 ? source.direct : target.direct), ['HSCAN', 'hash'], 2);
    expect(torn).toBeLessThan(ELEMENTS);

    await resetCalls(target.direct);
    for (const { args, width, expected } of SCANS) expect(await scan(() => client, args, width)).toBe(expected);
    const calls = await callsOf(target.direct);
    for (const { args } of SCANS) expect(calls.get(args[0]!.toLowerCase())).toBeUndefined();
    expect(await scenario.outcome()).toEqual([]);
  });

  it('19: it may span a change of the share and the step from dual-write to target-read', async () => {
    const client = await begin({ phase: 'dual-write', before: DATA_TO_SCAN });
    await scenario.backfilled();
    const steps: (() => Promise<unknown>)[] = [
      () => scenario.ferry.control.changePhase({ to: 'target-read', share: 50 }),
      () => scenario.ferry.control.changePhase({ to: 'target-read', share: 100 }),
      () => scenario.ferry.control.changePhase({ to: 'dual-write' }),
    ];
    const moving = async (round: number): Promise<Wire> => {
      if (round > 0 && round % 10 === 0) await steps.shift()?.();
      return client;
    };
    expect(await scan(moving, ['HSCAN', 'hash'], 2)).toBe(ELEMENTS);
    expect(steps).toEqual([]);
  });

  it('19: one that spans the cutover misses nothing', async () => {
    const client = await begin({ phase: 'target-read', before: DATA_TO_SCAN });
    await scenario.backfilled();
    expect(await scenario.verified()).toBe(true);
    for (const { args, width, expected } of SCANS) {
      const to = scenario.board.phase === 'target-read' ? 'target-first' : 'target-read';
      const moving = async (round: number): Promise<Wire> => {
        if (round === 20) expect(await scenario.ferry.control.changePhase({ to })).toMatchObject({ ok: true });
        return client;
      };
      expect(await scan(moving, args, width)).toBe(expected);
      await scenario.settled();
      if (to === 'target-read') expect(await scenario.verified()).toBe(true);
    }
  });
});

describe('ways to diverge 23: missing-key replies that do not look empty', () => {
  const prepare = async (prefix: string): Promise<void> => {
    for (const line of DATA) await scenario.source.direct.send(...withPrefix(line.split(' '), prefix));
    await scenario.source.direct.send('FUNCTION', 'LOAD', 'REPLACE', FUNCTIONS);
  };

  it('23: there is a line for every read command of the installed server', async () => {
    await begin({ phase: 'target-read' });
    const covered = new Set([...LINES, ...UNORDERED_LINES, ...NEWER_LINES].map(commandName));
    const missing: string[] = [];
    for (const name of READS.keys()) {
      const [exists] = list(await scenario.source.direct.send('COMMAND', 'INFO', name));
      if (exists !== null && !covered.has(name)) missing.push(name);
    }
    expect(missing).toEqual([]);
  });

  it('23: a key that only the source has is answered exactly as the source does', async () => {
    const client = await begin({ phase: 'target-read', config: { readRepair: false } });
    await prepare('k:');
    await resetCalls(scenario.target.direct);
    for (const line of [...LINES, ...UNORDERED_LINES]) {
      const args = withPrefix(line, 'k:');
      const expected = canonical(await scenario.source.direct.send(...args));
      expect(canonical(await client.send(...args)), args.join(' ')).toBe(expected);
    }
    const { targetReads, fallbacks } = scenario.ferry.counters;
    expect(targetReads).toBeGreaterThan(100);
    expect(fallbacks).toBe(targetReads);
    // what cannot be told from a miss is never asked
    const calls = await callsOf(scenario.target.direct);
    const asked = [...READS].filter(([name, miss]) => miss === 'never' && calls.has(name)).map(([name]) => name);
    expect(asked).toEqual([]);
    expect(withoutOwn(((await scenario.target.direct.send('KEYS', '*')) as Buffer[]).map(text))).toEqual([]);
  });

  it('23: a key that neither side has is answered as the source does', async () => {
    const client = await begin({ phase: 'target-read' });
    await prepare('k:');
    for (const line of [...LINES, ...UNORDERED_LINES]) {
      const args = withPrefix(line, 'missing:');
      const expected = canonical(await scenario.source.direct.send(...args));
      expect(canonical(await client.send(...args)), args.join(' ')).toBe(expected);
    }
    const { targetReads, fallbacks } = scenario.ferry.counters;
    expect(targetReads).toBeGreaterThan(90);
    expect(fallbacks).toBe(targetReads);
    expect(withoutOwn(((await scenario.target.direct.send('KEYS', '*')) as Buffer[]).map(text))).toEqual([]);
  });

  it('23: commands that came after Redis 7.0 are answered as the source does', async (context) => {
    const client = await begin({ phase: 'target-read', config: { readRepair: false } });
    const { source, target } = scenario;
    const isThere = async (name: string): Promise<boolean> =>
      list(await source.direct.send('COMMAND', 'INFO', name))[0] !== null;
    const [fields, vectors] = [await isThere('httl'), await isThere('vadd')];
    if (!fields) context.skip();
    const known = ({ 0: name }: readonly string[]): boolean => (name!.startsWith('V') ? vectors : fields);
    for (const line of NEWER_DATA.map((text) => text.split(' ')).filter(known)) {
      expect(await source.direct.send(...withPrefix(line, 'k:')), line.join(' ')).not.toBeInstanceOf(Error);
    }
    await resetCalls(target.direct);
    for (const prefix of ['k:', 'missing:']) {
      for (const line of NEWER_LINES.filter(known)) {
        const args = withPrefix(line, prefix);
        const expected = canonical(await source.direct.send(...args));
        expect(canonical(await client.send(...args)), args.join(' ')).toBe(expected);
      }
    }
    expect((await callsOf(target.direct)).get('hpexpiretime')).toBeGreaterThan(0);
  });

  it('23: asked in one pipeline, and again when the misses have copied the keys', async () => {
    const client = await begin({ phase: 'target-read' });
    await prepare('k:');
    const all = [...LINES, ...UNORDERED_LINES].map((line) => withPrefix(line, 'k:'));
    const comparable = (reply: WireReply | undefined, i: number): string =>
      canonical(i < LINES.length ? (reply ?? null) : sorted(reply ?? null));
    const expected = await Promise.all(all.map((args) => scenario.source.direct.send(...args)));
    for (let round = 0; round < 3; round++) {
      const replies = await Promise.all(all.map((args) => client.send(...args)));
      for (const [i, args] of all.entries()) {
        expect(comparable(replies[i], i), args.join(' ')).toBe(comparable(expected[i], i));
      }
      await scenario.settled();
    }
    await resetCalls(scenario.target.direct);
    for (const [i, args] of all.entries()) {
      expect(comparable(await client.send(...args), i), args.join(' ')).toBe(comparable(expected[i], i));
    }
    const { counters } = scenario.ferry;
    expect(counters.targetReads - counters.fallbacks - counters.cascades).toBeGreaterThan(60);
    await scenario.backfilled();
    expect(await scenario.outcome()).toEqual([]);
  });
});

describe('ways to diverge 33: a pair that the authority never had', () => {
  it('33: reads of several keys ask the authority, although every slot is clean', async () => {
    const client = await begin({ phase: 'target-read' });
    const lines = [...LINES, ...UNORDERED_LINES].filter(
      (line) => new Set(line.filter((w) => w.startsWith('@'))).size > 1,
    );
    for (const line of DATA) await client.send(...withPrefix(line.split(' '), 'k:'));
    await scenario.settled();
    await resetCalls(scenario.target.direct);
    for (const line of lines) {
      const args = withPrefix(line, 'k:');
      const expected = canonical(await scenario.source.direct.send(...args));
      expect(canonical(await client.send(...args)), args.join(' ')).toBe(expected);
    }
    const calls = await callsOf(scenario.target.direct);
    const names = new Set(lines.map(commandName));
    expect([...names].filter((name) => calls.has(name))).toEqual([]);
    expect(names.size).toBeGreaterThanOrEqual(13);
    expect(scenario.ferry.counters.targetReads).toBe(0);
  });

  it('33: while one of two writes is still on its way to the target, MGET sees both', async () => {
    const client = await begin({ phase: 'target-read' });
    const reader = await scenario.client();
    await client.send('MSET', 'first', 'old', 'second', 'old');
    await scenario.settled();
    const held = scenario.target.relay.hold('mirror', 'requests', command('SET', 'second'));
    await client.send('SET', 'first', 'new');
    await client.send('SET', 'second', 'new');
    await held.reached();
    await scenario.until('the first is on the target', () => scenario.board.ledger.openTotal === 1);

    // the fault: this pair never was on the source
    expect(texts(list(await scenario.target.direct.send('MGET', 'first', 'second')))).toEqual(['new', 'old']);
    expect(texts(list(await reader.send('MGET', 'first', 'second')))).toEqual(['new', 'new']);
    expect(texts(await Promise.all([reader.send('GET', 'second'), reader.send('GET', 'first')]))).toEqual([
      'new',
      'new',
    ]);
    held.release();
    expect(await scenario.outcome()).toEqual([]);
  });
});
