/**
 * Ways to diverge 30: commands whose effect depends on a server's memory layout, clock or chance are mirrored as what
 * happened. The target is configured so that it would trim, round and encode otherwise if it were asked to do the same.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startRedis } from '../../support/redis.js';
import type { Wire } from '../write-commands/wire.js';
import { pause, Scenario, type ScenarioOptions, type Servers, startServers, stopServers, texts } from './scenario.js';

/** Blocks of other sizes in streams, and other encodings of everything small. */
const OTHER_LAYOUT = [
  '--stream-node-max-entries',
  '7',
  '--set-max-intset-entries',
  '3',
  '--hash-max-listpack-entries',
  '4',
];

let servers: Servers;
let scenario: Scenario | null = null;

beforeAll(async () => {
  const { source, target } = await startServers();
  await target.stop();
  servers = { source, target: await startRedis({ args: OTHER_LAYOUT }) };
});
afterEach(async () => {
  await scenario?.stop();
  scenario = null;
});
afterAll(() => stopServers(servers));

async function begin(options: ScenarioOptions = {}): Promise<{ s: Scenario; client: Wire }> {
  scenario = await Scenario.start(servers, options);
  return { s: scenario, client: await scenario.client() };
}

async function sendAll(client: Wire, lines: readonly string[]): Promise<string[]> {
  const replies = texts(await Promise.all(lines.map((line) => client.send(...line.split(' ')))));
  for (const [i, reply] of replies.entries()) expect(reply, lines[i]).not.toMatch(/^-[A-Z]/);
  return replies;
}

/** The same commands, replayed by hand on both servers: the fault that the rule prevents. */
async function replayedByHand(lines: readonly string[]): Promise<string[]> {
  const { s } = await begin();
  for (const line of lines) {
    await s.source.direct.send(...line.split(' '));
    if (line.includes('*')) await pause(2); // another millisecond, another id
    await s.target.direct.send(...line.split(' '));
  }
  const found = await s.differences();
  await s.stop();
  scenario = null;
  return found;
}

const times = (count: number, line: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => line(i));

const PENDING = [
  ...times(12, (i) => `XADD s ${i + 1}-1 f v`),
  'XGROUP CREATE s g 0',
  'XREADGROUP GROUP g ann COUNT 4 STREAMS s >',
  'XREADGROUP GROUP g bob COUNT 4 STREAMS s >',
];

