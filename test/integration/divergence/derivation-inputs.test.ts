/**
 * Ways to diverge 31: COPY, RENAME and *STORE read keys that the mirror does not have, or has in another state.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Wire } from '../write-commands/wire.js';
import { Scenario, type ScenarioOptions, type Servers, startServers, stopServers, texts } from './scenario.js';

let servers: Servers;
let scenario: Scenario | null = null;

beforeAll(async () => {
  servers = await startServers();
});
afterEach(async () => {
  await scenario?.stop();
  scenario = null;
});
afterAll(() => stopServers(servers));

async function begin(options: ScenarioOptions = {}): Promise<Scenario> {
  scenario = await Scenario.start(servers, options);
  return scenario;
}

async function sendAll(client: Wire, lines: readonly string[]): Promise<string[]> {
  return texts(await Promise.all(lines.map((line) => client.send(...line.split(' ')))));
}

describe('ways to diverge 31: an input that the mirror does not have, or has in another state', () => {
  interface InputCase {
    readonly name: string;
    /** Makes the inputs. */
    readonly given: readonly string[];
    /** Changes an input; the mirror refuses this command. */
    readonly change: string;
    /** Reads inputs into another key. */
    readonly reads: string;
    /** The keys it makes. */
    readonly makes: readonly string[];
  }

  const CASES: readonly InputCase[] = [
    {
      name: 'rename',
      given: ['RPUSH {k}in a'],
      change: 'RPUSH {k}in b',
      reads: 'RENAME {k}in {k}out',
      makes: ['{k}out'],
    },
    {
      name: 'renamenx',
      given: ['SET {k}in a'],
      change: 'APPEND {k}in b',
      reads: 'RENAMENX {k}in {k}out',
      makes: ['{k}out'],
    },
    {
      name: 'copy',
      given: ['HSET {k}in f a'],
      change: 'HSET {k}in f b',
      reads: 'COPY {k}in {k}out',
      makes: ['{k}out'],
    },
    {
      name: 'smove',
      given: ['SADD {k}in a', 'SADD {k}out x'],
      change: 'SADD {k}in b',
      reads: 'SMOVE {k}in {k}out b',
      makes: ['{k}in', '{k}out'],
    },
    {
      name: 'lmove',
      given: ['RPUSH {k}in a'],
      change: 'RPUSH {k}in b',
      reads: 'LMOVE {k}in {k}out RIGHT LEFT',
      makes: ['{k}in', '{k}out'],
    },
    {
      name: 'rpoplpush',
      given: ['RPUSH {k}in a'],
      change: 'RPUSH {k}in b',
      reads: 'RPOPLPUSH {k}in {k}out',
      makes: ['{k}in', '{k}out'],
    },
    {
      name: 'sunionstore',
      given: ['SADD {k}in a'],
      change: 'SADD {k}in b',
      reads: 'SUNIONSTORE {k}out {k}in',
      makes: ['{k}out'],
    },
    {
      name: 'sinterstore',
      given: ['SADD {k}in a', 'SADD {k}in2 a b'],
      change: 'SADD {k}in b',
      reads: 'SINTERSTORE {k}out {k}in {k}in2',
      makes: ['{k}out'],
    },
    {
      name: 'sdiffstore',
      given: ['SADD {k}in a b', 'SADD {k}in2 a'],
      change: 'SADD {k}in2 b',
      reads: 'SDIFFSTORE {k}out {k}in {k}in2',
      makes: ['{k}out'],
    },
    {
      name: 'zunionstore',
      given: ['ZADD {k}in 1 a'],
      change: 'ZADD {k}in 2 a',
      reads: 'ZUNIONSTORE {k}out 1 {k}in',
      makes: ['{k}out'],
    },
    {
      name: 'zinterstore',
      given: ['ZADD {k}in 1 a', 'ZADD {k}in2 1 a'],
      change: 'ZADD {k}in 2 a',
      reads: 'ZINTERSTORE {k}out 2 {k}in {k}in2',
      makes: ['{k}out'],
    },
    {
      name: 'zdiffstore',
      given: ['ZADD {k}in 1 a'],
      change: 'ZADD {k}in 2 a',
      reads: 'ZDIFFSTORE {k}out 1 {k}in',
      makes: ['{k}out'],
    },
    {
      name: 'zrangestore',
      given: ['ZADD {k}in 1 a'],
      change: 'ZADD {k}in 2 a',
      reads: 'ZRANGESTORE {k}out {k}in 0 -1',
      makes: ['{k}out'],
    },
    {
      name: 'bitop',
      given: ['SET {k}in a'],
      change: 'SETRANGE {k}in 0 b',
      reads: 'BITOP NOT {k}out {k}in',
      makes: ['{k}out'],
    },
    {
      name: 'pfmerge',
      given: ['PFADD {k}in a'],
      change: 'PFADD {k}in b c d',
      reads: 'PFMERGE {k}out {k}in',
      makes: ['{k}out'],
    },
    {
      name: 'geosearchstore',
      given: ['GEOADD {k}in 13 38 a'],
      change: 'GEOADD {k}in 13.1 38 a',
      reads: 'GEOSEARCHSTORE {k}out {k}in FROMLONLAT 13 38 BYRADIUS 99 km',
      makes: ['{k}out'],
    },
    {
      name: 'georadius',
      given: ['GEOADD {k}in 13 38 a'],
      change: 'GEOADD {k}in 13.1 38 a',
      reads: 'GEORADIUS {k}in 13 38 99 km STORE {k}out',
      makes: ['{k}out'],
    },
    {
      name: 'sort',
      given: ['RPUSH {k}in 2 1'],
      change: 'RPUSH {k}in 0',
      reads: 'SORT {k}in STORE {k}out',
      makes: ['{k}out'],
    },
    {
      name: 'eval',
      given: ['SET {k}in a'],
      change: 'APPEND {k}in b',
      reads: "EVAL redis.call('SET',KEYS[2],redis.call('GET',KEYS[1])) 2 {k}in {k}out",
      makes: ['{k}out'],
    },
  ];
  const lines = (one: InputCase, ...lines: string[]): string[] =>
    lines.map((line) => line.replaceAll('{k}', `{${one.name}}`));
  const made = (one: InputCase): string[] => one.makes.map((key) => key.replaceAll('{k}', `{${one.name}}`));

  /** The mirror refuses the command until it is allowed again. */
  async function deny(s: Scenario, commands: readonly string[]): Promise<void> {
    await s.target.direct.send('ACL', 'SETUSER', 'default', ...commands.map((name) => `-${name.toLowerCase()}`));
  }
  async function allow(s: Scenario): Promise<void> {
    await s.target.direct.send('ACL', 'SETUSER', 'default', '+@all');
  }
  afterEach(async () => {
    if (scenario !== null) await allow(scenario);
  });

  it('31: an unknown input is not read on the mirror', async () => {
    const given = CASES.flatMap((one) => lines(one, ...one.given));
    const s = await begin({ before: given.map((line) => line.split(' ')) });
    const client = await s.client();
    for (const one of CASES) expect((await sendAll(client, lines(one, one.reads)))[0]).not.toMatch(/^-/);
    const left = (await s.outcome()).map((difference) => difference.split(':')[0]);
    // what nobody wrote waits for the backfill, and nothing else does
    expect(left.filter((key) => CASES.some((one) => made(one).includes(key!)))).toEqual([]);
    await s.backfilled();
    expect(await s.outcome()).toEqual([]);
  });

  /** Every case's change, refused by the mirror, and in the same pipeline the command that reads it. */
  async function refusedThenRead(s: Scenario): Promise<void> {
    const client = await s.client();
    await sendAll(
      client,
      CASES.flatMap((one) => lines(one, ...one.given)),
    );
    await s.settled();
    expect(await s.differences()).toEqual([]);
    for (const one of CASES) {
      await deny(s, [one.change.split(' ')[0]!]);
      // so that the refusal is not known yet when the second reply comes
      const held = s.target.relay.hold('mirror', 'replies');
      const replies = await sendAll(client, lines(one, one.change, one.reads));
      held.release();
      expect(
        replies.filter((reply) => reply.startsWith('-')),
        one.name,
      ).toEqual([]);
      await s.until('the refusal is known', () => s.board.ledger.openTotal === 0);
      await allow(s);
    }
  }

  it('31: an input whose last write the mirror refused is not read there', async () => {
    const s = await begin();
    await refusedThenRead(s);
    expect(await s.outcome()).toEqual([]);
  });

  it('31: the fault without the rule: replayed although the input was not acknowledged', async () => {
    const s = await begin();
    (s.mirror as unknown as { base: { isQuiet: () => boolean } }).base.isQuiet = () => true;
    // nor does a difference that shows make everything unknown
    s.mirror.mismatched = (effect) => s.mirror.markDirty(effect);
    await refusedThenRead(s);
    const wrong = (await s.outcome()).map((difference) => difference.split(':')[0]);
    expect(wrong).toContain('{rename}out');
    expect(wrong).toContain('{zrangestore}out');
    expect(wrong.length).toBeGreaterThan(4);
  });

  it('31: an input that is dirty, and whose repair has not come yet, is not read there', async () => {
    const s = await begin();
    const client = await s.client();
    await sendAll(
      client,
      CASES.flatMap((one) => lines(one, ...one.given)),
    );
    await s.settled();
    await deny(
      s,
      CASES.map((one) => one.change.split(' ')[0]!),
    );
    const held = s.source.relay.hold('copy', 'requests');
    await sendAll(
      client,
      CASES.flatMap((one) => lines(one, one.change)),
    );
    await s.until('the refusals are known', () => s.board.dirty.size >= CASES.length);
    await sendAll(
      client,
      CASES.flatMap((one) => lines(one, one.reads)),
    );
    await allow(s);
    held.release();
    expect(await s.outcome()).toEqual([]);
  });

  it('31: inputs in a pipeline of several clients, all of them in a hurry', async () => {
    const s = await begin({ before: CASES.flatMap((one) => lines(one, ...one.given)).map((line) => line.split(' ')) });
    const clients = await Promise.all([s.client('ann'), s.client('bob'), s.client()]);
    const all = CASES.flatMap((one) => lines(one, one.change, one.reads, ...one.given));
    await s.ferry.control.backfill('start');
    for (let round = 0; round < 5; round++) {
      await Promise.all(clients.map((client, i) => sendAll(client, [...all.slice(i * 7), ...all.slice(0, i * 7)])));
    }
    expect(await s.outcome()).toEqual([]);
  });
});
