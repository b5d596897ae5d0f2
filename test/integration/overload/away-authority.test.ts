/** A server that is gone: what waits for it is bounded in time, and one connection alone goes on trying. */
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { CLOSED, Pipe } from '../journey/pipe.js';
import { Stage, type StageOptions, sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

let stage: Stage;
let port = 0;
afterEach(() => stage?.close());

async function open(options: StageOptions = {}): Promise<void> {
  stage = await Stage.open(options);
  port = options.relays === true ? stage.relay('source').port : stage.source.port;
}

async function metric(name: string): Promise<string[]> {
  const page = await fetch(`http://127.0.0.1:${stage.ferry.adminPort}/metrics`);
  return (await page.text()).split('\n').filter((line) => line.startsWith(name));
}

/** The breaker of the source, by the metric that users see. */
async function isOpen(): Promise<boolean> {
  const lines = await metric('ferry_breaker_open');
  expect(lines).toHaveLength(2);
  return lines.some((line) => line.includes(`:${port}"`) && line.endsWith(' 1'));
}

async function untilOpen(wanted: boolean): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if ((await isOpen()) === wanted) return;
    await sleep(50);
  }
  throw new Error(`the breaker is not ${wanted ? 'open' : 'closed'}`);
}

test('with on-uncertain close: clients are closed as by a Redis that is gone, and served when it is back', async () => {
  await open();
  const waiting = await Pipe.open(stage.ferry.port);
  expect(text(await waiting.ask('SET', 'k', 'v'))).toBe('OK');
  expect(await isOpen()).toBe(false);
  stage.source.kill();
  const late = waiting.ask('GET', 'k');
  await untilOpen(true);
  // what waited since the server went
  expect(await late).toBe(CLOSED);
  // what comes now does not queue
  for (const command of [
    ['GET', 'k'],
    ['SET', 'k', 'w'],
    ['CLIENT', 'ID'],
  ]) {
    const client = await Pipe.open(stage.ferry.port);
    expect([command, await client.ask(...command)]).toEqual([command, CLOSED]);
  }
  await stage.source.restart();
  await untilOpen(false);
  const client = await Pipe.open(stage.ferry.port);
  expect(text(await client.ask('SET', 'k', 'v'))).toBe('OK');
  // nothing was executed that its client was not told of: the last write that was refused never ran
  expect(text(await client.ask('GET', 'k'))).toBe('v');
  expect(stage.status.commands.uncertain).toBe(0);
  client.close();
});

test('with on-uncertain error: an error that says so, in order, and the connection goes on', async () => {
  await open({ config: { onUncertain: 'error' } });
  await stage.goTo('dual-write');
  const client = await Pipe.open(stage.ferry.port);
  expect(text(await client.ask('SET', 'k', 'v'))).toBe('OK');
  stage.source.kill();
  await untilOpen(true);
  const replies = await client.batch([['SET', 'k', 'w'], ['GET', 'k'], ['MULTI'], ['INCR', 'n'], ['EXEC']]);
  const refused = expect.stringMatching(/^\(error\) FERRY the server cannot be reached, and the command was not exec/);
  // MULTI asks the server for the user's right to it
  const noExec = '(error) ERR EXEC without MULTI';
  expect(replies.map(text)).toEqual([refused, refused, refused, refused, noExec]);
  await stage.source.restart();
  await untilOpen(false);
  expect(text(await client.ask('SET', 'k', 'x'))).toBe('OK');
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
  expect(stage.status.commands.uncertain).toBe(0);
  client.close();
});

test('a server that is back within two seconds is waited for', async () => {
  await open();
  const client = await Pipe.open(stage.ferry.port);
  await client.ask('PING');
  stage.source.kill();
  await sleep(200);
  const late = client.ask('SET', 'k', 'v');
  await sleep(200);
  await stage.source.restart();
  expect(text(await late)).toBe('OK');
  client.close();
});

test('reads on their way are asked again so often and no more', async () => {
  await open({ relays: true });
  const client = await Pipe.open(stage.ferry.port);
  await client.ask('SET', 'k', 'v');
  const before = stage.relay('source').seen.client!;
  stage.relay('source').hold('client');
  const read = client.ask('GET', 'k');
  let cuts = 0;
  let reply: unknown = null;
  read.then((answer) => {
    reply = answer;
  });
  // each connection is cut with the read in flight
  while (reply === null && cuts < 50) {
    await sleep(30);
    stage.relay('source').release('client');
    cuts += stage.relay('source').cut('client');
    stage.relay('source').hold('client');
  }
  stage.relay('source').release('client');
  expect(await read).toBe(CLOSED);
  expect(cuts).toBeLessThan(50);
  expect(stage.relay('source').seen.client! - before).toBeLessThanOrEqual(50);
  expect(stage.status.commands.uncertain).toBe(0);
  client.close();
});

test('writes of unknown outcome are counted in every phase, reads are not', async () => {
  await open({ relays: true, config: { onUncertain: 'error' } });
  for (const phase of ['source-only', 'dual-write'] as const) {
    if (phase !== 'source-only') await stage.goTo(phase);
    const client = await Pipe.open(stage.ferry.port);
    await client.ask('SET', 'n', '1');
    const before = stage.status.commands.uncertain;
    stage.relay('source').hold('client');
    const replies = client.batch([
      ['INCR', 'n'],
      ['GET', 'n'],
      ['PUBLISH', 'c', 'm'],
      ['INCR', 'n'],
    ]);
    await sleep(100);
    stage.relay('source').cut('client');
    stage.relay('source').release('client');
    const lost = expect.stringMatching(/^\(error\) UNCERTAIN /);
    expect((await replies).map(text)).toEqual([lost, '3', lost, lost]);
    expect(stage.status.commands.uncertain - before).toBe(3);
    client.close();
    await stage.settled();
  }
  expect(await metric('ferry_uncertain_writes_total')).toEqual(['ferry_uncertain_writes_total 6']);
  const infoClient = await Pipe.open(stage.ferry.port);
  expect(String(await infoClient.ask('INFO', 'ferry'))).toContain('commands_uncertain:6');
  infoClient.close();
});

test('one connection alone goes on trying', async () => {
  await open({ relays: true });
  const clients = await Promise.all(Array.from({ length: 12 }, () => Pipe.open(stage.ferry.port)));
  await Promise.all(
    clients.map((client, db) =>
      client.batch([
        ['SELECT', db],
        ['SET', 'k', db],
      ]),
    ),
  );
  stage.source.kill();
  await untilOpen(true);
  // each of the twelve databases has a lane, and what they did before shows in the relay
  const before = stage.relay('source').connections;
  await sleep(6000);
  const tried = stage.relay('source').connections - before;
  // the probe and the control connection, each with pauses of up to two seconds
  expect(tried).toBeGreaterThan(1);
  expect(tried).toBeLessThan(24);
  await stage.source.restart();
  await untilOpen(false);
  await stage.until('every lane is there again', () => stage.relay('source').count('client') === 12);
  for (const client of clients) client.close();
});

test('the listener does not go away with the server: who connects learns it at the first command', async () => {
  await open();
  stage.source.kill();
  await untilOpen(true);
  const socket = connect(stage.ferry.port, '127.0.0.1');
  const outcome = new Promise((resolve) => {
    socket.once('close', () => resolve('closed'));
    socket.once('data', (chunk) => resolve(String(chunk)));
  });
  socket.write('PING\r\n');
  expect(await outcome).toBe('closed');
});
