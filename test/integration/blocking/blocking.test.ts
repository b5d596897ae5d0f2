/** Blocking commands: the server's own behaviour without a server that waits, in every phase and over a cutover. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PhaseName } from '../../../src/config/config.js';
import { startRedis } from '../../support/redis.js';
import { Stage, sleep } from '../journey/stage.js';
import { text, Wire } from '../journey/wire.js';

const PHASES: readonly PhaseName[] = ['source-only', 'dual-write', 'target-read', 'target-first', 'target-only'];
const NIL = '(nil)';

let stage: Stage;
const open: Wire[] = [];

beforeEach(async () => {
  stage = await Stage.open({ relays: true });
});
afterEach(async () => {
  for (const wire of open.splice(0)) wire.close();
  await stage?.close();
});

async function connect(port: number): Promise<Wire> {
  const wire = await Wire.open(port);
  open.push(wire);
  return wire;
}

function shown(reply: Awaited<ReturnType<Wire['send']>>): string {
  return Array.isArray(reply) ? `[${reply.map(shown).join(' ')}]` : text(reply);
}

async function say(wire: Wire, line: string): Promise<string> {
  return shown(await wire.send(...line.split(' ')));
}

async function reach(phase: PhaseName): Promise<void> {
  const at = PHASES.indexOf(phase);
  if (at >= 2) await stage.readyForCutover();
  else if (at === 1) await stage.goTo('dual-write');
  if (at >= 3) await stage.goTo('target-first');
  if (at >= 4) await stage.goTo('target-only');
}

/** Waits until so many clients are parked. */
async function blocked(count: number): Promise<void> {
  await stage.until(`${count} are parked`, ({ clients }) => clients.blocked === count);
  await sleep(20);
}

async function equalInTheEnd(): Promise<void> {
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
}

/** Blocks one client after the other, each only when those before it wait; then runs `act`; who got what, in order. */
async function play(port: number, waits: readonly string[], act: readonly string[]): Promise<string[]> {
  const log: string[] = [];
  const answers: Promise<void>[] = [];
  for (const [i, line] of waits.entries()) {
    const wire = await connect(port);
    answers.push(say(wire, line).then((reply) => void log.push(`${i}: ${reply}`)));
    await sleep(30);
  }
  const actor = await connect(port);
  for (const line of act) {
    await say(actor, line);
    await sleep(30);
  }
  await Promise.all(answers);
  return log;
}

