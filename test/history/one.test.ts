import { writeSync } from 'node:fs';
import { it } from 'vitest';
import { startRedis } from '../support/redis.js';
import { addUsers, loadScripts } from './judge.js';
import { runSeed } from './migration.js';

it('one', async () => {
  const source = await startRedis();
  const target = await startRedis();
  await addUsers(source.port);
  await addUsers(target.port);
  await loadScripts(source.port);
  const first = Number(process.env.FIRST ?? 1);
  const count = Number(process.env.SEEDS ?? 1);
  for (let seed = first; seed < first + count; seed++) {
    const t = performance.now();
    const o = await runSeed(seed, { source: source.port, target: target.port }, JSON.parse(process.env.HOOKS ?? '{}'));
    writeSync(
      1,
      `SEED ${seed} ${(performance.now() - t).toFixed(0)}ms ${o.wrong.length} wrong ${o.commands} cmds ${JSON.stringify(o.counters)} ${o.steps.join(' ')}\n`,
    );
    for (const w of o.wrong.slice(0, 12)) writeSync(1, `   WRONG ${w}\n`);
  }
  await source.stop();
  await target.stop();
});
