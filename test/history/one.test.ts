import { appendFileSync, writeSync } from 'node:fs';
import { it } from 'vitest';
import { CopyWindow } from '../../src/jobs/copy-window.js';
import { Tracks } from './batch.js';

const was = CopyWindow.prototype.copyFailed;
CopyWindow.prototype.copyFailed = function (this: CopyWindow, reason: string) {
  writeSync(1, `COPYFAILED ${reason}\n`);
  was.call(this, reason);
};
it('one', async () => {
  const first = Number(process.env.FIRST ?? 1);
  const count = Number(process.env.SEEDS ?? 1);
  const tracks = new Tracks();
  await tracks.start(Number(process.env.TRACKS ?? 1));
  await tracks.run(
    first,
    count,
    (process.env.PROFILE ?? 'varied') as 'varied',
    JSON.parse(process.env.HOOKS ?? '{}'),
    (o) => {
      const c = o.counters;
      const wrong = [...o.violations.map((v) => `VIOLATION ${v}`), ...o.faults];
      writeSync(
        1,
        `SEED ${o.seed} ${wrong.length} wrong ${o.commands} cmds closes ${o.closes} parked ${c.parked} joined ${c.joinedCopies} fb ${c.fallbacks} casc ${c.cascades} stalls ${c.stalls} rep ${c.repairs} chunk ${c.chunkedCopies} tr ${c.targetReads} sc ${c.selfCheckMismatches} | ${o.steps.join(' ')}\n`,
      );
      for (const w of wrong) appendFileSync('/tmp/wrong.txt', `SEED ${o.seed} WRONG ${w}\n`);
      for (const w of wrong.slice(0, 12)) writeSync(1, `   WRONG ${w}\n`);
      return false;
    },
  );
  await tracks.stop();
});
