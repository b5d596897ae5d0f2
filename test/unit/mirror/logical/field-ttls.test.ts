/**
 * Hash fields with TTLs need a server of Redis 7.4 or newer: here its replies are made by hand, and the commands that
 * are sent are what is tested.
 */
import { describe, expect, it } from 'vitest';
import { type Caller, compareKey } from '../../../../src/mirror/logical/compare.js';
import { READ_WITH_FIELD_TTLS } from '../../../../src/mirror/logical/read-hash.js';
import { type LogicalOptions, logicalReader } from '../../../../src/mirror/logical/reader.js';
import type { Args } from '../../../../src/mirror/logical/replies.js';
import type { Reply } from '../../../../src/resp/values.js';

const KEY = Buffer.from('k');
const STAGING = Buffer.from('s');
const NOW_MS = 1_800_000_000_000;
const b = (text: string): Buffer => Buffer.from(text);
const all = (...texts: string[]): Buffer[] => texts.map(b);
const words = (commands: Args[] | null): string[] | undefined => commands?.map((args) => args.map(String).join(' '));

function reader(options: Partial<LogicalOptions>) {
  return logicalReader('hash', KEY, STAGING, {
    chunkElements: 100,
    chunkBytes: 1000,
    features: { hashFieldTtl: true, xgroupEntriesRead: true },
    ...options,
  });
}

describe('reading', () => {
  it('whole: one script reads fields and deadlines, in one group', () => {
    const hash = reader({ chunkElements: Number.POSITIVE_INFINITY });
    expect(hash.nextReads()).toEqual([['EVAL_RO', READ_WITH_FIELD_TTLS, 1, KEY]]);
    const replies: Reply[] = [[all('f', '1', 'g', '2', 'h', '3', 'i', '4'), [-1, NOW_MS + 5, NOW_MS + 5, NOW_MS + 9]]];
    expect(words(hash.take(replies))).toEqual([
      'HSET s f 1 g 2 h 3 i 4',
      `HPEXPIREAT s ${NOW_MS + 5} FIELDS 2 g h`,
      `HPEXPIREAT s ${NOW_MS + 9} FIELDS 1 i`,
    ]);
    expect(hash.nextReads()).toBeNull();
  });

  it('whole: no deadline at all is an empty list', () => {
    const hash = reader({ chunkElements: Number.POSITIVE_INFINITY });
    hash.nextReads();
    expect(words(hash.take([[all('f', '1'), []]]))).toEqual(['HSET s f 1']);
  });

  it('in pieces: HPEXPIRETIME of what each HSCAN named; expired fields are left out', () => {
    const hash = reader({});
    expect(words(hash.nextReads())).toEqual(['HSCAN k 0 COUNT 16']);
    expect(hash.take([[b('7'), all('f', '1', 'g', '2')]])).toEqual([]);
    expect(words(hash.nextReads())).toEqual(['HPEXPIRETIME k FIELDS 2 f g']);
    expect(words(hash.take([[-2, NOW_MS]]))).toEqual(['HSET s g 2', `HPEXPIREAT s ${NOW_MS} FIELDS 1 g`]);
    expect(words(hash.nextReads())).toEqual(['HSCAN k 7 COUNT 100']);
    hash.take([[b('0'), []]]);
    expect(hash.nextReads()).toBeNull();
    expect(hash.missing).toBe(false);
  });

  it('deadlines are moved to the mirror’s clock, and none becomes "no time"', () => {
    const hash = reader({ chunkElements: Number.POSITIVE_INFINITY, clockShiftMs: -250.4 });
    hash.nextReads();
    const commands = hash.take([[all('f', '1', 'g', '2', 'h', '3'), [NOW_MS, 3, -1]]]);
    expect(words(commands)).toEqual([
      'HSET s f 1 g 2 h 3',
      `HPEXPIREAT s ${NOW_MS - 250} FIELDS 1 f`,
      'HPEXPIREAT s 1 FIELDS 1 g',
    ]);
  });

  it('in pieces: a key that is gone between the two has no fields', () => {
    const hash = reader({});
    hash.nextReads();
    hash.take([[b('0'), all('f', '1')]]);
    hash.nextReads();
    expect(hash.take([null])).toEqual([]);
    expect(hash.nextReads()).toBeNull();
  });

  it('what is kept between replies does not look into their buffer', () => {
    const hash = reader({});
    hash.nextReads();
    const buffer = b('0fgv');
    hash.take([[buffer.subarray(0, 1), [buffer.subarray(1, 2), buffer.subarray(3, 4)]]]);
    buffer.fill('?');
    hash.nextReads();
    expect(words(hash.take([[-1]]))).toEqual(['HSET s f v']);
  });
});

