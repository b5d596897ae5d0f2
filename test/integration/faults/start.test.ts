/** What stops Ferry from starting: one sentence, the exit code of the contract, and no password anywhere. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ran, runFerry } from '../../support/cli.js';
import { freePort, type RedisServer, startRedis } from '../../support/redis.js';

const PASSWORD = 'hunter2-secret';

let source: RedisServer;
let target: RedisServer;
let guarded: RedisServer;
let dir: string;
const others: Server[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ferry-start-'));
  [source, target, guarded] = await Promise.all([
    startRedis(),
    startRedis(),
    startRedis({ args: ['--requirepass', PASSWORD] }),
  ]);
});
afterAll(async () => {
  for (const server of others) server.close();
  await Promise.all([source, target, guarded].map((server) => server?.stop()));
  rmSync(dir, { recursive: true, force: true });
});

let runs = 0;
interface Given {
  readonly source?: string;
  readonly target?: string;
  readonly stateDir?: string;
  readonly more?: string[];
}

function serve(given: Given = {}): Promise<Ran> {
  const stateDir = given.stateDir ?? join(dir, `state-${++runs}`);
  const sides = ['--source', given.source ?? source.url, '--target', given.target ?? target.url];
  const rest = ['--admin', '127.0.0.1:0', '--log-level', 'silent'];
  if (given.more?.[0] !== '--listen') rest.push('--listen', '127.0.0.1:0');
  return runFerry(['serve', ...sides, '--state-dir', stateDir, ...rest, ...(given.more ?? [])]);
}

function expectRefusal(ran: Ran, code: number, says: RegExp): void {
  expect(ran.stderr).toMatch(/^ferry: [^\n]+\n$/);
  expect(ran.stderr).toMatch(says);
  expect(ran.stderr).not.toContain(PASSWORD);
  expect({ code: ran.code, stdout: ran.stdout }).toEqual({ code, stdout: '' });
}

/** A server that answers every chunk with the same bytes. */
async function stranger(answer: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(answer, 'latin1'));
  });
  others.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `redis://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

describe('a server that cannot be used is exit code 3', () => {
  test('the database of the URL does not exist', async () => {
    const said = /^ferry: The source redis:.+\/99999 cannot be used: it has no database 99999\./;
    expectRefusal(await serve({ source: `${source.url}/99999` }), 3, said);
  });

  test('nobody listens', async () => {
    const nobody = `redis://user:${PASSWORD}@127.0.0.1:${await freePort()}`;
    const [one, two] = await Promise.all([serve({ source: nobody }), serve({ target: nobody })]);
    expectRefusal(one, 3, /source redis:\/\/user:\*\*\*@127\.0\.0\.1:\d+ .*ECONNREFUSED/);
    expectRefusal(two, 3, /target redis:\/\/user:\*\*\*@127\.0\.0\.1:\d+ .*ECONNREFUSED/);
  });

  test('the name is unknown, the login is wrong, the login is missing', async () => {
    const at = (login: string): string => `redis://${login}127.0.0.1:${guarded.port}`;
    const [unknown, wrong, missing] = await Promise.all([
      serve({ target: 'redis://no-such-host.invalid:6379' }),
      serve({ source: at(`:${PASSWORD}x@`) }),
      serve({ target: at('') }),
    ]);
    expectRefusal(unknown, 3, /target .*no-such-host\.invalid/);
    expectRefusal(wrong, 3, /source .*WRONGPASS/);
    expectRefusal(missing, 3, /target .*NOAUTH/);
  });

  test('what answers is no Redis', async () => {
    const [http, garbage] = await Promise.all([
      stranger('HTTP/1.1 400 Bad Request\r\n\r\n').then((url) => serve({ source: url })),
      stranger('\x00\x01\x02\xff\r\n').then((url) => serve({ target: url })),
    ]);
    expectRefusal(http, 3, /source/);
    expectRefusal(garbage, 3, /target/);
  });
});

