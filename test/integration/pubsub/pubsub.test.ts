/** Subscriptions: the server's own bytes, in every phase; over a cutover no message is lost or doubled. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PhaseName } from '../../../src/config/config.js';
import { Stage, sleep } from '../journey/stage.js';
import { Talk } from './talk.js';

const PHASES: readonly PhaseName[] = ['source-only', 'dual-write', 'target-read', 'target-first', 'target-only'];

let stage: Stage;
const open: Talk[] = [];

beforeEach(async () => {
  stage = await Stage.open({ relays: true });
});
afterEach(async () => {
  for (const talk of open.splice(0)) talk.close();
  await stage?.close();
});

async function talk(port = stage.ferry.port): Promise<Talk> {
  const one = await Talk.open(port);
  open.push(one);
  return one;
}

async function reach(phase: PhaseName): Promise<void> {
  const at = PHASES.indexOf(phase);
  if (at >= 2) await stage.readyForCutover();
  else if (at === 1) await stage.goTo('dual-write');
  if (at >= 3) await stage.goTo('target-first');
  if (at >= 4) await stage.goTo('target-only');
}

/** The conversation of a subscriber and a publisher at `port`, as bytes. */
async function conversation(port: number, hello: string): Promise<string> {
  const [subscriber, publisher] = [await talk(port), await talk(port)];
  if (hello !== '') {
    subscriber.say(hello);
    await subscriber.hears('modules\r\n');
    await sleep(20);
    subscriber.received = '';
  }
  const steps: readonly (readonly [who: Talk, line: string, heard: string])[] = [
    [subscriber, 'UNSUBSCRIBE', 'unsubscribe'],
    [subscriber, 'SUBSCRIBE a b', '\r\nb\r\n'],
    [subscriber, 'PSUBSCRIBE a* x?', '\r\nx?\r\n'],
    [subscriber, 'SSUBSCRIBE shard', '\r\nshard\r\n'],
    [publisher, 'PUBLISH a one', ':2'],
    [publisher, 'PUBLISH none two', ':0'],
    [publisher, 'SPUBLISH shard three', ':1'],
    [publisher, 'PUBSUB CHANNELS', '\r\na\r\n'],
    [publisher, 'PUBSUB NUMSUB a b c', '\r\nc\r\n'],
    [publisher, 'PUBSUB NUMPAT', ':2'],
    [publisher, 'PUBSUB SHARDNUMSUB shard', '\r\nshard\r\n'],
    [subscriber, 'PING', ''],
    [subscriber, 'PING hi', 'hi'],
    [subscriber, 'GET k', ''],
    [subscriber, 'UNSUBSCRIBE b none', 'none'],
    [subscriber, 'PUNSUBSCRIBE', 'x?'],
    [subscriber, 'SUNSUBSCRIBE', 'sunsub'],
    [subscriber, 'UNSUBSCRIBE', ''],
    [subscriber, 'GET k', ''],
    [subscriber, 'SUBSCRIBE', ''],
  ];
  for (const [who, line, heard] of steps) {
    who.say(line);
    if (heard !== '') await who.hears(heard);
    await sleep(20);
  }
  const mine = subscriber.received;
  const theirs = publisher.received.replace(/\*2\r\n\$1\r\n[ab]\r\n\$1\r\n[ab]\r\n/, '<channels>');
  subscriber.close();
  publisher.close();
  await sleep(20);
  return `${mine}\n${theirs}`;
}

describe.each(PHASES)('in %s', (phase) => {
  test.each(['', 'HELLO 3'])('it sounds like the server itself (%s)', async (hello) => {
    await reach(phase);
    expect(await conversation(stage.ferry.port, hello)).toBe(await conversation(stage.source.port, hello));
    await stage.until('nobody is subscribed', ({ clients }) => clients.subscribed === 0);
  });

  test('ways to diverge 27: each keyspace event is heard once', async () => {
    for (const server of [await stage.onSource(), await stage.onTarget()]) {
      await server.send('CONFIG', 'SET', 'notify-keyspace-events', 'KEA');
    }
    await reach(phase);
    const [listener, writer] = [await talk(), await talk()];
    listener.say('PSUBSCRIBE __key*__:*');
    await listener.hears('psubscribe');
    writer.say('SET k v', 'INCR n', 'MULTI', 'DEL k', 'PUBLISH c in-exec', 'EXEC', 'PUBLISH c end');
    await writer.hears(':0\r\n:0');
    await listener.hears('incrby');
    await sleep(100);
    const events = [...listener.received.matchAll(/__keyevent@0__:(\w+)\r\n\$\d+\r\n(\w+)/g)].map(
      (m) => `${m[1]} ${m[2]}`,
    );
    expect(events).toEqual(['set k', 'incrby n', 'del k']);
  });

  test('ways to diverge 27: PUBLISH inside MULTI is heard once', async () => {
    await reach(phase);
    const [listener, writer] = [await talk(), await talk()];
    listener.say('SUBSCRIBE c');
    await listener.hears('subscribe');
    writer.say('MULTI', 'SET k v', 'PUBLISH c once', 'EXEC');
    await writer.hears('*2\r\n');
    await sleep(100);
    expect(listener.received.match(/once/g)).toHaveLength(1);
  });
});

