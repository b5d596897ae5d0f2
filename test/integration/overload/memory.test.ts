/** One ceiling for all buffers: who fills it waits, the mirror's work becomes dirty keys, and others are served. */
import { afterEach, expect, test } from 'vitest';
import { CLOSED, encode, Pipe } from '../journey/pipe.js';
import { Stage, sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

const MIB = 1 << 20;
const LIMIT = 16 * MIB;

let stage: Stage;
let pipes: Pipe[] = [];
afterEach(async () => {
  for (const pipe of pipes) pipe.close();
  pipes = [];
  await stage?.close();
});

async function open(memoryBytes = LIMIT): Promise<void> {
  stage = await Stage.open({ relays: true, config: { limits: { memoryBytes } } });
}

async function client(): Promise<Pipe> {
  const pipe = await Pipe.open(stage.ferry.port);
  pipes.push(pipe);
  return pipe;
}

/** The most that was held while `work` ran. */
async function peakDuring(work: Promise<unknown>): Promise<number> {
  let peak = 0;
  const look = setInterval(() => {
    peak = Math.max(peak, stage.status.memory.heldBytes);
  }, 5);
  await work;
  clearInterval(look);
  return peak;
}

/** Eight clients with 8 MiB of writes each, while the source answers nobody. */
async function flood(): Promise<{ peak: number; replies: string[] }> {
  await Promise.all(Array.from({ length: 8 }, async () => (await client()).ask('PING')));
  stage.relay('source').hold('client');
  const value = 'v'.repeat(32 * 1024);
  const batches = pipes.map((pipe, c) =>
    pipe.batch(Array.from({ length: 256 }, (_, i) => ['SET', `key ${c} ${i}`, value])),
  );
  const peak = await peakDuring(sleep(1500));
  stage.relay('source').release('client');
  return { peak, replies: (await Promise.all(batches)).flat().map(text) };
}

test('clients that fill it are not read from, and all they sent is done once there is room', async () => {
  await open();
  const { peak, replies } = await flood();
  expect(new Set(replies)).toEqual(new Set(['OK']));
  // whatever was in a socket when it was measured comes on top
  expect(peak).toBeLessThan(LIMIT * 1.25);
  await stage.until('it is over', ({ memory }) => memory.pressure === 'none' && memory.heldBytes < LIMIT / 4);
  expect(stage.status.memory.closedClients).toBe(0);
  const page = await (await fetch(`http://127.0.0.1:${stage.ferry.adminPort}/metrics`)).text();
  expect(page).toMatch(/^ferry_buffer_bytes \d+$/m);
});

test('the same with a limit that is not reached: this is what would be held', async () => {
  await open(1024 * MIB);
  const { peak, replies } = await flood();
  expect(new Set(replies)).toEqual(new Set(['OK']));
  expect(peak).toBeGreaterThan(LIMIT * 1.25);
});

test('a client that cannot make room by waiting is closed, and nobody else', async () => {
  await open();
  const [hog, other] = [await client(), await client()];
  await hog.ask('MULTI');
  // what is queued stays until EXEC, and EXEC is behind it
  const queued = hog.batch(Array.from({ length: 40 }, (_, i) => ['SET', `key ${i}`, 'v'.repeat(MIB / 2)]));
  let answered = 0;
  while (!hog.isClosed) {
    expect(text(await other.ask('SET', 'k', 'v'))).toBe('OK');
    answered++;
    await sleep(20);
    if (answered > 1000) break;
  }
  expect(hog.isClosed).toBe(true);
  expect((await queued).at(-1)).toBe(CLOSED);
  expect(stage.status.memory.closedClients).toBe(1);
  await stage.until('it is over', ({ memory }) => memory.pressure === 'none' && memory.heldBytes < MIB);
  expect(text(await other.ask('GET', 'key 0'))).toBe('(nil)');
});

test('clients that do not read their replies are bounded together', async () => {
  await open();
  const setter = await client();
  await setter.ask('SET', 'big', 'v'.repeat(MIB / 2));
  const readers = await Promise.all(Array.from({ length: 10 }, client));
  for (const reader of readers) reader.socket.pause();
  for (const reader of readers) {
    reader.raw(encode(Array.from({ length: 20 }, () => ['GET', 'big'])), 20).catch(() => {});
  }
  const peak = await peakDuring(sleep(3000));
  expect(peak).toBeGreaterThan(LIMIT / 2);
  expect(peak).toBeLessThan(LIMIT * 2);
  expect(text(await setter.ask('GET', 'k'))).toBe('(nil)');
  await stage.until('it is bounded', ({ memory }) => memory.heldBytes < LIMIT, 10_000);
});

test('a mirror that hangs: its work becomes dirty keys, clients notice nothing, and it is made equal', async () => {
  await open();
  await stage.backfill();
  const writer = await client();
  await writer.ask('SET', 'k', '0');
  await stage.settled();
  stage.relay('target').hold('mirror');
  const value = 'v'.repeat(1024);
  let written = 0;
  const work = (async () => {
    for (let round = 0; round < 200; round++) {
      const replies = await writer.batch(
        Array.from({ length: 200 }, (_, i) => ['SET', `key ${(round * 200 + i) % 5000}`, value]),
      );
      expect(new Set(replies.map(text))).toEqual(new Set(['OK']));
      written += replies.length;
    }
  })();
  const peak = await peakDuring(work);
  expect(written).toBe(40_000);
  expect(peak).toBeLessThan(LIMIT * 1.1);
  expect(stage.status.mirror.dirtyKeys + stage.status.mirror.dirtySlots).toBeGreaterThan(0);
  expect(stage.status.memory.closedClients).toBe(0);
  stage.relay('target').release('mirror');
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
});

test('small writes count by what they cost, and copies that wait by their number', async () => {
  stage = await Stage.open({ relays: true, config: { limits: { mirrorBacklogBytes: MIB } } });
  await stage.goTo('dual-write');
  const writer = await client();
  await writer.ask('SET', 'k', '0');
  await stage.settled();
  stage.relay('target').hold('mirror');
  // INCR of an unknown key asks for a copy, SET does not
  for (let round = 0; round < 60; round++) {
    const replies = await writer.batch(
      Array.from({ length: 500 }, (_, i) => [
        ['INCR', `n ${round} ${i}`],
        ['SET', `s ${round} ${i}`, 'v'],
      ]).flat(),
    );
    expect(replies).toHaveLength(1000);
  }
  const { mirror, memory } = stage.status;
  expect(mirror.dirtyKeys).toBeGreaterThan(25_000);
  // a backlog of 1 MiB, and so many copies that wait
  expect(mirror.backlogOps).toBeLessThan(20_000);
  expect(memory.heldBytes).toBeLessThan(16 * MIB);
  stage.relay('target').release('mirror');
  await stage.settled(60_000);
  expect(await stage.differences()).toEqual([]);
});
