/**
 * A sample of the source's keys by SCAN: which types, sizes, lengths and times to live there are.
 *
 * SCAN goes through the hash table, where keys lie by their hash: its first N keys are as good as N random ones. So little is
 * asked at once, and so much rest is between the questions, that an application cannot feel it: a question is about a few keys
 * and where the next ones are, and the server, or its machine if this runs there, is at work for the sampling some thousandths
 * of the time. One that answers slowly is given more rest, one that nobody uses less. Each master and database gives its share.
 * It ends when it has enough, or after its time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PROBE_PREFIX, STAGING_PREFIX } from '../mirror/own-keys.js';
import { LEASE_KEY } from '../phases/lease-record.js';
import type { Argument, Looker, OpenSide } from './connect.js';
import type { Sample, SampledKey, SideFacts } from './facts.js';
import { rdbVersionIn } from './gather.js';

export interface SampleOptions {
  readonly keys: number;
  readonly maxSeconds: number;
  onProgress?(done: number, wanted: number): void;
}

/**
 * Keys looked at together: a sixth of a millisecond of the server's time, so that whoever meets a question waits less than
 * the application's slowest hundredth does anyway. A hundred at once, rarely, moved its p99 by a quarter.
 */
const KEYS_AT_ONCE = 15;
/** SCAN ends behind the chain in which it has enough: the few too many are no question of their own. */
const KEYS_AT_MOST = 22;
/** What a SCAN is worth in keys. */
const SCAN_WORTH = 4;
/** Of what an answer took beyond its way; most of that is this process's own work, so little is multiplied. */
const REST_FACTOR = 4;
/** So that fewer than a hundredth of an application's commands can meet a question. */
const REST_MIN_MS = 72;
const REST_MIN_UNUSED_MS = 1;
/** Commands a second. Below that there is monitoring, and nobody who waits. */
const UNUSED_BELOW = 10;
const REST_MAX_MS = 600;
const WAYS_MEASURED = 5;
/** Of a small database at least so many, so that it is not passed over. */
const SHARE_MIN = 200;
/** Of a collection's elements, for MEMORY USAGE. */
const ELEMENTS_SAMPLED = 5;
/** Payloads up to this size are looked at for their version. */
const PAYLOAD_MAX_BYTES = 4096;

/** Not of a string, which has no elements: one question less for most keys there are. */
const LENGTHS: Readonly<Record<string, string>> = {
  list: 'LLEN',
  hash: 'HLEN',
  set: 'SCARD',
  zset: 'ZCARD',
  stream: 'XLEN',
};

interface Place {
  readonly looker: Looker;
  readonly db: number;
  readonly keys: number;
  readonly hasFrequency: boolean;
  readonly restMinMs: number;
}

/** Beside the sample the version of the payloads that DUMP makes, for servers that did not tell it otherwise. */
export async function sampleKeys(
  side: OpenSide,
  facts: SideFacts,
  options: SampleOptions,
): Promise<{ sample: Sample; rdbVersion: number | null }> {
  const places = await placesOf(side, facts);
  const total = places.reduce((sum, { keys }) => sum + keys, 0);
  const sampling = new Sampling(options, Math.min(total, options.keys));
  // the rest is owed to each server: they are asked beside one another, and the databases of one in turn
  await Promise.all(
    side.servers.map(async ({ looker }) => {
      for (const place of places.filter((one) => one.looker === looker)) {
        const share = total <= options.keys ? place.keys : Math.ceil((place.keys / total) * options.keys);
        await sampling.take(place, Math.max(share, Math.min(place.keys, SHARE_MIN)), total <= options.keys);
        if (sampling.isOver) break;
      }
    }),
  );
  return { sample: sampling.result(total), rdbVersion: sampling.rdbVersion };
}

