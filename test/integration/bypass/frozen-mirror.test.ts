/** A key is compared with its slot held: whatever the mirror does meanwhile, clients must not wait for it. */
import { afterEach, expect, test } from 'vitest';
import { Stage, sleep } from '../journey/stage.js';
import { text } from '../journey/wire.js';

const PATIENCE_MS = 3000;

let stage: Stage;
afterEach(async () => {
  process.kill(stage.target.pid, 'SIGCONT');
  await stage.close();
});

test('clients write to a slot whose key is being compared with a mirror that is frozen', async () => {
  stage = await Stage.open({ config: { phase: 'dual-write', detectBypass: { mode: 'on' } } });
  await stage.backfill();
  await stage.until('changes are reported', ({ bypass }) => bypass.state === 'on');
  const client = await stage.client();
  const source = await stage.onSource();
  for (let i = 0; i < 30; i++) await client.send('SET', `key:${i}`, 'v');
  await sleep(600); // no write of Ferry's explains what comes now
  for (let round = 0; round < 3; round++) {
    // some comparisons have begun when it freezes, others begin then
    const strangers = Promise.all(
      Array.from({ length: 30 }, (_, i) => source.send('SET', `key:${i}`, `other ${round}`)),
    );
    if (round > 0) await sleep(round);
    process.kill(stage.target.pid, 'SIGSTOP');
    await strangers;
    await sleep(700);
    const writes = Array.from({ length: 30 }, (_, i) => client.send('SET', `key:${i}`, `own ${round}`));
    const hung = sleep(PATIENCE_MS).then(() => ['no answer']);
    expect((await Promise.race([Promise.all(writes), hung])).map((reply) => text(reply as Buffer))).toEqual(
      Array.from({ length: 30 }, () => 'OK'),
    );
    process.kill(stage.target.pid, 'SIGCONT');
    await stage.settled();
  }
  expect(await stage.differences()).toEqual([]);
});
