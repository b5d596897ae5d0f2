/**
 * Commands on keys of any type, and on sets, that depend on clocks or chance.
 *
 *   EXPIRE family    → PEXPIREAT on the authority's clock, when it took effect (reply 1)
 *   RESTORE          → RESTORE … REPLACE ABSTTL; a copy if it holds moments and the clocks are apart
 *   SPOP             → SREM of what was popped
 *   MOVE, COPY … DB  → copies in both databases
 */
import type { Derivation, Deriver } from '../derivation.js';
import { mayHoldMoments } from '../payload.js';

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

export const KEY_DERIVERS: Readonly<Record<string, Deriver>> = {
  expire: (d) => expireAt(d, d.nowMs + d.args.int(2) * 1000),
  pexpire: (d) => expireAt(d, d.nowMs + d.args.int(2)),
  expireat: (d) => expireAt(d, d.args.int(2) * 1000),
  pexpireat: (d) => expireAt(d, d.args.int(2)),
  restore,
  spop,
  move(d) {
    if (d.replyInteger() !== 1) return;
    d.copyKeys();
    d.output!.copyKeyIn(d.args.int(2), d.arg(1));
  },
};