async function placesOf(side: OpenSide, facts: SideFacts): Promise<Place[]> {
  const places: Place[] = [];
  for (const [i, { looker }] of side.servers.entries()) {
    const { info } = facts.servers[i]!;
    const hasFrequency = /^maxmemory_policy:.*lfu/m.test(info);
    const perSecond = Number(/^instantaneous_ops_per_sec:(\d+)/m.exec(info)?.[1] ?? UNUSED_BELOW);
    const restMinMs = perSecond < UNUSED_BELOW ? REST_MIN_UNUSED_MS : REST_MIN_MS;
    for (const [, db, keys] of info.matchAll(/^db(\d+):keys=(\d+)/gm)) {
      places.push({ looker, db: Number(db), keys: Number(keys), hasFrequency, restMinMs });
    }
    if (info === '') places.push(await placeWithoutInfo(looker, side.endpoint.db));
  }
  return places;
}

/** INFO is refused: only the database of the connection string is looked at. */
async function placeWithoutInfo(looker: Looker, db: number): Promise<Place> {
  const replies = await looker.askTogether([...(db === 0 ? [] : [['SELECT', db] as const]), ['DBSIZE']]);
  return { looker, db, keys: numberIn(replies.at(-1)) ?? 0, hasFrequency: false, restMinMs: REST_MIN_MS };
}

class Sampling {
  isOver = false;
  /** Null: no payload was seen. */
  rdbVersion: number | null = null;
  private isDumpRefused = false;
  private readonly startedMs = performance.now();
  private readonly keys: SampledKey[] = [];
  /** How long a question is under way to each server and back, at best. */
  private readonly waysMs = new Map<Looker, number>();
  private why = '';
  private isComplete = true;

  constructor(
    private readonly options: SampleOptions,
    private readonly wanted: number,
  ) {}

  result(total: number): Sample {
    const seconds = (performance.now() - this.startedMs) / 1000;
    return { keys: this.keys, total, isComplete: this.isComplete, seconds, why: this.why };
  }

  async take(place: Place, share: number, isWhole: boolean): Promise<void> {
    const { looker, db } = place;
    // its own questions are not to make keys look used (since 7.2)
    await looker.ask('CLIENT', 'NO-TOUCH', 'ON').catch(() => {});
    try {
      // they come in order, and a connection begins in 0; a Cluster has nothing else, and need not hear of it
      if (db !== 0) await looker.ask('SELECT', db);
    } catch (error) {
      if (looker.wasLost) throw error;
      this.isComplete = false;
      this.why = `database ${db} could not be selected`;
      return;
    }
    // null: it was at the end
    let cursor: string | null = '0';
    let names: readonly Buffer[] = [];
    let taken = 0;
    while (names.length > 0 || (cursor !== null && (isWhole || taken < share))) {
      if (performance.now() - this.startedMs > this.options.maxSeconds * 1000) {
        this.why = `it ended after --max-seconds ${this.options.maxSeconds}`;
        this.isComplete = false;
        this.isOver = true;
        return;
      }
      const count = names.length <= KEYS_AT_MOST ? names.length : KEYS_AT_ONCE;
      const some = names.slice(0, count);
      const rest = names.slice(count);
      // in the same question where the next ones are, if they will be wanted
      const scans = rest.length === 0 && cursor !== null && (isWhole || taken + some.length < share);
      const answered = await this.paced(place, () => this.look(place, some, scans ? cursor : null), some.length);
      taken += answered.taken;
      names = rest;
      if (scans) {
        if (answered.scanned instanceof Error) {
          this.why = 'SCAN was refused';
          this.isComplete = false;
          return;
        }
        const [next, found] = answered.scanned as [Buffer, Buffer[]];
        cursor = String(next) === '0' ? null : String(next);
        names = found.filter((key) => !isOfFerry(key));
      }
      this.options.onProgress?.(Math.min(this.keys.length, this.wanted), this.wanted);
    }
    if (cursor !== null) this.isComplete = false;
  }

