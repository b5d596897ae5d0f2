/** Tells those who wait for a key that it was written: every write whose reply Ferry sees passes here. */
import { copyDbArgument, findKeys, KeyList } from '../../commands/keys.js';
import { type Command, isFlush } from '../../commands/table.js';
import type { Effect } from '../../mirror/effect.js';
import { ArgReader } from '../../resp/request.js';
import type { Waiters } from '../../routing/waiters.js';
import type { ClientOp } from '../client-op.js';

const keys = new KeyList();
const args = new ArgReader();

/** Only called while somebody waits. */
export function signalWritten(op: ClientOp): void {
  const { waiters } = op.session!.board;
  if (op.elements === null) signalEffect(waiters, op, op.blocked !== null);
  else for (const element of op.elements) signalEffect(waiters, element, op.blocked !== null);
}

function signalEffect(waiters: Waiters, e: Effect, isAttempt: boolean): void {
  const command = e.command!;
  if (isFlush(command)) {
    waiters.signalFlushed(command.name === 'flushall' ? null : e.db);
    return;
  }
  if (command.name === 'swapdb') waiters.signalAll();
  if (command.kind !== 'write') return;
  args.read(e.frame, e.frameStart, e.frameEnd);
  if (!findKeys(command, args.frame, args.argc, args.starts, args.ends, keys)) return;
  // an attempt takes from its keys; only where it moves to another one something came
  const from = isAttempt ? (command.name === 'blmove' || command.name === 'brpoplpush' ? 1 : keys.count) : 0;
  const written: string[] = [];
  for (let i = from; i < keys.count; i++) if (keys.written[i] === 1) written.push(args.text(keys.index[i]!));
  const other = otherDatabase(command);
  for (const key of written) {
    waiters.signal(e.db, key);
    if (other !== null) waiters.signal(other, key);
  }
}

/** MOVE and COPY … DB write to another database; MOVE takes from its own. */
function otherDatabase(command: Command): number | null {
  const at =
    command.name === 'move'
      ? 2
      : command.name === 'copy'
        ? copyDbArgument(args.frame, args.argc, args.starts, args.ends)
        : -1;
  return at < 0 || at >= args.argc ? null : args.int(at);
}
