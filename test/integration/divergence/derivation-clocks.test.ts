/**
 * Ways to diverge 28: relative deadlines are meant on the authority's clock, whatever the clocks of Ferry's host and of
 * the mirror say; and a HyperLogLog's bytes are not its value.
 *
 * Both servers run on this machine, so that their own clocks agree; a clock that is apart is made by a skewing relay
 * (support/skewed-clock.ts), or by moving this process's own Date. What is compared are the real servers: a key must die
 * on both at one moment.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { SkewedClock } from '../../support/skewed-clock.js';
import { difference, stateOf } from '../write-commands/state.js';
import { Wire } from '../write-commands/wire.js';
import { pause, Scenario, type Servers, startServers, stopServers, texts } from './scenario.js';

const HOUR_MS = 3_600_000;
/** Sampling a clock over a busy machine's loopback is not exact. */
const TOLERANCE_MS = 300;

let servers: Servers;
let scenario: Scenario | null = null;
let skewed: SkewedClock[] = [];

beforeAll(async () => {
  servers = await startServers();
});
afterEach(async () => {
  vi.useRealTimers();
  await scenario?.stop();
  scenario = null;
  for (const clock of skewed) await clock.close();
  skewed = [];
});
afterAll(() => stopServers(servers));

/** A Ferry that sees the two servers' clocks ahead by so much. */
async function begin(
  sourceSkewMs: number,
  targetSkewMs: number,
  before: readonly (readonly (string | number)[])[] = [],
): Promise<Scenario> {
  const [source, target] = await Promise.all([
    SkewedClock.before(servers.source, sourceSkewMs),
    SkewedClock.before(servers.target, targetSkewMs),
  ]);
  skewed = [source, target];
  scenario = await Scenario.start({ source: source.asServer, target: target.asServer }, { before });
  return scenario;
}

/** On the servers' own clock. */
async function trueDifferences(): Promise<string[]> {
  const wires = await Promise.all([Wire.open(servers.source.port), Wire.open(servers.target.port)]);
  const [source, target] = await Promise.all(wires.map((wire) => stateOf(wire)));
  for (const wire of wires) wire.close();
  return [...new Set([...source!.keys.keys(), ...target!.keys.keys()])].flatMap((name) => {
    const found = difference(source!.keys.get(name), target!.keys.get(name), TOLERANCE_MS);
    return found === '' ? [] : [`${name}: ${found}`];
  });
}

/** Every command that sets a deadline. `@` is a moment, in seconds, on the source's clock as Ferry sees it. */
const DEADLINES: readonly string[] = [
  'SET set-ex v EX 500',
  'SET set-px v PX 500000',
  'SET set-exat v EXAT @',
  'SET set-pxat v PXAT @000',
  'SET set-get v EX 500 GET',
  'SET set-nx v PX 500000 NX',
  'SET base:keep v KEEPTTL',
  'SETEX setex 500 v',
  'PSETEX psetex 500000 v',
  'GETEX base:getex-ex EX 400',
  'GETEX base:getex-px PX 400000',
  'GETEX base:getex-exat EXAT @',
  'GETEX base:getex-pxat PXAT @000',
  'GETEX base:getex-persist PERSIST',
  'EXPIRE base:expire 400',
  'EXPIRE base:expire-gt 4000 GT',
  'EXPIRE base:expire-nx 4000 NX',
  'PEXPIRE base:pexpire 400000',
  'EXPIREAT base:expireat @',
  'PEXPIREAT base:pexpireat @000',
  'PERSIST base:persist',
  'RENAME base:renamed renamed',
  'COPY base:copied copied',
  'APPEND base:append x',
  'MULTI',
  'EXPIRE base:multi 400',
  'SET multi v EX 400',
  'EXEC',
  "EVAL redis.call('PEXPIRE',KEYS[1],400000) 1 base:eval",
  'EXPIRE base:gone -1',
  'EXPIREAT base:gone-at 1',
];

const BASES = DEADLINES.flatMap((line) => line.split(' ').filter((word) => word.startsWith('base:')));
const SET_BASES = BASES.map((key) => ['SET', key, 'v', 'EX', 900]);

async function setDeadlines(client: Wire, sourceSkewMs: number): Promise<void> {
  const at = String(Math.floor((Date.now() + sourceSkewMs) / 1000) + 600);
  for (const line of DEADLINES) {
    const [reply] = texts([await client.send(...line.replace('@', at).split(' '))]);
    expect(reply, line).not.toMatch(/^-/);
  }
}

