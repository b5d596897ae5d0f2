/**
 * Fuzzing what servers answer.
 *
 * Scanned: one is a stream of up to three replies, damaged up to four times, cut at up to three places and given to a
 * ReplyScanner as a lane does it; what it takes for a reply is decoded. Nothing but its own ReplyError may be thrown, it
 * must come to an end, and every sixteenth must be the same reply in one piece.
 *
 * Told: two real servers whose replies lie now and then (liar.ts), on both sides of a real Ferry, in every phase. One is a
 * lie that reached a lane. Clients may be closed and may get a damaged value of their own; no one may get another's
 * reply, nobody may wait for ever, and when the lies end, so do the harms.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { PHASES } from '../../../src/phases/phase.js';
import { decodeAnyReply } from '../../../src/resp/any-reply.js';
import { ReplyError, ReplyScanner } from '../../../src/resp/reply.js';
import { Random } from '../../history/random.js';
import { pause } from '../node.js';
import { IS_LONG, Tally, totals } from '../tally.js';
import { REPLY_FRAMES } from './corpus.js';
import { Liar } from './liar.js';
import { cutsOf, Mutator } from './mutate.js';
import { type Served, serve } from './served.js';

const BATCH = 50_000;
const SCANNED = Number(process.env.FERRY_FUZZ_REPLIES ?? (IS_LONG ? 2_000_000 : 150_000));
const LIES = Number(process.env.FERRY_FUZZ_LIES ?? (IS_LONG ? 50_000 : 150));
const LIES_BATCH = Math.min(LIES, 1000);
const ONE_IN = 15;
const COMPARED_ONE_IN = 16;
const QUIET_WITHIN_MS = 30_000;
const NOTHING = { acknowledgedWrites: 0, lost: 0, silentDifferences: 0, mirrorOnly: 0, unavailable: 0 };

describe('fuzzed replies', () => {
  it(`${SCANNED} damaged streams are scanned without a crash`, {
    retry: 0,
    timeout: 60_000 + SCANNED / 10,
  }, async () => {
    const tally = new Tally('fuzz-replies-scanned');
    for (let batch = 0; batch * BATCH < SCANNED; batch++) {
      if (tally.has(batch)) continue;
      const streams = Math.min(BATCH, SCANNED - batch * BATCH);
      const { wrong, counts } = scanBatch(batch, streams);
      tally.add({ ...NOTHING, id: batch, runs: streams, wrong, counts });
      await new Promise(setImmediate); // the runner wants to hear of this process
    }
    console.log(totals('replies scanned', tally.results));
    expect(tally.report()).toBe('');
  });

  describe('told', () => {
    let served: Served | null = null;
    let liars: Liar[] = [];
    const stop = async (): Promise<void> => {
      await served?.stop();
      await Promise.all(liars.map((liar) => liar.close()));
      served = null;
      liars = [];
    };
    afterAll(stop, 60_000);

    it(`${LIES} lies give nobody another's reply`, { retry: 0, timeout: 120_000 + LIES * 60 }, async () => {
      const tally = new Tally('fuzz-replies-told');
      for (let batch = 0; batch * LIES_BATCH < LIES; batch++) {
        if (tally.has(batch)) continue;
        served = await serve({
          async before(server) {
            const liar = await Liar.to(server.port, new Random(batch ^ server.port));
            liars.push(liar);
            return liar.url;
          },
          timeouts: { targetReadMs: 200, silentConnectionMs: 500 },
        });
        tally.add({ ...NOTHING, id: batch, ...(await lie(served, liars, batch)) });
        await stop();
      }
      console.log(totals('replies told', tally.results));
      expect(tally.report()).toBe('');
    });
  });
});

async function lie(served: Served, liars: readonly Liar[], batch: number) {
  const { control } = served.ferry;
  const steps = PHASES.slice(PHASES.indexOf('target-read'), PHASES.indexOf('target-first') + 1);
  for (const to of batch % 3 === 0 ? steps : batch % 3 === 1 ? steps.slice(0, 1) : []) {
    const step = await control.changePhase({ to, force: true });
    if (!step.ok && to === 'target-first') {
      await control.backfill('start');
      while (control.status().backfill.state !== 'done') await pause(5);
      await control.changePhase({ to, force: true });
    }
  }
  const witnesses = served.witnesses(6, true);
  for (const liar of liars) liar.oneIn = ONE_IN;
  const told = (): number => liars.reduce((sum, { lies }) => sum + lies, 0);
  while (told() < LIES_BATCH && !witnesses.isOver) await pause(10);
  for (const liar of liars) liar.oneIn = 0;
  const { asked, wrong } = await witnesses.end();
  const truthful = served.witnesses(4);
  const deadlineMs = performance.now() + QUIET_WITHIN_MS;
  const isQuiet = (): boolean => {
    const { mirror } = control.status();
    return mirror.backlogOps + mirror.dirtyKeys + mirror.dirtySlots === 0;
  };
  await pause(300);
  wrong.push(...(await truthful.end()).wrong);
  while (!isQuiet() && performance.now() < deadlineMs) await pause(20);
  if (!isQuiet()) wrong.push(`not repaired after the lies: ${JSON.stringify(control.status().mirror)}`);
  return { runs: told(), wrong: wrong.map((line) => `batch ${batch}: ${line}`), counts: { 'tagged replies': asked } };
}

function scanBatch(batch: number, streams: number) {
  const random = new Random(batch ^ 0xf0233);
  const mutator = new Mutator(REPLY_FRAMES, random);
  const wrong: string[] = [];
  const counts = { replies: 0, 'protocol errors': 0 };
  for (let i = 0; i < streams; i++) {
    const bytes = mutator.next();
    const cuts = cutsOf(random, bytes.length);
    try {
      const found = scan(bytes, cuts);
      counts.replies += found.replies;
      if (found.failed) counts['protocol errors']++;
      if (!random.oneIn(COMPARED_ONE_IN)) continue;
      const whole = scan(bytes, []);
      if (whole.digest !== found.digest) throw new Error(`cut: ${found.digest}, whole: ${whole.digest}`);
    } catch (error) {
      wrong.push(`batch ${batch}, stream ${i}, cut at ${cuts}: ${JSON.stringify(bytes.toString('latin1'))}: ${error}`);
    }
  }
  return { wrong, counts };
}

/** As a lane does it: the parts of a reply that came in several chunks are put together, then it is decoded. */
function scan(bytes: Buffer, cuts: readonly number[]): { replies: number; failed: boolean; digest: string } {
  const scanner = new ReplyScanner();
  let replies = 0;
  let digest = '';
  let begun = 0;
  let from = 0;
  try {
    for (const to of [...cuts, bytes.length]) {
      while (from < to) {
        const at = scanner.scan(bytes, from, to);
        if (at <= from || at > to) throw new Error(`scanned from ${from} to ${at} of ${to}`);
        from = at;
        if (!scanner.complete) continue;
        replies++;
        digest += ` ${from}`;
        decodeAnyReply(bytes, begun, from);
        begun = from;
      }
    }
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error;
    return { replies, failed: true, digest: `${digest} failed` };
  }
  return { replies, failed: false, digest };
}
