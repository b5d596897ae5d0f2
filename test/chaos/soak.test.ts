/**
 * Soak: mixed load of all types for a long time, with a cutover and a rollback every minute: no error, no connection lost,
 * and memory that stays flat. Ferry is a process of its own, from the build. Half an hour long, or some seconds.
 *
 * The load is the history test's random commands, many of which Redis refuses by itself (a wrong type …); an error is what
 * no Redis says, a closed connection, or a tagged reply that is not its asker's.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Clock, RawClient } from '../history/client.js';
import { Direct, differences } from '../history/compare.js';
import { Random } from '../history/random.js';
import { show } from '../history/resp.js';
import { BRIEF_MS, fillWild, wildRead, wildWrite } from '../history/wild.js';
import { FerryProcess } from '../integration/journey/process.js';
import { startRedis } from '../support/redis.js';
import { pause } from './node.js';
import { IS_LONG, Tally, totals } from './tally.js';

const SOAK_MS = Number(process.env.FERRY_CHAOS_SOAK_MS ?? (IS_LONG ? 30 * 60_000 : 6_000));
const ROUND_MS = IS_LONG ? 60_000 : 3_000;
const CLIENTS = 12;
const BURST = 16;
const PAUSE_MS = 4;
/** Trimmed now and then, so that what both servers hold does not grow either. */
const TRIM_ONE_IN = 200;
const SAMPLE_MS = 500;
/** What a process needs to be warm; later growth beyond the noise of garbage is a leak. */
const WARM_PART = 1 / 3;
const GROWTH_FACTOR = 1.2;
const GROWTH_MB = 40;
const STEP_ATTEMPTS = 50;

it(`${SOAK_MS / 1000} s of mixed load, back and forth all the time`, {
  retry: 0,
  timeout: 180_000 + SOAK_MS,
}, async () => {
  const tally = new Tally('soak');
  if (tally.has(0)) {
    expect(tally.report()).toBe('');
    return;
  }
  const [source, target] = await Promise.all([startRedis(), startRedis()]);
  const stateDir = mkdtempSync(join(tmpdir(), 'ferry-chaos-soak-'));
  const args = ['--source', source.url, '--target', target.url, '--state-dir', stateDir, '--phase', 'dual-write'];
  const ferry = await FerryProcess.prepare(args);
  const wrong: string[] = [];
  let working = true;
  try {
    const direct = await Direct.open([source.port], 0);
    await direct.ask(fillWild(new Random(1)));
    direct.drop();
    await ferry.start();
    await ferry.backfill();
    const step = async (to: 'target-read' | 'target-first'): Promise<void> => {
      let refused = '';
      for (let left = STEP_ATTEMPTS; left > 0; left--) {
        // what can expire or be copied any moment keeps some steps from being taken at once
        if ((refused = await ferry.tryPhase({ to, force: true })) === '') return;
        await pause(50);
      }
      wrong.push(`no step to ${to}: ${refused}`);
    };
    await step('target-read');
    const clients = Array.from({ length: CLIENTS }, (_, i) => new Soaker(ferry.port, i));
    const load = Promise.all(clients.map((client) => client.run(() => working)));
    const memory: number[] = [];
    const sampling = setInterval(() => memory.push(ferry.residentMiB()), SAMPLE_MS);
    let swaps = 0;
    for (const endMs = performance.now() + SOAK_MS; performance.now() < endMs && wrong.length === 0; swaps += 2) {
      await pause(ROUND_MS / 2);
      await step('target-first');
      await pause(ROUND_MS / 2);
      await step('target-read');
    }
    clearInterval(sampling);
    working = false;
    await load;
    await pause(BRIEF_MS + 200); // what is about to die dies on both sides
    wrong.push(...clients.flatMap((client) => client.wrong).slice(0, 8));
    const warm = memory.slice(Math.floor(memory.length * WARM_PART));
    const [early, late] = [median(warm.slice(0, warm.length >> 1)), median(warm.slice(warm.length >> 1))];
    if (late > early * GROWTH_FACTOR + GROWTH_MB) wrong.push(`memory grew from ${early} to ${late} MiB`);
    await ferry.until(
      'all is mirrored',
      ({ mirror }) => mirror.backlogOps + mirror.dirtyKeys + mirror.dirtySlots === 0,
    );
    const differing = await differences([source.port], [target.port], [0, 1], (key) => key.startsWith('__ferry:'));
    wrong.push(...differing.slice(0, 5));
    tally.add({
      id: 0,
      runs: 1,
      acknowledgedWrites: clients.reduce((sum, { writes }) => sum + writes, 0),
      lost: 0,
      silentDifferences: differing.length,
      mirrorOnly: 0,
      unavailable: 0,
      wrong,
      counts: { swaps, 'MiB early': Math.round(early), 'MiB late': Math.round(late) },
    });
  } finally {
    working = false;
    await ferry.kill();
    await Promise.all([source.stop(), target.stop()]);
    rmSync(stateDir, { recursive: true, force: true });
  }
  console.log(totals('soak', tally.results));
  expect(tally.report()).toBe('');
});

/** One client of the load. */
class Soaker {
  readonly wrong: string[] = [];
  writes = 0;
  private readonly client: RawClient;
  private readonly random: Random;

  constructor(
    private readonly port: number,
    private readonly number: number,
  ) {
    this.random = new Random(number ^ 0x50a4);
    this.client = new RawClient(null, new Clock(), this.random.fork(), number % 3 === 2 ? 3 : 2);
  }

  async run(isWorking: () => boolean): Promise<void> {
    const { client, random, number } = this;
    try {
      await client.connect(this.port, 0);
      for (let n = 0; isWorking() && this.wrong.length === 0; n++) {
        const tag = `soaker ${number}, ${n}`;
        const commands = Array.from({ length: BURST }, () =>
          random.oneIn(2) ? wildRead(random) : wildWrite(random, `${number}.${n % 1000}`),
        );
        const own = `soak:${number}`;
        const sent = client.send([
          ['SET', own, tag],
          ...commands,
          ['GET', own],
          ...(random.oneIn(TRIM_ONE_IN) ? TRIM : []),
        ]);
        await client.settled();
        const reply = sent[commands.length + 1]!.reply;
        if (reply !== tag) this.wrong.push(`GET ${own} was answered ${show(reply)} instead of ${tag}`);
        this.writes++;
        await pause(PAUSE_MS);
        this.wrong.push(...client.complaints);
      }
      if (client.closes > 0) this.wrong.push(`soaker ${number} lost its connection`);
    } catch (error) {
      this.wrong.push(String(error));
    }
    client.drop();
  }
}

/** What only grows otherwise. */
const TRIM = ['a', 'b', 'c', 'd'].flatMap((tag) => [
  ['DEL', `w:str{${tag}}`, `w:list{${tag}}`, `w:list2{${tag}}`, `w:set{${tag}}`, `w:stream{${tag}}`, `w:set2{${tag}}`],
  ['LTRIM', 'w:biglist{b}', '0', '99'],
  // a trimmed stream still has all pending entries of its groups
  ['DEL', 'w:bigset{c}', 'w:bigstr{b}', 'w:bigstream{a}'],
]);

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;
}
