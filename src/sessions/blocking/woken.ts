/**
 * What an error means to a command that waits, when a key woke it.
 *
 * The server lets a command wait on while the key is of another type than the one it waits for. So an error may be about
 * that key, and then it is none; or about another one, as the destination of BLMOVE, and then it is the client's. Which
 * of them, the error does not say, but the type of the key does.
 */
import { callLane } from '../../lanes/call.js';
import type { Upstream } from '../../lanes/upstream.js';
import { isAtLeast } from '../../lanes/version.js';

/** Before 7.2 a woken command is served from the key that woke it; since then the whole command runs again. */
export function runsWhole(version: string): boolean {
  return isAtLeast(version, 7, 2);
}

/** Only these may be about the key that it waits for. */
export function isAboutType(error: string): boolean {
  return error.startsWith('-WRONGTYPE');
}

/** What TYPE says of a key; asked by Ferry itself, since the client's user may not be allowed to. */
export async function typeOf(side: Upstream, db: number, key: string): Promise<string> {
  const bytes = Buffer.from(key, 'latin1');
  const question = [side.wireName('TYPE'), side.keyHere(db, bytes)];
  const [reply] = await callLane(side.jobLane('blocking', db), [question], side.slotOf(db, bytes, 0, bytes.length));
  return String(reply);
}