const SCENARIOS: readonly (readonly [what: string, waits: readonly string[], act: readonly string[]])[] = [
  ['who waits longest is served first', ['BLPOP l 5', 'BRPOP l 5', 'BLPOP l 5'], ['RPUSH l a', 'RPUSH l b c']],
  ['one push serves as many as it can', ['BLPOP l 5', 'BLPOP l 5', 'BLPOP l 0.4'], ['RPUSH l a b']],
  [
    'the first key with something wins',
    ['BLPOP j k l 5', 'BLPOP l 5'],
    ['MULTI', 'RPUSH l a', 'RPUSH k b', 'EXEC', 'RPUSH l c'],
  ],
  ['moves from list to list', ['BLMOVE a b LEFT RIGHT 5', 'BLPOP b 5', 'BRPOPLPUSH a c 5'], ['RPUSH a 1', 'RPUSH a 2']],
  [
    'several at once',
    ['BLMPOP 5 2 x y LEFT COUNT 2', 'BZMPOP 5 1 z MAX COUNT 2'],
    ['RPUSH y 1 2 3', 'ZADD z 1 a 2 b 3 c'],
  ],
  ['sorted sets', ['BZPOPMIN z 5', 'BZPOPMAX z 5'], ['ZADD z 1 a 2 b 3 c']],
  ['a key of another type wakes nobody', ['BLPOP k 0.5', 'BZPOPMIN k 5'], ['SET k v', 'DEL k', 'ZADD k 1 m']],
  [
    'a destination of another type is an error, also when it became so while waiting',
    ['BLMOVE src dst LEFT LEFT 5', 'BRPOPLPUSH other dst 5', 'BLMOVE k l LEFT RIGHT 5'],
    ['SET src x', 'DEL src', 'SET dst v', 'RPUSH src a', 'RPUSH other b', 'SET k v', 'DEL k', 'RPUSH k c'],
  ],
  [
    'another of the keys is of another type',
    ['BLMPOP 0.8 2 a b LEFT', 'BLPOP c d 0.8'],
    ['SET a x', 'RPUSH b 1', 'SET d x', 'RPUSH c 1'],
  ],
  ['the first of two keys that got something', ['BLPOP a b 5'], ['MULTI', 'RPUSH b 1', 'RPUSH a 2', 'EXEC']],
  ['renamed, copied, restored', ['BLPOP l 5', 'BLPOP m 5'], ['RPUSH o 1 2', 'RENAME o l', 'COPY l m']],
  [
    'streams are read by everybody',
    ['XREAD BLOCK 5000 STREAMS s $', 'XREAD BLOCK 5000 STREAMS s 0'],
    ['XADD s 1-1 f v'],
  ],
  [
    'a group is served in turn',
    ['XREADGROUP GROUP g c1 BLOCK 5000 STREAMS s >', 'XREADGROUP GROUP g c2 BLOCK 5000 STREAMS s >'],
    ['XADD s 1-1 f v', 'XADD s 2-1 f v'],
  ],
  ...[
    ['DEL s'],
    ['UNLINK r', 'UNLINK s'],
    ['RENAME s t'],
    ['SET s v'],
    ['FLUSHALL'],
    ['FLUSHDB'],
    ['PEXPIRE s 20'],
    ['SORT none STORE s'],
    ['XGROUP DESTROY s g'],
    ['XADD t 1-1 f v', 'RENAME t s'],
    ['EVAL return(redis.call(KEYS[1],KEYS[2])) 2 del s'],
    ['MULTI', 'FLUSHALL', 'EXEC'],
    ['MULTI', 'DEL s', 'XGROUP CREATE s g $ MKSTREAM', 'EXEC', 'XADD s 1-1 f v', 'XADD s 2-1 f v', 'XADD s 3-1 f v'],
  ].map(
    (act) =>
      [
        `a group whose stream or itself is gone: ${act.join(', ')}`,
        [
          'XREADGROUP GROUP g c1 BLOCK 5000 STREAMS s >',
          'XREADGROUP GROUP g c2 BLOCK 5000 STREAMS s >',
          'XREADGROUP GROUP g c3 BLOCK 5000 STREAMS r s > >',
          'XREAD BLOCK 250 STREAMS s 9',
        ],
        act,
      ] as const,
  ),
  [
    'keys that are called as other arguments are',
    [
      'XREADGROUP GROUP g c BLOCK 5000 STREAMS g c > >',
      'BLMPOP 5 2 2 5 LEFT',
      'XREAD BLOCK 5000 STREAMS 5000 STREAMS 0 0',
    ],
    ['XADD c 1-1 f v', 'RPUSH 5 a', 'XADD STREAMS 1-1 f v'],
  ],
  ['from a script', ['BLPOP l 5'], ["EVAL return(redis.call('rpush',KEYS[1],'x')) 1 l"]],
  [
    'timeouts',
    [
      'BLPOP l 0.05',
      'BZPOPMAX z 0.05',
      'BLMOVE a b LEFT LEFT 0.05',
      'BRPOPLPUSH a b 1e-2',
      'XREAD BLOCK 20 STREAMS s $',
      'BLMPOP 0x1p-4 1 l LEFT',
    ],
    [],
  ],
  [
    'bad timeouts',
    [
      'BLPOP l -1',
      'BLPOP l x',
      'BLPOP l inf',
      'BLPOP l 1e300',
      'XREAD BLOCK -1 STREAMS s 0',
      'XREAD BLOCK x STREAMS s 0',
      'BZMPOP x 1 z MIN',
      'BLPOP l',
      'BLMOVE a b UP LEFT 1',
    ],
    [],
  ],
];

