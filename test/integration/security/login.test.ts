/** Who clients are: mapped users, Ferry's own user file, secrets that change, credentials that are taken away. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Stage, sleep } from '../journey/stage.js';
import { text, type Wire } from '../journey/wire.js';

const ALL = ['~*', '&*', '+@all'];
const WRONG = /^.*WRONGPASS invalid username-password pair or user is disabled\.$/;

let stage: Stage;
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ferry-login-'));
});
afterEach(async () => {
  await stage?.close();
  rmSync(dir, { recursive: true, force: true });
});

async function say(wire: Wire, line: string): Promise<string> {
  return text(await wire.send(...line.split(' ')));
}

async function user(side: 'source' | 'target', name: string, password: string, ...rules: string[]): Promise<void> {
  const wire = side === 'source' ? await stage.onSource() : await stage.onTarget();
  expect(
    await say(wire, ['ACL SETUSER', name, 'on', `>${password}`, ...(rules.length > 0 ? rules : ALL)].join(' ')),
  ).toBe('OK');
}

async function isCut(wire: Wire): Promise<void> {
  await expect
    .poll(
      () =>
        wire.send('PING').then(
          () => 'alive',
          () => 'cut',
        ),
      { timeout: 8000, interval: 50 },
    )
    .toBe('cut');
}

describe('users whose credentials differ on the target', () => {
  test('work in every phase, also when they log in after the cutover', async () => {
    stage = await Stage.open({ config: { mapUsers: { app: { username: 'app2', password: 'new' } } } });
    await user('source', 'app', 'old');
    await user('target', 'app2', 'new');
    const early = await stage.client('app', 'old');
    await stage.readyForCutover();
    expect(await say(early, 'SET k 1')).toBe('OK');
    await stage.goTo('target-first');
    expect(await say(early, 'ACL WHOAMI')).toBe('app2');
    expect(await say(await stage.client('app', 'old'), 'GET k')).toBe('1');
    expect(await say(await stage.client(), 'AUTH app wrong')).toMatch(WRONG);
    await stage.goTo('target-only');
    stage.source.kill();
    await sleep(50);
    // the source cannot be asked any more: what it said last holds, and nothing else
    expect(await say(await stage.client('app', 'old'), 'GET k')).toBe('1');
    expect(await say(await stage.client(), 'AUTH app wrong')).not.toBe('OK');
    await stage.source.restart();
  });
});

describe('bytes that are no UTF-8', () => {
  const [name, password] = [Buffer.from('us\xe4r', 'latin1'), Buffer.from('p\xe4\0\xff', 'latin1')];

  test('log in with AUTH and HELLO, before and after the cutover, and are told from others', async () => {
    stage = await Stage.open();
    for (const server of [await stage.onSource(), await stage.onTarget()]) {
      await server.send('ACL', 'SETUSER', name, 'on', Buffer.concat([Buffer.from('>'), password]), ...ALL);
      await server.send('ACL', 'SETUSER', Buffer.from('üser'), 'on', Buffer.from('>pä'), ...ALL);
    }
    const logIn = async (): Promise<Wire[]> => {
      const [auth, hello, proper, wrong] = [
        await stage.client(),
        await stage.client(),
        await stage.client(),
        await stage.client(),
      ];
      expect(text(await auth.send('AUTH', name, password))).toBe('OK');
      expect(text(await auth.send('SET', 'k', 'v'))).toBe('OK');
      expect(await auth.send('ACL', 'WHOAMI')).toEqual(name);
      expect(await hello.send('HELLO', '2', 'AUTH', name, password)).toContainEqual(Buffer.from('proto'));
      expect(text(await hello.send('GET', 'k'))).toBe('v');
      expect(text(await proper.send('AUTH', Buffer.from('üser'), Buffer.from('pä')))).toBe('OK');
      expect(text(await proper.send('GET', 'k'))).toBe('v');
      for (const other of ['p\ufffd\0\ufffd', 'pä\0ÿ', 'p\udce4\0\udcff']) {
        expect(text(await wrong.send('AUTH', name, Buffer.from(other)))).toMatch(WRONG);
      }
      return [auth, hello];
    };
    const early = await logIn();
    await stage.readyForCutover();
    await stage.goTo('target-first');
    for (const wire of early) expect(text(await wire.send('GET', 'k'))).toBe('v');
    await logIn();
  });
});

describe("Ferry's own user file", () => {
  const digest = (password: string): string => `'#${createHash('sha256').update(password).digest('hex')}'`;
  const entry = (name: string, password: string): string =>
    `${name}:\n  password: ${digest(password)}\n  source: { username: s, password: sp }\n  target: { username: t, password: tp }\n`;

  test('decides in every phase, target-only included, and is read again when it changes', async () => {
    const path = join(dir, 'users.yaml');
    writeFileSync(path, entry('alice', 'secret') + entry('bob', 'secret2'));
    stage = await Stage.open({ config: { usersFile: path } });
    await user('source', 's', 'sp');
    await user('target', 't', 'tp');
    const nobody = await stage.client();
    expect(await say(nobody, 'GET k')).toBe('(error) NOAUTH Authentication required.');
    for (const wrong of ['alice wrong', 'bob secret', 'nobody secret', 's sp', 'secret']) {
      expect(await say(nobody, `AUTH ${wrong}`)).toMatch(WRONG);
    }
    const [alice, bob] = [await stage.client('alice', 'secret'), await stage.client('bob', 'secret2')];
    expect(await say(alice, 'ACL WHOAMI')).toBe('s');
    await stage.readyForCutover();
    await stage.goTo('target-first');
    await stage.goTo('target-only');
    expect(await say(alice, 'ACL WHOAMI')).toBe('t');
    expect(await say(await stage.client('alice', 'secret'), 'SET k v')).toBe('OK');
    await sleep(20); // another modification time
    writeFileSync(path, entry('alice', 'secret'));
    await isCut(bob);
    expect(await say(alice, 'GET k')).toBe('v');
    expect(await say(await stage.client(), 'AUTH bob secret2')).toMatch(WRONG);
  });
});

describe('credentials that are taken away', () => {
  test.each([
    ['the user is deleted', 'ACL DELUSER u'],
    ['the user is disabled', 'ACL SETUSER u off'],
    ['the password is another one', 'ACL SETUSER u resetpass >other'],
  ])('stop working within seconds: %s', async (_, line) => {
    stage = await Stage.open({ config: { reverifySeconds: 1 } });
    await user('source', 'u', 'pw');
    await user('source', 'other', 'pw');
    const [client, other] = [await stage.client('u', 'pw'), await stage.client('other', 'pw')];
    expect(await say(client, 'SET k v')).toBe('OK');
    await say(await stage.onSource(), line);
    await isCut(client);
    expect(await say(await stage.client(), 'AUTH u pw')).toMatch(WRONG);
    expect(await say(other, 'GET k')).toBe('v');
  });
});

describe("Ferry's own secret", () => {
  test.each(['file', 'command'] as const)('from a %s is renewed before the old one ends', async (kind) => {
    const path = join(dir, 'secret');
    writeFileSync(path, 'ferry:first\n');
    stage = await Stage.open({ ferry: false });
    for (const side of ['source', 'target'] as const) await user(side, 'ferry', 'first');
    const from = kind === 'file' ? { file: path, command: null } : { file: null, command: `cat ${path}` };
    await stage.start({ phase: 'dual-write', credentials: { source: from, target: from, refreshSeconds: 1 } });
    const client = await stage.client();
    await say(client, 'SET k 1');
    for (const side of ['source', 'target'] as const) await user(side, 'ferry', 'second');
    writeFileSync(path, 'ferry:second\n');
    await sleep(1500);
    for (const wire of [await stage.onSource(), await stage.onTarget()]) {
      await say(wire, 'ACL SETUSER ferry <first');
      await say(wire, 'CLIENT KILL TYPE normal SKIPME yes');
    }
    await stage.settled();
    const again = await stage.client();
    expect(await say(again, 'SET k 2')).toBe('OK');
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });
});

describe('ACL LOG', () => {
  test('names the client’s user, and not Ferry’s', async () => {
    stage = await Stage.open();
    await user('source', 'u', 'pw', '~allowed:*', '+get');
    const client = await stage.client('u', 'pw');
    await say(client, 'GET other');
    await say(client, 'SET allowed:k v');
    await say(await stage.client(), 'AUTH u wrong');
    const log = JSON.stringify(await (await stage.onSource()).send('ACL', 'LOG'), (_, value) =>
      value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
    );
    expect(log).toContain('"reason","key"');
    expect(log).toContain('"object","other"');
    expect(log).toContain('"object","set"');
    expect(log).toContain('"reason","auth"');
    expect(log.match(/"username","(\w+)"/g)?.every((name) => name === '"username","u"')).toBe(true);
  });
});
