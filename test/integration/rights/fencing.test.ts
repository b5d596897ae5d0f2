/** What becomes of a lost connection where Ferry's account may not see, or may not kill, the connections of a server. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Ferry, startFerry } from '../../../src/app.js';
import { defaultConfig } from '../../../src/config/config.js';
import { command, Relay, type Zombie } from '../../support/relay.js';
import { pause, Scenario, type Servers, startServers, stopServers } from '../divergence/scenario.js';
import { Wire } from '../write-commands/wire.js';

const SETTLE_MS = 600;

let servers: Servers;
let scenario: Scenario | null = null;

beforeAll(async () => {
  servers = await startServers();
});
afterAll(() => stopServers(servers));
afterEach(async () => {
  await scenario?.stop();
  scenario = null;
  await allow('+@all');
});

/** Of the account that Ferry uses, and the tests beside it. */
async function allow(...rules: string[]): Promise<void> {
  for (const { port } of [servers.source, servers.target]) {
    const wire = await Wire.open(port);
    await wire.send('ACL', 'SETUSER', 'default', ...rules);
    wire.close();
  }
}

async function play(rules: string[], settleMs = SETTLE_MS): Promise<Scenario> {
  await allow(...rules);
  scenario = await Scenario.start(servers, { config: { settleMs } });
  return scenario;
}

/** Ann's SET is in the buffer of a connection to the source that Ferry loses. */
async function loseWrite({ source }: Scenario, ann: Wire): Promise<Zombie> {
  const buffered = source.relay.hold('client/ann', 'requests');
  const lost = ann.send('SET', 'key', 'zombie').catch(() => null);
  await buffered.reached();
  const zombie = source.relay.connection('client/ann').abandon();
  buffered.release();
  await lost;
  return zombie;
}

/** A SET for the mirror is in the buffer of the connection that Ferry loses. */
async function loseOperation({ target }: Scenario, client: Wire): Promise<Zombie> {
  const buffered = target.relay.hold('mirror', 'requests');
  await client.send('SET', 'key', 'zombie');
  await buffered.reached();
  const zombie = target.relay.connection('mirror').abandon();
  buffered.release();
  await client.send('SET', 'key', 'new');
  return zombie;
}

describe.each(['source', 'target'] as const)('case 6: a connection to the %s is lost', (side) => {
  async function lose(stage: Scenario): Promise<Zombie> {
    const ann = await stage.client('ann');
    await ann.send('SET', 'key', 'old');
    await stage.settled();
    return side === 'source' ? loseWrite(stage, ann) : loseOperation(stage, ann);
  }

  test('case 6: CLIENT LIST is refused: it is killed by its id, since the process is still the same', async () => {
    const stage = await play(['-client|list']);
    const zombie = await lose(stage);
    await stage.settled();
    expect(await zombie.deliver()).toBe(0);
    expect(await stage.differences()).toEqual([]);
  });

  test('case 6: CLIENT KILL is refused: its keys are dirty until it is not in the list any more', async () => {
    const stage = await play(['-client|kill'], 0);
    const zombie = await lose(stage);
    await pause(800);
    expect(stage.ferry.control.status().mirror).toMatchObject({ uncertain: 1, dirtyKeys: 1 });
    expect(await zombie.deliver()).toBe(1);
    expect(await stage.outcome()).toEqual([]);
  });

  test.each([
    ['CLIENT LIST and CLIENT KILL are', ['-client|list', '-client|kill']],
    ['INFO and CLIENT LIST are', ['-info', '-client|list']],
  ])('case 6: %s refused: the keys settle, and the late write is found', async (_, rules) => {
    const stage = await play(rules);
    const zombie = await lose(stage);
    await stage.until('a first copy', () => stage.ferry.counters.repairs > 0 && stage.mirror.copies.active === 0);
    expect(stage.ferry.control.status().mirror).toMatchObject({ uncertain: 1, dirtyKeys: 1 });
    expect(await zombie.deliver()).toBe(1);
    expect(await stage.outcome()).toEqual([]);
    expect(stage.ferry.control.status().mirror.uncertain).toBe(0);
    expect(stage.migration.lastHazard).toMatch(/could not be fenced/);
  });

  test('case 6, no settling time: the late write stays on one side', async () => {
    const stage = await play(['-client|list', '-client|kill'], 0);
    const zombie = await lose(stage);
    await stage.settled();
    expect(await zombie.deliver()).toBe(1);
    expect(await stage.differences()).toEqual([expect.stringMatching(/^key: .*zombie/)]);
  });
});

