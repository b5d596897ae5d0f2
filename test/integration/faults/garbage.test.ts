/** Replies that are none: the connection that spoke them is closed and made anew; nothing is guessed. */
import { afterEach, describe, expect, test } from 'vitest';
import { Load } from '../journey/load.js';
import { CLOSED, Pipe } from '../journey/pipe.js';
import { Stage, sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

const GARBAGE = ['\x00\x01\x02\r\n', 'HTTP/1.1 200 OK\r\n', '$abc\r\n', '$3\r\nabcXY\r\n', '*-7\r\n', ':1x\r\n'];
/** What the control connection's parser, which is more patient, does not take for the beginning of a reply either. */
const PLAIN_GARBAGE = GARBAGE.slice(0, 2);

let stage: Stage;
afterEach(() => stage?.close());

async function open(): Promise<void> {
  stage = await Stage.open({ relays: true });
  const source = await stage.onSource();
  await Promise.all(Array.from({ length: 1000 }, (_, i) => source.send('HSET', `hash ${i}`, 'f', i)));
}

/** Garbage on every connection of that purpose, form by form, at any moment, each once the last was dealt with. */
async function disturb(side: 'source' | 'target', purpose: string, load: Load, forms = GARBAGE): Promise<number> {
  const relay = stage.relay(side);
  let injected = 0;
  for (const [i, bytes] of [...forms, ...forms].entries()) {
    await load.more(3);
    for (let waitedMs = 0; relay.count(purpose) === 0 && waitedMs < 1000; waitedMs += 5) await sleep(5);
    await sleep(i / 2);
    injected += relay.inject(purpose, bytes);
  }
  return injected;
}

describe('garbage from the target', () => {
  test('on the mirror, on read lanes and on the control connection: clients notice nothing', async () => {
    await open();
    await stage.readyForCutover();
    const load = new Load(stage.ferry.port);
    let injected = 0;
    try {
      for (const purpose of ['mirror', 'client']) injected += await disturb('target', purpose, load);
      injected += await disturb('target', 'control', load, PLAIN_GARBAGE);
      await load.more(10);
    } finally {
      await load.stop();
    }
    expect(load.complaints).toEqual([]);
    expect(load.closes).toBe(0);
    expect(injected).toBeGreaterThan(15);
    expect(stage.relay('target').seen.mirror).toBeGreaterThan(5);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
    expect(await stage.verify()).toEqual([]);
  });

  test('during a backfill and a verification: both come to their end', async () => {
    await open();
    await stage.goTo('dual-write');
    const load = new Load(stage.ferry.port, { clients: 2, pauseMs: 2 });
    try {
      await stage.ferry.control.backfill('start', 1500);
      while (stage.status.backfill.state === 'running') {
        for (const side of ['source', 'target'] as const) {
          for (const purpose of ['copy', 'backfill', 'sweep']) stage.relay(side).inject(purpose, '!!\r\n');
        }
        stage.relay('target').inject('mirror', '!!\r\n');
        await sleep(100);
      }
      expect(stage.status.backfill.state).toBe('done');
      await stage.settled();
      for (const side of ['source', 'target'] as const) stage.relay(side).inject('verify', '!!\r\n');
      expect(await stage.verify()).toEqual([]);
    } finally {
      await load.stop();
    }
    expect(load.complaints).toEqual([]);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });
});

describe('garbage from the source', () => {
  test('closes the clients whose writes were on their way, and what they wrote is made equal', async () => {
    await open();
    await stage.readyForCutover();
    const load = new Load(stage.ferry.port, { mayClose: true });
    try {
      for (const purpose of ['client', 'copy']) await disturb('source', purpose, load);
      await disturb('source', 'control', load, PLAIN_GARBAGE);
      await load.more(10);
    } finally {
      await load.stop();
    }
    expect(load.complaints).toEqual([]);
    expect(load.closes).toBeGreaterThan(0);
    await stage.settled();
    expect(await stage.verify()).toEqual([]);
    expect(await stage.differences()).toEqual([]);
  });

  test('a reply that nobody asked for closes the lane before it can be taken for another', async () => {
    await open();
    await stage.goTo('dual-write');
    const client = await Pipe.open(stage.ferry.port);
    await client.ask('SET', 'k', 'v');
    stage.relay('source').inject('client', '$5\r\nwrong\r\n');
    await sleep(50);
    expect(text(await client.ask('GET', 'k'))).toBe('v');
    client.close();
  });
});

test('a control connection that falls silent is made anew, and what waits for it goes on', async () => {
  await open();
  await stage.readyForCutover();
  const load = new Load(stage.ferry.port, { clients: 2, pauseMs: 5 });
  await load.more(5);
  stage.relay('target').hold('control');
  stage.relay('target').cut('mirror'); // the lost connection must be fenced, by the control connection
  await sleep(1000);
  expect(stage.status.mirror.uncertain).toBe(1);
  await stage.until('it is made anew', () => stage.relay('target').seen.control! > 1, 10_000);
  stage.relay('target').release('control');
  await load.more(5);
  await load.stop();
  expect(load.complaints).toEqual([]);
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
});

describe('a connection of the source that is cut', () => {
  test('reads on their way are asked again, on the same connection of the client', async () => {
    await open();
    await stage.goTo('dual-write');
    const client = await Pipe.open(stage.ferry.port);
    stage.relay('source').hold('client');
    await sleep(20);
    const replies = client.batch([1, 2, 3].map((i) => ['HGET', `hash ${i}`, 'f']));
    await sleep(50);
    stage.relay('source').release('client');
    await replies;
    stage.relay('source').hold('client');
    const again = client.batch([1, 2, 3, 4].map((i) => ['HGET', `hash ${i}`, 'f']));
    await sleep(50);
    expect(stage.relay('source').cut('client')).toBe(1);
    stage.relay('source').release('client');
    expect((await again).map(text)).toEqual(['1', '2', '3', '4']);
    client.close();
  });

  test.each(['close', 'error'] as const)(
    'a write on its way is never silently asked again (on-uncertain %s)',
    async (onUncertain) => {
      stage = await Stage.open({ relays: true, config: { onUncertain } });
      await stage.goTo('dual-write');
      const [client, other] = [await Pipe.open(stage.ferry.port), await Pipe.open(stage.ferry.port)];
      await client.batch([['SET', 'n', 1]]);
      await other.ask('PING');
      stage.relay('source').hold('client');
      const reply = client.batch([
        ['INCR', 'n'],
        ['GET', 'n'],
      ]);
      await sleep(50);
      stage.relay('source').cut('client');
      stage.relay('source').release('client');
      const [incr, get] = await reply;
      if (onUncertain === 'close') {
        expect([incr, get]).toEqual([CLOSED, CLOSED]);
        expect(await client.closed()).toBe(true);
      } else {
        expect(text(incr)).toMatch(/^\(error\) UNCERTAIN /);
        expect(text(get)).toBe('2');
      }
      // whoever wrote nothing keeps its connection
      expect(text(await other.ask('GET', 'n'))).toBe('2');
      await stage.settled();
      expect(await stage.differences()).toEqual([]);
      client.close();
      other.close();
    },
  );
});
