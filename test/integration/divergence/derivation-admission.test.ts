/**
 * Ways to diverge 22, with real clients and servers: writes over the same slots in opposite order, a busy client and a
 * patient one, clients that are killed at every point of a command's life, and an idle WATCH. (The ledger by itself:
 * unit/ledger and property/ledger.)
 */
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PARKED } from '../../../src/ledger/operation.js';
import { encodeCommand } from '../../../src/resp/encode.js';
import { keySlot } from '../../../src/topology/crc16.js';
import { command } from '../../support/relay.js';
import { traces } from '../../unit/ledger/fake-operation.js';
import type { Wire } from '../write-commands/wire.js';
import { pause, Scenario, type ScenarioOptions, type Servers, startServers, stopServers, texts } from './scenario.js';

const [ONE, TWO] = ['{1}', '{2}'];

let servers: Servers;
let scenario: Scenario;

beforeAll(async () => {
  servers = await startServers();
});
afterEach(() => scenario.stop());
afterAll(() => stopServers(servers));

async function begin(options: ScenarioOptions = {}): Promise<void> {
  scenario = await Scenario.start(servers, options);
}

function parkedSessions(): number {
  return scenario.sessions.filter((session) => session.parkedOp?.stage === PARKED).length;
}

/** Both servers are equal, and neither the ledger nor the switchboard counts anything any more. */
async function everythingEnded(): Promise<void> {
  expect(await scenario.outcome()).toEqual([]);
  expect(traces(scenario.board.ledger)).toBe('');
  expect(scenario.board.inFlight).toBe(0);
  const to = scenario.board.phase === 'target-read' ? 'dual-write' : 'target-read';
  // what is never decremented would make every drain run into its deadline (force: without a verification)
  expect(await scenario.ferry.control.changePhase({ to, dryRun: true, force: true })).toMatchObject({ ok: true });
}

describe('ways to diverge 22: {1,2} against {2,1}', () => {
  const ROUNDS = 60;

  /** Commands over both slots, in both orders, of every form that takes several slots. */
  function pipeline(name: string, reversed: boolean): string[][] {
    const [first, second] = reversed ? [TWO, ONE] : [ONE, TWO];
    return Array.from({ length: ROUNDS }, (_, i) => [
      ['MSET', `${first}a`, `${name}${i}`, `${second}b`, `${name}${i}`],
      ['SMOVE', `${first}set`, `${second}set`, `${i % 7}`],
      ['SUNIONSTORE', `${first}union`, `${second}set`, `${first}set`],
      ['MULTI'],
      ['INCR', `${second}n`],
      ['INCR', `${first}n`],
      ['EXEC'],
      ['RENAME', `${first}a`, `${second}a`],
      ['SET', `${first}alone`, `${name}${i}`],
    ]).flat();
  }

  it.each(['dual-write', 'target-read', 'target-first'] as const)('22: nobody waits for ever (%s)', async (phase) => {
    await begin({ phase });
    const clients = [
      ...(await Promise.all([scenario.client('ann'), scenario.client('bob'), scenario.client()])),
      ...(await Promise.all([scenario.client('ann'), scenario.client('bob'), scenario.client()])),
    ];
    await clients[0]!.send('SADD', `${ONE}set`, 0, 1, 2, 3);
    await clients[0]!.send('SADD', `${TWO}set`, 4, 5, 6);
    const working = clients.map((client, i) =>
      Promise.all(pipeline(`client${i}-`, i % 2 === 1).map((args) => client.send(...args))),
    );
    const flushes = clients[5]!.send('FLUSHDB');
    await Promise.all([...working, flushes]);
    expect(scenario.ferry.counters.parked).toBeGreaterThan(50);
    const [ones, twos] = texts([await clients[0]!.send('GET', `${ONE}n`), await clients[0]!.send('GET', `${TWO}n`)]);
    expect(ones).toBe(twos);
    await everythingEnded();
  });
});