describe('a wrong configuration is exit code 2', () => {
  test.each([
    ['--source', 'localhost:6379', /--source: 'localhost:6379' is not a connection string/],
    ['--target', `redis://user:${PASSWORD}@127.0.0.1:99999`, /--target: .*99999/],
    ['--listen', 'nowhere', /--listen: expected an address/],
    ['--sorce', 'redis://localhost', /sorce/],
  ])('%s %s', async (name, value, says) => {
    const given = { '--source': { source: value }, '--target': { target: value } }[name] ?? { more: [name, value] };
    expectRefusal(await serve(given), 2, says);
  });

  test('one server for both sides, an unknown verb, no source, an unknown key in the file', async () => {
    const file = join(dir, 'ferry.yaml');
    writeFileSync(file, `source: ${source.url}\nstate_dir: x\n`);
    const [same, verb, missing, key] = await Promise.all([
      serve({ target: source.url }),
      runFerry(['servee']),
      runFerry(['serve', '--target', target.url]),
      runFerry(['serve', '--config', file]),
    ]);
    expectRefusal(same, 2, /the same server/);
    expect(verb).toMatchObject({ code: 2, stdout: '' });
    expect(verb.stderr).toMatch(/serve/);
    expectRefusal(missing, 2, /No source is given/);
    expectRefusal(key, 2, /unknown key 'state_dir' \(did you mean 'state-dir'\?\)/);
  });

  test('TLS files for clients that cannot be used, by their names', async () => {
    const file = (name: string): string => fileURLToPath(new URL(`../../support/tls/${name}`, import.meta.url));
    const good = ['--tls-cert', file('server.crt'), '--tls-key', file('server.key')];
    const [missing, keyless, strange, ca] = await Promise.all([
      serve({ more: ['--tls-cert', join(dir, 'none.crt')] }),
      serve({ more: ['--tls-cert', file('server.crt')] }),
      serve({ more: [...good, '--tls-sni', `a.example=${file('other.crt')}:${file('server.key')}`] }),
      serve({ more: [...good, '--tls-ca', file('server.key')] }),
    ]);
    expectRefusal(missing, 2, /TLS files for clients cannot be used: .*none\.crt/);
    expectRefusal(keyless, 2, /TLS files for clients cannot be used: \S+server\.crt: not a certificate and its key/);
    expectRefusal(strange, 2, /\S+other\.crt and \S+server\.key: not a certificate and its key .*key values mismatch/);
    expectRefusal(ca, 2, /\S+server\.key: no certificate in PEM form/);
  });

  test('TLS files for a server that do not belong together, or are no certificates', async () => {
    const file = (name: string): string => fileURLToPath(new URL(`../../support/tls/${name}`, import.meta.url));
    const at = (query: string): string => `rediss://127.0.0.1:${source.port}?${query}`;
    const [key, ca] = await Promise.all([
      serve({ source: at(`cert=${file('client.crt')}&key=${file('server.key')}`) }),
      serve({ source: at(`ca=${file('server.key')}`) }),
    ]);
    expectRefusal(key, 2, /TLS files of the source cannot be read: .*key values mismatch/);
    expectRefusal(ca, 2, /TLS files of the source cannot be read/);
  });

  test('one server under two addresses', async () => {
    const pipe = createServer((client) => {
      const server = connect(source.port, '127.0.0.1');
      for (const socket of [client, server]) socket.on('error', () => socket.destroy());
      client.pipe(server).pipe(client);
    });
    others.push(pipe);
    const port = await new Promise<number>((resolve) => {
      pipe.listen(0, '127.0.0.1', () => resolve((pipe.address() as AddressInfo).port));
    });
    const url = `redis://127.0.0.1:${port}`;
    expectRefusal(await serve({ target: url }), 2, /the same server \(.* lead to it\)/);
    const looked = await runFerry(['preflight', '--source', source.url, '--target', url, '--json']);
    expect(JSON.parse(looked.stdout).findings[0]).toMatchObject({ severity: 'blocker', code: 'same-server' });
  });

  test('a state directory of another migration, a damaged one, and one that is a file', async () => {
    const theirs = join(dir, 'theirs');
    mkdirSync(theirs);
    const state = { migrationId: 'ab', source: 'a:1/0', target: 'b:2/0', phase: 'dual-write', epoch: 1 };
    writeFileSync(join(theirs, 'state.json'), JSON.stringify(state));
    const damaged = join(dir, 'damaged');
    mkdirSync(damaged);
    writeFileSync(join(damaged, 'state.json'), '{"migrationId": "ab", "pha');
    const file = join(dir, 'a-file');
    writeFileSync(file, '');
    const [other, broken, noDirectory] = await Promise.all(
      [theirs, damaged, file].map((stateDir) => serve({ stateDir })),
    );
    expectRefusal(other!, 2, /theirs belongs to the migration a:1\/0 → b:2\/0/);
    expectRefusal(broken!, 2, /damaged cannot be read/);
    expectRefusal(noDirectory!, 2, /a-file cannot be/);
  });
});

test('what was wrong is put right, and the same state directory will do', async () => {
  const stateDir = join(dir, `state-${++runs}`);
  const nobody = `redis://127.0.0.1:${await freePort()}`;
  expectRefusal(await serve({ source: nobody, stateDir }), 3, /ECONNREFUSED/);
  const secret = ['--source-credentials-file', join(dir, 'no-such-file')];
  expectRefusal(await serve({ source: nobody, stateDir, more: secret }), 2, /credentials cannot be read/);
  const noTls = ['--tls-cert', join(dir, 'none.crt')];
  expectRefusal(await serve({ target: nobody, stateDir, more: noTls }), 2, /TLS files for clients/);
  // another pair, and still the first start: the port is all that is wrong
  const taken = ['--listen', `127.0.0.1:${guarded.port}`];
  expectRefusal(await serve({ stateDir, more: taken }), 2, /EADDRINUSE/);
});
