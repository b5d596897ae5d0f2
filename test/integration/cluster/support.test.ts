/** The deployments that other tests stand on do what those tests take for granted. */
import { Resolver } from 'node:dns/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keySlot, tagForSlot } from '../../../src/topology/crc16.js';
import { type Cluster, startCluster } from '../../support/cluster.js';
import { differencesBetweenDeployments } from '../../support/deployments.js';
import { DnsServer } from '../../support/dns.js';
import { startRedis } from '../../support/redis.js';
import { startSentinels } from '../../support/sentinel.js';
import { text, Wire } from '../journey/wire.js';

const SLOT = 100;
const KEYS = 200;

describe('a cluster', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startCluster();
  });

  afterAll(() => cluster?.stop());

  it('has masters with all the slots and a replica of each', async () => {
    const masters = await cluster.masters();
    expect(masters.map(({ node }) => node)).toEqual(cluster.nodes.slice(0, 3));
    expect(masters.map(({ slots }) => slots)).toEqual([[[0, 5460]], [[5461, 10921]], [[10922, 16383]]]);
    for (const [i, { node }] of masters.entries()) {
      expect(await cluster.replicasOf(node)).toEqual([cluster.nodes[3 + i]]);
    }
    expect(cluster.url).toBe(`redis+cluster://${cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`);
  });

  it('moves a slot while it is read', async () => {
    const [from, to] = cluster.nodes as [Cluster['nodes'][number], Cluster['nodes'][number]];
    const wire = await Wire.open(from.port);
    const names = Array.from({ length: KEYS }, (_, i) => `{${tagForSlot(SLOT)}}${i}`);
    expect(keySlot(Buffer.from(names[0]!), 0, names[0]!.length)).toBe(SLOT);
    await Promise.all(names.map((name, i) => wire.send('SET', name, i)));
    expect(await cluster.dbsize()).toBe(KEYS);

    const answers = new Set<string>();
    let isOver = false;
    const reading = (async () => {
      while (!isOver) {
        const answer = text(await wire.send('GET', names[KEYS - 1]!));
        answers.add(answer.replace(/\d+ 127.*/, ''));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    expect(await cluster.moveSlot(SLOT, to, { stepKeys: 20, pauseMs: 10 })).toBe(KEYS);
    // the redirection that follows the move
    await expect.poll(() => [...answers].some((answer) => answer.includes('MOVED'))).toBe(true);
    isOver = true;
    await reading;
    wire.close();
    expect(answers).toContain('(error) ASK ');
    expect(await cluster.ownerOf(SLOT)).toBe(to);
    expect(await cluster.keys()).toEqual([...names].sort());
  });

  it('stays in the middle of a move, and goes back', async () => {
    const to = cluster.nodes[2]!;
    const move = await cluster.beginMove(SLOT, to);
    const wire = await Wire.open(move.from.port);
    try {
      expect(text(await wire.send('SET', `{${tagForSlot(SLOT)}}new`, 1))).toBe(
        `(error) ASK ${SLOT} 127.0.0.1:${to.port}`,
      );
      expect(text(await wire.send('GET', `{${tagForSlot(SLOT)}}1`))).toBe('1');
      await move.cancel();
      expect(text(await wire.send('GET', `{${tagForSlot(SLOT)}}new`))).toBe('(nil)');
    } finally {
      wire.close();
    }
  });

  it('replaces a killed master, which comes back as a replica', async () => {
    const killed = await cluster.killMaster(1);
    const promoted = await cluster.failedOver(killed);
    expect(promoted).toBe(cluster.nodes[4]);
    expect(await cluster.dbsize()).toBe(KEYS);
    await cluster.restart(killed);
    expect(await cluster.replicasOf(promoted)).toEqual([killed]);
  });

  it('hands over as planned', async () => {
    const before = (await cluster.masters())[0]!.node;
    const promoted = await cluster.promoteReplicaOf(before);
    expect(await cluster.ownerOf(0)).toBe(promoted);
    expect(await cluster.replicasOf(promoted)).toEqual([before]);
  });
});

describe('a cluster of masters only', () => {
  it('can have a password and hostnames', async () => {
    const options = { masters: 2, replicasPerMaster: 0, password: 'open it', hostnames: ['one.test', 'two.test'] };
    const cluster = await startCluster(options);
    try {
      expect(cluster.url).toMatch(/^redis\+cluster:\/\/:open%20it@127/);
      const wire = await Wire.open(cluster.nodes[0]!.port);
      await wire.send('AUTH', 'open it');
      const elsewhere = `{${tagForSlot(16000)}}`;
      expect(text(await wire.send('GET', elsewhere))).toBe(`(error) MOVED 16000 two.test:${cluster.nodes[1]!.port}`);
      await wire.send('SET', `{${tagForSlot(SLOT)}}`, 'moved with a password');
      expect(await cluster.moveSlot(SLOT, cluster.nodes[1]!)).toBe(1);
      wire.close();
    } finally {
      await cluster.stop();
    }
  });
});

describe('Sentinels', () => {
  it('replace a killed master, and hand over when they are told to', async () => {
    const deployment = await startSentinels();
    try {
      expect(deployment.url).toMatch(/^redis\+sentinel:\/\/(127\.0\.0\.1:\d+,?){3}\/mymaster$/);
      const first = await deployment.master();
      expect(first).toBe(deployment.nodes[0]);
      const second = await deployment.failover();
      expect(second).toBe(deployment.nodes[1]);
      expect(await deployment.killMaster()).toBe(second);
      expect(await deployment.promoted(second.port)).toBe(first);
    } finally {
      await deployment.stop();
    }
  });

  it('do so with passwords of their own and of the data nodes', async () => {
    const options = { replicas: 2, password: 'of the "data"', sentinelPassword: 'of the sentinels' };
    const deployment = await startSentinels(options);
    try {
      const killed = await deployment.killMaster();
      const promoted = await deployment.promoted(killed.port);
      expect(promoted).not.toBe(killed);
      const wire = await Wire.open(promoted.port);
      expect(text(await wire.send('PING'))).toMatch(/NOAUTH/);
      await wire.send('AUTH', options.password);
      expect(text(await wire.send('SET', 'k', 1))).toBe('OK');
      wire.close();
    } finally {
      await deployment.stop();
    }
  });
});

describe('the DNS server', () => {
  it('answers with the addresses of the moment', async () => {
    const dns = await DnsServer.open();
    try {
      const resolver = new Resolver();
      resolver.setServers([dns.address]);
      dns.set('Node.Test', ['127.0.0.1', '127.0.0.2']);
      expect(await resolver.resolve4('node.test', { ttl: true })).toEqual([
        { address: '127.0.0.1', ttl: 0 },
        { address: '127.0.0.2', ttl: 0 },
      ]);
      dns.set('node.test', ['127.0.0.3']);
      expect(await resolver.resolve4('node.test')).toEqual(['127.0.0.3']);
      await expect(resolver.resolve6('node.test')).rejects.toMatchObject({ code: 'ENODATA' });
      dns.unset('node.test');
      await expect(resolver.resolve4('node.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
      expect(dns.queries).toBe(4);
    } finally {
      await dns.close();
    }
  });
});

describe('the comparison of deployments', () => {
  it('finds every difference between a cluster and a standalone server', async () => {
    const [cluster, server] = await Promise.all([startCluster({ replicasPerMaster: 0 }), startRedis()]);
    const wires = await Promise.all([...cluster.nodes, server].map(({ port }) => Wire.open(port)));
    try {
      const [first, second, , standalone] = wires as [Wire, Wire, Wire, Wire];
      const [one, two] = [`{${tagForSlot(SLOT)}}`, `{${tagForSlot(6000)}}`];
      for (const wire of [first, standalone]) await wire.send('SET', one, 1);
      for (const wire of [second, standalone]) await wire.send('RPUSH', two, 'a', 'b');
      const ports = cluster.nodes.map(({ port }) => port);
      expect(await differencesBetweenDeployments(ports, [server.port])).toEqual([]);

      await first.send('EXPIRE', one, 100);
      await standalone.send('LSET', two, 1, 'c');
      await standalone.send('SADD', 'alone', 'x');
      await cluster.beginMove(SLOT, cluster.nodes[1]!);
      await second.send('ASKING');
      await second.send('SET', one, 1);
      const lines = await differencesBetweenDeployments(ports, [server.port]);
      expect(lines.map((line) => line.replace(/\d{6,}/, '…')).sort()).toEqual(
        [
          '0 alone: nothing ≠ set ["x"] (expires -1)',
          `0 ${one}: expires … ≠ -1`,
          `0 ${one}: lies on a node that does not own its slot`,
          `0 ${two}: list ["a","b"] (expires -1) ≠ list ["a","c"] (expires -1)`,
        ].sort(),
      );
    } finally {
      for (const wire of wires) wire.close();
      await Promise.all([cluster.stop(), server.stop()]);
    }
  });
});