describe('ways to diverge 22: a busy holder and a waiter', () => {
  it('22: a client that never stops writing to a slot does not starve another one', async () => {
    await begin();
    const [busy, waiter] = [await scenario.client('ann'), await scenario.client('bob')];
    let goOn = true;
    let written = 0;
    const writing = (async () => {
      while (goOn) {
        // always some unanswered: the next batch is sent before the last one's replies
        const batch = Array.from({ length: 20 }, (_, i) => busy.send('SET', `${ONE}busy`, i));
        written += batch.length;
        await batch[0];
      }
    })();
    const waitedMs: number[] = [];
    for (let i = 0; i < 30; i++) {
      const startedMs = performance.now();
      await waiter.send('INCR', `${ONE}waiter`);
      waitedMs.push(performance.now() - startedMs);
    }
    await waiter.send('FLUSHDB');
    goOn = false;
    await writing;
    expect(written).toBeGreaterThan(300);
    expect(scenario.ferry.counters.parked).toBeGreaterThan(10);
    expect(Math.max(...waitedMs)).toBeLessThan(1000);
    await everythingEnded();
  });

  it('22: a write of the holder that comes later does not pass the waiter', async () => {
    await begin();
    const { ledger } = scenario.board;
    const [ann, bob] = [await scenario.client('ann'), await scenario.client('bob')];
    const held = scenario.source.relay.hold('client/ann', 'replies', command('SET'));
    const first = ann.send('SET', `${ONE}k`, 'ann');
    await held.reached();
    const waiting = bob.send('SET', `${ONE}k`, 'bob');
    await scenario.until('bob is parked', () => parkedSessions() === 1);
    const second = ann.send('SET', `${ONE}k`, 'ann again');
    await scenario.until('ann is parked behind bob', () => parkedSessions() === 2);
    expect(ledger.unreplied[keySlot(Buffer.from(ONE), 0, ONE.length)]).toBe(1);
    held.release();
    await Promise.all([first, waiting, second]);
    expect(texts([await ann.send('GET', `${ONE}k`)])).toEqual(['ann again']);
    await everythingEnded();
  });
});

