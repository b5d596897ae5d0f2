/**
 * Hash commands that round, and those that give a hash's fields deadlines (Redis ≥ 7.4).
 *
 *   HINCRBYFLOAT     → HSET with the authority's rounding, then HPEXPIREAT if the field has a deadline: HSET takes it away,
 *                      HINCRBYFLOAT does not. A probe tells; without it (in a transaction) the hash is copied
 *   HEXPIRE family   → HPEXPIREAT on the authority's clock for the fields that took it, HDEL for those that died of it
 *   HGETEX           → HPEXPIREAT or HPERSIST for the fields that were there
 *   HSETEX           → without conditions, with PXAT; KEEPTTL builds on a deadline that may be over on the mirror: copy
 *
 * A field that got a later deadline may have died on the mirror a moment before. The reply tells, so these are sent
 * with the one that they must have.
 * https://redis.io/commands/hexpire, /hgetex, /hsetex
 */
import type { Args, Derivation, Deriver } from '../derivation.js';
import { deadlineOf } from './strings.js';

/** The read to send right behind the command, so that its effect can be derived exactly; [] for none. */
export function hashProbes(name: string, d: Pick<Derivation, 'arg'> & { value(i: number): Buffer }): Args[] {
  return name === 'hincrbyfloat' ? [['HPEXPIRETIME', d.arg(1), 'FIELDS', 1, d.value(2)]] : [];
}

const NO_DEADLINE = -1;

function hincrbyfloat(d: Derivation): void {
  const value = d.replyValue();
  const deadlineMs = d.fieldDeadlines ? probedDeadline(d) : NO_DEADLINE;
  if (!Buffer.isBuffer(value) || deadlineMs === null) {
    d.copyKeys();
    return;
  }
  d.send(['HSET', d.arg(1), d.arg(2), value]);
  if (deadlineMs !== NO_DEADLINE) expireFields(d, deadlineMs, [d.arg(2)]);
}

/** Of the field, null: not told, or it has died since. */
function probedDeadline(d: Derivation): number | null {
  const [reply] = d.probed;
  if (!Array.isArray(reply) || reply.length !== 1) return null;
  const deadlineMs = Number(reply[0]);
  return deadlineMs === NO_DEADLINE || deadlineMs > 0 ? deadlineMs : null;
}

function expireFields(d: Derivation, deadlineMs: number, fields: readonly Buffer[]): void {
  if (fields.length === 0) return;
  const at = Math.max(1, d.onMirrorClock(deadlineMs));
  const taken = `*${fields.length}\r\n${':1\r\n'.repeat(fields.length)}`;
  d.send(['HPEXPIREAT', d.arg(1), at, 'FIELDS', fields.length, ...fields], Buffer.from(taken));
}

/** HEXPIRE key t [cond] FIELDS n f…: the fields whose reply is 1 got the deadline, those with 2 are gone. */
function hashExpire(option: 'EX' | 'PX' | 'EXAT' | 'PXAT'): Deriver {
  return (d) => {
    const replies = d.replyValue();
    let fields = 3;
    while (fields < d.argc && d.option(fields) !== 'FIELDS') fields++;
    if (!Array.isArray(replies) || fields + 2 >= d.argc) {
      d.copyKeys();
      return;
    }
    const set = replies.flatMap((r, i) => (Number(r) === 1 ? [d.arg(fields + 2 + i)] : []));
    const gone = replies.flatMap((r, i) => (Number(r) === 2 ? [d.arg(fields + 2 + i)] : []));
    expireFields(d, deadlineOf(option, d.args.int(2), d.nowMs), set);
    if (gone.length > 0) d.send(['HDEL', d.arg(1), ...gone]);
  };
}

/** The options of HGETEX and HSETEX, which come in any order. */
interface FieldOptions {
  /** Where the names, or names and values, begin and end. */
  readonly first: number;
  readonly end: number;
  /** NaN: none is given. */
  readonly deadlineMs: number;
  readonly persist: boolean;
  readonly keepTtl: boolean;
}

/** null: there is one that Ferry does not know. `stride`: arguments for each field. */
function fieldOptions(d: Derivation, stride: 1 | 2): FieldOptions | null {
  let [first, end, deadlineMs, persist, keepTtl] = [0, 0, Number.NaN, false, false];
  for (let i = 2; i < d.argc; i++) {
    const option = d.option(i);
    if (option === 'FIELDS') {
      first = i + 2;
      end = first + d.args.int(i + 1) * stride;
      i = end - 1;
    } else if (option === 'PERSIST') persist = true;
    else if (option === 'KEEPTTL') keepTtl = true;
    else if (option !== 'FNX' && option !== 'FXX') {
      deadlineMs = i + 1 < d.argc ? deadlineOf(option, d.args.int(++i), d.nowMs) : Number.NaN;
      if (Number.isNaN(deadlineMs)) return null;
    }
  }
  return first > 0 && end > first && end <= d.argc ? { first, end, deadlineMs, persist, keepTtl } : null;
}

function hgetex(d: Derivation): void {
  const options = fieldOptions(d, 1);
  const values = d.replyValue();
  if (options === null || !Array.isArray(values) || values.length !== options.end - options.first) {
    d.copyKeys();
    return;
  }
  const present = values.flatMap((value, i) => (value === null ? [] : [d.arg(options.first + i)]));
  if (options.persist && present.length > 0) d.send(['HPERSIST', d.arg(1), 'FIELDS', present.length, ...present]);
  if (Number.isNaN(options.deadlineMs)) return;
  if (options.deadlineMs > d.nowMs) expireFields(d, options.deadlineMs, present);
  else if (present.length > 0) d.send(['HDEL', d.arg(1), ...present]); // they died of it
}

function hsetex(d: Derivation): void {
  if (d.replyInteger() === 0) return;
  const options = fieldOptions(d, 2);
  if (options === null || options.keepTtl) {
    d.copyKeys();
    return;
  }
  const fields: Args = [];
  for (let i = options.first; i < options.end; i++) fields.push(d.arg(i));
  if (Number.isNaN(options.deadlineMs)) d.send(['HSET', d.arg(1), ...fields]);
  else {
    const at = Math.max(1, d.onMirrorClock(options.deadlineMs));
    d.send(['HSETEX', d.arg(1), 'PXAT', at, 'FIELDS', fields.length / 2, ...fields]);
  }
}

export const HASH_DERIVERS: Readonly<Record<string, Deriver>> = {
  hincrbyfloat,
  hexpire: hashExpire('EX'),
  hpexpire: hashExpire('PX'),
  hexpireat: hashExpire('EXAT'),
  hpexpireat: hashExpire('PXAT'),
  hgetex,
  hsetex,
};
