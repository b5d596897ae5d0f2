/**
 * What routing by slot costs each command: its slot, its node, the record and the counts, until its reply is handed on.
 *
 *   node dist/bench/micro/slot-routing.js [--rounds N] [--commands N] [--json]
 *
 * Keys of 16, 32 and 64 bytes, with a hash tag and without. The baseline of the same run is a connection's ring alone;
 * `routing` is the difference, round by round. The bar is 60 ns and no allocation. Exits with 1 when it is not reached.
 */

import { type Summary, summaryOf } from '../harness/statistics.js';
import { allocatedBytes, timed } from './rounds.js';
import { routedCase } from './routed-commands.js';

const BAR_NS = 60;
/** What the measuring itself may show. */
const BAR_BYTES = 1;

interface Row {
  readonly name: string;
  readonly plainNs: Summary;
  readonly routedNs: Summary;
  readonly routingNs: Summary;
  readonly routingBytes: number;
  readonly reached: boolean;
}

const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};

function measure(rounds: number, commands: number): Row[] {
  const cases = [16, 32, 64].flatMap((bytes) => [routedCase(bytes, false), routedCase(bytes, true)]);
  const samples = timed(
    cases.flatMap(({ plain, routed }) => [plain, routed]),
    rounds,
    commands,
  );
  return cases.map(({ name, plain, routed, close }) => {
    const [plainNs, routedNs] = [samples.get(plain)!, samples.get(routed)!];
    const routingNs = summaryOf(routedNs.map((ns, round) => ns - plainNs[round]!));
    const routingBytes = Math.max(0, allocatedBytes(routed, commands) - allocatedBytes(plain, commands));
    close();
    return {
      name,
      plainNs: summaryOf(plainNs),
      routedNs: summaryOf(routedNs),
      routingNs,
      routingBytes,
      reached: routingNs.median < BAR_NS && routingBytes < BAR_BYTES,
    };
  });
}

function line({ name, plainNs, routedNs, routingNs, routingBytes, reached }: Row): string {
  const ns = ({ median, min, max }: Summary): string =>
    `${median.toFixed(1)} (${min.toFixed(1)}–${max.toFixed(1)})`.padStart(20);
  return `${name.padEnd(20)}${ns(plainNs)}${ns(routedNs)}${ns(routingNs)}${routingBytes.toFixed(2).padStart(8)}  ${reached ? 'yes' : 'NO'}`;
}

const rows = measure(Math.max(5, option('--rounds', 7)), option('--commands', 1_000_000));
if (process.argv.includes('--json')) console.log(JSON.stringify({ barNs: BAR_NS, barBytes: BAR_BYTES, rows }, null, 2));
else {
  const head = ['plain ns', 'routed ns', 'routing ns'].map((title) => title.padStart(20)).join('');
  console.log(`${'key'.padEnd(20)}${head}${'bytes'.padStart(8)}  < ${BAR_NS} ns and 0 bytes`);
  for (const row of rows) console.log(line(row));
}
process.exitCode = rows.every(({ reached }) => reached) ? 0 : 1;