/** field → value and deadline (null: none) */
type Fields = Record<string, [string, number | null]>;

/** A server of which only one hash is known. `counted`: what HLEN says, expired fields among them. */
function server(fields: Fields, nowMs = NOW_MS): Caller {
  const time = all(String(Math.floor(nowMs / 1000)), String((nowMs % 1000) * 1000));
  const live = Object.entries(fields).filter(([, [, deadline]]) => deadline === null || deadline > nowMs);
  const find = (name: unknown) => live.find(([field]) => field === String(name))?.[1];
  const answer = ([name, , ...args]: Args): Reply => {
    switch (name) {
      case 'TYPE':
        return b('hash');
      case 'PTTL':
        return -1;
      case 'TIME':
        return time;
      case 'HSCAN':
        return [b('0'), live.flatMap(([field, [value]]) => all(field, value))];
      case 'HMGET':
        return args.map((field) => (find(field) === undefined ? null : b(find(field)?.[0] ?? '')));
      case 'HEXISTS':
        return find(args[0]) === undefined ? 0 : 1;
      case 'HPEXPIRETIME':
        return args.slice(2).map((field) => (find(field) === undefined ? -2 : (find(field)?.[1] ?? -1)));
      default:
        throw new Error(`the comparison should not send ${String(name)}`);
    }
  };
  return async (commands) => commands.map(answer);
}

function compare(onA: Fields, onB: Fields, extra = {}) {
  const features = { hashFieldTtl: true, smismember: true };
  const options = { chunkElements: 100, chunkBytes: 1000, a: features, b: features, ...extra };
  return compareKey(server(onA), server(onB), KEY, options);
}

describe('comparing', () => {
  const later = NOW_MS + 60_000;

  it('equal fields and deadlines within a second', async () => {
    expect(await compare({ f: ['1', later], g: ['2', null] }, { g: ['2', null], f: ['1', later + 900] })).toBeNull();
  });

  it('deadlines further apart', async () => {
    const found = await compare({ f: ['1', later] }, { f: ['1', later + 1100] });
    expect(found).toEqual({ kind: 'ttl', detail: 'field "f" expires 1100 ms later on target' });
  });

  it('a deadline on one side only', async () => {
    expect((await compare({ f: ['1', null] }, { f: ['1', later] }))?.kind).toBe('ttl');
    expect((await compare({ f: ['1', later] }, { f: ['1', null] }))?.kind).toBe('ttl');
  });

  it('another value, a missing and an extra field', async () => {
    expect((await compare({ f: ['1', later] }, { f: ['2', later] }))?.detail).toBe('field "f" differs');
    expect((await compare({ f: ['1', null], g: ['', null] }, { f: ['1', null] }))?.detail).toBe(
      'field "g" only on source',
    );
    expect((await compare({ f: ['1', null] }, { f: ['1', null], g: ['', null] }))?.detail).toBe(
      'field "g" only on target',
    );
  });

  it('a field that is about to expire may be gone on the other side', async () => {
    expect(await compare({ f: ['1', NOW_MS + 500], g: ['', null] }, { g: ['', null] })).toBeNull();
    expect(await compare({ g: ['', null] }, { f: ['1', NOW_MS + 500], g: ['', null] })).toBeNull();
    expect(await compare({ f: ['1', NOW_MS + 5000], g: ['', null] }, { g: ['', null] })).not.toBeNull();
  });

  it('a side that knows no field TTLs has none', async () => {
    const old = { hashFieldTtl: false, smismember: true };
    expect(await compare({ f: ['1', null] }, { f: ['1', null] }, { b: old })).toBeNull();
    expect((await compare({ f: ['1', later] }, { f: ['1', later] }, { b: old }))?.kind).toBe('ttl');
  });
});
