/**
 * Copies that DUMP/RESTORE cannot make: by type, into a staging key of the same slot on the mirror, then RENAMEd.
 *
 *   small key   hold the slot; read everything in one MULTI; rebuild; swap
 *   big key     read in chunks without holding anything; if nobody wrote to it meanwhile, hold the slot for the swap
 *               alone; else once more; after that while its slot is held, for a bounded time; else it stays dirty
 *
 * A big key of a type that only DUMP carries (a vector set) is copied whole, however long that holds its slot.
 * A key that goes to another server while it is read in chunks is read again from its beginning.
 *
 * "Holding the slot" is being admitted as a write (L4). A write on the key joins the copy and sets `changed`, so an
 * unheld reading that raced a write is never swapped in. All commands go through the one write lane, so the RENAME
 * stands in the authority's order. A staging key that a failure leaves behind is remembered and deleted when the mirror is
 * back (`StagingKeys`); those of an earlier process are deleted by the verification that meets them.
 */
import { randomBytes } from 'node:crypto';
import { callLane, LaneLost } from '../lanes/call.js';
import type { Upstream } from '../lanes/upstream.js';
import { encodeCommand } from '../resp/encode.js';
import { type Reply, ReplyFault } from '../resp/values.js';
import { tagForSlot } from '../topology/crc16.js';
import type { CopyEngine } from './copy.js';
import type { CopyTask } from './copy-task.js';
import type { Args } from './derivation.js';
import { type LogicalReader, logicalReader, UnsupportedType } from './logical/reader.js';
import { STAGING_PREFIX } from './own-keys.js';
import { readAtOnce } from './read-at-once.js';
import type { MirrorAck } from './write-lane.js';

const CHUNK_ELEMENTS = 1000;
const CHUNK_BYTES = 256 * 1024;
const UNHELD_ATTEMPTS = 2;
/** A slot's clients wait no longer than this for one big key. */
export const HOLD_LIMIT_MS = 10_000;
/** Clients of a held slot do not wait for a mirror that takes its time. */
const HELD_WAIT_MS = 200;

/** Tells this process' staging keys from those that a dead one left behind. */
const PROCESS = randomBytes(4).toString('hex');
let stagingNumber = 0;

/** A staging key that some earlier process of Ferry left behind. */
export function isStale(key: Buffer): boolean {
  const text = key.toString('latin1');
  return text.startsWith(STAGING_PREFIX) && !text.includes(`:${PROCESS}:`);
}

/**
 * The staging keys of this process that may exist on a server, until their end is acknowledged there. They belong to
 * the server and outlive the mirror that made them (a step to source-only and back).
 */
export class StagingKeys {
  private static readonly byServer = new WeakMap<Upstream, StagingKeys>();

  private readonly keys = new Map<string, { readonly db: number; readonly slot: number; readonly key: Buffer }>();

  static on(server: Upstream): StagingKeys {
    let keys = StagingKeys.byServer.get(server);
    if (keys === undefined) {
      keys = new StagingKeys();
      StagingKeys.byServer.set(server, keys);
    }
    return keys;
  }

  made(db: number, slot: number, key: Buffer): void {
    this.keys.set(key.toString('latin1'), { db, slot, key });
  }

  gone(key: Buffer): void {
    this.keys.delete(key.toString('latin1'));
  }

  /** While no copy is under way, whatever is left is left behind: deletes it. True when there was something. */
  deleteLeftovers(engine: CopyEngine): boolean {
    const { lane, context } = engine.mirror;
    if (this.keys.size === 0 || engine.active > 0) return false;
    for (const { db, slot, key } of this.keys.values()) {
      if (!lane.canTake(db, slot, 0)) continue;
      const frame = encodeCommand([context.mirror.wireName('DEL'), key]);
      lane.append({ acknowledged: () => this.gone(key), failed() {} }, db, slot, frame, 0, frame.length);
    }
    return true;
  }
}

class Interrupted extends Error {}

/** Runs the task to its end; never throws. */
export async function copyStaged(engine: CopyEngine, task: CopyTask, isBig: boolean): Promise<void> {
  let held = false;
  let failure: string | null = null;
  try {
    for (let attempt = 1; ; attempt++) {
      if (!isBig || attempt > UNHELD_ATTEMPTS) {
        if (isBig) await engine.roomOnMirror();
        await admitted(engine, task);
        held = true;
      }
      const done = await attemptOnce(engine, task, isBig, held);
      if (done) break;
    }
  } catch (error) {
    if (error instanceof UnsupportedType && !engine.logical) {
      // big, and there is no way to part it: whole, as long as that may hold its slot
      if (held) engine.release(task);
      engine.admit(task);
      return;
    }
    failure = error instanceof LaneLost ? 'the authority connection was lost' : (error as Error).message;
    engine.failedBeforeSwap(task, failure);
  }
}

