/** What Ferry counts on the hot path: plain integers, read by status, metrics and tests. */
import type { MirrorClass } from '../commands/mirroring.js';
import type { MirrorCounters } from '../mirror/mirror.js';
import { LatencyHistogram } from '../observe/histogram.js';
import type { Side } from '../phases/phase.js';

export class Counters implements MirrorCounters {
  commands = 0;
  /** From a command's bytes to its reply, µs, by the side that answered. */
  readonly durations = { source: new LatencyHistogram(), target: new LatencyHistogram() };
  /** By command id of the present table. */
  readonly commandsById = new Float64Array(1024);
  /** Of those, what was sent to the side that is not the authority, until now and at the last `settleSides`. */
  readonly followedById = new Float64Array(1024);
  /** By the side to which they were forwarded (a fallback counts where it was sent first), up to the last `settleSides`. */
  readonly bySide = { source: new Float64Array(1024), target: new Float64Array(1024) };
  private readonly settledById = new Float64Array(1024);
  private readonly settledFollowedById = new Float64Array(1024);
  /** Errors that Ferry itself answered. */
  errors = 0;
  targetReads = 0;
  /** Reads that were sent to a replica first. */
  replicaReads = 0;
  /** Reads of the target that looked like a miss and were asked again on the source. */
  fallbacks = 0;
  /** Later target reads of a session that fell back only because an earlier one did. */
  cascades = 0;
  /** Commands that waited for the session's own unanswered target reads. */
  stalls = 0;
  readRepairs = 0;
  uncertainWrites = 0;
  /** Commands that Ferry took apart because their keys were in several slots of the authority, by name. */
  readonly splits = new Map<string, number>();
  /** Slots that were dirty when this process began, because the last one may have been writing there. */
  recoveredSlots = 0;
  repairs = 0;
  // mirror
  mirrorErrors = 0;
  ops: Record<MirrorClass, number> = { replay: 0, time: 0, outcome: 0, copy: 0, none: 0 };
  selfCheckMismatches = 0;
  joinedCopies = 0;
  chunkedCopies = 0;
  shed = 0;

  /** Puts what came since on the account of the sides: before the authority becomes another one, and before it is read. */
  settleSides(authority: Side): void {
    const { commandsById, followedById, settledById, settledFollowedById } = this;
    const own = this.bySide[authority];
    const other = this.bySide[authority === 'source' ? 'target' : 'source'];
    for (let id = 0; id < own.length; id++) {
      const followed = followedById[id]! - settledFollowedById[id]!;
      own[id]! += commandsById[id]! - settledById[id]! - followed;
      other[id]! += followed;
    }
    settledById.set(commandsById);
    settledFollowedById.set(followedById);
  }
}
