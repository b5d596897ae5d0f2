/**
 * A hash: HGETALL whole, or by HSCAN in pieces (a field that is answered twice is set twice, without harm).
 *
 * Field TTLs (servers that have HPEXPIRETIME) need the names of the fields, so:
 * - in pieces: HSCAN, then HPEXPIRETIME of the fields it named; a field that expired in between (-2) is left out;
 * - whole: nothing can be asked in a MULTI about names not yet known, so one EVAL_RO reads both, atomically.
 * HSET clears a field's TTL, hence HPEXPIREAT always follows the HSET of the same field.
 */
import type { Reply } from '../../resp/values.js';
import { PieceSize, splitCommand } from './pieces.js';
import { scanPage } from './read-collections.js';
import type { LogicalOptions, LogicalReader } from './reader.js';
import { type Args, byteList, integer, list, totalBytes } from './replies.js';

/** HPEXPIRETIME's answers that are no time. */
const NO_FIELD = -2;

/** → [field, value, …], [time, …]; no times at all if no field has one. Names go in lots, for Lua's `unpack` limit. */
export const READ_WITH_FIELD_TTLS = `
local flat = redis.call('HGETALL', KEYS[1])
local times, any = {}, false
for first = 1, #flat, 2000 do
  local names = {}
  for i = first, math.min(first + 1999, #flat), 2 do names[#names + 1] = flat[i] end
  local lot = redis.call('HPEXPIRETIME', KEYS[1], 'FIELDS', #names, unpack(names))
  for i = 1, #lot do
    times[#times + 1] = lot[i]
    any = any or lot[i] > 0
  end
end
return {flat, any and times or {}}
`;

export class HashReader implements LogicalReader {
  missing = false;
  private cursor: Buffer | null = Buffer.from('0');
  private found = 0;
  /** Scanned fields and values whose TTLs are asked for next; null when a scan is next. */
  private scanned: Buffer[] | null = null;
  private readonly piece: PieceSize;
  private readonly whole: boolean;
  private readonly fieldTtls: boolean;
  private readonly clockShiftMs: number;

  constructor(
    private readonly key: Buffer,
    private readonly staging: Buffer,
    options: LogicalOptions,
  ) {
    this.whole = options.chunkElements === Number.POSITIVE_INFINITY;
    this.fieldTtls = options.features.hashFieldTtl;
    this.clockShiftMs = options.clockShiftMs ?? 0;
    this.piece = new PieceSize(options.chunkElements, options.chunkBytes);
  }

  nextReads(): Args[] | null {
    if (this.scanned !== null) return [fieldTimes(this.key, names(this.scanned))];
    if (this.cursor === null) return null;
    if (!this.whole) return [['HSCAN', this.key, this.cursor, 'COUNT', this.piece.count]];
    return [this.fieldTtls ? ['EVAL_RO', READ_WITH_FIELD_TTLS, 1, this.key] : ['HGETALL', this.key]];
  }

  take(replies: Reply[]): Args[] {
    if (this.scanned !== null) {
      const fields = this.scanned;
      this.scanned = null;
      return this.rebuild(fields, replies[0] === null ? null : list(replies[0]));
    }
    if (this.whole) return this.takeWhole(replies[0]);
    const page = scanPage(replies[0]);
    this.advance(page.cursor, page.items);
    if (!this.fieldTtls) return this.rebuild(page.items, []);
    if (page.items.length > 0) this.scanned = page.items.map((text) => Buffer.from(text));
    return [];
  }

  private takeWhole(reply: Reply | undefined): Args[] {
    const [fields, times] = this.fieldTtls ? list(reply) : [reply, []];
    const items = byteList(fields);
    this.advance(null, items);
    return this.rebuild(items, list(times));
  }

  private advance(cursor: Buffer | null, items: Buffer[]): void {
    this.cursor = cursor;
    this.found += items.length;
    this.missing = cursor === null && this.found === 0;
    this.piece.observe(items.length / 2, totalBytes(items));
  }

  /** `times` per field; empty: no field has one; null: the key is gone by now, and with it its fields. */
  private rebuild(fields: Buffer[], times: Reply[] | null): Args[] {
    if (times === null) return [];
    const present: Buffer[] = [];
    const byTime = new Map<number, Buffer[]>();
    for (let i = 0; i < fields.length; i += 2) {
      const time = times.length === 0 ? -1 : integer(times[i / 2]);
      if (time === NO_FIELD) continue;
      present.push(fields[i], fields[i + 1]);
      if (time < 0) continue;
      const onMirror = Math.max(1, Math.round(time + this.clockShiftMs));
      const sameTime = byTime.get(onMirror);
      if (sameTime === undefined) byTime.set(onMirror, [fields[i]]);
      else sameTime.push(fields[i]);
    }
    const commands = splitCommand(['HSET', this.staging], present, 2);
    for (const [time, expiring] of byTime) {
      for (const [, ...lot] of splitCommand([time], expiring)) {
        commands.push(['HPEXPIREAT', this.staging, time, 'FIELDS', lot.length, ...lot]);
      }
    }
    return commands;
  }
}

/** Every second string of a flat list of fields and values. */
export function names(fieldsAndValues: readonly Buffer[]): Buffer[] {
  return fieldsAndValues.filter((_, index) => index % 2 === 0);
}

/** The reply: per field its deadline in ms of the server's clock, -1 without TTL, -2 without field; nil without key. */
export function fieldTimes(key: Buffer, fields: readonly Buffer[]): Args {
  return ['HPEXPIRETIME', key, 'FIELDS', fields.length, ...fields];
}
