/**
 * An operation that the slot ledger admits: a client's write, a copy, an admitted verification read (rule L4).
 *
 * Every admitted operation is one object. It passes through the ledger exactly once in this order:
 *   admit → (parked →) launch → replied → finish
 * and the ledger's counters are decremented exactly once on every path: reply, error, lost connection, killed
 * client (rule L5). `stage` is asserted, so that a second decrement is a crash in a test and not a leak at night.
 */

/** The operation takes no slot yet. */
export const IDLE = 0;
/** Waiting in the queue of its slots; nothing was sent. */
export const PARKED = 1;
/** Sent to the authority, not replied. */
export const LAUNCHED = 2;
/** The authority replied (or its connection was lost); the mirror has not settled yet. */
export const REPLIED = 3;

export type OperationStage = typeof IDLE | typeof PARKED | typeof LAUNCHED | typeof REPLIED;

/** `slot` of an operation that takes all slots (FLUSHALL, FLUSHDB). */
export const ALL_SLOTS = -2;
/** `slot` of an operation that may touch any key, and shares them with the other operations of its lane only. */
export const LANE_SLOTS = -3;
/** `slot` of an operation that takes none. */
export const NO_SLOT = -1;

/** What an operation on its way costs besides its bytes: its record, and its places in queues. */
export const OPERATION_BYTES = 1024;

export abstract class Operation {
  /** The first slot it takes, or ALL_SLOTS, LANE_SLOTS, or NO_SLOT. */
  slot: number = NO_SLOT;
  /** Further distinct slots of a command over several, else null. */
  moreSlots: number[] | null = null;
  /** The id of the lane it is (to be) sent on: the holder of its slots while unreplied. */
  laneId = 0;
  stage: OperationStage = IDLE;

  /** Called by the ledger when all slots are acquired: send it now. `late`: it had been parked. */
  abstract launch(late: boolean): void;
}
