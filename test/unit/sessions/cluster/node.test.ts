/** Which address and which ids clients are told, and whether they see a Cluster at all. */
import { describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../../src/config/config.js';
import type { Endpoint } from '../../../../src/config/url.js';
import { type ClusterView, nodeSeenFrom } from '../../../../src/sessions/cluster/node.js';
import { modeOf, presentsCluster } from '../../../../src/sessions/cluster/presents.js';

type Kind = Endpoint['kind'];

function sides(source: Kind, target: Kind): Pick<ClusterView, 'source' | 'target'> {
  return {
    source: { endpoint: { kind: source, url: 'redis://a:6379' } },
    target: { endpoint: { kind: target, url: 'redis://b:6379' } },
  };
}

const VIEW: ClusterView = { ...sides('standalone', 'cluster'), config: defaultConfig(), epoch: 3 };

function addressFrom(localAddress: string, view: ClusterView = VIEW): string {
  const { host, port } = nodeSeenFrom(localAddress, view);
  return `${host} ${port}`;
}

describe('the address', () => {
  it.each([
    ['127.0.0.1:6380', '127.0.0.1 6380'],
    ['10.1.2.3:17001', '10.1.2.3 17001'],
    ['[::1]:6380', '::1 6380'],
    ['[fe80::1%eth0]:6380', 'fe80::1%eth0 6380'],
    ['[::ffff:10.1.2.3]:6380', '10.1.2.3 6380'],
  ])('is where the client connected to: %s', (local, told) => expect(addressFrom(local)).toBe(told));

  it('is the port of the configuration behind a unix socket', () => {
    expect(addressFrom('unix:0')).toBe('127.0.0.1 6380');
    const config = defaultConfig({ listen: { host: '', port: 0, path: '/run/ferry' } });
    expect(addressFrom('unix:0', { ...VIEW, config })).toBe('127.0.0.1 0');
  });

  it('is the announced one, whatever the client connected to', () => {
    const config = defaultConfig({ announce: { host: 'ferry.example', port: 7000 } });
    for (const local of ['127.0.0.1:6380', '[::1]:1', 'unix:0']) {
      expect(addressFrom(local, { ...VIEW, config })).toBe('ferry.example 7000');
    }
  });
});

describe('the ids', () => {
  const { id, shardId } = nodeSeenFrom('127.0.0.1:6380', VIEW);

  it('are 40 hexadecimal digits', () => {
    for (const text of [id, shardId]) expect(text).toMatch(/^[0-9a-f]{40}$/);
    expect(shardId).not.toBe(id);
  });

  it('stay the same in another phase and at another address', () => {
    const later = nodeSeenFrom('10.0.0.1:7000', { ...VIEW, epoch: 9 });
    expect([later.id, later.shardId]).toEqual([id, shardId]);
    expect(later.epoch).toBe(9);
  });

  it('are others for another migration', () => {
    const target = { endpoint: { kind: 'cluster', url: 'redis://c:6379' } } as const;
    expect(nodeSeenFrom('127.0.0.1:6380', { ...VIEW, target }).id).not.toBe(id);
  });
});

describe('a Cluster is seen', () => {
  it.each<[Kind, Kind]>([
    ['cluster', 'cluster'],
    ['cluster', 'standalone'],
    ['standalone', 'cluster'],
    ['sentinel', 'cluster'],
  ])('from %s to %s', (source, target) => {
    expect(presentsCluster(sides(source, target))).toBe(true);
    expect(modeOf(sides(source, target))).toBe('cluster');
  });

  it.each<[Kind, Kind]>([
    ['standalone', 'standalone'],
    ['sentinel', 'standalone'],
    ['standalone', 'sentinel'],
  ])('but not from %s to %s', (source, target) => {
    expect(presentsCluster(sides(source, target))).toBe(false);
    expect(modeOf(sides(source, target))).toBe('standalone');
  });
});
