/** A command whose reply took long, as the slow log keeps it: its name and its first key, never a value. */
import { spoken } from '../commands/kinds.js';
import { ArgReader } from '../resp/arg-reader.js';
import { firstKeyOf } from '../routing/placement.js';
import type { ClientOp } from './client-op.js';

const KEPT_KEY_BYTES = 256;

const reader = new ArgReader();

export function noteSlow(op: ClientOp, tookMs: number): void {
  const session = op.session!;
  session.board.noticed.slow.add({
    atMs: Date.now(),
    tookMs,
    command: op.elements === null ? spoken(op.command!.name) : 'EXEC',
    key: keyOf(op),
    side: op.answeredBy,
    client: session.address,
    clientName: session.name,
  });
}

function keyOf({ command, elements, frame, frameStart, frameEnd }: ClientOp): Buffer | null {
  if (elements !== null || frameEnd === frameStart) return null;
  reader.read(frame, frameStart, frameEnd);
  const at = firstKeyOf(command!, reader);
  const key = at < 0 ? null : Buffer.from(reader.arg(at).subarray(0, KEPT_KEY_BYTES));
  reader.clear();
  return key;
}