test('a key that clients write all the time settles too', async () => {
  const stage = await play(['-client|list', '-client|kill']);
  const ann = await stage.client('ann');
  await ann.send('SET', 'key', '0');
  await loseWrite(stage, ann);
  const client = await stage.client();
  let isOver = false;
  const writing = (async () => {
    while (!isOver) {
      await client.send('APPEND', 'key', 'x');
      await pause(2);
    }
  })();
  await stage.until('the end of the quarantine', () => {
    const { uncertain, dirtyKeys } = stage.ferry.control.status().mirror;
    return uncertain === 0 && dirtyKeys === 0;
  });
  isOver = true;
  await writing;
  expect(await stage.outcome()).toEqual([]);
});

describe('case 6: a Ferry that is started again', () => {
  let relays: { source: Relay; target: Relay };
  let stateDir: string;

  beforeEach(async () => {
    for (const { port } of [servers.source, servers.target]) {
      const wire = await Wire.open(port);
      await wire.send('FLUSHALL');
      wire.close();
    }
    relays = { source: await Relay.to(servers.source.port), target: await Relay.to(servers.target.port) };
    stateDir = mkdtempSync(join(tmpdir(), 'ferry-fencing-'));
  });
  afterEach(async () => {
    await relays.source.close();
    await relays.target.close();
    rmSync(stateDir, { recursive: true, force: true });
  });

  const start = (settleMs = SETTLE_MS): Promise<Ferry> => {
    const anywhere = { host: '127.0.0.1', port: 0 };
    const { url: source } = relays.source;
    const { url: target } = relays.target;
    const phase = 'dual-write';
    return startFerry(
      defaultConfig({
        source,
        target,
        phase,
        listen: anywhere,
        admin: anywhere,
        stateDir,
        settleMs,
        logLevel: 'silent',
      }),
    );
  };

  /** The first one ends with a write for the source in a connection's buffer, which it did not get to kill. */
  async function leaveZombie(): Promise<Zombie> {
    const first = await start();
    const client = await Wire.open(first.port);
    await client.send('SET', 'key', 'old');
    const kill = relays.source.hold('control', 'requests', command('CLIENT', 'LIST'));
    const buffered = relays.source.hold('client', 'requests');
    const lost = client.send('SET', 'key', 'zombie').catch(() => null);
    await buffered.reached();
    const zombie = relays.source.connection('client').abandon();
    buffered.release();
    await lost;
    await kill.reached();
    await first.stop();
    kill.release();
    const path = join(stateDir, 'state.json');
    const state = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify({ ...state, clean: false }));
    return zombie;
  }

  async function differences(ferry: Ferry): Promise<string[]> {
    const until = performance.now() + 15_000;
    for (;;) {
      const { uncertain, dirtyKeys, dirtySlots, backlogOps } = ferry.control.status().mirror;
      if (uncertain + dirtyKeys + dirtySlots + backlogOps === 0) break;
      if (performance.now() > until) throw new Error(JSON.stringify(ferry.control.status().mirror));
      await pause(5);
    }
    await pause(50);
    const [here, there] = await Promise.all([Wire.open(servers.source.port), Wire.open(servers.target.port)]);
    const values = [String(await here.send('GET', 'key')), String(await there.send('GET', 'key'))];
    here.close();
    there.close();
    return values[0] === values[1] ? [] : values;
  }

  test('case 6: kills the connections that the one before it left', async () => {
    const zombie = await leaveZombie();
    const second = await start();
    expect(await zombie.deliver()).toBe(0);
    expect(await differences(second)).toEqual([]);
    await second.stop();
  });

  test('case 6: leaves those alone whose name is that of another migration', async () => {
    const zombie = await leaveZombie();
    const path = join(stateDir, 'state.json');
    const state = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify({ ...state, migrationId: 'another' }));
    for (const { port } of [servers.source, servers.target]) {
      const wire = await Wire.open(port);
      await wire.send('DEL', '__ferry:lease');
      wire.close();
    }
    const second = await start();
    await pause(100);
    expect(await zombie.deliver()).toBe(1);
    await second.stop();
  });

  test('case 6: without CLIENT LIST nothing is repaired before the settling time is over', async () => {
    const zombie = await leaveZombie();
    await allow('-client|list');
    const second = await start();
    expect(second.control.status().mirror.dirtySlots).toBeGreaterThan(0);
    await pause(SETTLE_MS / 2);
    expect(await zombie.deliver()).toBe(1);
    expect(await differences(second)).toEqual([]);
    await second.stop();
  });
});
