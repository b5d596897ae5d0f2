/** Who has the lease when several processes ask for it at the same time, and what they leave of each other's records. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startFerry } from '../../../src/app.js';
import { defaultConfig } from '../../../src/config/config.js';
import { Lease } from '../../../src/jobs/lease.js';
import { Accounts } from '../../../src/lanes/accounts.js';
import { Upstream } from '../../../src/lanes/upstream.js';
import { silentLogger } from '../../../src/observe/log.js';
import { recordOf } from '../../../src/phases/lease-record.js';
import { type MigrationState, newState } from '../../../src/phases/state.js';
import { eventually } from '../../support/eventually.js';
import { Stage, sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

const KEY = '__ferry:lease';
const ROUNDS = 40;
const SIDES = ['source', 'target'] as const;

let stage: Stage;
let contenders: Contender[] = [];
beforeEach(async () => {
  stage = await Stage.open({ ferry: false });
});
afterEach(async () => {
  for (const one of contenders) one.close();
  contenders = [];
  await stage?.close();
});

/** A process as far as the lease knows it: connections of its name to both servers, and a lease of its own. */
class Contender {
  lease!: Lease;
  lostTo: string | null = null;

  private constructor(
    readonly holder: string,
    readonly state: MigrationState,
    private readonly sides: Readonly<Record<'source' | 'target', Upstream>>,
  ) {
    this.anew();
  }

  /** The same process with a lease that has found out nothing yet. */
  anew(): this {
    this.lease?.stop();
    this.lostTo = null;
    this.lease = new Lease({ sides: this.sides, db: 0, holder: this.holder, log: silentLogger() });
    this.lease.onLost = ({ holder }) => {
      this.lostTo = holder;
    };
    return this;
  }

  static async open(state = newState(stage.source.url, stage.target.url, 'source-only')): Promise<Contender> {
    const config = defaultConfig({ source: stage.source.url, target: stage.target.url });
    const accounts = new Accounts(config, config.credentials, config.mapUsers, null);
    const holder = randomBytes(4).toString('hex');
    const open = (side: 'source' | 'target'): Upstream =>
      new Upstream({
        side,
        endpoint: config[side],
        accounts,
        mappedDb: -1,
        prefixes: null,
        scope: null,
        connectionName: `ferry:${state.migrationId}:${state.epoch}:${holder}${side[0]}`,
        rename: config.rename[side],
        topology: config.topology,
        timeouts: config.timeouts,
      });
    const sides = { source: open('source'), target: open('target') };
    const one = new Contender(holder, state, sides);
    contenders.push(one);
    await Promise.all([sides.source.connect(), sides.target.connect()]);
    return one;
  }

  /** As a start does: true when it would serve now. */
  async starts(): Promise<boolean> {
    try {
      await this.lease.acquire(this.state, false);
      await this.lease.confirm();
      this.lease.begin(); // who comes later sees it beat
      return true;
    } catch (error) {
      expect((error as Error).message).toMatch(/Another Ferry \(\w+\) serves this pair[\s\S]*--takeover/);
      return false;
    }
  }

  /** As a killed process: its connections are gone, its records stay. */
  close(): void {
    this.lease.stop();
    this.sides.source.close();
    this.sides.target.close();
  }
}

async function wireTo(side: 'source' | 'target') {
  return side === 'source' ? await stage.onSource() : await stage.onTarget();
}

async function holderOn(side: 'source' | 'target'): Promise<string | null> {
  const value = await (await wireTo(side)).send('GET', KEY);
  return value === null ? null : (JSON.parse(String(text(value))) as { holder: string }).holder;
}

async function holders(): Promise<(string | null)[]> {
  return [await holderOn('source'), await holderOn('target')];
}

async function wipe(): Promise<void> {
  for (const side of SIDES) await (await wireTo(side)).send('DEL', KEY);
}

/** What a process that is gone left behind. */
async function leaveRecord(state: MigrationState, holder: string, beatMs = Date.now()): Promise<void> {
  for (const side of SIDES)
    await (await wireTo(side)).send('SET', KEY, JSON.stringify(recordOf(state, side, { holder }, beatMs)));
}

