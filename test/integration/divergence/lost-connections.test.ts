/**
 * Cases 6 and 15 of the ways to diverge: a write that was buffered in a dead connection runs after its key was repaired; a
 * mark that was made while a copy was on its way is cleared by that copy.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { command, type Hold, type Relay, type Zombie } from '../../support/relay.js';
import type { Wire } from '../write-commands/wire.js';
import { pause, Scenario, type ScenarioOptions, type Servers, startServers, stopServers } from './scenario.js';

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

/** Lost connections are not killed on their servers. */
function withoutFences(): void {
  const { source, target } = scenario.board;
  for (const side of [source, target]) Object.assign(side.home, { fence: () => {} });
}

function holdFence(relay: Relay): Hold {
  return relay.hold('control', 'requests', command('CLIENT', 'KILL'));
}

/** Ann's write is in the buffer of a connection that Ferry loses. Her own connection is closed by Ferry. */
async function loseWrite(ann: Wire, ...write: string[]): Promise<Zombie> {
  const { relay } = scenario.source;
  const buffered = relay.hold('client/ann', 'requests');
  const lost = ann.send(...write).then(
    () => 'answered',
    () => 'closed',
  );
  await buffered.reached();
  const zombie = relay.connection('client/ann').abandon();
  buffered.release();
  expect(await lost).toBe('closed');
  return zombie;
}

describe('case 6: a connection to the source dies with a write in its buffer', () => {
  async function lostWrite(withRule: boolean): Promise<{ answered: number; differences: string[] }> {
    await play();
    const ann = await scenario.client('ann');
    await ann.send('SET', 'key', 'old');
    await scenario.settled();
    if (!withRule) withoutFences();
    const zombie = await loseWrite(ann, 'SET', 'key', 'zombie');
    const client = await scenario.client();
    if (withRule) await client.send('APPEND', 'key', ' and more');
    await scenario.settled();
    expect(zombie.heldRequests).toBe(1);
    const answered = await zombie.deliver();
    return { answered, differences: await scenario.outcome() };
  }

  test('case 6: the key is repaired, then the write arrives [fence]', async () => {
    expect(await lostWrite(true)).toEqual({ answered: 0, differences: [] });
    expect(String(await scenario.source.direct.send('GET', 'key'))).toBe('old and more');
  });
  test('case 6, no fence: the source has a write that the mirror never gets', async () => {
    const { answered, differences } = await lostWrite(false);
    expect(answered).toBe(1);
    expect(differences).toEqual([expect.stringMatching(/^key: .*zombie.*≠.*old/)]);
  });

  test('case 6: the write arrives before the fence, and after a copy of its key that was waiting for it [fence]', async () => {
    const { source, ferry } = await play({ before: [['SET', 'key', 'old']] });
    const ann = await scenario.client('ann');
    await ann.send('SET', 'elsewhere', '1'); // opens the lane
    const kill = holdFence(source.relay);
    const buffered = source.relay.hold('client/ann', 'requests');
    const lost = ann.send('SET', 'key', 'zombie').catch(() => null);
    await buffered.reached();
    await ferry.control.backfill('start'); // its copy of the key is parked behind the SET
    await scenario.until('a parked copy', () => ferry.counters.parked > 0);
    const zombie = source.relay.connection('client/ann').abandon();
    buffered.release();
    await lost;
    await scenario.until('the copy', () => scenario.mirror.copies.active === 0);
    await kill.reached();
    expect(await zombie.deliver()).toBe(1);
    kill.release();
    expect(await scenario.outcome()).toEqual([]);
    expect(String(await scenario.target.direct.send('GET', 'key'))).toBe('zombie');
  });
});

