/**
 * Notes a command that will break at the cutover: the present authority takes its keys together, the Cluster that comes
 * after it has them in several slots (routing/crossings.ts).
 */
import { spoken } from '../commands/kinds.js';
import type { Command } from '../commands/table.js';
import { ACROSS, placeOn, type Spans } from '../routing/placement.js';
import { isSplit } from './fan-out/plan.js';
import type { Session } from './session.js';

export function noteCrossing(session: Session, command: Command, spans: Spans): void {
  const { board } = session;
  if (board.rules.authority === 'target' || isSplit(command)) return;
  if (placeOn(board.target, command, session.db, spans) === ACROSS) board.crossings.count(spoken(command.name));
}