describe('ways to diverge 22: killed clients', () => {
  const WRITES: readonly (readonly string[])[] = [
    ['SET', `${ONE}k`, 'v'],
    ['INCR', `${ONE}n`],
    ['MSET', `${ONE}a`, '1', `${TWO}b`, '2'],
    ['XADD', `${ONE}stream`, 'MAXLEN', '~', '10', '*', 'f', 'v'],
    ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', `${TWO}stream`, '>'],
    ['XADD', `${TWO}stream`, '*', 'f', 'v'],
    ['MULTI'],
    ['INCR', `${TWO}n`],
    ['RPUSH', `${ONE}list`, 'x'],
    ['EXEC'],
    ['EVAL', "redis.call('INCR', KEYS[1]) return redis.error_reply('after the write')", '1', `${TWO}script`],
    ['RENAME', `${ONE}k`, `${TWO}k`],
    ['GET', `${ONE}k`],
    ['MGET', `${ONE}a`, `${TWO}b`],
    ['SPOP', `${ONE}none`],
    ['SELECT', '1'],
    ['INCR', `${ONE}n`],
    ['SELECT', '0'],
    ['FLUSHDB'],
  ];

  /** Sends without waiting for anything. */
  function fire(socket: Socket, commands: readonly (readonly string[])[]): void {
    socket.write(Buffer.concat(commands.map((args) => encodeCommand([...args]))));
  }

  async function open(): Promise<Socket> {
    const socket = connect({ port: scenario.ferry.port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('connect', resolve));
    return socket;
  }

  it('22: one that is parked, one that is sent, one inside MULTI: each is counted down once', async () => {
    await begin();
    const ann = await scenario.client('ann');
    const held = scenario.source.relay.hold('client/ann', 'replies', command('SET'));
    const pending = ann.send('SET', `${ONE}k`, 'sent').catch(() => 'gone');
    await held.reached();
    const parked = await Promise.all([open(), open(), open()]);
    for (const socket of parked) fire(socket, WRITES);
    await scenario.until('they are parked', () => parkedSessions() === 3);
    parked[0]!.resetAndDestroy();
    await scenario.until('one has left', () => parkedSessions() === 2);
    const patient = await scenario.client();
    const flush = patient.send('FLUSHDB');
    await scenario.until('the barrier is parked too', () => parkedSessions() === 3);
    const late = await open();
    fire(late, WRITES);
    await scenario.until('and one behind it', () => parkedSessions() === 4);
    for (const socket of [parked[1]!, late]) socket.resetAndDestroy();
    await scenario.until('two more have left', () => parkedSessions() === 2);
    ann.close();
    await pause(20);
    held.release();
    await pending;
    await flush;
    parked[2]!.resetAndDestroy();
    await everythingEnded();
    expect(await scenario.target.direct.send('EXISTS', `${ONE}k`)).toBe('0');
  });

  it.each(['dual-write', 'target-read'] as const)('22: at random moments, hundreds of them (%s)', async (phase) => {
    await begin({ phase });
    const survivor = await scenario.client('ann');
    await survivor.send('XGROUP', 'CREATE', `${TWO}stream`, 'g', '0', 'MKSTREAM');
    let seed = 12345;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return (seed >>> 8) % below;
    };
    let sent = 0;
    const steady = (async () => {
      for (let i = 0; i < 200; i++) {
        await survivor.send('MSET', `${TWO}b`, i, `${ONE}a`, i);
        sent++;
      }
    })();
    for (let round = 0; round < 30; round++) {
      const sockets = await Promise.all(Array.from({ length: 8 }, open));
      for (const socket of sockets) {
        const from = random(WRITES.length);
        const commands = [...WRITES.slice(from), ...WRITES.slice(0, from)].filter(
          ([name]) => name !== 'FLUSHDB' || random(4) === 0,
        );
        const bytes = Buffer.concat(commands.map((args) => encodeCommand([...args])));
        // some end in the middle of a command
        socket.write(bytes.subarray(0, random(2) === 0 ? bytes.length : random(bytes.length)));
      }
      await pause(random(4));
      for (const socket of sockets) {
        // one that only ends is still served what it has sent
        if (random(3) === 0) socket.end();
        else if (random(2) === 0) socket.destroy();
        else socket.resetAndDestroy();
      }
    }
    await steady;
    expect(sent).toBe(200);
    await scenario.until('they are gone', () => scenario.sessions.length === 1);
    expect(scenario.ferry.counters.parked).toBeGreaterThan(20);
    await everythingEnded();
  });

  it('22: with the mirror holding back every acknowledgement', async () => {
    await begin();
    const held = scenario.target.relay.hold('mirror', 'replies');
    const sockets = await Promise.all(Array.from({ length: 6 }, open));
    for (const socket of sockets) fire(socket, WRITES.slice(0, 12));
    await held.reached(3);
    await scenario.until('much is open', () => scenario.board.ledger.openTotal > 15);
    for (const socket of sockets) socket.resetAndDestroy();
    await scenario.until('they are gone', () => scenario.sessions.length === 0);
    expect(scenario.board.ledger.openTotal).toBeGreaterThan(15);
    held.release();
    await everythingEnded();
  });
});

describe('ways to diverge 22: an idle WATCH', () => {
  it('22: it holds no slot, and neither does an open transaction', async () => {
    await begin();
    const [watcher, writer]: [Wire, Wire] = [await scenario.client('ann'), await scenario.client('bob')];
    expect(texts([await watcher.send('WATCH', `${ONE}k`)])).toEqual(['OK']);
    expect(traces(scenario.board.ledger)).toBe('');
    expect(texts([await writer.send('SET', `${ONE}k`, 'v')])).toEqual(['OK']);
    expect(texts([await watcher.send('MULTI'), await watcher.send('WATCH', `${ONE}k`)])).toEqual([
      'OK',
      '-ERR WATCH inside MULTI is not allowed',
    ]);
    await scenario.settled();
    // a transaction that is open and idle holds nothing either
    await watcher.send('SET', `${ONE}k`, 'queued');
    expect(traces(scenario.board.ledger)).toBe('');
    expect(texts([await writer.send('SET', `${ONE}k`, 'v2')])).toEqual(['OK']);
    expect(texts([await watcher.send('UNWATCH'), await watcher.send('DISCARD')])).toEqual(['QUEUED', 'OK']);
    await everythingEnded();
  });
});
