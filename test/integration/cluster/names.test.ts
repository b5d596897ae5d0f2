/**
 * DNS names that move under live traffic: to a promoted replica, to whoever of several answers is the master, to the new
 * nodes of a Cluster. Names are resolved by a DNS server of the test's own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startFerry } from '../../../src/app.js';
import { defaultConfig } from '../../../src/config/config.js';
import { DnsServer } from '../../support/dns.js';
import { HostedCluster } from '../../support/hosted-cluster.js';
import { casesOf, IS_LONG_RUN } from '../../support/long-run.js';
import { NamedPair } from '../../support/named-pair.js';
import { Load } from '../journey/load.js';
import { Pipe } from '../journey/pipe.js';
import { sleep } from '../journey/stage.js';
import { list, text } from '../journey/wire.js';
import { type Deployment, deploy } from './deployment.js';
import { Voyage } from './voyage.js';

type SideName = 'source' | 'target';
const SIDES: readonly SideName[] = ['source', 'target'];

let dns: DnsServer;
let voyage: Voyage | null = null;
let pair: NamedPair;

beforeEach(async () => {
  dns = await DnsServer.open();
});
afterEach(async () => {
  await voyage?.close();
  voyage = null;
  await dns.close();
});

function named(one: NamedPair): Deployment {
  return {
    kind: 'standalone',
    url: one.url,
    ports: async () => [one.primary.port],
    wires: async () => [await one.wire(one.primary)],
    cluster: null,
    sentinels: null,
    stop: () => one.stop(),
  };
}

/** A named pair on one side, a plain server on the other; in `dual-write`, everything copied and verified. */
async function sail(side: SideName): Promise<Voyage> {
  pair = await NamedPair.open(dns, 'db.example', ['127.0.0.2', '127.0.0.3']);
  const other = await deploy('standalone');
  const [a, b] = side === 'source' ? [named(pair), other] : [other, named(pair)];
  voyage = await Voyage.between(a, b, { topology: { dnsServers: [dns.address], dnsRefreshMs: 250 } });
  return voyage;
}

/** Afterwards nothing is missing, nothing too much, and nobody has noticed. */
async function isWell(one: Voyage, load: Load): Promise<void> {
  await one.settled();
  expect(await one.verify()).toEqual([]);
  expect(await one.differences()).toEqual([]);
  expect(load.complaints).toEqual([]);
  expect(one.ferry.counters.selfCheckMismatches).toBe(0);
}

/** Ferry has resolved the name anew, and acted on it. */
async function askedAgain(): Promise<void> {
  const asked = dns.queries;
  while (dns.queries < asked + 4) await sleep(10);
}

