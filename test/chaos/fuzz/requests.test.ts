/**
 * Fuzzing what clients send.
 *
 * Scanned: one stream is up to three frames, damaged up to four times, cut at up to three places and given to a
 * RequestScanner that served others before; every command that it finds is looked up, its keys are determined, and it is
 * read again from its frame, which is all that happens to a client's bytes before a decision is made about them. Every
 * sixteenth is given to a second scanner in one piece, which must find the same. Nothing may throw, and the scanner may not
 * say more often "command" than there are bytes.
 *
 * Served: one stream is a connection to a real Ferry between two redis-servers that sends such bytes, in pieces, and goes.
 * Meanwhile witnesses of the same user, so on the same lanes, ask for what they wrote; each reply carries its asker's tag.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKeys, KeyList } from '../../../src/commands/keys.js';
import { arityOk, CommandTable } from '../../../src/commands/table.js';
import { ArgReader } from '../../../src/resp/arg-reader.js';
import { COMMAND, NEED_MORE, PROTOCOL_ERROR, RequestScanner } from '../../../src/resp/request.js';
import { Random } from '../../history/random.js';
import { IS_LONG, Tally, totals } from '../tally.js';
import { REQUEST_FRAMES } from './corpus.js';
import { cutsOf, Mutator } from './mutate.js';
import { type Served, serve } from './served.js';

const BATCH = 50_000;
const SCANNED = Number(process.env.FERRY_FUZZ_SCANNED ?? (IS_LONG ? 10_000_000 : 150_000));
const CONNECTIONS = Number(process.env.FERRY_FUZZ_CONNECTIONS ?? (IS_LONG ? 100_000 : 1_500));
const CONNECTIONS_AT_ONCE = 16;
const CONNECTIONS_BATCH = Math.min(CONNECTIONS, 5_000);
const COMPARED_ONE_IN = 16;
const RENEWED_ONE_IN = 4;

const table = CommandTable.offline();

describe('fuzzed requests', () => {
  it(`${SCANNED} damaged streams are scanned without a crash`, {
    retry: 0,
    timeout: 60_000 + SCANNED / 10,
  }, async () => {
    const tally = new Tally('fuzz-requests-scanned');
    for (let batch = 0; batch * BATCH < SCANNED; batch++) {
      if (tally.has(batch)) continue;
      const seen = scanBatch(batch, Math.min(BATCH, SCANNED - batch * BATCH));
      tally.add({ ...NOTHING, id: batch, runs: seen.streams, wrong: seen.wrong, counts: seen.counts });
      await new Promise(setImmediate); // the runner wants to hear of this process
    }
    console.log(totals('requests scanned', tally.results));
    expect(tally.report()).toBe('');
  });

  describe('served', () => {
    let served: Served;
    beforeAll(async () => {
      served = await serve();
    }, 60_000);
    afterAll(() => served?.stop(), 60_000);

    it(`${CONNECTIONS} connections with damaged streams harm nobody else`, {
      retry: 0,
      timeout: 120_000 + CONNECTIONS * 20,
    }, async () => {
      const tally = new Tally('fuzz-requests-served');
      for (let batch = 0; batch * CONNECTIONS_BATCH < CONNECTIONS; batch++) {
        if (tally.has(batch)) continue;
        const random = new Random(batch ^ 0xf0220);
        const mutator = new Mutator(REQUEST_FRAMES, random);
        const witnesses = served.witnesses(4);
        let left = CONNECTIONS_BATCH;
        const one = async (): Promise<void> => {
          while (left-- > 0) await served.harass(mutator.next(6), random);
        };
        await Promise.all(Array.from({ length: CONNECTIONS_AT_ONCE }, one));
        const { asked, wrong } = await witnesses.end();
        tally.add({ ...NOTHING, id: batch, runs: CONNECTIONS_BATCH, wrong, counts: { 'tagged replies': asked } });
      }
      console.log(totals('requests served', tally.results));
      expect(tally.report()).toBe('');
      expect(await served.isServing()).toBe(true);
    });
  });
});

const NOTHING = { acknowledgedWrites: 0, lost: 0, silentDifferences: 0, mirrorOnly: 0, unavailable: 0 };

function scanBatch(batch: number, streams: number) {
  const random = new Random(batch ^ 0xf022);
  const mutator = new Mutator(REQUEST_FRAMES, random);
  const wrong: string[] = [];
  const counts = { commands: 0, 'protocol errors': 0 };
  let scanner = new RequestScanner();
  for (let i = 0; i < streams; i++) {
    const bytes = mutator.next();
    const cuts = cutsOf(random, bytes.length);
    // one that said nothing wrong goes on with the next stream, as a connection does
    if (random.oneIn(RENEWED_ONE_IN)) scanner = new RequestScanner();
    const isFresh = scanner.bufferedBytes === 0;
    let found: Found;
    try {
      found = scan(scanner, bytes, cuts);
      if (isFresh && random.oneIn(COMPARED_ONE_IN)) {
        const whole = scan(new RequestScanner(), bytes, []);
        if (whole.digest !== found.digest) throw new Error(`cut: ${found.digest}, whole: ${whole.digest}`);
      }
    } catch (error) {
      wrong.push(`batch ${batch}, stream ${i}, cut at ${cuts}: ${JSON.stringify(bytes.toString('latin1'))}: ${error}`);
      scanner = new RequestScanner();
      continue;
    }
    counts.commands += found.commands;
    if (!found.failed) continue;
    counts['protocol errors']++;
    scanner = new RequestScanner();
  }
  return { streams, wrong, counts };
}

interface Found {
  readonly commands: number;
  readonly failed: boolean;
  /** equal for equal commands */
  readonly digest: string;
}

const keys = new KeyList();
const reader = new ArgReader();

function scan(scanner: RequestScanner, bytes: Buffer, cuts: readonly number[]): Found {
  let commands = 0;
  let failed = false;
  let digest = '';
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    scanner.push(Buffer.from(bytes.subarray(from, to)));
    from = to;
    for (let said = 0; !failed; said++) {
      const result = scanner.next();
      if (result === NEED_MORE) break;
      if (result === PROTOCOL_ERROR) {
        failed = true;
        digest += `!${scanner.error}`;
      } else if (result !== COMMAND) throw new Error(`the scanner said ${result}`);
      else {
        commands++;
        digest += look(scanner);
      }
      if (said > bytes.length + 1) throw new Error('the scanner finds commands without end');
    }
  }
  return { commands, failed, digest: `${digest} ${failed ? 0 : scanner.bufferedBytes}` };
}

/** All that is read of a client's command before it is decided where it goes. */
function look(scanner: RequestScanner): string {
  const { frame, frameStart, frameEnd, argc, starts, ends } = scanner;
  let text = `*${argc}`;
  for (let i = 0; i < argc; i++) {
    if (starts[i]! < frameStart || ends[i]! > frameEnd || ends[i]! < starts[i]!)
      throw new Error(`span ${i} is outside`);
    text += ` ${frame.toString('latin1', starts[i], ends[i])}`;
  }
  const command = table.lookup(frame, argc, starts, ends);
  if (command !== null && arityOk(command, argc)) {
    findKeys(command, frame, argc, starts, ends, keys);
    for (let k = 0; k < keys.count; k++) if (keys.index[k]! >= argc) throw new Error('a key beyond the arguments');
  }
  reader.read(frame, frameStart, frameEnd);
  if (reader.argc !== argc) throw new Error(`${argc} arguments, read again as ${reader.argc}`);
  return text;
}
