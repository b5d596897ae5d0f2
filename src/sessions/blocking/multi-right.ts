/** May a session's user run transactions? Asked once per user; a refusal is believed for a while. */
import { probeMulti } from '../../lanes/multi.js';
import type { Session } from '../session.js';

const REFUSAL_MS = 5000;

/** May the user run transactions? Null: it is being asked, and the session is resumed. */
export function multiRight(session: Session): boolean | null {
  const { authority } = session.board;
  const { name } = session.identity;
  if (authority.multiRights.has(name)) return true;
  const refusedMs = authority.multiRefusals.get(name);
  if (refusedMs !== undefined && performance.now() - refusedMs < REFUSAL_MS) return false;
  session.busy = true;
  probeMulti(session.sharedLane())
    .then((refusal) => {
      if (refusal === null) authority.multiRights.add(name);
      else authority.multiRefusals.set(name, performance.now());
    })
    .catch(() => authority.multiRefusals.set(name, performance.now()))
    .finally(() => session.ready());
  return null;
}
