/** Values of hundreds of megabytes pass through without being held, and what goes wrong on their way harms nobody. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FerryProcess } from '../journey/process.js';
import { Stage, sleep } from '../journey/stage.js';
import { text, type Wire } from '../journey/wire.js';
import { Raw } from './raw.js';

const MIB = 1024 * 1024;
/** proto-max-bulk-len, the biggest value that Redis takes. */
const BIGGEST = 512 * MIB;

describe('512 MB', () => {
  let stage: Stage;
  let ferry: FerryProcess;

  beforeEach(async () => {
    stage = await Stage.open({ ferry: false });
    ferry = await FerryProcess.prepare([
      ...['--source', stage.source.url, '--target', stage.target.url],
      ...['--state-dir', stage.stateDir, '--phase', 'dual-write'],
    ]);
    await ferry.start();
  });
  afterEach(async () => {
    await ferry?.kill();
    await stage?.close();
  });

  test('passes in both directions, also to a slow reader, and reaches the mirror', { timeout: 240_000 }, async () => {
    const client = await Raw.open(ferry.port);
    await client.send('*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n');
    await client.sendBulk(BIGGEST, 'v');
    expect(await client.expect(5)).toBe('+OK\r\n');
    const [source, target] = await Promise.all([stage.onSource(), stage.onTarget()]);
    expect(text(await source.send('STRLEN', 'big'))).toBe(String(BIGGEST));
    await ferry.until('it is mirrored', ({ mirror }) => mirror.dirtyKeys + mirror.backlogOps === 0, 120_000);
    expect(text(await target.send('STRLEN', 'big'))).toBe(String(BIGGEST));
    expect(text(await target.send('GETRANGE', 'big', BIGGEST - 3, -1))).toBe('vvv');

    const reply = `$${BIGGEST}\r\n`.length + BIGGEST + 2;
    await client.send('*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n');
    await client.expect(reply);
    // now one that stops reading for a while: more than the output limit is on its way to it
    await client.send('*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n');
    client.socket.pause();
    await sleep(1500);
    client.socket.resume();
    await client.expect(reply);
    client.close();
    // far less than one value and the process without it
    expect(ferry.peakMiB()).toBeLessThan(400);
  });
});

describe('a big request', () => {
  let stage: Stage;
  let client: Raw;
  let other: Wire;

  beforeEach(async () => {
    stage = await Stage.open({ relays: true });
    await stage.goTo('dual-write');
    [client, other] = await Promise.all([Raw.open(stage.ferry.port), stage.client()]);
  });
  afterEach(async () => {
    client?.close();
    await stage?.close();
  });

  async function equalInTheEnd(): Promise<void> {
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  }

  test('takes its turn among the small ones before and after it', async () => {
    await client.send('SET k small\r\nAPPEND k 1\r\n*3\r\n$6\r\nAPPEND\r\n$1\r\nk\r\n');
    await client.sendBulk(4 * MIB, 'v');
    await client.send('STRLEN k\r\nAPPEND k 2\r\n');
    const expected = `+OK\r\n:6\r\n:${4 * MIB + 6}\r\n:${4 * MIB + 6}\r\n:${4 * MIB + 7}\r\n`;
    expect(await client.expect(expected.length)).toBe(expected);
    await client.send('*4\r\n$4\r\nHSET\r\n$1\r\nh\r\n$1\r\nf\r\n');
    await client.sendBulk(3 * MIB, 'w');
    await client.send('*4\r\n$5\r\nRPUSH\r\n$1\r\nl\r\n');
    await client.sendBulk(2 * MIB, 'x');
    await client.sendBulk(2 * MIB, 'y');
    expect(await client.expect(8)).toBe(':1\r\n:2\r\n');
    await equalInTheEnd();
  });

  test('holds no slot until it is there', async () => {
    await client.send(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${4 * MIB}\r\n`);
    await client.send(Buffer.alloc(3 * MIB, 'v'));
    expect(text(await other.send('SET', 'k', 'other'))).toBe('OK');
    await client.send(Buffer.concat([Buffer.alloc(MIB, 'v'), Buffer.from('\r\n')]));
    expect(await client.expect(5)).toBe('+OK\r\n');
    expect(text(await other.send('STRLEN', 'k'))).toBe(String(4 * MIB));
    await equalInTheEnd();
  });

  test('that never ends leaves nothing behind', async () => {
    await other.send('SET', 'k', 'before');
    await client.send(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${4 * MIB}\r\n`);
    await client.send(Buffer.alloc(2 * MIB, 'v'));
    client.close();
    await stage.until('it is gone', ({ clients }) => clients.connected === 1);
    expect(text(await other.send('GET', 'k'))).toBe('before');
    await stage.readyForCutover();
    await stage.goTo('target-first');
    expect(text(await other.send('GET', 'k'))).toBe('before');
    await equalInTheEnd();
  });

  test('that is refused by the server is refused, and changes nothing', async () => {
    await other.send('RPUSH', 'l', 'x');
    await client.send('*3\r\n$6\r\nAPPEND\r\n$1\r\nl\r\n');
    await client.sendBulk(2 * MIB, 'v');
    await client.send('PING\r\n');
    const refused = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n+PONG\r\n';
    expect(await client.expect(refused.length)).toBe(refused);
    await client.send('*3\r\n$6\r\nNOSUCH\r\n$1\r\nl\r\n');
    await client.sendBulk(2 * MIB, 'v');
    await client.send('PING\r\n');
    expect(await client.expect(30)).toMatch(/^-ERR unknown command 'NOSUCH'/);
    await equalInTheEnd();
  });

  test('inside MULTI is queued like any other', async () => {
    await client.send('MULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n');
    await client.sendBulk(2 * MIB, 'v');
    await client.send('EXEC\r\n');
    const expected = '+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n';
    expect(await client.expect(expected.length)).toBe(expected);
    await equalInTheEnd();
  });

  test('whose connection is lost half-way takes its client along, and is not executed', async () => {
    await client.send(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${4 * MIB}\r\n`);
    await client.send(Buffer.alloc(2 * MIB, 'v'));
    await stage.until('it is on its way', () => stage.relay('source').count('pin') === 1);
    stage.relay('source').cut('pin');
    await stage.until('the client is gone', ({ clients }) => clients.connected === 1);
    expect(client.isClosed).toBe(true);
    expect(text(await other.send('GET', 'k'))).toBe('(nil)');
    await equalInTheEnd();
  });

  test('is waited for by a cutover', async () => {
    await stage.readyForCutover();
    await client.send(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${4 * MIB}\r\n`);
    await client.send(Buffer.alloc(3 * MIB, 'v'));
    await stage.until('it is on its way', () => stage.relay('source').count('pin') === 1);
    const step = stage.phase('target-first');
    await sleep(50);
    await client.send(Buffer.concat([Buffer.alloc(MIB, 'v'), Buffer.from('\r\n')]));
    expect(await client.expect(5)).toBe('+OK\r\n');
    expect(await step).toMatchObject({ ok: true });
    expect(text(await other.send('STRLEN', 'k'))).toBe(String(4 * MIB));
    await equalInTheEnd();
  });
});
