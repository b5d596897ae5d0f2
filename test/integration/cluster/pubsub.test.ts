/**
 * Subscriptions and MONITOR with a Cluster: every message once, of whichever node it comes, while slots move, masters are
 * replaced, and the authority changes.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { keySlot } from '../../../src/topology/crc16.js';
import type { ClusterNode } from '../../support/cluster.js';
import { sleep } from '../journey/stage.js';
import { list, text, Wire } from '../journey/wire.js';
import { Talk } from '../pubsub/talk.js';
import { Voyage } from './voyage.js';

const TIMEOUT_MS = 90_000;
const KEYS = Array.from({ length: 30 }, (_, i) => `k${i}`);

function slotOf(name: string): number {
  const bytes = Buffer.from(name);
  return keySlot(bytes, 0, bytes.length);
}

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function talk(port: number): Promise<Talk> {
  const one = await Talk.open(port);
  open.push(one);
  return one;
}

async function wire(port: number): Promise<Wire> {
  const one = await Wire.open(port);
  open.push(one);
  return one;
}

async function setOnAll(ports: readonly number[], name: string, value: string): Promise<void> {
  for (const port of ports) expect(text(await (await wire(port)).send('CONFIG', 'SET', name, value))).toBe('OK');
}

describe('a Cluster has the authority', () => {
  let voyage: Voyage;
  beforeAll(async () => {
    voyage = await Voyage.open('cluster', 'standalone');
    await setOnAll(
      voyage.source.cluster!.nodes.map(({ port }) => port),
      'notify-keyspace-events',
      'KEA',
    );
  }, TIMEOUT_MS);
  afterAll(() => voyage?.close());

  const port = (): number => voyage.ferry.port;
  const cluster = () => voyage.source.cluster!;

  /** Keys of `set` events, as they were heard. */
  const setsHeard = (one: Talk): string[] =>
    [...one.received.matchAll(/__keyevent@0__:set\r\n\$\d+\r\n(\w+)/g)].map((match) => match[1]!);

  test.each(['__key*__:*', '__keyevent@0__:*', '*', '__keyevent@?__:s[e]t', '\\_\\_keyevent*'])(
    'keyspace events of all masters, by the pattern %s',
    async (pattern) => {
      const [listener, writer] = [await talk(port()), await wire(port())];
      listener.say(`PSUBSCRIBE ${pattern}`);
      await listener.hears(':1\r\n');
      for (const key of KEYS) await writer.send('SET', key, 'v');
      await writer.send('PUBLISH', 'other', 'once');
      await expect.poll(() => setsHeard(listener).length).toBeGreaterThanOrEqual(KEYS.length);
      // each node's stream is in order: what it told before the last of its events was heard
      listener.say('PING end');
      await listener.hears('end');
      expect(setsHeard(listener).sort()).toEqual([...KEYS].sort());
      if (pattern === '*') {
        await listener.hears('once');
        expect(listener.received.match(/once/g)).toHaveLength(1);
      } else expect(listener.received).not.toContain('once');
    },
  );

  test('of a channel, also in RESP3, until it is left', async () => {
    const [listener, writer] = [await talk(port()), await wire(port())];
    listener.say('HELLO 3', 'SUBSCRIBE __keyevent@0__:del plain');
    await listener.hears('plain\r\n:2\r\n');
    for (const key of KEYS) await writer.send('SET', key, 'v');
    for (const key of KEYS) await writer.send('DEL', key);
    for (const key of KEYS)
      await listener.hears(`>3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:del\r\n$${key.length}\r\n${key}\r\n`);
    await writer.send('PUBLISH', 'plain', 'hello');
    await listener.hears('hello');
    expect(listener.received.match(/hello/g)).toHaveLength(1);
    expect(listener.received.match(/message/g)).toHaveLength(KEYS.length + 1);
    listener.say('UNSUBSCRIBE __keyevent@0__:del');
    await listener.hears('unsubscribe\r\n$18\r\n__keyevent@0__:del\r\n:1\r\n');
    const before = listener.received.length;
    for (const key of KEYS) await writer.send('SET', key, 'v', 'EX', '100');
    for (const key of KEYS) await writer.send('DEL', key);
    await writer.send('PUBLISH', 'plain', 'end');
    await listener.hears('end');
    expect(listener.received.slice(before)).not.toContain('keyevent');
  });

  test('PUBSUB counts each client once', async () => {
    const [a, b, asker] = [await talk(port()), await talk(port()), await talk(port())];
    a.say('SUBSCRIBE news __keyevent@0__:set', 'PSUBSCRIBE n* __key*', 'SSUBSCRIBE s1 s2 s3');
    b.say('SUBSCRIBE news __keyevent@0__:set', 'PSUBSCRIBE __key*', 'SSUBSCRIBE s1');
    await a.hears('s3\r\n:3\r\n');
    await b.hears('s1\r\n:1\r\n');
    const say = async (line: string, last: string): Promise<string> => {
      asker.received = '';
      asker.say(line);
      await asker.hears(last);
      return asker.received;
    };
    expect(await say('PUBSUB NUMSUB news __keyevent@0__:set none', 'none\r\n:0\r\n')).toBe(
      '*6\r\n$4\r\nnews\r\n:2\r\n$18\r\n__keyevent@0__:set\r\n:2\r\n$4\r\nnone\r\n:0\r\n',
    );
    expect(await say('PUBSUB NUMPAT', '\r\n')).toBe(':2\r\n');
    expect(await say('PUBSUB CHANNELS n*', 'news\r\n')).toBe('*1\r\n$4\r\nnews\r\n');
    expect(await say('PUBSUB CHANNELS __key*', 'set\r\n')).toBe('*1\r\n$18\r\n__keyevent@0__:set\r\n');
    expect(await say('PUBSUB SHARDNUMSUB s1 s2 s4', 's4\r\n:0\r\n')).toBe(
      '*6\r\n$2\r\ns1\r\n:2\r\n$2\r\ns2\r\n:1\r\n$2\r\ns4\r\n:0\r\n',
    );
    asker.received = '';
    asker.say('PUBSUB SHARDCHANNELS');
    for (const channel of ['s1', 's2', 's3']) await asker.hears(`${channel}\r\n`);
    expect(asker.received).toMatch(/^\*3\r\n/);
    expect(await say('PUBLISH news x', '\r\n')).toBe(':3\r\n'); // two channels and a pattern
    expect(await say('SPUBLISH s1 x', '\r\n')).toBe(':2\r\n');
  });

  test.each(['', 'HELLO 3'])('sharded channels of several slots sound like those of one server (%s)', async (hello) => {
    const conversation = async (at: number): Promise<string> => {
      const [listener, publisher] = [await talk(at), await talk(at)];
      if (hello !== '') {
        listener.say(hello);
        await listener.hears('modules\r\n');
        await listener.hears('0\r\n');
        listener.received = '';
      }
      const steps: readonly (readonly [Talk, string, string])[] = [
        [listener, 'SSUBSCRIBE a b c', '\r\nc\r\n:3\r\n'],
        [listener, 'SSUBSCRIBE b', '\r\nb\r\n:3\r\n'],
        [publisher, 'SPUBLISH a one', ':1'],
        [publisher, 'SPUBLISH none two', ':0'],
        [listener, 'SUBSCRIBE plain', 'plain\r\n:1\r\n'],
        [listener, 'SUNSUBSCRIBE b none', 'none\r\n:2\r\n'],
        [publisher, 'SPUBLISH b three', ':0\r\n'],
        [listener, 'SUNSUBSCRIBE c', 'c\r\n:1\r\n'],
        [listener, 'SUNSUBSCRIBE', 'a\r\n:0\r\n'],
        [listener, 'SUNSUBSCRIBE', '-1'],
        [listener, 'UNSUBSCRIBE', 'plain\r\n:0\r\n'],
      ];
      for (const [who, line, heard] of steps) {
        who.say(line);
        await who.hears(line === 'SUNSUBSCRIBE' && heard === '-1' && hello !== '' ? '_\r\n:0' : heard);
        if (line.startsWith('SPUBLISH a')) await listener.hears('one\r\n');
        publisher.received = '';
      }
      return listener.received;
    };
    // a standalone server owns all slots as Ferry does
    const [reference] = await voyage.target.ports();
    expect(await conversation(port())).toBe(await conversation(reference!));
  });

  test('a sharded channel follows its slot, and the client is not told', async () => {
    const [listener, publisher] = [await talk(port()), await wire(port())];
    const channel = 'moving';
    listener.say(`SSUBSCRIBE ${channel}`);
    await listener.hears('moving\r\n:1\r\n');
    const masters = (await cluster().masters()).map(({ node }) => node);
    const from = await cluster().ownerOf(slotOf(channel));
    const to = masters.find((node) => node !== from)!;
    for (const [round, there] of [to, from].entries()) {
      await cluster().moveSlot(slotOf(channel), there);
      await expect.poll(async () => text(await publisher.send('SPUBLISH', channel, `m${round}`))).toBe('1');
      await listener.hears(`m${round}\r\n`);
    }
    expect(listener.received).not.toContain('unsubscribe');
    expect(listener.received.match(/ssubscribe/g)).toHaveLength(1);
  });

  test('a user who may not listen is told so, and nothing is left', async () => {
    for (const node of cluster().nodes) {
      const direct = await wire(node.port);
      await direct.send('ACL', 'SETUSER', 'narrow', 'on', '>pw', '~*', 'resetchannels', '&mine*', '+@all');
    }
    const [listener, asker] = [await talk(port()), await wire(port())];
    listener.say('AUTH narrow pw', 'SSUBSCRIBE mine:1 theirs', 'PSUBSCRIBE __key*', 'SSUBSCRIBE mine:1 mine:2');
    await listener.hears('mine:2\r\n:2\r\n');
    expect(listener.received.match(/-NOPERM/g)).toHaveLength(2);
    expect(listener.received.match(/ssubscribe/g)).toHaveLength(2);
    expect(text(await asker.send('SPUBLISH', 'theirs', 'x'))).toBe('0');
    expect(text(await asker.send('PUBSUB', 'NUMPAT'))).toBe('0');
  });

  test('MONITOR shows the streams of all masters', async () => {
    const [watcher, writer] = [await talk(port()), await wire(port())];
    watcher.say('MONITOR');
    await watcher.hears('+OK\r\n');
    for (const key of KEYS) await writer.send('SET', key, 'monitored');
    for (const key of KEYS) await watcher.hears(`"SET" "${key}" "monitored"`);
    expect(watcher.received.match(/"monitored"/g)).toHaveLength(KEYS.length);
    expect(watcher.received.match(/\+OK/g)).toHaveLength(1);
  });

  /** The node at which clients are subscribed to an ordinary channel. */
  async function homeOf(channel: string): Promise<ClusterNode> {
    for (const { node } of await cluster().masters()) {
      const [, count] = list(await (await wire(node.port)).send('PUBSUB', 'NUMSUB', channel));
      if (count !== '0') return node;
    }
    throw new Error(`nobody is subscribed to ${channel}`);
  }

  test('when its node becomes a replica a client stays, and hears the next one', { timeout: TIMEOUT_MS }, async () => {
    const [listener, writer] = [await talk(port()), await wire(port())];
    listener.say('SUBSCRIBE here', 'PSUBSCRIBE __key*');
    await listener.hears('__key*\r\n:2\r\n');
    const home = await homeOf('here');
    const promoted = await cluster().promoteReplicaOf(home);
    await expect.poll(async () => (await homeOf('here')) !== home).toBe(true);
    await voyage.until('it is whole again', ({ source }) => source.state === 'up');
    // from the moment that only one node has it subscribed
    await expect.poll(async () => text(await (await wire(home.port)).send('PUBSUB', 'NUMPAT'))).toBe('0');
    const ready = async (): Promise<boolean> => {
      const counts = (await cluster().masters()).map(async ({ node }) =>
        text(await (await wire(node.port)).send('PUBSUB', 'NUMPAT')),
      );
      return (await Promise.all(counts)).every((count) => count === '1');
    };
    await expect.poll(ready).toBe(true);
    for (const key of KEYS) await writer.send('SET', key, 'v');
    await writer.send('PUBLISH', 'here', 'end');
    await listener.hears('end');
    await expect.poll(() => setsHeard(listener).length).toBeGreaterThanOrEqual(KEYS.length);
    expect(setsHeard(listener).sort()).toEqual([...KEYS].sort());
    expect(listener.received.match(/\nend\r/g)).toHaveLength(1);
    expect(listener.isClosed).toBe(false);
    expect(promoted).not.toBe(home);
  });

  test('after a failover the new master is heard, and after a resharding whoever has the slots', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const [listener, watcher, writer] = [await talk(port()), await talk(port()), await wire(port())];
    listener.say('SUBSCRIBE here', 'PSUBSCRIBE __key*');
    await listener.hears('__key*\r\n:2\r\n');
    const home = await homeOf('here');
    watcher.say('MONITOR');
    await watcher.hears('+OK\r\n');
    // not the node of ordinary messages, whose end is its clients' end
    const before = await cluster().masters();
    const doomed = before.findIndex(({ node }) => node !== home);
    const isDoomed = (slot: number): boolean =>
      before[doomed]!.slots.some(([first, last]) => first <= slot && slot <= last);
    const dead = await cluster().killMaster(doomed);
    const promoted = await cluster().failedOver(dead);
    await voyage.until('it is whole again', ({ source }) => source.state === 'up');
    const key = KEYS.find((name) => isDoomed(slotOf(name)))!;
    await expect
      .poll(
        async () => {
          await writer.send('SET', key, 'failed-over');
          return setsHeard(listener).includes(key) && watcher.received.includes('failed-over');
        },
        { timeout: 15_000 },
      )
      .toBe(true);
    expect(listener.isClosed).toBe(false);
    const masters = (await cluster().masters()).map(({ node }) => node);
    const theirs = [...new Set(KEYS.map(slotOf).filter(isDoomed))];
    await cluster().reshard(theirs.slice(0, 4), masters.find((node) => node !== promoted)!);
    listener.received = '';
    for (const name of KEYS) await writer.send('SET', name, 'v');
    await expect.poll(() => setsHeard(listener).length).toBeGreaterThanOrEqual(KEYS.length);
    expect(setsHeard(listener).sort()).toEqual([...KEYS].sort());
  });
});