describe('over cutovers and rollbacks', () => {
  test('every message comes once and in order, to every subscriber', async () => {
    await stage.readyForCutover();
    const subscribers = await Promise.all([talk(), talk(), talk()]);
    subscribers[0]!.say('SUBSCRIBE c0 c1 c2');
    subscribers[1]!.say('PSUBSCRIBE c*');
    subscribers[2]!.say('HELLO 3', 'SUBSCRIBE c0 c1 c2');
    for (const [i, one] of subscribers.entries()) await one.hears(i === 1 ? ':1\r\n' : ':3\r\n');
    await subscribers[2]!.hears('c2');
    let isOver = false;
    const sent = [0, 0, 0];
    const publishers = sent.map(async (_, p) => {
      const publisher = await stage.client();
      while (!isOver) {
        await publisher.send('PUBLISH', `c${p}`, `<${p}:${sent[p]!++}>`);
        if (sent[p]! % 20 === 0) await sleep(1);
      }
    });
    for (const to of ['target-first', 'target-read', 'target-first', 'target-read'] as const) {
      await sleep(150);
      await stage.goTo(to);
    }
    await sleep(100);
    isOver = true;
    await Promise.all(publishers);
    for (const one of subscribers) {
      for (const [p, count] of sent.entries()) {
        await one.hears(`<${p}:${count - 1}>`);
        const heard = [...one.received.matchAll(new RegExp(`<${p}:(\\d+)>`, 'g'))].map((m) => Number(m[1]));
        expect(heard).toEqual(Array.from({ length: count }, (_, i) => i));
      }
    }
    expect(Math.min(...sent)).toBeGreaterThan(100);
  });

  test("the follower's connection may be lost in between", async () => {
    await stage.readyForCutover();
    const [listener, publisher] = [await talk(), await talk()];
    listener.say('SUBSCRIBE c', 'PSUBSCRIBE p*');
    await listener.hears('psubscribe');
    await sleep(50);
    expect(stage.relay('target').cut('subscriber')).toBe(1);
    await sleep(300);
    await stage.goTo('target-first');
    publisher.say('PUBLISH c after', 'PUBLISH pp pattern');
    await listener.hears('after');
    await listener.hears('pattern');
    expect(listener.received.match(/after/g)).toHaveLength(1);
  });

  test("the authority's takes its client along", async () => {
    await stage.goTo('dual-write');
    const listener = await talk();
    listener.say('SUBSCRIBE c');
    await listener.hears('subscribe');
    stage.relay('source').cut('subscriber');
    await stage.until('it is gone', ({ clients }) => clients.connected === 0);
    expect(listener.isClosed).toBe(true);
  });

  test('what the target would refuse blocks the cutover', async () => {
    await (await stage.onSource()).send('ACL', 'SETUSER', 'u', 'on', '>pw', '~*', '&*', '+@all');
    await (await stage.onTarget()).send('ACL', 'SETUSER', 'u', 'on', '>pw', '~*', '&other', '+@all');
    await stage.readyForCutover();
    const listener = await talk();
    listener.say('AUTH u pw', 'SUBSCRIBE c');
    await listener.hears('subscribe');
    await sleep(100);
    const step = await stage.phase('target-first');
    expect(step).toMatchObject({ ok: false, blockers: [{ code: 'subscription-refused' }] });
    listener.close();
    await stage.until('it is gone', ({ clients }) => clients.subscribed === 0);
    await stage.goTo('target-first');
  });
});

describe('MONITOR', () => {
  test('shows what the authority executes, also after a cutover', async () => {
    await stage.readyForCutover();
    const [watcher, writer] = [await talk(), await talk()];
    watcher.say('MONITOR');
    await watcher.hears('+OK\r\n');
    writer.say('SET before 1');
    await watcher.hears('"SET" "before" "1"');
    await stage.goTo('target-first');
    await sleep(100);
    writer.say('SET after 2');
    await watcher.hears('"SET" "after" "2"');
    expect(watcher.received.match(/\+OK\r\n/g)).toHaveLength(1);
  });
});
