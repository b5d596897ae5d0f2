/** Logins: the server's own words, its own ACL on every command, and the same identity on the side that takes over. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { withoutOwn } from '../../support/own-keys.js';
import { Pipe } from '../journey/pipe.js';
import { Stage } from '../journey/stage.js';
import { list, text, type Wire } from '../journey/wire.js';

const PASSWORD = 'source-secret';
const OTHER_PASSWORD = 'target-secret';

const NARROW = [
  'ACL',
  'SETUSER',
  'narrow',
  'on',
  '>narrow-secret',
  '~app:*',
  '+@read',
  '+set',
  '+incr',
  '+multi',
  '+exec',
];

/** What a fresh connection to `port` answers to each of the commands. */
async function answers(port: number, commands: readonly string[][]): Promise<string[]> {
  const pipe = await Pipe.open(port);
  const replies: string[] = [];
  for (const command of commands) replies.push(text(await pipe.ask(...command)));
  pipe.close();
  return replies;
}

describe('a source that wants a password', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open({ sourceArgs: ['--requirepass', PASSWORD], logins: { source: `:${PASSWORD}` } });
    await stage.goTo('dual-write');
  });
  afterAll(() => stage?.close());

  test.each<[string, string[][]]>([
    [
      'nothing works before a login',
      [['GET', 'k'], ['PING'], ['SET', 'k', 'v'], ['MULTI'], ['EXEC'], ['SELECT', '1'], ['CLIENT', 'ID']],
    ],
    ['unknown and malformed commands before a login', [['NOSUCH', 'x'], ['GET'], ['CONFIG', 'NOSUCH'], ['AUTH']]],
    [
      'wrong passwords',
      [
        ['AUTH', 'wrong'],
        ['AUTH', 'default', 'wrong'],
        ['AUTH', 'nobody', PASSWORD],
        ['AUTH', ''],
        ['GET', 'k'],
      ],
    ],
    [
      'too many arguments',
      [
        ['AUTH', 'default', PASSWORD, 'x'],
        ['GET', 'k'],
      ],
    ],
    [
      'one argument',
      [
        ['AUTH', PASSWORD],
        ['SET', 'k', 'v'],
        ['GET', 'k'],
      ],
    ],
    [
      'two arguments',
      [
        ['AUTH', 'default', PASSWORD],
        ['ACL', 'WHOAMI'],
        ['GET', 'k'],
      ],
    ],
    [
      'a wrong password after a right one changes nothing',
      [
        ['AUTH', PASSWORD],
        ['AUTH', 'wrong'],
        ['GET', 'k'],
      ],
    ],
    [
      'HELLO before a login',
      [['HELLO'], ['HELLO', '2'], ['HELLO', '9'], ['HELLO', '2', 'AUTH', 'default', 'wrong'], ['GET', 'k']],
    ],
    ['AUTH inside MULTI', [['AUTH', PASSWORD], ['MULTI'], ['SET', 'k', 'w'], ['DISCARD'], ['GET', 'k']]],
    ['QUIT before a login', [['QUIT']]],
  ])('%s', async (_what, commands) => {
    expect(await answers(stage.ferry.port, commands)).toEqual(await answers(stage.source.port, commands));
  });

  test('before a login a request may not be long', async () => {
    for (const input of [`*11\r\n${'$1\r\na\r\n'.repeat(11)}`, `*2\r\n$4\r\nPING\r\n$20000\r\n`]) {
      const replies: string[] = [];
      for (const { port } of [stage.source, stage.ferry]) {
        const pipe = await Pipe.open(port);
        replies.push(text((await pipe.raw(Buffer.from(input), 1))[0]));
        expect(await pipe.closed()).toBe(true);
      }
      expect(replies[1]).toBe(replies[0]);
      expect(replies[0]).toMatch(/unauthenticated/);
    }
  });

  test('HELLO with a login logs in', async () => {
    const pipe = await Pipe.open(stage.ferry.port);
    expect(text(await pipe.ask('HELLO', '2', 'AUTH', 'default', PASSWORD, 'SETNAME', 'me'))).toMatch(
      /^\["server","redis"/,
    );
    expect(text(await pipe.ask('CLIENT', 'GETNAME'))).toBe('me');
    expect(text(await pipe.ask('GET', 'k'))).toBe('v');
    pipe.close();
  });

  test('what was written is on both sides', async () => {
    await stage.settled();
    expect(await stage.differences([PASSWORD])).toEqual([]);
  });
});

