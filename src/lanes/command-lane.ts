/**
 * What sends commands needs to know of where they go: one connection (lane.ts), or the connections to the nodes of a
 * side that is more than one server, or one that moves (routed/routed-lane.ts).
 *
 * `slot` says which node: the command's hash slot, or ANY_NODE. Commands of one slot are executed in the order in which
 * they were sent, whatever happens to the slot meanwhile; those of different slots may be executed by different nodes. A
 * single connection does not look at it.
 *
 * One exception: a node that gives a slot away redirects a command that lacks a key there and executes what is pipelined
 * behind it and has its keys. Until Ferry has heard of that, the order of what was in flight holds for the commands of one
 * key only; one with several keys may be executed behind later ones, or is refused where that could undo them
 * (routed/detour.ts).
 */
import type { IntentCommit } from '../ledger/intent.js';
import type { Lane, LaneEntry, LaneState } from './lane.js';

/** The command has no key. */
export const ANY_NODE = -1;

export interface CommandLane {
  readonly id: number;
  readonly state: LaneState;
  readonly lastError: string;
  readonly closedAtMs: number;
  /** Sends frame bytes (never overwritten by their owner) and expects one reply for `entry`. */
  send(entry: LaneEntry, frame: Buffer, start: number, end: number, slot?: number): void;
  /**
   * What is sent until `endGroup` stays together on one connection. The first `atomic` commands are a transaction, from
   * MULTI to EXEC: none of their replies is handed on before EXEC's, and if any was redirected all of them are sent again.
   * One that `breaks` is answered nil instead: what it watched is on the connection it was on.
   */
  beginGroup(slot: number, atomic: number, breaks?: boolean): void;
  endGroup(): void;
  /** Nothing that is sent from here on leaves before the commit is over. */
  holdFor(commit: IntentCommit): void;
  /** Could a command of that slot be answered now? */
  isUp(slot: number): boolean;
  /**
   * Its only server cannot be reached, and has not been for a while: what is sent now would wait for nobody knows how long.
   * Of servers that may be replaced it is never said; there the wait has its own limit (`redirect-wait`).
   */
  readonly isAway: boolean;
  /** The connection over which such a command goes now; null while there is none. */
  connectionFor(slot: number): Lane | null;
  /** Drops the connections; they are made anew. */
  drop(reason: string): void;
  close(): void;
  /** As `close`, when everything sent was answered. */
  closeWhenAnswered(): void;
  pauseReading(): void;
  resumeReading(): void;
}
