/**
 * A Cluster over TLS whose nodes announce addresses and whose certificate is for a name only: the name that somebody
 * vouched for is verified on every node.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DnsServer } from '../../support/dns.js';
import { HostedCluster } from '../../support/hosted-cluster.js';
import { Load } from '../journey/load.js';
import { type Deployment, deploy } from './deployment.js';
import { Voyage } from './voyage.js';

const file = (name: string): string => fileURLToPath(new URL(`../../support/tls/${name}`, import.meta.url));
const CA = `ca=${file('ca.crt')}&cert=${file('client.crt')}&key=${file('client.key')}`;
/** Of other.crt; it has no addresses. */
const NAME = 'other.example';
const HOSTS = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];

let dns: DnsServer;
let cluster: HostedCluster;
let voyage: Voyage | null = null;
let other: Deployment | null = null;

beforeAll(async () => {
  dns = await DnsServer.open();
  for (const name of [NAME, 'wrong.example']) dns.set(name, HOSTS);
  cluster = await HostedCluster.open(HOSTS, {
    tls: { cert: file('other.crt'), key: file('other.key'), ca: file('ca.crt') },
  });
});
afterAll(async () => {
  await cluster?.stop();
  await dns.close();
});
afterEach(async () => {
  await voyage?.close();
  await other?.stop();
  voyage = other = null;
});

/** From a plain server to the Cluster, by that address; the Cluster outlives it. */
async function sail(host: string, query = ''): Promise<Voyage> {
  const target: Deployment = {
    kind: 'cluster',
    url: `rediss+cluster://${host}:${cluster.tlsPort}?${CA}${query}`,
    ports: async () => [],
    wires: () => cluster.wires(),
    cluster: null,
    sentinels: null,
    stop: async () => {},
  };
  other = await deploy('standalone');
  // each is a migration of its own; the nodes that do not have the key say so
  for (const wire of await cluster.wires()) {
    await wire.send('DEL', '__ferry:lease');
    wire.close();
  }
  const one = await Voyage.between(other, target, { topology: { dnsServers: [dns.address] } });
  other = null;
  return one;
}

describe('is trusted', () => {
  test.each([
    ['by the name that it is reached by', NAME, ''],
    ['by the servername given', '127.0.0.2', `&servername=${NAME}`],
    ['by the name of one of the nodes that are to be asked first', `127.0.0.3:1,${NAME}`, ''],
  ])('%s', async (_, host, query) => {
    voyage = await sail(host, query);
    const load = new Load(voyage.ferry.port);
    try {
      await load.more(30);
      await voyage.readyForCutover();
      await voyage.goTo('target-first');
      await load.more(50);
    } finally {
      await load.stop();
    }
    await voyage.settled();
    expect(await voyage.differences()).toEqual([]);
    expect(load.complaints).toEqual([]);
    expect(load.closes).toBe(0);
  });
});

test.each([
  [
    'an address',
    '127.0.0.2',
    '',
    /certificate, which is for DNS:other\.example and not for 127\.0\.0\.2: .*servername=/,
  ],
  ['another name', 'wrong.example', '', /which is for DNS:other\.example and not for 127\.0\.0\.\d or wrong\.example/],
  [
    'another servername',
    NAME,
    '&servername=wrong.example',
    /which is for DNS:other\.example and not for wrong\.example/,
  ],
])('is refused when it is reached by %s', async (_, host, query, message) => {
  await expect(sail(host, query)).rejects.toThrow(message);
});