test('a source without a password: AUTH is answered as the server does', async () => {
  const stage = await Stage.open();
  try {
    for (const commands of [
      [['AUTH', 'x']],
      [['AUTH', 'default', 'x']],
      [['AUTH', 'nobody', 'x']],
      [['HELLO', '2', 'AUTH', 'default', 'x']],
    ]) {
      const [real, ours] = [await answers(stage.source.port, commands), await answers(stage.ferry.port, commands)];
      if (commands[0]![0] === 'HELLO') expect(ours[0]).toMatch(/^\["server","redis"/);
      else expect(ours).toEqual(real);
    }
  } finally {
    await stage.close();
  }
});

describe('users of the ACL', () => {
  let stage: Stage;
  let source: Wire;
  let target: Wire;
  afterEach(() => stage?.close());

  async function open(): Promise<void> {
    stage = await Stage.open();
    [source, target] = await Promise.all([stage.onSource(), stage.onTarget()]);
    await source.send(...NARROW);
    await stage.goTo('dual-write');
  }

  test('a narrow user gets NOPERM from the server, and nothing of it is mirrored', async () => {
    await open();
    const [ours, real] = await Promise.all([Pipe.open(stage.ferry.port), Pipe.open(stage.source.port)]);
    for (const command of [
      ['AUTH', 'narrow', 'wrong'],
      ['AUTH', 'narrow', 'narrow-secret'],
      ['ACL', 'WHOAMI'],
      ['SET', 'app:1', 'v'],
      ['GET', 'app:1'],
      ['SET', 'other', 'v'],
      ['GET', 'other'],
      ['MGET', 'app:1', 'other'],
      ['DEL', 'app:1'],
      ['HSET', 'app:2', 'f', 'v'],
      ['EVAL', "return redis.call('SET', KEYS[1], 'x')", '1', 'app:1'],
      ['FLUSHALL'],
      ['CONFIG', 'GET', 'maxmemory'],
    ]) {
      expect(text(await ours.ask(...command)), command.join(' ')).toBe(text(await real.ask(...command)));
    }
    // refused in a transaction: nothing of it happens
    const replies = await ours.batch([['MULTI'], ['SET', 'app:1', 'w'], ['DEL', 'app:1'], ['EXEC']]);
    expect(text(replies[3])).toMatch(/EXECABORT/);
    expect(text(await ours.ask('GET', 'app:1'))).toBe('v');
    await stage.settled();
    expect(text(await target.send('GET', 'app:1'))).toBe('v');
    expect(withoutOwn(list(await target.send('KEYS', '*')).map(text))).toEqual(['app:1']);
    ours.close();
    real.close();
  });

  test('reads stay on the source, and the cutover is blocked, as long as the target does not know the user', async () => {
    await open();
    const user = await Pipe.open(stage.ferry.port);
    await user.ask('AUTH', 'narrow', 'narrow-secret');
    for (let i = 0; i < 20; i++) await user.ask('SET', `app:${i}`, i);
    await stage.readyForCutover();
    const tries = async (): Promise<number> =>
      Number(/total_connections_received:(\d+)/.exec(text(await target.send('INFO', 'stats')))?.[1]);
    const before = await tries();
    for (let i = 0; i < 200; i++) expect(text(await user.ask('GET', `app:${i % 20}`))).toBe(String(i % 20));
    expect((await tries()) - before).toBeLessThan(5);
    expect(stage.ferry.counters.targetReads).toBe(0);
    expect(await stage.phase('target-first')).toMatchObject({ ok: false, blockers: [{ code: 'login-refused' }] });
    await target.send(...NARROW, '-incr');
    expect(await stage.phase('target-first')).toMatchObject({ ok: true });
    expect(text(await user.ask('GET', 'app:7'))).toBe('7');
    expect(text(await user.ask('SET', 'app:7', 'x'))).toBe('OK');
    expect(text(await user.ask('INCR', 'app:8'))).toMatch(/NOPERM/); // the target's rules count now
    expect(text(await user.ask('ACL', 'WHOAMI'))).toMatch(/NOPERM|narrow/);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
    user.close();
  });

  test('a user who is deleted is served no more', async () => {
    await open();
    const user = await Pipe.open(stage.ferry.port);
    await user.ask('AUTH', 'narrow', 'narrow-secret');
    await user.ask('SET', 'app:1', 'v');
    await source.send('ACL', 'DELUSER', 'narrow');
    expect(text(await user.ask('GET', 'app:1'))).toMatch(/WRONGPASS|NOPERM|NOAUTH|closed/);
    expect(text(await user.ask('SET', 'app:1', 'w'))).toMatch(/WRONGPASS|NOPERM|NOAUTH|closed/);
    await stage.settled();
    expect(text(await source.send('GET', 'app:1'))).toBe('v');
    user.close();
  });
});

describe.each([
  ['with another password', ['--requirepass', OTHER_PASSWORD], { target: `:${OTHER_PASSWORD}` }],
  ['without a password', [], {}],
])('a target %s', (_what, targetArgs, targetLogin) => {
  test('clients go on with the password they know, and new ones log in with it, after the cutover as before', async () => {
    const stage = await Stage.open({
      sourceArgs: ['--requirepass', PASSWORD],
      targetArgs,
      logins: { source: `:${PASSWORD}`, ...targetLogin },
    });
    try {
      const early = await stage.client(PASSWORD);
      await early.send('SET', 'k', 'v');
      await stage.readyForCutover();
      for (const phase of ['target-first', 'target-read', 'target-first', 'target-only'] as const) {
        await stage.goTo(phase);
        expect(text(await early.send('INCR', 'n'))).toMatch(/^\d$/);
        const late = await stage.client(PASSWORD);
        expect(text(await late.send('GET', 'k'))).toBe('v');
        const named = await stage.client('default', PASSWORD);
        expect(text(await named.send('GET', 'k'))).toBe('v');
        const stranger = await Pipe.open(stage.ferry.port);
        expect(text(await stranger.ask('AUTH', 'wrong'))).toMatch(/^\(error\) (WRONGPASS|ERR AUTH)/);
        if (targetArgs.length > 0) expect(text(await stranger.ask('GET', 'k'))).toMatch(/^\(error\) NOAUTH/);
        stranger.close();
        if (phase === 'target-only') continue;
        await stage.settled();
        expect(await stage.differences([PASSWORD], targetArgs.slice(1))).toEqual([]);
      }
    } finally {
      await stage.close();
    }
  });
});

test('a password that changed on a server is named as what keeps the side away, until it is right again', async () => {
  const stage = await Stage.open({ sourceArgs: ['--requirepass', PASSWORD], logins: { source: `:${PASSWORD}` } });
  try {
    const root = await stage.onSource(PASSWORD);
    await root.send('CONFIG', 'SET', 'requirepass', 'another');
    await root.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await stage.until('the reason', ({ source }) => source.state === 'down' && source.reason.startsWith('WRONGPASS'));
    expect(stage.status.target).toMatchObject({ state: 'up', reason: '' });
    await root.send('CONFIG', 'SET', 'requirepass', PASSWORD);
    await stage.until('the end of it', ({ source }) => source.state === 'up' && source.reason === '');
  } finally {
    await stage.close();
  }
});
