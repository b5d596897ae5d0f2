/**
 * What a blocking command took, so that the mirror takes the same: from the reply, on the one key that it names.
 *
 *   BLPOP, BRPOP, BLMPOP          → LPOP / RPOP key count
 *   BZPOPMIN, BZPOPMAX, BZMPOP    → ZREM key member …
 *   BLMOVE, BRPOPLPUSH            → LMOVE / RPOPLPUSH
 *
 * A nil took nothing. https://redis.io/commands/blpop
 */
import type { Derivation, Deriver } from '../derivation.js';

/**
 * Leaves in `d.keys` the keys that the reply is about. False: nothing was taken, and there is nothing to mirror.
 */
export function narrowToTaken(name: string, d: Derivation): boolean {
  // before 7.2 an XREADGROUP that got nothing left no trace; since then it makes its consumer known
  if (d.replyIsNull()) return name === 'xreadgroup' && d.idleConsumers;
  if (name === 'xreadgroup' || name === 'blmove' || name === 'brpoplpush') return true;
  const reply = d.replyValue();
  const taken = Array.isArray(reply) ? reply[0] : null;
  if (!Buffer.isBuffer(taken)) return true;
  const { keys } = d;
  for (let i = 0; i < keys.count; i++) {
    const at = keys.index[i]!;
    if (!d.arg(at).equals(taken)) continue;
    keys.index[0] = at;
    keys.written[0] = 1;
    keys.count = 1;
    break;
  }
  return true;
}

/** [key, elements] → the elements as a list; the names of the members where each has a score. */
function taken(d: Derivation): Buffer[] {
  const reply = d.replyValue();
  const list = Array.isArray(reply) && Array.isArray(reply[1]) ? reply[1] : [];
  return list.map((element) => (Array.isArray(element) ? element[0] : element) as Buffer);
}

function pop(side: 'LPOP' | 'RPOP'): Deriver {
  return (d) => d.send([side, d.arg(d.keys.index[0]!)]);
}

const popMember: Deriver = (d) => {
  const reply = d.replyValue() as Buffer[];
  d.send(['ZREM', d.arg(d.keys.index[0]!), reply[1]!]);
};

export const BLOCKING_DERIVERS: Readonly<Record<string, Deriver>> = {
  blpop: pop('LPOP'),
  brpop: pop('RPOP'),
  blmpop(d) {
    const from = d.option(3 + d.args.int(2));
    d.send([from === 'LEFT' ? 'LPOP' : 'RPOP', d.arg(d.keys.index[0]!), taken(d).length]);
  },
  bzpopmin: popMember,
  bzpopmax: popMember,
  bzmpop: (d) => d.send(['ZREM', d.arg(d.keys.index[0]!), ...taken(d)]),
  blmove: (d) => d.send(['LMOVE', d.arg(1), d.arg(2), d.arg(3), d.arg(4)]),
  brpoplpush: (d) => d.send(['RPOPLPUSH', d.arg(1), d.arg(2)]),
};
