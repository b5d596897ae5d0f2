/**
 * Notes a command that will break at the cutover: the present authority takes its keys together, the Cluster that comes
 * after it has them in several slots (routing/crossings.ts).
 *
 * SORT by other keys, or with them in its reply, counts too: a Cluster refuses it.
 */
import { spoken } from '../commands/kinds.js';
import type { Command } from '../commands/table.js';
import { ACROSS, placeOn, type Spans } from '../routing/placement.js';
import { isSplit } from './fan-out/plan.js';
import type { Session } from './session.js';

/** Can its keys be in several slots? Asked before each command while the target is a Cluster. */
export function mayCross({ singleKey, name }: Command): boolean {
  return !singleKey || name === 'sort_ro';
}

export function noteCrossing(session: Session, command: Command, spans: Spans): void {
  const { board } = session;
  if (board.rules.authority === 'target' || isSplit(command)) return;
  if (placeOn(board.target, command, session.db, spans) === ACROSS || sortsByOthers(command, spans)) {
    board.crossings.count(spoken(command.name));
  }
}

/** Ferry takes it apart for the Cluster that is the authority; a client that goes there by itself must do so. */
export function noteSplit({ board }: Session, { name }: Command): void {
  const { splits } = board.counters;
  splits.set(name, (splits.get(name) ?? 0) + 1);
}

/** BY and GET with a pattern; a BY without one only says that nothing is to be sorted. */
function sortsByOthers({ name }: Command, { frame, argc, starts, ends }: Spans): boolean {
  if (name !== 'sort' && name !== 'sort_ro') return false;
  const text = (i: number): string => frame.toString('latin1', starts[i]!, ends[i]!);
  for (let i = 2; i + 1 < argc; i++) {
    const option = text(i).toUpperCase();
    if (option === 'LIMIT') i += 2;
    else if (option === 'STORE') i++;
    else if (option === 'BY' && text(++i).includes('*')) return true;
    else if (option === 'GET' && text(++i) !== '#') return true;
  }
  return false;
}