describe('ways to diverge 28: clocks that are apart', () => {
  const SKEWS = [
    ['the source is an hour ahead', HOUR_MS, 0],
    ['the target is an hour ahead', 0, HOUR_MS],
    ['the target is two hours behind the source', HOUR_MS, -HOUR_MS],
    ['all agree', 0, 0],
  ] as const;

  it.each(SKEWS)('28: a key dies on both sides at one moment: %s', async (_, sourceSkewMs, targetSkewMs) => {
    const s = await begin(sourceSkewMs, targetSkewMs);
    const client = await s.client();
    for (const args of SET_BASES) await client.send(...args);
    await setDeadlines(client, sourceSkewMs);
    await s.settled();
    expect(await trueDifferences()).toEqual([]);
    expect(await s.verified()).toBe(true);
  });

  it.each(SKEWS)(
    '28: also by copies, of keys that the mirror did not know: %s',
    async (_, sourceSkewMs, targetSkewMs) => {
      const s = await begin(sourceSkewMs, targetSkewMs, [...SET_BASES, ['SET', 'untouched', 'v', 'EX', 900]]);
      await setDeadlines(await s.client(), sourceSkewMs);
      await s.backfilled();
      expect(await trueDifferences()).toEqual([]);
      expect(await s.verified()).toBe(true);
    },
  );

  it('28: also by logical copies, in chunks', async () => {
    const s = await begin(HOUR_MS, -HOUR_MS, [...SET_BASES, ['HSET', 'hash', 'f', 'v'.repeat(5000)]]);
    s.mirror.copies.logical = true;
    const client = await s.client();
    await client.send('PEXPIRE', 'hash', 700_000);
    await setDeadlines(client, HOUR_MS);
    await s.backfilled();
    expect(await trueDifferences()).toEqual([]);
  });

  it('28: the fault without the translation: on a mirror that is ahead they are dead on arrival', async () => {
    const s = await begin(0, HOUR_MS);
    Object.defineProperty(s.mirror.clock, 'shiftMs', { value: () => 0 });
    const client = await s.client();
    await client.send('SET', 'short-lived', 'v', 'EX', 600);
    await s.settled();
    expect(await trueDifferences()).toEqual([expect.stringMatching(/^0 short-lived: .* ≠ nothing$/)]);
  });

  it('28: the keys do die together', async () => {
    const s = await begin(-HOUR_MS, HOUR_MS);
    const client = await s.client();
    const wires = await Promise.all([Wire.open(servers.source.port), Wire.open(servers.target.port)]);
    const startedMs = performance.now();
    await client.send('SET', 'short', 'v', 'PX', 700);
    await s.settled();
    expect(texts(await Promise.all(wires.map((wire) => wire.send('EXISTS', 'short'))))).toEqual(['1', '1']);
    const diedAfterMs = await Promise.all(
      wires.map(async (wire) => {
        while (texts([await wire.send('EXISTS', 'short')])[0] === '1') await pause(2);
        return performance.now() - startedMs;
      }),
    );
    for (const ms of diedAfterMs) expect(Math.abs(ms - 700)).toBeLessThan(TOLERANCE_MS);
    for (const wire of wires) wire.close();
  });
});

describe("ways to diverge 28: the clock of Ferry's own host", () => {
  it('28: an hour ahead from the start', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + HOUR_MS });
    const s = await begin(0, 0);
    const client = await s.client();
    for (const args of SET_BASES) await client.send(...args);
    await setDeadlines(client, -HOUR_MS);
    await s.settled();
    vi.useRealTimers();
    expect(await trueDifferences()).toEqual([]);
  });

  it('28: set an hour back while it runs', async () => {
    const s = await begin(0, 0);
    const client = await s.client();
    for (const args of SET_BASES) await client.send(...args);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - HOUR_MS });
    await setDeadlines(client, HOUR_MS);
    await s.settled();
    vi.useRealTimers();
    expect(await trueDifferences()).toEqual([]);
  });
});

describe("ways to diverge 28: a HyperLogLog's bytes change when it is counted", () => {
  it('28: verification compares registers', async () => {
    const elements = Array.from({ length: 500 }, (_, i) => `e${i}`);
    scenario = await Scenario.start(servers, {
      before: [
        ['PFADD', 'sparse', 'a', 'b', 'c'],
        ['PFADD', 'dense', ...elements, ...elements.map((e) => `${e}+`)],
        ['PFADD', 'other', 'x'],
      ],
    });
    const s = scenario;
    await s.backfilled();
    const client = await s.client();
    await client.send('PFADD', 'sparse', 'd');
    await client.send('PFMERGE', 'other', 'sparse');
    await s.settled();
    // the cached counts of one side are fresh now, those of the other are stale
    for (const key of ['sparse', 'dense', 'other']) await client.send('PFCOUNT', key);
    const dumps = (wire: Wire) => Promise.all(['sparse', 'dense', 'other'].map((key) => wire.send('DUMP', key)));
    expect(texts(await dumps(s.source.direct))).not.toEqual(texts(await dumps(s.target.direct)));
    expect(await s.verified()).toBe(true);
    expect(await s.outcome()).toEqual([]);

    // equal counts, other registers
    await s.target.direct.send('DEL', 'sparse');
    await s.target.direct.send('PFADD', 'sparse', 'e', 'f', 'g', 'h');
    expect(texts([await s.source.direct.send('PFCOUNT', 'sparse')])).toEqual(
      texts([await s.target.direct.send('PFCOUNT', 'sparse')]),
    );
    expect(await s.verified()).toBe(false);
    expect(s.ferry.control.status().verify.differences).toMatchObject({ value: 1, missing: 0, extra: 0 });
  });
});