test('over cutovers and rollbacks every message comes once and in order', { timeout: TIMEOUT_MS }, async () => {
  const voyage = await Voyage.open('standalone', 'cluster');
  try {
    const { port } = voyage.ferry;
    await voyage.readyForCutover();
    const subscribers = await Promise.all([talk(port), talk(port), talk(port), talk(port)]);
    subscribers[0]!.say('SUBSCRIBE c0 c1 c2');
    subscribers[1]!.say('PSUBSCRIBE c*');
    subscribers[2]!.say('HELLO 3', 'PSUBSCRIBE c* __key*');
    subscribers[3]!.say('SSUBSCRIBE c0 c1 c2');
    for (const [i, one] of subscribers.entries()) await one.hears(['c2\r\n:3', ':1', ':2', 'c2\r\n:3'][i]!);
    let isOver = false;
    const sent = [0, 0, 0];
    const publishers = sent.map(async (_, p) => {
      const publisher = await wire(port);
      while (!isOver) {
        await publisher.send('PUBLISH', `c${p}`, `<${p}:${sent[p]!}>`);
        await publisher.send('SPUBLISH', `c${p}`, `<${p}:${sent[p]!++}>`);
        if (sent[p]! % 20 === 0) await sleep(1);
      }
    });
    const reached = async (count: number): Promise<void> => {
      while (Math.min(...sent) < count) await sleep(5);
    };
    for (const [i, to] of (['target-first', 'target-read', 'target-first', 'target-read'] as const).entries()) {
      await reached(100 * (i + 1));
      await voyage.goTo(to);
    }
    await reached(500);
    isOver = true;
    await Promise.all(publishers);
    for (const one of subscribers) {
      for (const [p, count] of sent.entries()) {
        await one.hears(`<${p}:${count - 1}>`);
        const heard = [...one.received.matchAll(new RegExp(`<${p}:(\\d+)>`, 'g'))].map((m) => Number(m[1]));
        expect(heard).toEqual(Array.from({ length: count }, (_, i) => i));
      }
    }
  } finally {
    for (const one of open.splice(0)) one.close();
    await voyage.close();
  }
});
