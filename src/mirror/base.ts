/**
 * What a mirror operation builds on: is it the same on the mirror, and what does the operation leave there?
 *
 *   needs 'whole'   nothing, but SET … KEEPTTL builds on the TTL
 *   needs 'base'    its keys must be known (ledger/known.ts) and not dirty
 *   needs 'inputs'  so must what it reads, and nobody else's operation on its slots may be unacknowledged: one that the
 *                   mirror then refuses would have changed an input
 */
import type { Command } from '../commands/table.js';
import type { DirtyKeys } from '../ledger/dirty.js';
import type { KnownKeys } from '../ledger/known.js';
import type { SlotLedger } from '../ledger/slots.js';
import { keySlot } from '../topology/crc16.js';
import { type Derivation, TTL_UNCHANGED } from './derivation.js';
import type { Effect } from './effect.js';

export class MirrorBase {
  /** The earliest deadline among the keys that the command last asked about builds on, 0 when none has one. */
  deadlineMs = 0;

  constructor(
    private readonly known: KnownKeys,
    private readonly dirty: DirtyKeys,
    private readonly ledger: SlotLedger,
  ) {}

  /** May the command run on the mirror as it is: is everything it builds on the same there? */
  isSame(e: Effect, command: Command, d: Derivation, inExec: boolean): boolean {
    const needs = command.mirroring.needs;
    this.deadlineMs = 0;
    if (needs === 'none' || (needs === 'whole' && !keepsTtl(command, d))) return true;
    if (needs === 'inputs' && (inExec || !this.isQuiet(e))) return false;
    const { keys, args } = d;
    for (let i = 0; i < keys.count; i++) {
      const isInput = keys.written[i] === 0;
      if (needs === 'inputs' && !isInput && !command.mirroring.destinationBase && !movesFrom(command, i)) continue;
      const at = keys.index[i]!;
      const { frame, starts, ends } = args;
      if (!this.isSure(e.db, frame, starts[at]!, ends[at]!, d.nowMs)) return false;
    }
    return true;
  }

  /** Are all keys that the command writes the same there? */
  areSure(e: Effect, command: Command, d: Derivation): boolean {
    this.deadlineMs = 0;
    if (command.mirroring.class === 'none') return false;
    const { keys, args } = d;
    for (let i = 0; i < keys.count; i++) {
      const at = keys.index[i]!;
      if (!this.isSure(e.db, args.frame, args.starts[at]!, args.ends[at]!, d.nowMs)) return false;
    }
    return true;
  }

  private isSure(db: number, frame: Buffer, start: number, end: number, nowMs: number): boolean {
    const { known, dirty } = this;
    if (!known.isKnown(db, frame, start, end, nowMs)) return false;
    const deadlineMs = known.askedDeadlineMs;
    if (deadlineMs > 0 && (this.deadlineMs === 0 || deadlineMs < this.deadlineMs)) this.deadlineMs = deadlineMs;
    return dirty.isClean || !dirty.has(db, frame.subarray(start, end), keySlot(frame, start, end));
  }

  /** Nobody else's mirror op on its slots is unacknowledged (a refused one would make the inputs differ). */
  private isQuiet(e: Effect): boolean {
    const { open } = this.ledger;
    if (e.slot >= 0 && open[e.slot]! > 1) return false;
    if (e.moreSlots !== null) for (const s of e.moreSlots) if (open[s]! > 1) return false;
    return true;
  }

  /** The operation was appended: which keys the mirror will now hold as the authority does, and until when. */
  note(e: Effect, command: Command, d: Derivation): void {
    const { known } = this;
    const { needs, ttl } = command.mirroring;
    if (needs === 'none' || (needs === 'base' && d.deadlineMs === TTL_UNCHANGED)) return;
    const { frame, starts, ends } = d.args;
    const moved = ttl === 'moves' ? known.deadlineOf(e.db, frame, starts[1]!, ends[1]!) : 0;
    for (let i = 0; i < d.keys.count; i++) {
      if (d.keys.written[i] === 0) continue;
      const at = d.keys.index[i]!;
      const deadlineMs = ttl === 'moves' ? (at === 1 ? 0 : moved) : d.deadlineMs;
      known.add(e.db, frame, starts[at]!, ends[at]!, deadlineMs, d.nowMs);
    }
  }
}

/** SET … KEEPTTL overwrites the value but builds on the TTL. */
function keepsTtl(command: Command, d: Derivation): boolean {
  if (command.name !== 'set') return false;
  for (let i = 3; i < d.argc; i++) if (d.option(i) === 'KEEPTTL') return true;
  return false;
}

/** RENAME's source is written (it goes), and read as well. */
function movesFrom(command: Command, keyNumber: number): boolean {
  return command.mirroring.ttl === 'moves' && keyNumber === 0;
}
