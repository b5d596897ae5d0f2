/**
 * What the application does, from the source's own counters since its start: commands that hurt at a cutover, what a Cluster
 * will refuse, what is slow. Counters do not tell who it was: an administrator's KEYS counts as well.
 */
import { KINDS } from '../../commands/kinds.js';
import { number } from '../../observe/figures.js';
import { callsOf, type Facts, isCluster, numberField } from '../facts.js';
import { blocker, type Finding, note, warning } from '../finding.js';
import { some, spokenWithCalls } from '../wording.js';

const names = (text: string): readonly string[] => text.split(' ');

/** Ferry splits them, for as long as it is there. */
const SPLIT = names('mget mset msetnx del unlink exists touch');
/** With keys in several slots they are refused by a Cluster. */
const MULTI_KEY = names(
  'rename renamenx copy sinter sinterstore sintercard sunion sunionstore sdiff sdiffstore smove zinter zinterstore ' +
    'zintercard zunion zunionstore zdiff zdiffstore zrangestore lmove rpoplpush blmove brpoplpush lmpop blmpop zmpop bzmpop ' +
    'blpop brpop bzpopmin bzpopmax pfcount pfmerge bitop xread xreadgroup sort georadius geosearchstore lcs',
);
const TRANSACTIONS = names('multi exec watch');
const SCRIPTS = names('eval evalsha eval_ro evalsha_ro fcall fcall_ro');
const FLUSHES = names('flushall flushdb');
/** The server's own traffic, and that of monitoring. */
const INFRASTRUCTURE =
  /^(psync|sync|replconf|save|bgsave|bgrewriteaof|debug|shutdown|config|acl|cluster|module|script\|debug)/;
const LATENCY_NOTED_MS = 100;

export function checkTraffic(facts: Facts): Finding[] {
  const calls = callsOf(facts.source);
  const used = (which: readonly string[]): string[] =>
    which.filter((name) => (calls.get(name) ?? 0) > 0).map((name) => spokenWithCalls(name, calls.get(name)!));
  const since = sinceStart(facts);
  return [
    ...wholeServer(used, since),
    ...selects(facts, used, since),
    ...crossSlot(facts, used, since),
    ...scripts(facts, used, since),
    ...refused(calls, since),
    ...slow(facts),
    ...latency(facts),
  ];
}

type Used = (which: readonly string[]) => string[];

function sinceStart({ source }: Facts): string {
  const seconds = Math.max(...source.servers.map((server) => numberField(server, 'uptime_in_seconds')));
  if (seconds >= 2 * 86_400) return `calls in ${Math.round(seconds / 86_400)} days`;
  return seconds >= 7200
    ? `calls in ${Math.round(seconds / 3600)} hours`
    : `calls in ${Math.ceil(seconds / 60)} minutes`;
}

function wholeServer(used: Used, since: string): Finding[] {
  const findings: Finding[] = [];
  const keys = used(['keys']);
  if (keys.length > 0) {
    findings.push(
      warning(
        'keys-in-use',
        'KEYS is in use: it stops the whole server while it walks through all keys, and on a Cluster it sees one node’s only.',
        `${since}: ${keys.join(', ')}`,
        'Use SCAN with MATCH, or keep a set of the names.',
      ),
    );
  }
  const flushes = used(FLUSHES);
  if (flushes.length > 0) {
    findings.push(
      warning(
        'flush-in-use',
        'FLUSHALL or FLUSHDB is in use: through Ferry it empties both sides, and holds up every client until it is done.',
        `${since}: ${flushes.join(', ')}`,
        'Make sure that nothing calls it during the migration; afterwards UNLINK by SCAN is kinder.',
      ),
    );
  }
  const swaps = used(['swapdb']);
  if (swaps.length > 0) {
    findings.push(
      warning(
        'swapdb-in-use',
        'SWAPDB is in use, and Ferry refuses it while one side follows the other: two databases would differ at once.',
        `${since}: ${swaps.join(', ')}`,
        'Do without it from dual-write to the end; a Cluster does not have it at all.',
      ),
    );
  }
  return findings;
}

function selects({ source, target }: Facts, used: Used, since: string): Finding[] {
  const selected = used(['select']);
  if (selected.length === 0 || isCluster(source)) return [];
  // a client library that selects 0 at each connect counts too
  if (isCluster(target)) {
    return [
      warning(
        'select-in-use',
        'SELECT is in use, and a Cluster only has database 0. Ferry serves databases with a --db-prefix; without Ferry they are gone.',
        `${since}: ${selected.join(', ')}`,
        'Have the application use one database and prefixes of names before Ferry is taken out.',
      ),
    ];
  }
  return [
    note(
      'select-in-use',
      'SELECT is in use: the application, or its client library, chooses databases. Ferry keeps them apart.',
      `${since}: ${selected.join(', ')}`,
      'Nothing; on a later move to a Cluster it would matter.',
    ),
  ];
}