/** How often the server executed SET. */
async function sets(server: NamedPair['primary']): Promise<number> {
  const stats = await pair.ask(server, 'INFO', 'commandstats');
  return Number(/cmdstat_set:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

describe.each(SIDES)('the name of the %s', (side) => {
  test.each(
    casesOf(
      [
        ['changes between the promotion and the demotion', false, true],
        ['changes before the roles do', true, false],
        ['changes after the roles', false, false],
      ] as const,
      1,
    ),
  )('%s', async (_, before, between) => {
    const one = await sail(side);
    const load = new Load(one.ferry.port);
    try {
      await load.more(50);
      await one.readyForCutover();
      const { replica } = pair;
      if (before) {
        pair.lead(replica);
        await askedAgain();
        await load.more(50);
      }
      await pair.switchOver(() => between && pair.lead(replica));
      pair.lead();
      await load.more(100);
      const seen = await sets(replica);
      await load.more(100);
      expect(await sets(replica)).toBeGreaterThan(seen);
    } finally {
      await load.stop();
    }
    await isWell(one, load);
    expect(load.closes).toBe(0);
    expect(one.status.backfill.state).toBe('done');
  });

  test('leads to the promoted replica when the server has died', async () => {
    const one = await sail(side);
    const load = new Load(one.ferry.port, { mayClose: side === 'source' });
    try {
      await load.more(50);
      await one.readyForCutover();
      pair.killPrimary();
      await sleep(300);
      await pair.promote();
      pair.lead();
      await load.more(200);
    } finally {
      await load.stop();
    }
    await isWell(one, load);
    if (side === 'target') expect(load.closes).toBe(0);
    expect(one.status.backfill.state).toBe('done');
  });

  test.runIf(IS_LONG_RUN || side === 'source')(
    'has two answers, of which the one that is a master counts',
    async () => {
      const one = await sail(side);
      pair.lead(pair.replica, pair.primary);
      const load = new Load(one.ferry.port);
      try {
        await load.more(50);
        await one.readyForCutover();
        for (let i = 0; i < 3; i++) {
          await pair.switchOver();
          await load.more(100);
        }
      } finally {
        await load.stop();
      }
      await isWell(one, load);
      expect(load.closes).toBe(0);
    },
  );

  test.runIf(IS_LONG_RUN || side === 'target')('cannot be resolved for a while, which moves nobody', async () => {
    const one = await sail(side);
    const load = new Load(one.ferry.port);
    try {
      await load.more(50);
      await one.readyForCutover();
      dns.unset(pair.name);
      await askedAgain();
      await load.more(100);
      pair.lead();
      await load.more(100);
    } finally {
      await load.stop();
    }
    await isWell(one, load);
    expect(load.closes).toBe(0);
  });

  test('moves, and who is subscribed hears of the next messages', async () => {
    const one = await sail(side);
    await one.readyForCutover();
    const listener = await Pipe.open(one.ferry.port);
    expect(list((await listener.batch([['SUBSCRIBE', 'news']]))[0]!).map(text)).toEqual(['subscribe', 'news', '1']);
    await pair.switchOver();
    pair.lead();
    const said = await Pipe.open(one.ferry.port);
    expect(text(await said.ask('SET', 'k', 'v'))).toBe('OK');
    if (side === 'source') {
      // the server that had the subscription is none any more
      expect(await listener.closed()).toBe(true);
      said.close();
      return;
    }
    await one.settled();
    await one.goTo('target-first');
    const heard = listener.raw(Buffer.alloc(0), 1);
    expect(text(await said.ask('PUBLISH', 'news', 'hello'))).toBe('1');
    expect(list((await heard)[0]!).map(text)).toEqual(['message', 'news', 'hello']);
    expect(listener.isClosed).toBe(false);
    listener.close();
    said.close();
  });
});

test('who embeds Ferry may resolve names himself', async () => {
  pair = await NamedPair.open(dns, 'db.example', ['127.0.0.2', '127.0.0.3']);
  const other = await deploy('standalone');
  const stateDir = mkdtempSync(join(tmpdir(), 'ferry-names-'));
  const resolver = { resolve: async () => [pair.primary.host] };
  const anywhere = { listen: { host: '127.0.0.1', port: 0 }, admin: { port: 0 }, stateDir };
  const config = defaultConfig({ source: pair.url, target: other.url, logLevel: 'silent', ...anywhere });
  const ferry = await startFerry(config, { resolver });
  try {
    const load = new Load(ferry.port);
    await load.more(50);
    await pair.switchOver();
    const seen = await sets(pair.primary);
    await load.more(100);
    expect(await sets(pair.primary)).toBeGreaterThan(seen);
    await load.stop();
    expect(load.complaints).toEqual([]);
    expect(load.closes).toBe(0);
    expect(dns.queries).toBe(0);
  } finally {
    await ferry.stop();
    await Promise.all([pair.stop(), other.stop()]);
    rmSync(stateDir, { recursive: true, force: true });
  }
});

describe('a configuration endpoint', () => {
  let cluster: HostedCluster;
  const URL_HOST = 'cfg.example';

  function endpoint(): Deployment {
    return {
      kind: 'cluster',
      url: `redis+cluster://${URL_HOST}:${cluster.port}`,
      ports: async () => [],
      wires: () => cluster.wires(),
      cluster: null,
      sentinels: null,
      stop: () => cluster.stop(),
    };
  }

  async function sailCluster(side: SideName): Promise<Voyage> {
    cluster = await HostedCluster.open(['127.0.0.2', '127.0.0.3', '127.0.0.4']);
    dns.set(URL_HOST, cluster.hosts);
    const other = await deploy('standalone');
    const [a, b] = side === 'source' ? [endpoint(), other] : [other, endpoint()];
    voyage = await Voyage.between(a, b, { topology: { dnsServers: [dns.address], refreshMs: 250 } });
    return voyage;
  }

  test.each(SIDES)(
    'on the %s stays right while all nodes are replaced under live traffic',
    async (side) => {
      const one = await sailCluster(side);
      const load = new Load(one.ferry.port);
      try {
        await load.more(50);
        await one.readyForCutover();
        const old = await cluster.replaceAll(['127.0.0.5', '127.0.0.6', '127.0.0.7']);
        await load.more(50);
        dns.set(URL_HOST, cluster.hosts);
        await old.end();
        await load.more(100);
      } finally {
        await load.stop();
      }
      await isWell(one, load);
      expect(load.closes).toBe(0);
    },
    120_000,
  );

  test('leads to the new nodes when those that were known are all gone', async () => {
    const one = await sailCluster('target');
    const load = new Load(one.ferry.port);
    try {
      await load.more(50);
      await one.readyForCutover();
      // another Cluster altogether, which has nothing: what was there must be copied again
      await cluster.stop();
      cluster = await HostedCluster.open(['127.0.0.5', '127.0.0.6', '127.0.0.7'], { port: cluster.port });
      dns.set(URL_HOST, cluster.hosts);
      await load.more(100);
    } finally {
      await load.stop();
    }
    await isWell(one, load);
    expect(load.closes).toBe(0);
  }, 120_000);
});
