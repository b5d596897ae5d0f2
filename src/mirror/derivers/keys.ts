/**
 * Key and collection commands that depend on clocks, chance or rounding.
 *
 *   EXPIRE family    → PEXPIREAT on the authority's clock, when it took effect (reply 1)
 *   RESTORE          → RESTORE … REPLACE ABSTTL; a copy if it holds moments and the clocks are apart
 *   HINCRBYFLOAT     → HSET with the authority's rounding
 *   SPOP             → SREM of what was popped
 *   HEXPIRE family   → HPEXPIREAT on the authority's clock (Redis ≥ 7.4)
 *   MOVE, COPY … DB  → copies in both databases
 */
import type { Derivation, Deriver } from '../derivation.js';
import { mayHoldMoments } from '../payload.js';
import { deadlineOf } from './strings.js';

function expireAt(d: Derivation, deadlineMs: number): void {
  if (d.replyInteger() !== 1) return;
  d.deadlineMs = Math.max(1, deadlineMs);
  d.send(['PEXPIREAT', d.arg(1), d.onMirrorClock(deadlineMs)]);
}

function restore(d: Derivation): void {
  const ttlMs = d.args.int(2);
  let absolute = false;
  for (let i = 4; i < d.argc; i++) {
    const option = d.option(i);
    if (option === 'ABSTTL') absolute = true;
    else if (option === 'IDLETIME' || option === 'FREQ') i++;
  }
  const deadlineMs = ttlMs === 0 ? 0 : absolute ? ttlMs : d.nowMs + ttlMs;
  d.deadlineMs = deadlineMs;
  if (d.shiftMs !== 0 && mayHoldMoments(d.arg(3)[0]!)) {
    d.copyKeys();
    return;
  }
  d.send([
    'RESTORE',
    d.arg(1),
    deadlineMs === 0 ? 0 : Math.max(1, d.onMirrorClock(deadlineMs)),
    d.arg(3),
    'REPLACE',
    'ABSTTL',
  ]);
}

function spop(d: Derivation): void {
  const popped = d.replyValue();
  if (Buffer.isBuffer(popped)) d.send(['SREM', d.arg(1), popped]);
  else if (Array.isArray(popped) && popped.length > 0) d.send(['SREM', d.arg(1), ...(popped as Buffer[])]);
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
    const at = d.onMirrorClock(deadlineOf(option, d.args.int(2), d.nowMs));
    const set = replies.flatMap((r, i) => (Number(r) === 1 ? [d.arg(fields + 2 + i)] : []));
    const gone = replies.flatMap((r, i) => (Number(r) === 2 ? [d.arg(fields + 2 + i)] : []));
    if (set.length > 0) d.send(['HPEXPIREAT', d.arg(1), at, 'FIELDS', set.length, ...set]);
    if (gone.length > 0) d.send(['HDEL', d.arg(1), ...gone]);
  };
}

export const KEY_DERIVERS: Readonly<Record<string, Deriver>> = {
  expire: (d) => expireAt(d, d.nowMs + d.args.int(2) * 1000),
  pexpire: (d) => expireAt(d, d.nowMs + d.args.int(2)),
  expireat: (d) => expireAt(d, d.args.int(2) * 1000),
  pexpireat: (d) => expireAt(d, d.args.int(2)),
  restore,
  spop,
  hincrbyfloat(d) {
    const value = d.replyValue();
    if (!Buffer.isBuffer(value)) {
      d.copyKeys();
      return;
    }
    d.send(['HSET', d.arg(1), d.arg(2), value]);
  },
  hexpire: hashExpire('EX'),
  hpexpire: hashExpire('PX'),
  hexpireat: hashExpire('EXAT'),
  hpexpireat: hashExpire('PXAT'),
  hgetex: (d) => d.copyKeys(),
  hsetex: (d) => d.copyKeys(),
  move(d) {
    if (d.replyInteger() !== 1) return;
    d.copyKeys();
    d.output!.copyKeyIn(d.args.int(2), d.arg(1));
  },
};
