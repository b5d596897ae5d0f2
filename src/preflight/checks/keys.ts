/**
 * What the keys themselves say, from the sample: big ones, collections that only grow, times to live that are missing, hot keys
 * and slots, names.
 */

import { bytes, number } from '../../observe/figures.js';
import { type Facts, isCluster, numberField, type SampledKey } from '../facts.js';
import { type Finding, note, warning } from '../finding.js';
import { type Group, NO_PREFIX, type Profile, profileOf, slotCounts } from '../profile.js';
import { keyText, percent, some } from '../wording.js';
import { datasetBytes } from './memory.js';

const LARGE_BYTES = 2 ** 20;
const MANY_ELEMENTS = 50_000;
/** A sample that explains less of the memory has missed big keys. */
const EXPLAINED = 0.5;
/** Below it the server's own tables weigh more than the keys. */
const EXPLAINED_FROM_BYTES = 64 * 2 ** 20;
const GROUP_MIN = 20;
/** Names of what is meant to go away by itself. */
const FLEETING = /(cache|session|sess|token|tmp|temp|lock|rate|otp|nonce|throttle)/i;
/** OBJECT FREQ grows with the logarithm of the accesses: 100 is far above what a sampled key has. */
const HOT_FREQUENCY = 100;
const HOT_SLOT_SHARE = 0.05;
const HOT_SLOT_FROM_KEYS = 1000;
const LONG_NAME_BYTES = 1024;

export function checkKeys(facts: Facts): Finding[] {
  const { sample } = facts;
  const profile = profileOf(sample);
  return [
    ...sampled(facts),
    ...big(facts),
    ...unbounded(sample.keys),
    ...missed(facts, profile),
    ...timesToLive(profile),
    ...hotKeys(facts),
    ...hotSlots(facts),
    ...names(sample.keys, profile),
  ];
}

function sampled({ sample }: Facts): Finding[] {
  if (sample.total === 0) return [];
  const part = sample.isComplete ? 'all of them' : `${percent(sample.keys.length, sample.total)} of them`;
  const why = sample.why === '' ? '' : `; ${sample.why}`;
  return [
    note(
      'sample',
      'What is said about keys comes from a sample of the source.',
      `${number(sample.keys.length)} of ${number(sample.total)} keys (${part}) in ${sample.seconds.toFixed(1)} s${why}`,
      sample.isComplete ? 'Nothing.' : 'For more: --sample KEYS and --max-seconds.',
    ),
  ];
}

function big({ sample, config }: Facts): Finding[] {
  const { bigKeyBytes } = config.limits;
  const sorted = sample.keys
    .filter(({ bytes: size }) => (size ?? 0) >= LARGE_BYTES)
    .sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0));
  const chunked = sorted.filter(({ bytes: size }) => (size ?? 0) >= bigKeyBytes);
  const large = sorted.filter(({ bytes: size }) => (size ?? 0) < bigKeyBytes);
  const shown = (keys: readonly SampledKey[]): string => some(keys.map((key) => `${sizeText(key)}`));
  const findings: Finding[] = [];
  if (chunked.length > 0) {
    findings.push(
      warning(
        'big-keys',
        'There are big keys: each is copied in chunks and again when it changes meanwhile, and a key that is written all the time is held for its last copy.',
        `over ${bytes(bigKeyBytes)}: ${shown(chunked)}`,
        'Split them (by day, by hash of the field), or trim them before the migration. UNLINK them instead of DEL.',
      ),
    );
  }
  if (large.length > 0) {
    findings.push(
      note(
        'large-keys',
        'Some keys are large: while one is read for a copy, the server does nothing else for some milliseconds.',
        `over ${bytes(LARGE_BYTES)}: ${shown(large)}`,
        'Nothing; a low --backfill-rate spreads them.',
      ),
    );
  }
  return findings;
}

function sizeText({ key, db, type, bytes: size, length }: SampledKey): string {
  const elements = !length ? '' : `, ${number(length)} elements`;
  return `${keyText(key)}${db === 0 ? '' : ` (db${db})`}: ${type}${elements}${size === null ? '' : `, ${bytes(size)}`}`;
}

function unbounded(keys: readonly SampledKey[]): Finding[] {
  const grown = keys
    .filter(({ type, length, ttlMs }) => type !== 'string' && (length ?? 0) >= MANY_ELEMENTS && ttlMs < 0)
    .sort((a, b) => (b.length ?? 0) - (a.length ?? 0));
  if (grown.length === 0) return [];
  return [
    warning(
      'unbounded-collections',
      'Collections of very many elements have no time to live: most likely they only grow, and every copy and comparison of them takes longer.',
      `over ${number(MANY_ELEMENTS)} elements: ${some(grown.map(sizeText))}`,
      'Bound them: LTRIM, XTRIM MAXLEN, ZREMRANGEBYRANK, or one key for each day with a time to live.',
    ),
  ];
}

/** The sampled keys are too small to explain the memory: others, which the sample did not meet, must be big. */
function missed({ source, sample, leftOut }: Facts, profile: Profile): Finding[] {
  const dataset = source.servers.reduce((sum, server) => sum + datasetBytes(server), 0);
  const used = source.servers.reduce((sum, server) => sum + numberField(server, 'used_memory_dataset'), 0) || dataset;
  if (sample.isComplete || !profile.hasSizes || used < EXPLAINED_FROM_BYTES) return [];
  // of all keys, those that are left out included: the memory is all keys' too
  const looked = profile.keys + (leftOut?.keys.length ?? 0);
  const explained = (profile.bytes / (1 - (leftOut?.bytesShare ?? 0)) / looked) * sample.total;
  if (explained >= used * EXPLAINED) return [];
  return [
    warning(
      'big-keys-unseen',
      'The sampled keys are too small to explain the memory of the source: there are big keys that the sample did not meet.',
      `keys as large as the sampled ones would take ${bytes(explained)}, and the data takes ${bytes(used)}`,
      'Find them with redis-cli --memkeys, or a larger --sample.',
    ),
  ];
}

