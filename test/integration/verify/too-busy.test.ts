/** A key too big to be compared while its slot is held for a bounded time, in a slot that is written all the time. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { troubles } from '../../../src/cli/status-text.js';
import { Stage } from '../journey/stage.js';
import type { Wire } from '../journey/wire.js';

const MEMBERS = 400_000;
/** Far less than it takes to read that many, a thousand at a time from both sides. */
const HOLD_LIMIT_MS = 100;
/** What a busy machine adds. */
const GRACE_MS = 400;

let stage: Stage;
let target: Wire;

beforeAll(async () => {
  stage = await Stage.open({
    config: { limits: { bigKeyBytes: 64 * 1024 } },
    hooks: { holdLimitMs: HOLD_LIMIT_MS },
  });
  const source = await stage.onSource();
  target = await stage.onTarget();
  const fill = `for i = 1, ${MEMBERS} do redis.call('ZADD', KEYS[1], i, 'm' .. i) end`;
  await source.send('EVAL', fill, 1, '{busy}');
  await source.send('MSET', 'other', 'x', '{busy}counter', '0');
  await stage.backfill();
});
afterAll(() => stage?.close());

/** Writes to the slot all the time; how long did one wait at most? */
class Writer {
  private stopped = false;
  private longestMs = 0;
  private readonly over: Promise<unknown>;

  constructor(clients: Wire[]) {
    this.over = Promise.all(clients.map((client) => this.write(client)));
  }

  async stop(): Promise<number> {
    this.stopped = true;
    await this.over;
    return this.longestMs;
  }

  private async write(client: Wire): Promise<void> {
    while (!this.stopped) {
      const beganMs = performance.now();
      await Promise.all(Array.from({ length: 20 }, () => client.send('INCR', '{busy}counter')));
      this.longestMs = Math.max(this.longestMs, performance.now() - beganMs);
    }
  }
}

async function writing(): Promise<Writer> {
  return new Writer([await stage.client(), await stage.client()]);
}

test('its writers wait no longer, it counts as not compared, and the verification is not clean', async () => {
  const writer = await writing();
  const found = await stage.verify();
  const { uncompared, clean, compared } = stage.status.verify;
  expect(await writer.stop()).toBeLessThan(HOLD_LIMIT_MS + GRACE_MS);
  expect({ found, uncompared, clean, compared }).toEqual({ found: [], uncompared: 1, clean: false, compared: 2 });
  expect(stage.ferry.control.report().verifications.at(-1)?.result).toBe(
    '2 keys compared, 1 too big and too busy to be compared',
  );
  expect(troubles(stage.status)).toEqual([
    'The verification is not clean: no differences, 1 too big and too busy to be compared.',
  ]);
  expect(stage.ferry.control.report().risks).toContain('The last verification could not compare 1 keys.');
  expect(await stage.phase('target-read')).toMatchObject({ ok: true });
  expect(await stage.phase('target-first')).toMatchObject({ ok: false, blockers: [{ code: 'not-verified' }] });
  await stage.goTo('dual-write');
});

test('with repair it is copied, and without writers it is compared', async () => {
  await target.send('ZADD', '{busy}', 2 * MEMBERS, `m${MEMBERS}`);
  const writer = await writing();
  expect(await stage.verify(true)).toEqual([]);
  expect(stage.status.verify).toMatchObject({ uncompared: 1, clean: false });
  expect(await writer.stop()).toBeLessThan(HOLD_LIMIT_MS + GRACE_MS);
  await stage.settled();
  expect(Number(await target.send('ZSCORE', '{busy}', `m${MEMBERS}`))).toBe(MEMBERS);
  expect(await stage.verify()).toEqual([]);
  expect(stage.status.verify).toMatchObject({ uncompared: 0, clean: true, compared: 3 });
  await target.send('ZADD', '{busy}', 2 * MEMBERS, `m${MEMBERS}`);
  expect(await stage.verify()).toMatchObject([{ kind: 'value' }]);
});
