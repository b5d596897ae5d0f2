/**
 * A server took the place of another: a replica was promoted, or slots were moved to it.
 *
 *   moved by resharding      nothing is missing: MIGRATE waits for the new node
 *   a replica was promoted   what was acknowledged within the replication lag may be missing there, on either side. The
 *                            slots that were written since the moment up to which the new node is known to have
 *                            everything are dirty, and the repair copies them again from the authority (divergence 11)
 *   nobody can tell          all slots that it took over are dirty
 *
 * Until the new node has said which of these it is, a swap is blocked and reads stay with the authority: everything that
 * moved counts as dirty at once, and what turns out not to be is cleared again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerNode } from '../lanes/server-node.js';
import type { Upstream } from '../lanes/upstream.js';
import { SLOT_COUNT } from '../topology/crc16.js';
import type { Migration } from './migration.js';

const ATTEMPTS = 40;
const RETRY_MS = 100;
/** What was answered while the offset was being asked for counts as later. */
const MARGIN_MS = 50;

export class Failovers {
  constructor(private readonly migration: Migration) {}

  /** `mayBePromoted`: `to` may be a replica that took over; else it was a master already. */
  slotsMoved(
    side: Upstream,
    from: ServerNode | null,
    to: ServerNode,
    slots: readonly number[],
    mayBePromoted: boolean,
  ): void {
    const { board, log } = this.migration;
    if (from === null) return;
    log.info(
      { side: side.side, from: from.name, to: to.name, slots: slots.length },
      'slots are served by another node',
    );
    if (!board.rules.mirrored || !mayBePromoted) return;
    this.migration.hazard(`${to.name} took the place of ${from.name} on the ${side.side}`);
    // behind a prefix a key lies in another slot than the ledger counts it in
    const affected = side.hasSlots && side.prefixes === null ? slots : EVERY_SLOT;
    const generations = affected.map((slot) => {
      board.dirty.markSlot(slot, true);
      return board.dirty.slotGeneration[slot]!;
    });
    this.migration.unsettled++;
    void this.settle(side, from, to, affected, generations).finally(() => {
      this.migration.unsettled--;
    });
  }

  private async settle(
    side: Upstream,
    from: ServerNode,
    to: ServerNode,
    slots: readonly number[],
    generations: readonly number[],
  ): Promise<void> {
    const { board, log } = this.migration;
    const untilMs = await hasEverythingUntil(from, to);
    let doubtful = 0;
    for (const [i, slot] of slots.entries()) {
      if (untilMs === null || board.ledger.touchedMs[slot]! >= untilMs - MARGIN_MS) doubtful++;
      else board.dirty.clearSlot(slot, generations[i]!);
    }
    log.warn(
      { side: side.side, from: from.name, to: to.name, slots: slots.length, copiedAgain: doubtful },
      'a replica was promoted: the slots written within the replication lag are copied again',
    );
  }
}

/** By performance.now(); null: nobody can tell, or it is no continuation at all. */
async function hasEverythingUntil(from: ServerNode, to: ServerNode): Promise<number | null> {
  for (let attempt = 1; attempt <= ATTEMPTS && !to.isClosed; attempt++) {
    try {
      await to.refreshReplication();
      if (to.role === 'master') return to.replication.continuesUntil(from.replication);
    } catch {
      // not there yet
    }
    await sleep(RETRY_MS);
  }
  return null;
}

const EVERY_SLOT: readonly number[] = Array.from({ length: SLOT_COUNT }, (_, slot) => slot);