function timesToLive({ byPrefix, keys, withoutTtl }: Profile): Finding[] {
  if (keys === 0 || withoutTtl === 0) return [];
  const groups = [...byPrefix].filter(([, group]) => group.keys >= GROUP_MIN);
  const shown = (which: readonly [string, Group][]): string =>
    some(which.map(([prefix, group]) => `${prefix} ${percent(group.withoutTtl, group.keys)} of ${number(group.keys)}`));
  const suspicious = groups.filter(
    ([prefix, group]) =>
      (FLEETING.test(prefix) && group.withoutTtl >= group.keys * 0.1) ||
      (group.withoutTtl >= group.keys * 0.02 && group.withoutTtl <= group.keys * 0.5),
  );
  const findings: Finding[] = [];
  if (suspicious.length > 0) {
    findings.push(
      warning(
        'ttl-missing',
        'Some keys have no time to live among others of their kind that have one, or although their name says that they pass: they stay for ever, and are migrated.',
        `without a time to live: ${shown(suspicious)}`,
        'Find the writer that forgets it (SET without EX after a SETEX, HSET that makes the key anew); EXPIRE what is there.',
      ),
    );
  }
  const lasting = groups.filter((group) => !suspicious.includes(group) && group[1].withoutTtl > 0);
  if (lasting.length > 0) {
    findings.push(
      note(
        'no-ttl',
        'These prefixes have keys without a time to live.',
        `${shown(lasting)}; of all sampled keys ${percent(withoutTtl, keys)}`,
        'Nothing, if they are meant to stay.',
      ),
    );
  }
  return findings;
}

function hotKeys({ source, sample }: Facts): Finding[] {
  const measured = sample.keys.filter(({ frequency }) => frequency !== null);
  if (measured.length === 0) return [];
  const hot = measured
    .filter(({ frequency }) => frequency! >= HOT_FREQUENCY)
    .sort((a, b) => b.frequency! - a.frequency!);
  if (hot.length === 0) return [];
  return [
    note(
      'hot-keys',
      'Some keys are used far more than others: in target-read their reads stay on the source while a write of them is on its way, and on a Cluster one node bears them all.',
      `OBJECT FREQ (0 to 255): ${some(hot.map(({ key, frequency }) => `${keyText(key)} ${frequency}`))} (of ${source.servers.length} server${source.servers.length === 1 ? '' : 's'})`,
      'Watch them through Ferry; cache them in the client, or spread them over several keys.',
    ),
  ];
}

function hotSlots({ target, sample }: Facts): Finding[] {
  if (!isCluster(target) || sample.keys.length < HOT_SLOT_FROM_KEYS) return [];
  const all = sample.keys.reduce((sum, { bytes: size }) => sum + (size ?? 0), 0);
  const hot = [...slotCounts(sample)].filter(
    ([, slot]) =>
      slot.keys >= sample.keys.length * HOT_SLOT_SHARE ||
      (all > 0 && slot.keys > 1 && slot.bytes >= all * HOT_SLOT_SHARE),
  );
  if (hot.length === 0) return [];
  const shown = hot.map(
    ([slot, { keys, bytes: size, example }]) =>
      `slot ${slot}: ${percent(keys, sample.keys.length)} of the keys, ${percent(size, all)} of the bytes (${keyText(example)})`,
  );
  return [
    warning(
      'hot-slots',
      'Many keys share one slot, by a common hash tag: one node of the Cluster gets them all, and no resharding can part them.',
      some(shown),
      'Use finer hash tags ({tenant:user} instead of {tenant}).',
    ),
  ];
}

function names(keys: readonly SampledKey[], { byPrefix, bySeparator, keys: count }: Profile): Finding[] {
  if (count === 0) return [];
  const findings: Finding[] = [];
  const top = [...byPrefix].slice(0, 10).map(([prefix, group]) => `${prefix} ${percent(group.keys, count)}`);
  findings.push(
    note(
      'prefixes',
      'The names of the keys by their first part.',
      `${some(top, 10)}${byPrefix.size > 10 ? ` and ${number(byPrefix.size - 10)} more prefixes` : ''}`,
      'Nothing. They are what --include and --exclude, ACLs and alerts go by.',
    ),
  );
  const usual = [...bySeparator].filter(([, found]) => found >= count * 0.1);
  if (count >= 100 && usual.length > 1) {
    findings.push(
      note(
        'mixed-names',
        'The names follow no one convention, so rules by prefix will miss some keys.',
        usual
          .map(
            ([separator, found]) => `${separator === '' ? 'no separator' : `'${separator}'`} ${percent(found, count)}`,
          )
          .join(', '),
        'Nothing for the migration; agree on one separator for new keys.',
      ),
    );
  }
  const prefixless = byPrefix.get(NO_PREFIX)?.keys ?? 0;
  const long = keys.filter(({ key }) => key.length > LONG_NAME_BYTES);
  if (long.length > 0) {
    findings.push(
      note(
        'long-names',
        'Some names are longer than a kilobyte: every command and every mirrored one carries them.',
        `${number(long.length)} of ${number(count)} (${number(prefixless)} without a prefix): ${some(long.slice(0, 3).map(({ key }) => keyText(key)))}`,
        'Use a hash of the long part as the name.',
      ),
    );
  }
  return findings;
}
