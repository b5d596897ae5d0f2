/**
 * `npm run bench`: measures the rows of the table, says what was reached, and writes down everything.
 *
 *   stdout                       the table, and nothing else
 *   stderr                       progress
 *   bench/results/latest.json    the figures, a list (CONTRACT: name, unit, ferry, peer, ratio, bar, reached, …)
 *   bench/results/run.json       everything: rows with verdicts, contests, machine; both are written after each row
 *   docs/                        only with --publish (report/publish.ts)
 *
 * Exits with 0 when everything could be measured or said why not, whatever the verdicts; 1 when something broke, 2 for a
 * wrong command line, 130 when interrupted. Every process it started has ended by then.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { redisServerBinary } from '../src/cli/demo/redis.js';
import { StartError } from '../src/config/errors.js';
import { commitName, describeMachine } from './harness/machine.js';
import { type BenchOptions, readOptions } from './harness/options.js';
import { PACKAGE_ROOT } from './harness/package-root.js';
import { findPeers } from './harness/peers.js';
import { findBenchmark } from './harness/redis-benchmark.js';
import { runRows } from './harness/run.js';
import type { BenchDocument } from './report/document.js';
import { publish } from './report/publish.js';
import { tableText } from './report/table.js';
import { ROWS } from './rows/index.js';
import type { Row } from './rows/row.js';

const DOCS = join(PACKAGE_ROOT, 'docs');
const INTERRUPTIONS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

class Interrupted extends Error {}

async function main(): Promise<number> {
  const ids = ROWS.map(({ id }) => id);
  const options = await readOptions(process.argv.slice(2), ids);
  if (options === null) return 0;
  if (options.list) {
    for (const { id, title, bar } of ROWS) print(`${id.padEnd(18)} ${title}\n${' '.repeat(19)}${bar}`);
    return 0;
  }
  if (options.draw) {
    await publish(DOCS, null, ids);
    return 0;
  }
  const document = await measure(options);
  if (options.publish) await publish(DOCS, document, ids);
  print(tableText(document.rows));
  return document.rows.some(({ error }) => error !== '') ? 1 : 0;
}

async function measure(options: BenchOptions): Promise<BenchDocument> {
  const over = new AbortController();
  // the second one, once this handler is gone, ends the process at once: children are killed by what runs at its exit
  const interrupt = (): void => {
    for (const signal of INTERRUPTIONS) process.off(signal, interrupt).once(signal, () => process.exit(130));
    tell('interrupted: servers are stopped …');
    over.abort(new Interrupted('interrupted'));
  };
  for (const signal of INTERRUPTIONS) process.on(signal, interrupt);
  const rows = chosen(options);
  const redisBinary = await redisServerBinary(PACKAGE_ROOT);
  await findBenchmark(redisBinary);
  const needsPeers = rows.some(({ peers }) => peers !== undefined);
  const peers = needsPeers ? await findPeers(options.peers, options.install, tell) : new Map();
  const setting = { options, peers, redisBinary, commit: await commitName(), signal: over.signal };
  const machine = await describeMachine(redisBinary, peers);
  let document: BenchDocument = { machine, rows: [] };
  // after each row: what a long run has found is there even if it is interrupted
  await runRows(rows, setting, async (results) => {
    document = { machine, rows: [...results] };
    await write(document, options);
  });
  return document;
}

function chosen({ only, full }: BenchOptions): readonly Row[] {
  if (only !== null) return ROWS.filter(({ id }) => only.includes(id));
  return ROWS.filter(({ onlyFull }) => full || onlyFull !== true);
}

async function write(document: BenchDocument, { json, results }: BenchOptions): Promise<void> {
  await mkdir(results, { recursive: true });
  const measures = document.rows.flatMap((row) => row.measures);
  await writeFile(join(results, 'latest.json'), `${JSON.stringify(measures, null, 2)}\n`);
  const everything = `${JSON.stringify(document, null, 2)}\n`;
  await writeFile(join(results, 'run.json'), everything);
  if (json !== null) await writeFile(json, everything);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof Interrupted) process.exitCode = 130;
  else if (error instanceof StartError) {
    tell(`bench: ${error.message}`);
    process.exitCode = error.exitCode;
  } else {
    const isUsage = error instanceof Error && error.name === 'YError';
    tell(`bench: ${error instanceof Error ? (isUsage ? error.message : error.stack) : String(error)}`);
    process.exitCode = isUsage ? 2 : 1;
  }
}
