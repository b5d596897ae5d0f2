/** What web applications do with Redis: sessions, locks, rate limits, over a cutover. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Stage } from '../journey/stage.js';

declare module 'express-session' {
  interface SessionData {
    visits: number;
  }
}

let stage: Stage;

beforeEach(async () => {
  // what clients' scripts are a sign of would ask for a new verification in the middle of it
  stage = await Stage.open({ config: { detectBypass: { mode: 'off' } } });
});
afterEach(() => stage?.close());

test('an express-session store keeps its sessions', async () => {
  const client = await createClient({ url: `redis://127.0.0.1:${stage.ferry.port}` }).connect();
  const app = express();
  app.use(session({ store: new RedisStore({ client }), secret: 'secret', resave: false, saveUninitialized: false }));
  app.get('/', (request, response) => {
    request.session.visits = (request.session.visits ?? 0) + 1;
    response.json({ visits: request.session.visits });
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  try {
    const first = await fetch(url);
    const cookie = first.headers.get('set-cookie')!.split(';')[0]!;
    expect(await first.json()).toEqual({ visits: 1 });
    const visit = async (): Promise<unknown> => (await fetch(url, { headers: { cookie } })).json();
    expect(await visit()).toEqual({ visits: 2 });
    await stage.readyForCutover();
    expect(await visit()).toEqual({ visits: 3 });
    await stage.goTo('target-first');
    expect(await visit()).toEqual({ visits: 4 });
    await stage.goTo('target-only');
    expect(await visit()).toEqual({ visits: 5 });
  } finally {
    server.close();
    client.destroy();
  }
});

const UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
const TAKE = `local used = redis.call('incr', KEYS[1])
if used == 1 then redis.call('pexpire', KEYS[1], ARGV[2]) end
return used <= tonumber(ARGV[1]) and 1 or 0`;

test('a lock is held by one (the Redlock algorithm on one node), and a rate limit by Lua is kept', {
  timeout: 60_000,
}, async () => {
  const clients = Array.from({ length: 8 }, () => new Redis(stage.ferry.port, '127.0.0.1'));
  try {
    let isOver = false;
    let holders = 0;
    let taken = 0;
    const allowed = new Map<string, number>();
    const working = clients.map(async (client, me) => {
      client.defineCommand('unlock', { numberOfKeys: 1, lua: UNLOCK });
      client.defineCommand('take', { numberOfKeys: 1, lua: TAKE });
      const scripts = client as unknown as Record<'unlock' | 'take', (...args: (string | number)[]) => Promise<number>>;
      for (let n = 0; !isOver; n++) {
        const token = `${me}:${n}`;
        if ((await client.set('lock', token, 'PX', 30_000, 'NX')) === 'OK') {
          holders++;
          expect(holders).toBe(1);
          taken++;
          await client.get('lock');
          holders--;
          expect(await scripts.unlock('lock', token)).toBe(1);
        }
        const bucket = `limit:${Math.floor(n / 20)}`;
        if ((await scripts.take(bucket, 5, 60_000)) === 1) allowed.set(bucket, (allowed.get(bucket) ?? 0) + 1);
      }
    });
    await stage.readyForCutover();
    for (const to of ['target-first', 'target-read', 'target-first'] as const) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      await stage.goTo(to);
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
    isOver = true;
    await Promise.all(working);
    expect(taken).toBeGreaterThan(10);
    expect([...allowed.values()].every((count) => count <= 5)).toBe(true);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  } finally {
    for (const client of clients) client.disconnect();
  }
});