describe.each(PHASES)('in %s', (phase) => {
  test('is what the server itself does', async () => {
    await reach(phase);
    const server = await startRedis();
    try {
      const through = await connect(stage.ferry.port);
      const direct = await connect(server.port);
      for (const [what, waits, act] of SCENARIOS) {
        for (const wire of [through, direct]) {
          await wire.send('FLUSHALL');
          for (const stream of ['s', 'r', 'g', 'c']) await say(wire, `XGROUP CREATE ${stream} g $ MKSTREAM`);
        }
        const [mine, its] = await Promise.all([play(stage.ferry.port, waits, act), play(server.port, waits, act)]);
        expect([...mine].sort(), what).toEqual([...its].sort());
      }
    } finally {
      await server.stop();
    }
    if (phase !== 'source-only' && phase !== 'target-only') await equalInTheEnd();
  });
});

describe('order', () => {
  test('twenty waiters are served first come, first served, also from a pipeline of their own', async () => {
    await stage.goTo('dual-write');
    const pusher = await connect(stage.ferry.port);
    const served: number[] = [];
    const waits: Promise<unknown>[] = [];
    for (let i = 0; i < 20; i++) {
      const wire = await connect(stage.ferry.port);
      waits.push(wire.send('BLPOP', 'l', 10).then(() => served.push(i)));
      await blocked(i + 1);
    }
    // who pushes and then waits itself does not overtake those who wait already
    const [, own] = [pusher.send('RPUSH', 'l', 'first'), pusher.send('BLPOP', 'l', 0.3)];
    expect(shown(await own)).toBe(NIL);
    expect(served).toEqual([0]);
    for (let i = 0; i < 19; i++) await pusher.send('RPUSH', 'l', i);
    await Promise.all(waits);
    expect(served).toEqual(Array.from({ length: 20 }, (_, i) => i));
    await equalInTheEnd();
  });

  test('what comes behind it in a pipeline waits for it', async () => {
    const waiter = await connect(stage.ferry.port);
    const other = await connect(stage.ferry.port);
    const replies = Promise.all(['SET k 1', 'BLPOP l 5', 'GET k', 'PING'].map((line) => say(waiter, line)));
    await blocked(1);
    await say(other, 'SET k 2');
    await say(other, 'RPUSH l x');
    expect(await replies).toEqual(['OK', '[l x]', '2', 'PONG']);
  });
});

describe('ways to diverge 26', () => {
  test('26: $ is resolved once, so that nothing between two attempts is missed', async () => {
    await stage.goTo('dual-write');
    const [reader, writer] = [await connect(stage.ferry.port), await connect(stage.ferry.port)];
    await say(writer, 'XADD s 1-1 f old');
    const reply = say(reader, 'XREAD BLOCK 5000 COUNT 1 STREAMS s none $ $');
    await blocked(1);
    await (await stage.onSource()).send('XADD', 's', '2-1', 'f', 'bypass');
    await say(writer, 'XADD s 3-1 f new');
    expect(await reply).toBe('[[s [[2-1 [f bypass]]]]]');
  });

  test('26: a timeout while the attempt is on its way does not lose the element', async () => {
    await stage.goTo('dual-write');
    const [waiter, pusher] = [await connect(stage.ferry.port), await stage.onSource()];
    const reply = say(waiter, 'BLPOP l 0.5');
    await blocked(1);
    stage.relay('source').hold('client');
    await pusher.send('RPUSH', 'l', 'x'); // found by the look at waited keys: an attempt whose reply is held back
    await sleep(900);
    stage.relay('source').release('client');
    expect(await reply).toBe('[l x]');
    expect(text(await pusher.send('LLEN', 'l'))).toBe('0');
    await stage.settled();
  });

  test('26: one element wakes one waiter', async () => {
    await stage.goTo('dual-write');
    const pusher = await connect(stage.ferry.port);
    const waiters = await Promise.all(Array.from({ length: 10 }, () => connect(stage.ferry.port)));
    const replies = waiters.map((wire) => say(wire, 'BLPOP a b 0.7'));
    await blocked(10);
    await Promise.all([say(pusher, 'RPUSH a 1'), say(pusher, 'RPUSH b 2'), say(pusher, 'RPUSH a 3')]);
    const got = await Promise.all(replies);
    expect(got.filter((reply) => reply !== NIL).sort()).toEqual(['[a 1]', '[a 3]', '[b 2]']);
    await equalInTheEnd();
  });
});

