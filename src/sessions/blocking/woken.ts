/**
 * What an error means to a command that waits, when a key woke it.
 *
 * The server lets a command wait on while the key is of another type than the one it waits for. So an error may be about
 * that key, and then it is none; or about another one, as the destination of BLMOVE, and then it is the client's. Which
 * of them, the error does not say, but the type of the key does.
 *
 * XREADGROUP does not wait for what is gone:
 *
 *                                   before 7.0      7.0                  since 7.2
 *   the stream is gone              waits on        UNBLOCKED the …      the attempt's own error
 *   it is of another type           waits on        UNBLOCKED the …      the attempt's own error
 *   the group is gone               NOGROUP the …   NOGROUP the …        the attempt's own error
 */
import type { WaitedType } from '../../commands/blocking.js';
import { callLane } from '../../lanes/call.js';
import type { Upstream } from '../../lanes/upstream.js';
import { isAtLeast } from '../../lanes/version.js';
import { errorReply } from '../../resp/encode.js';
import { isGroup } from '../../routing/waiters.js';

const STREAM_GONE = errorReply('UNBLOCKED the stream key no longer exists');
const GROUP_GONE = errorReply('NOGROUP the consumer group this client was blocked on no longer exists');

/** Before 7.2 a woken command is served from the key that woke it; since then the whole command runs again. */
export function runsWhole(version: string): boolean {
  return isAtLeast(version, 7, 2);
}

/** Must the type of the key be known, to tell what the error of its attempt means? */
export function isAboutKey(error: string, kind: string, version: string): boolean {
  if (!isGroup(kind)) return error.startsWith('-WRONGTYPE');
  return !isAtLeast(version, 7, 2) && /^-(WRONGTYPE|NOGROUP)/.test(error);
}

/** The client's reply, or that it waits on, or that it is tried once more: the key may have become right just now. */
export function meaningOf(
  error: string,
  { kind, type }: { readonly kind: string; readonly type: WaitedType },
  keysType: string,
  version: string,
): Buffer | 'wait' | 'again' {
  if (!isGroup(kind)) return keysType === type ? 'again' : 'wait';
  if (keysType === type && error.startsWith('-NOGROUP')) return GROUP_GONE;
  return isAtLeast(version, 7, 0) ? STREAM_GONE : 'wait';
}

/** What TYPE says of a key; asked by Ferry itself, since the client's user may not be allowed to. */
export async function typeOf(side: Upstream, db: number, key: string): Promise<string> {
  const bytes = Buffer.from(key, 'latin1');
  const question = [side.wireName('TYPE'), side.keyHere(db, bytes)];
  const [reply] = await callLane(side.jobLane('blocking', db), [question], side.slotOf(db, bytes, 0, bytes.length));
  return String(reply);
}