  /** `cursor`: null if there is nothing to scan. */
  private async look(
    place: Place,
    names: readonly Buffer[],
    cursor: string | null,
  ): Promise<{ taken: number; scanned: unknown; trips: number }> {
    const { looker, db, hasFrequency } = place;
    let trips = 1;
    const first: [string, ...Argument[]][] = [];
    for (const key of names) {
      // the frequency first: it changes by being looked at
      if (hasFrequency) first.push(['OBJECT', 'FREQ', key]);
      first.push(['TYPE', key], ['PTTL', key], ['MEMORY', 'USAGE', key, 'SAMPLES', ELEMENTS_SAMPLED]);
    }
    if (cursor !== null) first.push(['SCAN', cursor, 'COUNT', KEYS_AT_ONCE]);
    const perKey = hasFrequency ? 4 : 3;
    const answers = await looker.askTogether(first);
    const types = names.map((_, i) => typeIn(answers[i * perKey + perKey - 3]));
    const asked = names.flatMap((key, i): [string, ...Argument[]][] => {
      const command = LENGTHS[types[i]!];
      return command === undefined ? [] : [[command, key]];
    });
    const lengths = asked.length === 0 ? [] : await looker.askTogether(asked);
    if (asked.length > 0) trips++;
    let at = 0;
    let taken = 0;
    for (const [i, key] of names.entries()) {
      const type = types[i]!;
      const length = type === 'string' ? 0 : LENGTHS[type] === undefined ? null : numberIn(lengths[at++]);
      // it went away meanwhile
      if (type === 'none') continue;
      const ttlMs = numberIn(answers[i * perKey + perKey - 2]) ?? -1;
      const bytes = numberIn(answers[i * perKey + perKey - 1]);
      const frequency = hasFrequency ? numberIn(answers[i * perKey]) : null;
      this.keys.push({ key, db, type, ttlMs, bytes, length, frequency });
      taken++;
      if (await this.lookAtPayload(looker, key, bytes)) trips++;
    }
    return { taken, scanned: answers[names.length * perKey], trips };
  }

  /** Was it asked for? */
  private async lookAtPayload(looker: Looker, key: Buffer, bytes: number | null): Promise<boolean> {
    if (this.rdbVersion !== null || this.isDumpRefused || bytes === null || bytes > PAYLOAD_MAX_BYTES) return false;
    try {
      const payload = await looker.ask('DUMP', key);
      if (Buffer.isBuffer(payload)) this.rdbVersion = rdbVersionIn(payload);
    } catch (error) {
      if (looker.wasLost) throw error;
      this.isDumpRefused = true; // and not asked again for every key
    }
    return true;
  }

  /** A look at `keys` of them, and the rest that it costs. What it took beyond its ways was the server's time, or ours. */
  private async paced<T extends { trips: number }>(
    { looker, restMinMs }: Place,
    ask: () => Promise<T>,
    keys: number,
  ): Promise<T> {
    const wayMs = this.waysMs.get(looker) ?? (await this.measureWay(looker));
    const startedMs = performance.now();
    const answer = await ask();
    const busyMs = Math.max(0, performance.now() - startedMs - answer.trips * wayMs);
    const owedMs = restMinMs * Math.min(1, (keys + SCAN_WORTH) / KEYS_AT_ONCE);
    await sleep(Math.min(Math.max(owedMs, busyMs * REST_FACTOR), REST_MAX_MS));
    return answer;
  }

  private async measureWay(looker: Looker): Promise<number> {
    let wayMs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < WAYS_MEASURED; i++) {
      const startedMs = performance.now();
      await looker.ask('TIME').catch(() => {});
      wayMs = Math.min(wayMs, performance.now() - startedMs);
    }
    this.waysMs.set(looker, wayMs);
    return wayMs;
  }
}

function numberIn(answer: unknown): number | null {
  return typeof answer === 'number' ? answer : null;
}

function typeIn(answer: unknown): string {
  return answer instanceof Error ? 'unknown' : String(answer);
}

/** What a Ferry made there. Others may have used its prefix, which is a finding. */
function isOfFerry(key: Buffer): boolean {
  const name = key.toString('latin1');
  return name === LEASE_KEY || name.startsWith(STAGING_PREFIX) || name.startsWith(PROBE_PREFIX);
}