function crossSlot({ source, target, live }: Facts, used: Used, since: string): Finding[] {
  if (!isCluster(target)) return [];
  const findings: Finding[] = [];
  const seen = Object.entries(live?.crossings ?? {});
  if (seen.length > 0) {
    findings.push(
      blocker(
        'cross-slot-seen',
        'Clients send commands or transactions with keys in several slots through Ferry: the Cluster will refuse them (CROSSSLOT), and so the cutover is refused.',
        `seen by the Ferry that runs: ${some(seen.map(([name, count]) => spokenWithCalls(name, count)))}`,
        'Give keys that are used together a common hash tag ({user:1}:name), or split the commands.',
      ),
    );
  }
  if (isCluster(source)) return findings;
  const multiKey = used(MULTI_KEY);
  if (multiKey.length > 0) {
    findings.push(
      warning(
        'cross-slot-commands',
        'Commands over several keys are in use: a Cluster refuses them unless all of their keys are in one slot.',
        `${since}: ${some(multiKey, 12)}`,
        'Run Ferry in source-only for a day and look again: it counts those that really cross slots. Hash tags ({…}) keep keys together.',
      ),
    );
  }
  const transactions = [...used(TRANSACTIONS), ...used(SCRIPTS)];
  if (transactions.length > 0) {
    findings.push(
      warning(
        'cross-slot-transactions',
        'Transactions or scripts are in use: on a Cluster all keys of one must be in one slot, and be declared.',
        `${since}: ${some(transactions, 12)}`,
        'Run Ferry in source-only for a day and look again; give the keys of one transaction a common hash tag.',
      ),
    );
  }
  const split = used(SPLIT.filter((name) => name.startsWith('m')));
  if (split.length > 0) {
    findings.push(
      note(
        'split-commands',
        'Commands are in use that Ferry splits over the slots of a Cluster; the application must do so itself once Ferry is taken out.',
        `${since}: ${split.join(', ')}`,
        'Use a cluster-aware client library that splits them, or hash tags.',
      ),
    );
  }
  return findings;
}

function scripts({ config }: Facts, used: Used, since: string): Finding[] {
  const found = used(SCRIPTS);
  if (found.length === 0) return [];
  const replayed = config.scripts.default === 'replay';
  return [
    note(
      'scripts-in-use',
      `Scripts or functions are in use. ${replayed ? 'They are replayed on the other side, so they must do the same there.' : 'The keys that they declare are copied; what they write without declaring is found by --detect-bypass only.'}`,
      `${since}: ${found.join(', ')}`,
      replayed
        ? 'Make sure that none depends on chance, time or undeclared keys.'
        : 'Have scripts declare all keys that they write (KEYS[…]); for those that cannot, see --scripts replay.',
    ),
  ];
}

/** In use, and Ferry does not pass it on. */
function refused(calls: ReadonlyMap<string, number>, since: string): Finding[] {
  const found = [...calls].flatMap(([name, count]) => {
    const kind = KINDS.get(name)?.kind;
    if (count === 0 || INFRASTRUCTURE.test(name) || (kind !== 'refused' && kind !== 'unsupported')) return [];
    // a container without its subcommand is how servers before 7.0 count
    return /^(client|function|xgroup)$/.test(name) ? [] : [spokenWithCalls(name, count)];
  });
  if (found.length === 0) return [];
  return [
    warning(
      'refused-in-use',
      'Commands are in use that Ferry refuses to pass on: they would go past it, or administer the server.',
      `${since}: ${some(found)}`,
      'Send them to the servers directly, if they are an administrator’s; else do without them during the migration.',
    ),
  ];
}

function slow({ source }: Facts): Finding[] {
  const entries = source.servers.flatMap(({ slowlog }) => slowlog ?? []);
  if (entries.length === 0) return [];
  const worst = new Map<string, { count: number; micros: number }>();
  for (const { micros, command } of entries) {
    const name = (command[0] ?? '').toUpperCase();
    const known = worst.get(name) ?? { count: 0, micros: 0 };
    worst.set(name, { count: known.count + 1, micros: Math.max(known.micros, micros) });
  }
  const listed = [...worst].sort(([, a], [, b]) => b.micros - a.micros);
  const shown = listed.map(([name, { count, micros }]) => `${name} (${count}, up to ${(micros / 1000).toFixed(1)} ms)`);
  return [
    note(
      'slow-commands',
      'The source has slow commands in its log. While one runs everything waits, also the drain of a cutover: its pause is as long.',
      some(shown),
      'Look at them with SLOWLOG GET; make them smaller, or choose a quiet hour for the cutover.',
    ),
  ];
}

function latency({ source, target }: Facts): Finding[] {
  return [source, target].flatMap((side) => {
    const events = side.servers.flatMap(({ name, latency: found }) =>
      (found ?? []).filter(({ maxMs }) => maxMs >= LATENCY_NOTED_MS).map((event) => ({ server: name, ...event })),
    );
    if (events.length === 0) return [];
    return [
      note(
        `${side.side}-latency`,
        `The ${side.side} stood still now and then, by its own latency monitor.`,
        some(events.map(({ server, name, maxMs }) => `${name} up to ${number(maxMs)} ms on ${server}`)),
        'LATENCY DOCTOR on the server says what it was.',
      ),
    ];
  });
}

/** For the report: the commands that are called most, by their number of calls. */
export function topCommands(facts: Facts, most: number): [name: string, calls: number][] {
  return [...callsOf(facts.source)].sort(([, a], [, b]) => b - a).slice(0, most);
}
