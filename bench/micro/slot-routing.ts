/**
 * The cost of slot routing per command, ns and heap bytes: routed against direct, alternating in one run.
 *
 *     npm run bench:micro [-- --json]
 *
 * Processor time, so that what else runs on the machine counts little; medians of the rounds' differences. The bar: under 60 ns, 0 bytes.
 */
import { RoutedCommands } from './routed-commands.js';

const ROUNDS = 9;
const COMMANDS = 400_000;
const BAR_NS = 60;

interface Row {
  readonly name: string;
  readonly directNs: number;
  readonly routedNs: number;
  readonly routingNs: number;
  readonly minNs: number;
  readonly maxNs: number;
  readonly bytesPerCommand: number;
}

function nsPerCommand(run: (count: number) => void): number {
  const began = process.cpuUsage();
  run(COMMANDS);
  const { user, system } = process.cpuUsage(began);
  return ((user + system) * 1000) / COMMANDS;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Heap growth of a run, per command; the collector is asked first where it may be (--expose-gc). */
export function bytesPerCommand(commands: RoutedCommands, count: number): number {
  const collect = (globalThis as { gc?: () => void }).gc;
  commands.runRouted(count);
  collect?.();
  const before = process.memoryUsage().heapUsed;
  commands.runRouted(count);
  return Math.max(0, process.memoryUsage().heapUsed - before) / count;
}

function measure(keyBytes: number, tagged: boolean): Row {
  const commands = new RoutedCommands(keyBytes, tagged);
  for (let i = 0; i < 3; i++) {
    commands.runDirect(COMMANDS);
    commands.runRouted(COMMANDS);
  }
  const direct: number[] = [];
  const routed: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    direct.push(nsPerCommand((count) => commands.runDirect(count)));
    routed.push(nsPerCommand((count) => commands.runRouted(count)));
  }
  const differences = routed.map((ns, i) => ns - direct[i]!);
  return {
    name: `${keyBytes} bytes${tagged ? ', hash tag' : ''}`,
    directNs: median(direct),
    routedNs: median(routed),
    routingNs: median(differences),
    minNs: Math.min(...differences),
    maxNs: Math.max(...differences),
    bytesPerCommand: bytesPerCommand(commands, COMMANDS),
  };
}

function main(): void {
  const rows = [16, 32, 64].flatMap((bytes) => [measure(bytes, false), measure(bytes, true)]);
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ barNs: BAR_NS, rows }, null, 2));
    return;
  }
  console.log('key                 direct ns   routed ns   routing ns (min … max)   heap bytes per command');
  for (const row of rows) {
    const ns = (value: number): string => value.toFixed(1).padStart(9);
    const range = `${ns(row.routingNs)} (${row.minNs.toFixed(1)} … ${row.maxNs.toFixed(1)})`;
    console.log(
      `${row.name.padEnd(18)} ${ns(row.directNs)}   ${ns(row.routedNs)}   ${range.padEnd(24)} ${row.bytesPerCommand.toFixed(3)}`,
    );
  }
  const worst = Math.max(...rows.map(({ routingNs }) => routingNs));
  console.log(`worst median: ${worst.toFixed(1)} ns, bar ${BAR_NS} ns: ${worst < BAR_NS ? 'reached' : 'not reached'}`);
}

if (process.argv[1]?.endsWith('slot-routing.js')) main();