describe('over a cutover and back', () => {
  test('parked clients survive, and every element is given once', async () => {
    await stage.readyForCutover();
    const given: string[] = [];
    let isOver = false;
    const consumers = Array.from({ length: 6 }, async (_, i) => {
      const wire = await connect(stage.ferry.port);
      while (!isOver) {
        const reply = await wire.send(i % 2 === 0 ? 'BLPOP' : 'BRPOP', 'q1', 'q2', 0.5);
        if (Array.isArray(reply)) given.push(text(reply[1]!));
      }
    });
    let pushed = 0;
    const producers = Array.from({ length: 3 }, async (_, p) => {
      const wire = await connect(stage.ferry.port);
      while (!isOver) {
        await wire.send(p === 0 ? 'LPUSH' : 'RPUSH', `q${1 + (pushed % 2)}`, `${pushed++}`);
        await sleep(1);
      }
    });
    const [patient] = [say(await connect(stage.ferry.port), 'BLPOP never 0')];
    for (const to of ['target-first', 'target-read', 'target-first'] as const) {
      await sleep(200);
      await stage.goTo(to);
    }
    await sleep(200);
    isOver = true;
    await Promise.all(producers);
    await Promise.all(consumers);
    const left = await stage.onTarget();
    for (const q of ['q1', 'q2']) {
      for (const element of (await left.send('LRANGE', q, 0, -1)) as Buffer[]) given.push(text(element));
    }
    expect(given.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: pushed }, (_, i) => i));
    await say(await connect(stage.ferry.port), 'RPUSH never now');
    expect(await patient).toBe('[never now]');
    await equalInTheEnd();
  });
});

describe('who may do what', () => {
  test.each(['-multi', '-blpop'])('a user with %s', async (right) => {
    await stage.goTo('dual-write');
    for (const server of [await stage.onSource(), await stage.onTarget()]) {
      await server.send('ACL', 'SETUSER', 'u', 'on', '>pw', '~*', '+@all', right);
    }
    const [user, direct] = [await stage.client('u', 'pw'), await stage.onSource('u', 'pw')];
    const pusher = await connect(stage.ferry.port);
    await say(pusher, 'RPUSH l there');
    if (right === '-blpop') {
      expect(await say(user, 'BLPOP l 1')).toBe(await say(direct, 'BLPOP l 1'));
    } else {
      expect(await say(user, 'BLPOP l 1')).toBe('[l there]');
      const reply = say(user, 'BLPOP l 5');
      await blocked(1);
      await say(pusher, 'RPUSH l later');
      expect(await reply).toBe('[l later]');
    }
    await equalInTheEnd();
  });
});

describe('CLIENT UNBLOCK', () => {
  test('ends the wait, as a timeout or with an error', async () => {
    const [waiter, other] = [await connect(stage.ferry.port), await connect(stage.ferry.port)];
    const id = await say(waiter, 'CLIENT ID');
    for (const [how, answer] of [
      ['', NIL],
      [' TIMEOUT', NIL],
      [' ERROR', '-UNBLOCKED client unblocked via CLIENT UNBLOCK'],
    ]) {
      const reply = waiter.send('BLPOP', 'l', 0).then(shown, (error: Error) => `-${error.message}`);
      await blocked(1);
      expect(await say(other, `CLIENT UNBLOCK ${id}${how}`)).toBe('1');
      expect(await reply).toContain(answer!.replace(/^-/, ''));
    }
    expect(await say(other, `CLIENT UNBLOCK ${id}`)).toBe('0');
  });
});

