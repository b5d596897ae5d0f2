/**
 * String commands whose effect depends on options, conditions, clocks or rounding.
 *
 *   SET …            only when it did something; conditions dropped; EX/PX/EXAT → PXAT; GET dropped
 *   SETEX, PSETEX    → SET … PXAT
 *   SETNX, GETSET    → SET
 *   MSETNX           → MSET
 *   GETDEL           → DEL, when there was a value
 *   GETEX            → PEXPIREAT / PERSIST, when there was a value
 *   INCRBYFLOAT      → SET … KEEPTTL with the authority's rounding
 *
 * https://redis.io/commands/set
 */
import { type Derivation, type Deriver, TTL_UNCHANGED } from '../derivation.js';

/** The absolute deadline that an expiry option meant, on the authority's clock; NaN when the name is none. */
export function deadlineOf(option: string, value: number, nowMs: number): number {
  switch (option) {
    case 'EX':
      return nowMs + value * 1000;
    case 'PX':
      return nowMs + value;
    case 'EXAT':
      return value * 1000;
    case 'PXAT':
      return value;
    default:
      return Number.NaN;
  }
}

function setAt(d: Derivation, key: Buffer, value: Buffer, deadlineMs: number): void {
  d.deadlineMs = deadlineMs;
  d.send(['SET', key, value, 'PXAT', d.onMirrorClock(deadlineMs)]);
}

function set(d: Derivation): void {
  let deadlineMs = 0;
  let keepTtl = false;
  let get = false;
  let condition = '';
  for (let i = 3; i < d.argc; i++) {
    const option = d.option(i);
    if (option === 'NX' || option === 'XX') condition = option;
    else if (option === 'GET') get = true;
    else if (option === 'KEEPTTL') keepTtl = true;
    else {
      const at = i + 1 < d.argc ? deadlineOf(option, d.args.int(i + 1), d.nowMs) : Number.NaN;
      if (Number.isNaN(at)) {
        d.copyKeys(); // an option of a newer server: let the state speak
        return;
      }
      deadlineMs = at;
      i++;
    }
  }
  const null_ = d.replyIsNull();
  // with GET the reply is the old value: NX did it only on a missing key, XX only on an existing one
  const done = get ? (condition === 'NX' ? null_ : condition === 'XX' ? !null_ : true) : !null_;
  if (!done) return;
  if (keepTtl) {
    d.deadlineMs = TTL_UNCHANGED;
    d.send(['SET', d.arg(1), d.arg(2), 'KEEPTTL']);
  } else if (deadlineMs > 0) setAt(d, d.arg(1), d.arg(2), deadlineMs);
  else if (d.argc === 3) {
    d.deadlineMs = 0;
    d.verbatim();
  } else {
    d.deadlineMs = 0;
    d.send(['SET', d.arg(1), d.arg(2)]);
  }
}

function getex(d: Derivation): void {
  if (d.replyIsNull() || d.argc < 3) return;
  if (d.option(2) === 'PERSIST') {
    d.deadlineMs = 0;
    d.send(['PERSIST', d.arg(1)]);
    return;
  }
  const at = deadlineOf(d.option(2), d.args.int(3), d.nowMs);
  if (Number.isNaN(at)) {
    d.copyKeys();
    return;
  }
  d.deadlineMs = at;
  d.send(['PEXPIREAT', d.arg(1), d.onMirrorClock(at)]);
}

export const STRING_DERIVERS: Readonly<Record<string, Deriver>> = {
  set,
  getex,
  setex: (d) => setAt(d, d.arg(1), d.arg(3), d.nowMs + d.args.int(2) * 1000),
  psetex: (d) => setAt(d, d.arg(1), d.arg(3), d.nowMs + d.args.int(2)),
  setnx(d) {
    if (d.replyInteger() !== 1) return;
    d.deadlineMs = 0;
    d.send(['SET', d.arg(1), d.arg(2)]);
  },
  getset(d) {
    d.deadlineMs = 0;
    d.send(['SET', d.arg(1), d.arg(2)]);
  },
  msetnx(d) {
    if (d.replyInteger() !== 1) return;
    d.deadlineMs = 0;
    const args: (Buffer | string)[] = ['MSET'];
    for (let i = 1; i < d.argc; i++) args.push(d.arg(i));
    d.send(args);
  },
  getdel(d) {
    if (d.replyIsNull()) return;
    d.deadlineMs = 0;
    d.send(['DEL', d.arg(1)]);
  },
  incrbyfloat(d) {
    const value = d.replyValue();
    if (!Buffer.isBuffer(value)) {
      d.copyKeys();
      return;
    }
    d.send(['SET', d.arg(1), value, 'KEEPTTL']);
  },
};