const THEMES: readonly {
  readonly name: string;
  readonly given: readonly string[];
  readonly lines: readonly string[];
}[] = [
  {
    name: 'XADD with ids of the server',
    given: [],
    lines: [...times(30, () => 'XADD s * f v'), 'XADD s 99999999999999-* f v'],
  },
  {
    name: 'XADD MAXLEN ~',
    given: times(250, (i) => `XADD s ${i + 1}-1 f v`),
    lines: [
      ...times(40, (i) => `XADD s MAXLEN ~ 100 * f ${i}`),
      'XADD s MAXLEN ~ 90 LIMIT 50 * f v',
      'XADD s MAXLEN 95 * f v',
    ],
  },
  {
    name: 'XADD MINID ~',
    given: times(250, (i) => `XADD s ${i + 1}-1 f v`),
    lines: [
      ...times(20, (i) => `XADD s MINID ~ ${i * 10} * f ${i}`),
      'XADD s MINID = 200 * f v',
      'XADD s NOMKSTREAM MINID ~ 240 * f v',
    ],
  },
  {
    name: 'XTRIM ~',
    given: times(350, (i) => `XADD s ${i + 1}-1 f v`),
    lines: [
      ...['XTRIM s MAXLEN = 340', 'XTRIM s MAXLEN ~ 320', 'XTRIM s MINID ~ 123', 'XTRIM s MAXLEN ~ 120'],
      ...['XTRIM s MAXLEN ~ 10 LIMIT 100', 'XTRIM s MAXLEN ~ 45'],
    ],
  },
  {
    name: 'XADD ~ on entries that were deleted in between',
    given: [...times(250, (i) => `XADD s ${i + 1}-1 f v`), ...times(60, (i) => `XDEL s ${i * 4 + 2}-1`)],
    lines: [...times(20, () => 'XADD s MAXLEN ~ 100 * f v'), 'XDEL s 200-1', 'XTRIM s MAXLEN ~ 50'],
  },
  {
    name: 'XREADGROUP, new and history',
    given: [...times(30, (i) => `XADD s ${i + 1}-1 f v`), 'XGROUP CREATE s g 0', 'XGROUP CREATE s late $'],
    lines: [
      ...['XREADGROUP GROUP g ann COUNT 5 STREAMS s >', 'XREADGROUP GROUP g bob COUNT 5 STREAMS s >'],
      ...['XREADGROUP GROUP g ann COUNT 3 STREAMS s 0', 'XREADGROUP GROUP g ann STREAMS s 2-1', 'XDEL s 3-1 12-1'],
      ...['XREADGROUP GROUP g ann STREAMS s 0', 'XREADGROUP GROUP g eve NOACK COUNT 4 STREAMS s >'],
      ...['XREADGROUP GROUP g ann STREAMS s >', 'XREADGROUP GROUP g ann STREAMS s >', 'XACK s g 1-1 2-1'],
      ...['XREADGROUP GROUP late ann STREAMS s >', 'XADD s 50-1 f v', 'XREADGROUP GROUP late ann STREAMS s >'],
      ...[
        'XREADGROUP GROUP g nobody STREAMS s 0',
        'XREADGROUP GROUP late ann STREAMS s s 0 >',
        'XADD s 60-1 f v',
        'XREADGROUP GROUP late ann STREAMS s s > 0',
      ],
    ],
  },
  {
    name: 'XREADGROUP on several streams',
    given: [
      'XADD {a}1 1-1 f v',
      'XADD {b}2 1-1 f v',
      'XADD {b}2 2-1 f v',
      'XGROUP CREATE {a}1 g 0',
      'XGROUP CREATE {b}2 g 0',
    ],
    lines: ['XREADGROUP GROUP g c COUNT 1 STREAMS {a}1 {b}2 > >', 'XREADGROUP GROUP g c STREAMS {a}1 {b}2 0 >'],
  },
  {
    name: 'XCLAIM',
    given: PENDING,
    lines: [
      ...['XCLAIM s g bob 0 1-1', 'XCLAIM s g bob 0 2-1 IDLE 60000', 'XCLAIM s g bob 0 3-1 TIME 1600000000000'],
      ...['XCLAIM s g ann 0 5-1 RETRYCOUNT 9', 'XCLAIM s g ann 0 10-1 FORCE', 'XCLAIM s g ann 0 6-1 JUSTID'],
      ...['XCLAIM s g new 0 7-1 8-1 4-1', 'XCLAIM s g ann 3600000 7-1', 'XCLAIM s g ann 0 99-1', 'XDEL s 8-1'],
      ...['XCLAIM s g ann 0 8-1 1-1', 'XCLAIM s g ann 0 2-1 LASTID 11-1', 'XCLAIM s g nobody 0 98-1'],
    ],
  },
  {
    name: 'XAUTOCLAIM',
    given: [...PENDING, 'XDEL s 2-1 6-1'],
    lines: [
      ...['XAUTOCLAIM s g eve 0 0 COUNT 3', 'XAUTOCLAIM s g bob 0 3-1 COUNT 2 JUSTID', 'XAUTOCLAIM s g new 0 0'],
      ...['XAUTOCLAIM s g nobody 3600000 0', 'XDEL s 1-1 3-1 4-1 5-1 7-1 8-1', 'XAUTOCLAIM s g ann 0 0'],
    ],
  },
  {
    name: 'SPOP',
    given: [`SADD set ${times(200, (i) => `m${i}`).join(' ')}`, `SADD ints ${times(100, (i) => `${i}`).join(' ')}`],
    lines: [
      ...times(20, () => 'SPOP set'),
      'SPOP set 30',
      'SPOP ints 40',
      'SPOP ints 0',
      'SPOP none',
      'SPOP none 5',
      'SPOP ints 1000',
      'SPOP set',
    ],
  },
  {
    name: 'INCRBYFLOAT and HINCRBYFLOAT',
    given: ['SET f 10.1 EX 1000', 'HSET h f 0.1'],
    lines: [
      ...times(20, (i) => `INCRBYFLOAT f ${0.1 + i / 3}`),
      ...times(20, (i) => `HINCRBYFLOAT h f ${-0.1 - i / 7}`),
      ...['INCRBYFLOAT g 3.0e3', 'INCRBYFLOAT g -1e-17', 'HINCRBYFLOAT h g 1e300', 'HINCRBYFLOAT new x 5'],
    ],
  },
  {
    name: 'SORT … STORE, BY nosort and others',
    given: [
      `SADD set ${times(60, (i) => `m${i}`).join(' ')}`,
      ...['RPUSH list c a b', 'ZADD z 3 a 1 b 2 c', 'MSET w_a 3 w_b 1 w_c 2', 'HSET obj_a f x', 'HSET obj_b f y'],
    ],
    lines: [
      ...['SORT set BY nosort STORE out1', 'SORT set BY nosort LIMIT 5 7 STORE out2', 'SORT list ALPHA STORE out3'],
      ...[
        'SORT list BY w_* STORE out4',
        'SORT list BY w_* GET # GET obj_*->f GET w_* STORE out5',
        'SORT z BY nosort DESC STORE out6',
      ],
      ...['SORT none STORE out3', 'SORT list BY nosort STORE list'],
    ],
  },
  {
    name: 'conditions, and values that were there before',
    given: ['SET a 1', 'SET b 2 EX 1000', 'RPUSH list x'],
    lines: [
      ...[
        'SETNX a 9',
        'SETNX c 9',
        'SET a 5 NX',
        'SET a 6 XX',
        'SET d 6 XX',
        'SET b 7 GET',
        'SET e 1 NX GET',
        'SET e 2 NX GET',
      ],
      ...['SET b 8 XX GET KEEPTTL', 'SET f 8 XX GET', 'MSETNX a 0 g 1', 'MSETNX h 0 g 1', 'GETSET a 3', 'GETSET i 3'],
      ...[
        'GETDEL i',
        'GETDEL none',
        'GETEX b PERSIST',
        'GETEX none EX 5',
        'SET list text',
        'RENAMENX a b',
        'RENAMENX a j',
      ],
      ...[
        'COPY b j',
        'COPY b j REPLACE',
        'COPY none j REPLACE',
        'SMOVE none x m',
        'ZADD z NX 1 m',
        'ZADD z GT CH 0 m 5 n',
      ],
    ],
  },
];