describe('those who go away', () => {
  test('take nothing with them', async () => {
    await stage.goTo('dual-write');
    const waiters = await Promise.all(Array.from({ length: 5 }, () => connect(stage.ferry.port)));
    for (const wire of waiters) void wire.send('BLPOP', 'l', 0).catch(() => {});
    await blocked(5);
    for (const wire of waiters) wire.close();
    await stage.until('they are gone', ({ clients }) => clients.connected === 0);
    const other = await connect(stage.ferry.port);
    await say(other, 'RPUSH l a');
    await sleep(50);
    expect(await say(other, 'LRANGE l 0 -1')).toBe('[a]');
    await stage.readyForCutover();
    await stage.goTo('target-first');
    await equalInTheEnd();
  });
});

describe('WAIT', () => {
  test('counts the replicas that have what the session wrote', async () => {
    const [a, b] = [await startRedis(), await startRedis()];
    try {
      const client = await connect(stage.ferry.port);
      await say(client, 'SET k 1');
      expect(await say(client, 'WAIT 0 100')).toBe('0');
      expect(await say(client, 'WAIT 1 50')).toBe('0');
      for (const replica of [a, b]) {
        const wire = await connect(replica.port);
        await say(wire, `REPLICAOF 127.0.0.1 ${stage.source.port}`);
        while (!(await say(wire, 'INFO replication')).includes('master_link_status:up')) await sleep(20);
      }
      for (let i = 0; i < 5; i++) {
        await say(client, `SET k ${i}`);
        expect(await say(client, 'WAIT 2 10000')).toBe('2');
      }
      expect(await say(client, 'WAIT 3 700')).toBe('2');
      expect(await say(client, 'WAIT x 60')).toContain('value is not an integer or out of range');
      expect(await say(client, 'WAIT 1 -1')).toContain('timeout is negative');
    } finally {
      await Promise.all([a.stop(), b.stop()]);
    }
  });
});

describe('WAIT that nobody acknowledges', () => {
  test('longer than a timer takes it waits, until CLIENT UNBLOCK ends it as that says', async () => {
    const server = await startRedis();
    const run = async (port: number): Promise<string[]> => {
      const [waiter, other] = [await connect(port), await connect(port)];
      const id = await say(waiter, 'CLIENT ID');
      const log: string[] = [];
      for (const how of ['', ' TIMEOUT', ' ERROR']) {
        const reply = say(waiter, 'WAIT 1 3000000000');
        await sleep(300);
        log.push(await say(other, `CLIENT UNBLOCK ${id}${how}`), await reply);
      }
      return log;
    };
    try {
      expect(await run(stage.ferry.port)).toEqual(await run(server.port));
    } finally {
      await server.stop();
    }
  });
});

describe('a user who loses the right to MULTI while he waits', () => {
  test('does not block the connection that he shares with others', async () => {
    await stage.goTo('dual-write');
    const source = await stage.onSource();
    await source.send('ACL', 'SETUSER', 'u', 'on', '>pw', '~*', '+@all');
    const [first, second] = [await stage.client('u', 'pw'), await stage.client('u', 'pw')];
    expect(await say(first, 'BLPOP none 0.01')).toBe(NIL);
    await source.send('ACL', 'SETUSER', 'u', '-multi');
    const waiting = first.send('BLPOP', 'none', 0).then(shown, String);
    expect(await say(second, 'SET k v')).toBe('OK');
    expect(await say(second, 'GET k')).toBe('v');
    expect(await waiting).toContain('MULTI');
    expect(await say(first, 'BLPOP none 0.01')).toBe(NIL);
  });
});