describe('several at the same time', () => {
  test('where there is no record exactly one has it, and both records are its own', async () => {
    const all = [await Contender.open(), await Contender.open(), await Contender.open()];
    for (let round = 0; round < ROUNDS; round++) {
      for (const one of all) one.anew();
      await wipe();
      const fresh = all.map((one) => ({ one, starting: delayed(Math.random() * 2, () => one.starts()) }));
      const served = [];
      for (const { one, starting } of fresh) if (await starting) served.push(one.holder);
      expect(served, `round ${round}`).toHaveLength(1);
      expect(await holders()).toEqual([served[0], served[0]]);
    }
  });

  test('over what a dead process left at most one has it', async () => {
    const all = [await Contender.open(), await Contender.open(), await Contender.open()];
    let ever = 0;
    for (let round = 0; round < ROUNDS; round++) {
      for (const one of all) one.anew();
      await leaveRecord(all[0]!.state, 'gone');
      const starting = all.map((one) => delayed(Math.random() * 2, () => one.starts()));
      const served = (await Promise.all(starting)).filter((serves) => serves).length;
      expect(served, `round ${round}`).toBeLessThanOrEqual(1);
      ever += served;
    }
    expect(ever).toBeGreaterThan(0);
  });

  test('one of two that a record goes away under leaves the other one alone', async () => {
    const all = [await Contender.open(), await Contender.open()];
    for (let round = 0; round < ROUNDS; round++) {
      for (const one of all) one.anew();
      await leaveRecord(all[0]!.state, 'gone');
      const starting = all.map((one) => delayed(Math.random() * 2, () => one.starts()));
      const going = delayed(Math.random() * 2, wipe);
      const served = (await Promise.all(starting)).filter((serves) => serves).length;
      await going;
      expect(served, `round ${round}`).toBeLessThanOrEqual(1);
    }
  });

  test('of two whole Ferries one serves, and the other one is told why', async () => {
    const anywhere = { listen: { host: '127.0.0.1', port: 0 }, admin: { port: 0 }, logLevel: 'silent' as const };
    const sides = { source: stage.source.url, target: stage.target.url };
    for (let round = 0; round < 5; round++) {
      const started = await Promise.allSettled(
        ['one', 'two'].map((name) =>
          startFerry(defaultConfig({ ...sides, ...anywhere, stateDir: `${stage.stateDir}/${round}/${name}` })),
        ),
      );
      const refused = started.filter((one) => one.status === 'rejected');
      for (const one of started) if (one.status === 'fulfilled') await one.value.stop();
      expect(refused, `round ${round}`).toHaveLength(1);
      expect(String(refused[0]!.reason)).toMatch(/Another Ferry|--adopt/);
      expect(await holders()).toEqual([null, null]);
    }
  });
});

describe('a process that is refused', () => {
  test('leaves the records of the one that serves, also when it ends', async () => {
    const [winner, loser] = [await Contender.open(), await Contender.open()];
    await loser.lease.acquire(loser.state, false);
    await leaveRecord(winner.state, winner.holder); // written over it, as another one's takeover does
    await expect(loser.lease.confirm()).rejects.toThrow(/Another Ferry/);
    await loser.lease.publish(loser.state);
    await loser.lease.release(loser.state, true);
    expect(await holders()).toEqual([winner.holder, winner.holder]);
  });

  test('while another one serves: at once, and the other one goes on', async () => {
    const [winner, loser] = [await Contender.open(), await Contender.open()];
    expect(await winner.starts()).toBe(true);
    expect(await loser.starts()).toBe(false);
    await loser.lease.release(loser.state, true);
    await sleep(1200); // a beat
    expect(winner.lostTo).toBeNull();
    expect(await holders()).toEqual([winner.holder, winner.holder]);
  });
});

describe('a holder whose record was flushed', () => {
  test('writes it again', async () => {
    const holder = await Contender.open();
    await holder.starts();
    await wipe();
    holder.lease.renew();
    await eventually('the records', 5000, async () => {
      const wrong = (await holders()).filter((found) => found !== holder.holder);
      return wrong.length === 0 ? '' : `not ${wrong}`;
    });
  });

  test('does not write over the record of another one, and stops', async () => {
    const [before, after] = [await Contender.open(), await Contender.open()];
    for (let round = 0; round < ROUNDS; round++) {
      await wipe();
      const old = before.anew();
      expect(await old.starts()).toBe(true);
      await wipe();
      // at the same moment: which one is first is left to the servers
      const renewing = delayed(Math.random(), async () => old.lease.renew());
      const serves = await delayed(Math.random(), () => after.anew().starts());
      await renewing;
      await sleep(20);
      old.lease.renew();
      await sleep(20);
      if (serves) {
        expect(old.lostTo, `round ${round}`).toBe(after.holder);
        expect(await holders()).toEqual([after.holder, after.holder]);
      }
      old.lease.stop();
    }
  });
});

describe('what a dead process left', () => {
  test('is taken over at once when no server has a connection of its name', async () => {
    const [dead, next] = [await Contender.open(), await Contender.open()];
    expect(await dead.starts()).toBe(true);
    dead.close();
    await sleep(50);
    const startedMs = performance.now();
    expect(await next.starts()).toBe(true);
    expect(performance.now() - startedMs).toBeLessThan(5000);
    expect(await holders()).toEqual([next.holder, next.holder]);
  });

  test('is taken over after its time when its connections are still there, and not before', async () => {
    const [hung, next] = [await Contender.open(), await Contender.open()];
    expect(await hung.starts()).toBe(true);
    hung.lease.stop(); // it does not renew it
    const startedMs = performance.now();
    expect(await next.starts()).toBe(true);
    expect(performance.now() - startedMs).toBeGreaterThan(9000);
    expect(await holders()).toEqual([next.holder, next.holder]);
    hung.lease.begin();
    hung.lease.renew();
    await eventually('the end of the other one', 5000, async () =>
      hung.lostTo === next.holder ? '' : String(hung.lostTo),
    );
    expect(await holders()).toEqual([next.holder, next.holder]);
  }, 30_000);
});

test('an account that may not read the key writes over what is there, and starts', async () => {
  await leaveRecord(newState('a', 'b', 'source-only'), '');
  for (const side of SIDES) {
    const wire = await wireTo(side);
    await wire.send('ACL', 'SETUSER', 'default', '-get');
  }
  const one = await Contender.open();
  expect(await one.starts()).toBe(true);
  for (const side of SIDES) await (await wireTo(side)).send('ACL', 'SETUSER', 'default', '+get');
  expect(await holders()).toEqual([one.holder, one.holder]);
});

async function delayed<T>(ms: number, then: () => Promise<T>): Promise<T> {
  await sleep(ms);
  return then();
}