describe('ways to diverge 30: effects that a server chooses', () => {
  describe.each(THEMES)('$name', ({ given, lines }) => {
    it('30: on keys that were written through Ferry', async () => {
      const { s, client } = await begin();
      // deleted keys are known: from there on everything is replayed, and the target lays it out in its own way
      await sendAll(client, [`DEL none ${given.map((line) => line.split(' ')[1]).join(' ')}`]);
      await sendAll(client, given);
      await s.settled();
      await sendAll(client, lines);
      expect(await s.outcome()).toEqual([]);
      expect(s.ferry.counters.selfCheckMismatches).toBe(0);
      expect(s.board.counters.mirrorErrors).toBe(0);
      expect(await s.verified()).toBe(true);
    });

    it('30: on keys that the mirror did not know', async () => {
      const { s, client } = await begin({ before: given.map((line) => line.split(' ')) });
      await sendAll(client, lines);
      await s.settled();
      await s.backfilled();
      expect(await s.outcome()).toEqual([]);
      expect(s.board.counters.mirrorErrors).toBe(0);
      expect(await s.verified()).toBe(true);
    });

    it('30: in transactions, while a backfill runs, after a cutover', async () => {
      const { s, client } = await begin({ before: given.map((line) => line.split(' ')), phase: 'target-read' });
      await s.ferry.control.backfill('start');
      const half = lines.length >> 1;
      await sendAll(
        client,
        lines.slice(0, half).flatMap((line) => ['MULTI', line, 'EXEC']),
      );
      await s.settled();
      expect(await s.verified()).toBe(true);
      expect(await s.ferry.control.changePhase({ to: 'target-first' })).toMatchObject({ ok: true });
      await sendAll(client, lines.slice(half));
      expect(await s.outcome()).toEqual([]);
      expect(await s.verified()).toBe(true);
    });
  });

  it.each(['XADD with ids of the server', 'XADD MAXLEN ~', 'XTRIM ~', 'SPOP'])(
    '30: the fault: %s replayed by hand',
    async (name) => {
      const { given, lines } = THEMES.find((theme) => theme.name === name)!;
      expect((await replayedByHand([...given, ...lines])).length).toBeGreaterThan(0);
    },
  );

  it('30: three clients at once, each in a hurry', async () => {
    const { s } = await begin();
    const clients = await Promise.all([s.client('ann'), s.client('bob'), s.client()]);
    const setup = ['XGROUP CREATE s g 0 MKSTREAM', `SADD set ${times(300, (i) => `m${i}`).join(' ')}`];
    await sendAll(clients[0]!, setup);
    const lines = [
      ...['XADD s MAXLEN ~ 50 * f v', 'XADD s * f v', 'XREADGROUP GROUP g ann COUNT 2 STREAMS s >', 'SPOP set 2'],
      ...['XAUTOCLAIM s g bob 0 0 COUNT 3', 'XREADGROUP GROUP g bob COUNT 2 STREAMS s 0', 'INCRBYFLOAT f 0.1'],
      ...[
        'XTRIM s MAXLEN ~ 40',
        'XREADGROUP GROUP g eve COUNT 1 STREAMS s >',
        'SORT set BY nosort LIMIT 0 9 STORE sorted',
      ],
      ...['XCLAIM s g ann 0 1-1', 'XADD s NOMKSTREAM MAXLEN ~ 45 * f v', 'SET x v GET', 'SETNX y v', 'GETDEL y'],
    ];
    await Promise.all(
      clients.map(async (client, c) => {
        for (let round = 0; round < 25; round++) {
          const from = (round * 4 + c * 5) % lines.length;
          await sendAll(client, [...lines.slice(from), ...lines.slice(0, from)]);
          if (round % 8 === 0) await pause(1);
        }
      }),
    );
    expect(await s.outcome()).toEqual([]);
    expect(s.ferry.counters.selfCheckMismatches).toBe(0);
    expect(s.board.counters.mirrorErrors).toBe(0);
    expect(s.ferry.counters.parked).toBeGreaterThan(10);
  });
});
