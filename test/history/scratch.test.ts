import { writeSync } from 'node:fs';
import { it } from 'vitest';
import { checkHistory } from './checker.js';
import { redisModel } from './model.js';
import { simulate } from './simulate.js';
it('x', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const s = simulate(seed, null);
    const t1 = performance.now();
    const v = checkHistory(redisModel, s.first, s.operations, 30000);
    writeSync(1, `${[seed, s.operations.length, v.kind, v.visited, (performance.now() - t1).toFixed(0), s.operations.filter((o) => o.repliedAt === Infinity).length].join(' ')}\n`);
  }
});