describe('case 6: the connection of the mirror dies with a write in its buffer', () => {
  async function lostOp(withRule: boolean): Promise<{ answered: number; differences: string[] }> {
    const { target } = await play();
    const client = await scenario.client();
    await client.send('SET', 'key', 'old');
    await scenario.settled();
    if (!withRule) withoutFences();
    const buffered = target.relay.hold('mirror', 'requests');
    await client.send('SET', 'key', 'zombie');
    await client.send('HSET', 'hash', 'field', 'zombie');
    await buffered.reached(2);
    const zombie = target.relay.connection('mirror').abandon();
    buffered.release();
    await scenario.settled();
    await client.send('SET', 'key', 'new');
    await client.send('DEL', 'hash');
    await scenario.settled();
    const answered = await zombie.deliver();
    return { answered, differences: await scenario.outcome() };
  }

  test('case 6: the key is repaired and written again, then the old write arrives [fence]', async () => {
    expect(await lostOp(true)).toEqual({ answered: 0, differences: [] });
    expect(String(await scenario.target.direct.send('GET', 'key'))).toBe('new');
  });
  test('case 6, no fence: the old write stands over the new one', async () => {
    const { answered, differences } = await lostOp(false);
    expect(answered).toBe(2);
    expect(differences).toEqual([
      expect.stringMatching(/^hash: nothing ≠ hash/),
      expect.stringMatching(/^key: .*new.*≠.*zombie/),
    ]);
  });

  test('case 6: the write arrives before the fence, and after a copy that live traffic asked for [fence]', async () => {
    const { target } = await play();
    const client = await scenario.client();
    await client.send('SET', 'key', 'old');
    await scenario.settled();
    const kill = holdFence(target.relay);
    const buffered = target.relay.hold('mirror', 'requests');
    await client.send('SET', 'key', 'zombie');
    await buffered.reached();
    const zombie = target.relay.connection('mirror').abandon();
    buffered.release();
    await scenario.until('another connection', () => target.relay.isConnected('mirror') && scenario.mirror.lane.isUp);
    await client.send('EVAL', "return redis.call('SET', KEYS[1], 'new')", '1', 'key');
    await scenario.until('the copy', () => scenario.mirror.copies.active === 0);
    await kill.reached();
    expect(await zombie.deliver()).toBe(1);
    kill.release();
    expect(await scenario.outcome()).toEqual([]);
    expect(String(await target.direct.send('GET', 'key'))).toBe('new');
  });
});

describe('case 15: a copy is on its way, the key changes by another road', () => {
  /** Somebody changes the key beside Ferry, after the copy has read it; the mark is what tracking will make of that. */
  async function changeBehindCopy(withRule: boolean): Promise<string[]> {
    const { source, board } = await play({ before: [['SET', 'key', 'old']] });
    if (!withRule) {
      const { dirty } = board;
      const generation = (db: number, key: Buffer): number =>
        [...dirty.entries()].find((mark) => mark.db === db && mark.key.equals(key))?.generation ?? 0;
      const clear = dirty.clear.bind(dirty);
      dirty.clear = (db, key) => clear(db, key, generation(db, key));
    }
    const read = source.relay.hold('copy', 'replies', command('EXEC'));
    scenario.mirror.markKeyDirty(0, Buffer.from('key'));
    await read.reached();
    await source.direct.send('SET', 'key', 'new');
    scenario.mirror.markKeyDirty(0, Buffer.from('key'));
    read.release();
    return scenario.outcome();
  }

  test('case 15: the newer mark outlives the copy [generation at send]', async () => {
    expect(await changeBehindCopy(true)).toEqual([]);
    expect(scenario.ferry.counters.repairs).toBe(2);
  });
  test('case 15, any mark is cleared: the change is forgotten', async () => {
    expect(await changeBehindCopy(false)).toEqual([expect.stringMatching(/^key: .*new.*≠.*old/)]);
  });

  test('case 15: the same while the copy waits for the mirror, and for one that was not dirty [generation at send]', async () => {
    const { source, target, ferry } = await play({ before: [['SET', 'key', 'old']] });
    const restored = target.relay.hold('mirror', 'requests', command('RESTORE'));
    await ferry.control.backfill('start');
    await restored.reached();
    await source.direct.send('SET', 'key', 'new');
    scenario.mirror.markKeyDirty(0, Buffer.from('key'));
    await pause(20);
    restored.release();
    expect(await scenario.outcome()).toEqual([]);
  });

  test('case 15: the same for a copy in chunks, at every command it sends [generation at send]', async () => {
    const elements = Array.from({ length: 600 }, (_, i) => `element ${i}`);
    const config = { limits: { bigKeyBytes: 1024 } };
    const { source } = await play({ config, before: [['RPUSH', 'list', ...elements]] });
    const steps = [command('TYPE'), command('LRANGE'), command('PEXPIRETIME')];
    for (const [i, step] of steps.entries()) {
      const read = source.relay.hold('copy', 'replies', step);
      scenario.mirror.markKeyDirty(0, Buffer.from('list'));
      await read.reached();
      await source.direct.send('LSET', 'list', '0', `change ${i}`);
      scenario.mirror.markKeyDirty(0, Buffer.from('list'));
      read.release();
      expect(await scenario.outcome()).toEqual([]);
    }
  });
});
