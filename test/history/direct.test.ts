/**
 * The workload against one plain Redis: whatever it reports here is a mistake of the model, the client or the checker,
 * since one Redis is linearizable.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { differences } from './compare.js';
import { addUsers, fill, judge, loadScripts, NARROW, WIDE } from './judge.js';
import { Workload } from './workload.js';

const SEEDS = 20;

describe('the workload against one Redis', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
    await addUsers([server.port]);
    await loadScripts([server.port]);
  });
  afterAll(() => server.stop());

  it('is linearizable', async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const options = { clients: 8, burstsPerClient: 25, wide: WIDE, narrow: NARROW };
      const flags = { flushes: seed % 4 === 0, aborts: seed % 3 === 0, databases: seed % 2 === 0 ? 2 : 1 } as const;
      const workload = new Workload({ seed, ...options, ...flags });
      await fill([server.port], workload);
      await workload.run(server.port);
      expect({ seed, wrong: await judge(workload, [server.port]) }).toEqual({ seed, wrong: [] });
      expect({ seed, complaints: workload.complaints, closes: workload.closes }).toEqual({
        seed,
        complaints: [],
        closes: 0,
      });
      expect(await differences([server.port], [server.port], [0, 1], () => false)).toEqual([]);
    }
  });
});
