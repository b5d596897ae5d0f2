/**
 * Ferry as cluster-aware clients see it: the answers of a real Cluster of one node, but for ids, ports and epoch.
 *
 * The Cluster is the migration's target. So in `source-only` the answers are Ferry's alone, before a standalone
 * authority that would say "cluster support disabled", and in `target-only` a node's stand beside them.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ferry, startFerry } from '../../../src/app.js';
import { defaultConfig } from '../../../src/config/config.js';
import { parseEndpoint } from '../../../src/config/url.js';
import { keySlot } from '../../../src/topology/crc16.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Asker } from '../equality/asker.js';

const run = promisify(execFile);

const LINES: readonly string[] = [
  'CLUSTER SLOTS',
  'CLUSTER SHARDS',
  'CLUSTER NODES',
  'CLUSTER INFO',
  'CLUSTER MYID',
  'CLUSTER MYSHARDID',
  'CLUSTER KEYSLOT foo',
  'CLUSTER KEYSLOT {user}.name',
  'CLUSTER KEYSLOT {}x',
  'CLUSTER LINKS',
  'CLUSTER REPLICAS ID',
  'CLUSTER SLAVES ID',
  'CLUSTER REPLICAS nobody',
  'CLUSTER SLAVES nobody',
  'CLUSTER COUNT-FAILURE-REPORTS ID',
  'CLUSTER COUNT-FAILURE-REPORTS nobody',
  'cluster slots',
  // wrong arities, and what there is not
  'CLUSTER',
  'CLUSTER FOO',
  'CLUSTER SLOTS x',
  'CLUSTER KEYSLOT',
  'CLUSTER KEYSLOT a b',
  'CLUSTER REPLICAS',
  'CLUSTER COUNTKEYSINSLOT',
  'CLUSTER GETKEYSINSLOT 1',
  'READONLY',
  'READWRITE',
  'ASKING',
  'READONLY x',
  'ASKING x',
  'INFO cluster',
];

/** Asked of a Cluster only: a standalone server does not keep its keys by slot. */
const ABOUT_KEYS: readonly string[] = [
  'CLUSTER COUNTKEYSINSLOT 1',
  'CLUSTER COUNTKEYSINSLOT x',
  'CLUSTER COUNTKEYSINSLOT 16384',
  'CLUSTER GETKEYSINSLOT 1 10',
  'CLUSTER GETKEYSINSLOT 1 -1',
];

let standalone: RedisServer;
let cluster: RedisServer;

beforeAll(async () => {
  standalone = await startRedis();
  cluster = await startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] });
  const asker = await Asker.open(cluster.port);
  await asker.ask([words('CLUSTER ADDSLOTSRANGE 0 16383')]);
  while (!(await asker.ask([words('CLUSTER INFO')]))[0]!.includes('cluster_state:ok')) await sleep(20);
  asker.close();
});
afterAll(() => Promise.all([standalone?.stop(), cluster?.stop()]));

function words(line: string): string[] {
  return line.split(' ');
}

