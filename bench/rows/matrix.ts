/**
 * Everything else that clients do, as information: one dimension at a time around 50 clients and 64 bytes.
 *
 *   matrix-commands   GET, SET, mixed 90/10, INCR, LPUSH, LPOP, HSET, HGETALL, ZADD, ZRANGE, MGET 10; pipelines of 1, 16, 128
 *   matrix-values     GET and SET of 16 bytes to 1 MB, pipelines of 1 and 16
 *   matrix-clients    GET and SET by 1, 50, 1,000 and 10,000 clients, pipelines of 1 and 16
 *
 * Contestants: Ferry in source-only and in dual-write, the peers that are here, the server itself. Whoever cannot take part
 * in one of these (HAProxy needs two descriptors for each of 10,000 clients) is left out of it and named.
 */
import type { Contest, Contestant } from '../harness/contest.js';
import { fill } from '../harness/fill.js';
import { holdMixedContest, type MixedWorkload } from '../harness/mixed-contest.js';
import type { Workload } from '../harness/redis-benchmark.js';
import { asContestant, type Site } from '../harness/site.js';
import { compared, type Measure } from '../report/measure.js';
import { bringTo } from './migrated.js';
import type { Row, RowContext, RowOutcome } from './row.js';
import { CLIENTS, KEYS, VALUE_BYTES, workload } from './workloads.js';

type Cell = Workload | MixedWorkload;

/** So few that reads find what writes left. */
const COLLECTIONS = 10_000;
const PIPELINES = [1, 16, 128] as const;
const VALUES = [16, 64, 1024, 16 * 1024, 128 * 1024, 1024 * 1024] as const;
const CLIENT_COUNTS = [1, 50, 1000, 10_000] as const;
/** What all clients together may have on its way. */
const BYTES_AT_ONCE = 256 << 20;
/** What the values of a workload may take in a server. */
const STORED_BYTES = 200 << 20;

export const matrix: readonly Row[] = [
  row('matrix-commands', 'other commands, pipelines 1, 16 and 128', commandCells()),
  row('matrix-values', 'values from 16 bytes to 1 MB', valueCells()),
  row('matrix-clients', '1, 50, 1,000 and 10,000 active clients', clientCells()),
];

function row(id: string, title: string, cells: readonly Cell[]): Row {
  return {
    id,
    title,
    bar: '(information)',
    onlyFull: true,
    peers: ['nutcracker', 'haproxy'],
    measure: (context) => measure(context, id, cells),
  };
}

function commandCells(): Cell[] {
  const value = 'v'.repeat(VALUE_BYTES);
  const random = '__rand_int__';
  const commands: readonly (readonly [string, Workload['command'] | { readonly getShare: number }])[] = [
    ['GET', { test: 'get' }],
    ['SET', { test: 'set' }],
    ['mixed 90/10', { getShare: 0.9 }],
    ['INCR', ['INCR', `counter:${random}`]],
    ['LPUSH', ['LPUSH', `list:${random}`, value]],
    ['LPOP', ['LPOP', `list:${random}`]],
    ['HSET', ['HSET', `hash:${random}`, 'one', value, 'two', value]],
    ['HGETALL', ['HGETALL', `hash:${random}`]],
    ['ZADD', ['ZADD', `zset:${random}`, random, `member:${random}`]],
    ['ZRANGE', ['ZRANGE', `zset:${random}`, '0', '9']],
    ['MGET 10', ['MGET', ...Array.from({ length: 10 }, () => `key:${random}`)]],
  ];
  return commands.flatMap(([name, command]) =>
    PIPELINES.map((pipeline): Cell => {
      const about = { name: `${name}, ${pipeline === 1 ? 'no pipeline' : `pipeline ${pipeline}`}`, pipeline };
      const usual = { ...about, clients: CLIENTS, valueBytes: VALUE_BYTES, keys: KEYS };
      if ('getShare' in command) return { ...usual, ...command };
      return { ...usual, command, keys: 'test' in command || name.startsWith('MGET') ? KEYS : COLLECTIONS };
    }),
  );
}

