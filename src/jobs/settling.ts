/**
 * What may still be written over a lost connection that cannot be fenced (lanes/fencing.ts): its keys stay dirty until two
 * copies, a settling time apart, agree.
 *
 *   marked ─► copied ─► settleMs later: is the mirror still what a second copy would make it?
 *                ▲                 │ no: something was written meanwhile        │ yes: the mark is cleared
 *                └─────────────────┘
 *
 * The second copy is a comparison of both sides with the slot held: it sees what arrived late on either side, and it
 * agrees also on a key that is written all the time. Dirty slots are swept only when the time has passed (repair.ts).
 *
 * It is a bound, not a proof: nobody can know how long a network keeps what a dead connection sent. So a quarantine is a
 * hazard too, and a cutover needs a verification that began after it. The default of settle-ms, five seconds, covers four
 * retransmissions of TCP (0.2 + 0.4 + 0.8 + 1.6 s) and the time after which a server calls a script slow.
 */
import type { DirtyKey } from '../ledger/dirty.js';
import type { CopyWindow } from './copy-window.js';
import type { Migration } from './migration.js';

export class Settling {
  /** When the first of the two copies was made (performance.now()), by mark. */
  private readonly copiedAt = new WeakMap<DirtyKey, { atMs: number; generation: number }>();

  constructor(private readonly migration: Migration) {}

  private get settleMs(): number {
    return this.migration.board.config.settleMs;
  }

  /** Is there a connection of which nobody knows whether it is dead? */
  get isNeeded(): boolean {
    const { source, target } = this.migration.board;
    return source.unfenced + target.unfenced > 0;
  }

  /** From when on slots may be swept. */
  get sweepsAtMs(): number {
    const { source, target } = this.migration.board;
    return Math.max(source.settledAtMs(this.settleMs), target.settledAtMs(this.settleMs));
  }

  /** Deals with one mark; `agrees`: are both sides the same in that key now? */
  async treat(
    mark: DirtyKey,
    window: CopyWindow,
    agrees: (db: number, key: Buffer) => Promise<boolean>,
  ): Promise<void> {
    const { board, log } = this.migration;
    if (!this.isNeeded) {
      mark.quarantined = false; // all that was lost is known to be dead: one copy is enough
      return;
    }
    const copied = this.copiedAt.get(mark);
    const nowMs = performance.now();
    if (copied === undefined || copied.generation !== mark.generation) {
      this.copiedAt.set(mark, { atMs: nowMs, generation: mark.generation });
      board.counters.repairs++;
      await window.copy(board.mirror!, mark.db, mark.key);
      return;
    }
    if (nowMs < Math.max(copied.atMs + this.settleMs, this.sweepsAtMs)) return;
    const { generation } = mark;
    let isSame = false;
    try {
      isSame = await agrees(mark.db, mark.key);
    } catch {
      return; // cannot be told now
    }
    if (isSame) board.dirty.clear(mark.db, mark.key, generation);
    else {
      this.copiedAt.delete(mark);
      log.warn(
        { db: mark.db },
        'a key was changed while it was to settle, or is too busy to be compared: it is copied again',
      );
    }
  }

  /** Nothing of what was quarantined is left to be settled: it counts as dead. */
  releaseIfSettled(): void {
    const { board } = this.migration;
    for (const mark of board.dirty.entries()) if (mark.quarantined) return;
    const nowMs = performance.now();
    for (const side of [board.source, board.target]) side.releaseQuarantine(nowMs, this.settleMs);
  }
}
