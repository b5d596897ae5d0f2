/** May a session's user run transactions? Asked once per user; a refusal is believed for a while. */
import { probeMulti } from '../../lanes/multi.js';
import type { Session } from '../session.js';

const REFUSAL_MS = 5000;

/** True, or the server's refusal. Null: it is being asked, and the session is resumed. */
export function multiRight(session: Session): true | string | null {
  const { authority } = session.board;
  const { name } = session.identity;
  if (authority.multiRights.has(name)) return true;
  const refused = authority.multiRefusals.get(name);
  if (refused !== undefined && performance.now() - refused.atMs < REFUSAL_MS) return refused.refusal;
  session.probe(async () => {
    const refusal = await probeMulti(session.lanes.shared());
    if (refusal === null) authority.multiRights.add(name);
    else authority.multiRefusals.set(name, { refusal, atMs: performance.now() });
  });
  return null;
}