function valueCells(): Cell[] {
  return (['get', 'set'] as const).flatMap((test) =>
    [1, 16].flatMap((pipeline) =>
      VALUES.filter((valueBytes) => valueBytes * pipeline * CLIENTS <= BYTES_AT_ONCE).map((valueBytes): Cell => {
        const keys = Math.min(KEYS, Math.ceil(STORED_BYTES / valueBytes));
        const one = workload(test, pipeline, { valueBytes, keys });
        return { ...one, name: `${one.name}, ${sizeText(valueBytes)}` };
      }),
    ),
  );
}

function clientCells(): Cell[] {
  return (['get', 'set'] as const).flatMap((test) =>
    [1, 16].flatMap((pipeline) =>
      CLIENT_COUNTS.map((clients): Cell => {
        const one = workload(test, pipeline, { clients });
        return { ...one, name: `${one.name}, ${clients.toLocaleString('en-US')} clients` };
      }),
    ),
  );
}

async function measure(context: RowContext, id: string, cells: readonly Cell[]): Promise<RowOutcome> {
  const site = context.site();
  const contestants = await gather(site, context);
  const contests: Contest[] = [];
  const measures: Measure[] = [];
  let filledBytes = VALUE_BYTES;
  for (const [index, cell] of cells.entries()) {
    // GETs find values of the size that they are about
    if ('command' in cell && 'test' in cell.command && cell.command.test === 'get' && cell.valueBytes !== filledBytes) {
      filledBytes = cell.valueBytes;
      for (const { name, port } of contestants) {
        if (name.startsWith('Ferry, dual') || name === 'directly') await fill(port, cell);
      }
    }
    const part = { index, of: cells.length };
    const contest =
      'getShare' in cell
        ? await holdMixedContest(
            cell,
            contestants,
            { ...context, onProgress: progressOf(context, part, cell) },
            site.cleanup,
          )
        : await context.contest(cell, contestants, { ...part, mayLack: true });
    contests.push(contest);
    measures.push(...measuresOf(id, contest));
  }
  return { measures, contests };
}

function progressOf({ progress }: RowContext, { index, of }: { index: number; of: number }, cell: Cell) {
  return (done: number, total: number): void =>
    progress((index + done / total) / of, `${cell.name}: ${done} of ${total} runs`);
}

async function gather(site: Site, { peers }: RowContext): Promise<Contestant[]> {
  const redis = (name: string) => site.redis(name, ['--maxclients', '19000']);
  const [source, target] = [await redis('the source'), await redis('the target')];
  const [otherSource, otherTarget] = [await redis('another source'), await redis('another target')];
  for (const { port } of [source, otherSource]) await fill(port, { keys: KEYS, valueBytes: VALUE_BYTES });
  const plain = await site.ferry({ source: source.url, target: target.url });
  const dual = await site.ferry({ source: otherSource.url, target: otherTarget.url });
  await bringTo(dual, 'dual-write');
  const contestants = [asContestant('Ferry', plain), asContestant('Ferry, dual-write', dual)];
  for (const peer of peers.values()) contestants.push(await site.peer(peer, source.port));
  return [...contestants, { name: 'directly', port: source.port, pid: null }];
}

/** Ferry in source-only against all the others. */
function measuresOf(row: string, { workload, entries }: Contest): Measure[] {
  const own = entries.find(({ contestant }) => contestant.name === 'Ferry')?.samples;
  if (own === undefined) return [];
  return entries.flatMap(({ contestant, samples }): Measure[] => {
    if (contestant.name === 'Ferry') return [];
    const about = { row, name: workload.name, unit: 'commands/s', peerName: contestant.name };
    return [
      compared(
        about,
        own.map(({ perSecond }) => perSecond),
        samples.map(({ perSecond }) => perSecond),
      ),
    ];
  });
}

function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${bytes / 1024} KB` : `${bytes / 1024 / 1024} MB`;
}