describe.each(['source-only', 'target-only'] as const)('in %s', (phase) => {
  let ferry: Ferry;
  let stateDir: string;

  beforeAll(async () => {
    stateDir = mkdtempSync(join(tmpdir(), 'ferry-cluster-'));
    const target = { ...parseEndpoint(cluster.url), kind: 'cluster' } as const;
    const sides = { source: standalone.url, target, phase, stateDir };
    ferry = await startFerry(
      defaultConfig({ ...sides, listen: { host: '127.0.0.1', port: 0 }, admin: { port: 0 }, logLevel: 'silent' }),
    );
  });
  afterAll(async () => {
    await ferry?.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });

  async function onFerry<T>(use: (asker: Asker) => Promise<T>): Promise<T> {
    return withAsker(ferry.port, use);
  }

  async function withAsker<T>(port: number, use: (asker: Asker) => Promise<T>): Promise<T> {
    const asker = await Asker.open(port);
    try {
      return await use(asker);
    } finally {
      asker.close();
    }
  }

  /** The answers to `lines`, with what is each node's own taken out. */
  async function answers(port: number, resp: number, lines: readonly string[]): Promise<string[]> {
    return withAsker(port, async (asker) => {
      const [id] = await asker.ask([words('CLUSTER MYID')]);
      const ownId = id!.split('\r\n')[1]!;
      expect(ownId).toMatch(/^[0-9a-f]{40}$/);
      const commands = [`HELLO ${resp}`, ...lines].map((line) => words(line.replace(/\bID$/, ownId)));
      const replies = await asker.ask(commands);
      return replies.map((reply) =>
        reply
          .replaceAll(ownId, '<id>')
          .replaceAll(String(port), '<port>')
          .replace(/(?<=id\r\n:)\d+/, '<client>')
          .replace(/@\d+ myself/, '@<bus> myself')
          .replace(/(?<=epoch:)\d+/g, '<epoch>')
          .replace(/(?<=- 0 0 )\d+(?= connected)/, '<epoch>')
          .replace(/^([$=])\d+(?=\r\n(txt:)?(<id> |cluster_state))/, '$1<length>'),
      );
    });
  }

  test.each([2, 3])('every answer is as a real node gives it, in RESP%i', async (resp) => {
    const lines = phase === 'target-only' ? [...LINES, ...ABOUT_KEYS] : LINES;
    expect(await answers(ferry.port, resp, lines)).toEqual(await answers(cluster.port, resp, lines));
  });

  test('CLUSTER HELP is a part of what a real node says', async () => {
    const help = [words('CLUSTER HELP')];
    const [[its], [mine]] = await Promise.all(
      [cluster.port, ferry.port].map((port) => withAsker(port, (a) => a.ask(help))),
    );
    const said = its!.split('\r\n');
    const lines = mine!.split('\r\n').slice(1);
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.filter((line) => !said.includes(line))).toEqual([]);
  });

  test('INFO says that it is a Cluster', async () => {
    const [server, all] = await onFerry((asker) => asker.ask([words('INFO server'), ['INFO']]));
    for (const reply of [server, all]) expect(reply).toContain('\r\nredis_mode:cluster\r\n');
    expect(all).toContain('\r\ncluster_enabled:1\r\n');
    expect(all).toContain('\r\n# Ferry\r\n');
  });

  test('READONLY shows as a flag of the client, until READWRITE or RESET', async () => {
    const lines = ['READONLY', 'CLIENT INFO', 'READWRITE', 'CLIENT INFO', 'READONLY', 'RESET', 'CLIENT INFO'];
    const replies = await onFerry((asker) => asker.ask(lines.map(words)));
    expect([1, 3, 6].map((i) => / flags=(\w+) /.exec(replies[i]!)?.[1])).toEqual(['r', 'N', 'N']);
  });

  test("READONLY stays that client's own: the connections that clients share are asked as before", async () => {
    const authority = phase === 'source-only' ? standalone : cluster;
    // a user of whom nothing was asked yet
    const made = await withAsker(authority.port, (asker) =>
      asker.ask([words('ACL SETUSER fresh reset on >secret ~* +@all')]),
    );
    const lines = ['AUTH fresh secret', 'READONLY', 'ASKING', 'SET seen x'];
    const replies = await onFerry((asker) => asker.ask(lines.map(words)));
    expect([...made, ...replies]).toEqual(Array(1 + lines.length).fill('+OK\r\n'));
    const flags = async (): Promise<string[]> => {
      const [list] = await withAsker(authority.port, (asker) => asker.ask([words('CLIENT LIST')]));
      return [...list!.matchAll(/ flags=(\w+) .* user=fresh /g)].map((match) => match[1]!);
    };
    await expect.poll(flags).toEqual(['N']);
  });

  test('a user who may not call them is told so in the words of the server', async () => {
    const authority = phase === 'source-only' ? standalone : cluster;
    const forbidden = [
      ...[
        'CLUSTER SLOTS',
        'CLUSTER SHARDS',
        'CLUSTER NODES',
        'CLUSTER INFO',
        'CLUSTER KEYSLOT a',
        'CLUSTER REPLICAS x',
      ],
      ...['CLUSTER COUNTKEYSINSLOT 1', 'CLUSTER GETKEYSINSLOT 1 1', 'CLUSTER HELP', 'READONLY', 'READWRITE', 'ASKING'],
    ];
    const allowed = ['CLUSTER MYID', 'CLUSTER LINKS'];
    await withAsker(authority.port, (asker) =>
      asker.ask([
        words('ACL SETUSER narrow reset on >secret ~* +@all -cluster -readonly -readwrite -asking'),
        words('ACL SETUSER narrow +cluster|myid +cluster|links'),
      ]),
    );
    const ask = (asker: Asker): Promise<string[]> =>
      asker.ask([words('AUTH narrow secret'), ...[...forbidden, ...allowed].map(words)]);
    const [its, mine] = await Promise.all([withAsker(authority.port, ask), onFerry(ask)]);
    const upTo = 1 + forbidden.length;
    expect(mine.slice(0, upTo)).toEqual(its.slice(0, upTo));
    for (const reply of mine.slice(1, upTo)) expect(reply).toMatch(/^-NOPERM /);
    expect(mine.slice(upTo)).toEqual([expect.stringMatching(/^\$40\r\n/), '*0\r\n']);
  });

  test('the keys of a slot are told by a Cluster only', async () => {
    const key = 'counted';
    const slot = keySlot(Buffer.from(key), 0, key.length);
    const lines = [`SET ${key} x`, `CLUSTER COUNTKEYSINSLOT ${slot}`, `CLUSTER GETKEYSINSLOT ${slot} 10`, `DEL ${key}`];
    const [, count, keys] = await onFerry((asker) => asker.ask(lines.map(words)));
    if (phase === 'target-only') expect([count, keys]).toEqual([':1\r\n', `*1\r\n$${key.length}\r\n${key}\r\n`]);
    else for (const reply of [count, keys]) expect(reply).toMatch(/^-FERRY CLUSTER \w+ is refused: .*standalone/);
  });

  test('ioredis and node-redis find all slots here', async () => {
    const mine = new Cluster([{ host: '127.0.0.1', port: ferry.port }], { scaleReads: 'slave' });
    const theirs = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${ferry.port}` }], useReplicas: true });
    try {
      await theirs.connect();
      for (let i = 0; i < 50; i++) {
        await mine.set(`io:${i}`, i);
        expect(await theirs.get(`io:${i}`)).toBe(String(i));
      }
      expect(mine.nodes().map(({ options }) => `${options.host}:${options.port}`)).toEqual([`127.0.0.1:${ferry.port}`]);
      expect(theirs.masters.map(({ address }) => address)).toEqual([`127.0.0.1:${ferry.port}`]);
    } finally {
      mine.disconnect();
      theirs.destroy();
    }
  });

  test('redis-cli -c follows nothing, and --cluster check is content', async () => {
    const port = String(ferry.port);
    expect((await run('redis-cli', ['-c', '-p', port, 'SET', 'by-cli', '1'])).stdout).toBe('OK\n');
    const { stdout } = await run('redis-cli', ['--cluster', 'check', `127.0.0.1:${port}`]);
    expect(stdout).toContain('[OK] All 16384 slots covered.');
  });
});

test('between two standalone servers nothing changes', async () => {
  // the other servers belong to the other migration
  const [one, other] = await Promise.all([startRedis(), startRedis()]);
  const stateDir = mkdtempSync(join(tmpdir(), 'ferry-cluster-'));
  const ferry = await startFerry(
    defaultConfig({
      ...{ source: one.url, target: other.url, stateDir, logLevel: 'silent' },
      ...{ listen: { host: '127.0.0.1', port: 0 }, admin: { port: 0 } },
    }),
  );
  const asker = await Asker.open(ferry.port);
  try {
    const lines = ['CLUSTER SLOTS', 'CLUSTER COUNTKEYSINSLOT 1', 'READONLY', 'READWRITE', 'ASKING'];
    const replies = await asker.ask([...lines, 'INFO cluster', 'HELLO'].map(words));
    for (const reply of replies.slice(0, lines.length)) expect(reply).toMatch(/cluster support disabled/);
    expect(replies.at(-2)).toContain('cluster_enabled:0');
    expect(replies.at(-1)).toContain('standalone');
  } finally {
    asker.close();
    await ferry.stop();
    await Promise.all([one.stop(), other.stop()]);
    rmSync(stateDir, { recursive: true, force: true });
  }
});