/** One reading and swap. False: somebody wrote meanwhile. */
async function attemptOnce(engine: CopyEngine, task: CopyTask, isBig: boolean, held: boolean): Promise<boolean> {
  const { context, lane } = engine.mirror;
  const source = engine.lane(task.db);
  const epoch = lane.epoch;
  const startedMs = performance.now();
  const staging = Buffer.from(
    `${STAGING_PREFIX}{${tagForSlot(task.mirrorSlot < 0 ? task.slot : task.mirrorSlot)}}:${PROCESS}:${++stagingNumber}`,
  );
  task.changed = false;
  const version = context.authority.versionOf(task.sourceSlot);
  task.mark = engine.markToClear(task);

  const failed = { error: null as string | null };
  const append = (args: Args): void => {
    if (lane.epoch !== epoch || !lane.canTake(task.db, task.mirrorSlot, 0))
      throw new Interrupted('the mirror connection was lost');
    const wire = context.mirror.wireName(String(args[0]));
    const frame = encodeCommand([wire, ...args.slice(1)]);
    lane.append(new PartAck(failed), task.db, task.mirrorSlot, frame, 0, frame.length);
  };

  const [type] = await callLane(source, [['TYPE', task.sourceKey]], task.sourceSlot);
  const reader = logicalReader(String(type), task.sourceKey, staging, {
    chunkElements: isBig ? CHUNK_ELEMENTS : Number.POSITIVE_INFINITY,
    chunkBytes: CHUNK_BYTES,
    clockShiftMs: engine.mirror.clock.shiftMs(task.sourceSlot, task.mirrorSlot),
    features: { hashFieldTtl: engine.options.hashFieldTtl, xgroupEntriesRead: engine.options.entriesRead },
  });
  engine.staging.made(task.db, task.mirrorSlot, staging);
  append(['DEL', staging]);
  const deadlineRead = engine.deadlineRead(task);
  let deadline: Reply | undefined;
  for (;;) {
    const reads = reader.nextReads();
    if (reads === null) break;
    const replies = isBig
      ? await callLane(source, reads, task.sourceSlot)
      : await readAtOnce(source, task.sourceSlot, reads, deadlineRead);
    if (!isBig) deadline = replies.pop();
    else if (context.authority.versionOf(task.sourceSlot) !== version) {
      // another server may have answered than the one that gave the cursor
      if (held) engine.release(task);
      return abandon(append, staging);
    }
    for (const args of reader.take(replies)) append(args);
    if (isBig && !(await engine.roomOnMirror(held ? HELD_WAIT_MS : undefined))) {
      append(['DEL', staging]);
      throw new Error('its slot would be held for as long as the mirror is slow');
    }
    if (task.changed && !held) return abandon(append, staging);
    if (held && performance.now() - startedMs > HOLD_LIMIT_MS) {
      append(['DEL', staging]);
      throw new Error(`its slot would be held for more than ${HOLD_LIMIT_MS} ms: too big, or written too often`);
    }
  }
  if (!held) {
    await admitted(engine, task);
    if (task.changed) {
      engine.release(task);
      return abandon(append, staging);
    }
  }
  if (deadline === undefined) [deadline] = await callLane(source, [deadlineRead.args], task.sourceSlot);
  if (deadline instanceof ReplyFault) throw deadline;
  swap(engine, task, reader, staging, engine.deadlineFrom(Number(deadline), task.sourceSlot), append, failed, epoch);
  return true;
}

/** Somebody wrote meanwhile: what was built is void. It is deleted with what else is left over. */
function abandon(append: (args: Args) => void, staging: Buffer): false {
  append(['UNLINK', staging]);
  return false;
}

function swap(
  engine: CopyEngine,
  task: CopyTask,
  reader: LogicalReader,
  staging: Buffer,
  deadlineMs: number,
  append: (args: Args) => void,
  failed: { error: string | null },
  epoch: number,
): void {
  const { context, lane, clock } = engine.mirror;
  const gone = reader.missing || deadlineMs === -2;
  if (!gone && deadlineMs > 0)
    append([
      'PEXPIREAT',
      staging,
      Math.max(1, Math.round(deadlineMs + clock.shiftMs(task.sourceSlot, task.mirrorSlot))),
    ]);
  if (lane.epoch !== epoch || !lane.canTake(task.db, task.mirrorSlot, 0))
    throw new Interrupted('the mirror connection was lost');
  if (gone) append(['DEL', staging]);
  const last = gone
    ? encodeCommand([context.mirror.wireName('DEL'), task.mirrorKey])
    : encodeCommand([context.mirror.wireName('RENAME'), staging, task.mirrorKey]);
  engine.noteKnown(task, gone ? 0 : deadlineMs);
  engine.taken(task);
  lane.append(new SwapAck(engine, task, failed, staging), task.db, task.mirrorSlot, last, 0, last.length);
  context.ledger.replied(task);
}

function admitted(engine: CopyEngine, task: CopyTask): Promise<void> {
  return new Promise((resolve) => {
    task.onLaunch = resolve;
    engine.admit(task);
  });
}

/** The acknowledgement of a part: the first error spoils the copy. */
class PartAck implements MirrorAck {
  constructor(private readonly failedParts: { error: string | null }) {}

  acknowledged(): void {}

  failed(error: string | null): void {
    this.failedParts.error ??= error ?? 'the mirror connection was lost';
  }
}

class SwapAck implements MirrorAck {
  constructor(
    private readonly engine: CopyEngine,
    private readonly task: CopyTask,
    private readonly failedParts: { error: string | null },
    private readonly staging: Buffer,
  ) {}

  acknowledged(): void {
    this.engine.staging.gone(this.staging);
    if (this.failedParts.error !== null) this.engine.over(this.task, this.failedParts.error);
    else this.task.acknowledged();
  }

  failed(error: string | null): void {
    this.engine.over(this.task, this.failedParts.error ?? error ?? 'the mirror connection was lost');
  }
}
