/**
 * The mirror: turns (command, authority's reply) into the mirror's operations, in the order of the replies.
 *
 *   effect(e, reply)   derive and append now, before the client's reply is released (architecture 3)
 *   lost(e)            the authority's connection died with the write in flight: its keys are dirty
 *
 * Case by case, for each effect:
 *   the authority refused it        nothing, except scripts and unknown writes (what they did before stays): copy
 *   its keys are left out (scope.ts) nothing; if only some are, copies of the others
 *   the write lane cannot take it   its keys become dirty; nobody waits
 *   a copy of a key is under way    the effect joins it: that copy is not taken yet, so it will contain it
 *   it builds on unknown state      copy of its keys instead
 *   its database is behind a prefix copy of its keys instead: a copy knows both names (topology/key-prefixes.ts)
 *   it sets a deadline, reply late  copy of its keys instead (clock.ts)
 *   else                            the same bytes, or what the deriver of its command says
 * When the mirror refuses an operation, or answers a replayed one otherwise than the authority did (the self-check),
 * the keys become dirty.
 */
import { findKeys, KeyList } from '../commands/keys.js';
import type { MirrorClass } from '../commands/mirroring.js';
import { type Command, isFlush } from '../commands/table.js';
import { ANY_NODE } from '../lanes/command-lane.js';
import { turn } from '../lanes/turn.js';
import type { Upstream } from '../lanes/upstream.js';
import { isAtLeast } from '../lanes/version.js';
import type { DirtyKeys } from '../ledger/dirty.js';
import type { KnownKeys } from '../ledger/known.js';
import type { OwnWrites } from '../ledger/own-writes.js';
import type { SlotLedger } from '../ledger/slots.js';
import { encodeCommand } from '../resp/encode.js';
import { ArgReader } from '../resp/request.js';
import { elementSpans, isError, isNull, type Reply } from '../resp/values.js';
import { keySlot } from '../topology/crc16.js';
import type { Scope } from '../topology/scope.js';
import { MirrorBase } from './base.js';
import { CLOCK_TOLERANCE_MS, isTimed, MirrorClock, PROMPT_REPLY_MS } from './clock.js';
import { CopyEngine, type CopyOptions } from './copy.js';
import {
  ALWAYS_COPIED,
  BEHIND_PREFIX,
  type CopyReason,
  JOINS_COPY,
  LATE_REPLY,
  LEFT_OUT,
  NO_ROOM,
  NOT_COPIED,
  NOT_ON_MIRROR,
  NOT_SURE,
  PARTLY_LEFT_OUT,
  SEVERAL_SLOTS,
  TOO_BIG,
} from './copy-reasons.js';
import { type Args, Derivation, type DerivationOutput, TTL_UNCHANGED } from './derivation.js';
import { narrowToTaken } from './derivers/blocking.js';
import { deriverOf } from './derivers/index.js';
import { type Effect, ElementEffect } from './effect.js';
import type { CompareFeatures } from './logical/pair.js';
import { type MirrorOp, MirrorOpPool } from './operation.js';
import { GivenScripts, type ScriptBook } from './scripts.js';
import { WriteLane } from './write-lane.js';

export interface MirrorCounters {
  ops: Record<MirrorClass, number>;
  mirrorErrors: number;
  selfCheckMismatches: number;
  joinedCopies: number;
  chunkedCopies: number;
  shed: number;
}

export interface MirrorContext {
  readonly authority: Upstream;
  readonly mirror: Upstream;
  readonly ledger: SlotLedger;
  readonly known: KnownKeys;
  readonly dirty: DirtyKeys;
  readonly ownWrites: OwnWrites;
  readonly usedDbs: ReadonlySet<number>;
  /** What is migrated; null: everything. */
  readonly scope: Scope | null;
  /** Asked for each operation: it changes with what else is held in memory. */
  readonly backlogLimitBytes: number;
  /** Nobody waits for what the mirror answers; asked for each operation. */
  readonly mayWait: boolean;
  readonly copy: CopyOptions;
  /** What the authority (a) and the mirror (b) can be asked when a key is compared. */
  readonly compare: { readonly a: CompareFeatures; readonly b: CompareFeatures };
  readonly scripts: ScriptBook;
  readonly counters: MirrorCounters;
  /** Test hook: told which class each command was mirrored with. */
  readonly onMirrored: ((command: string, mirrorClass: MirrorClass) => void) | null;
  /** Test hook: a copy was appended, and is not acknowledged. */
  readonly onCopyAppended: (() => void) | null;
  /** What the mirror holds is not what it was given. */
  onMismatch(): void;
  /** Something happened that may have left a difference: only a verification can tell. */
  onHazard(what: string): void;
  onUp(): void;
  onDown(reason: string): void;
  /** Everything appended is answered. */
  onEmpty(): void;
}

/** How many keys of an effect are migrated. */
const NONE = 0;
const SOME = 1;
const ALL = 2;
type Within = 0 | 1 | 2;

const LEFT_OUT_SCRIPT = 'a script that names keys which are left out could not be replayed';

/** A place that is no single slot: the keys are in several, or the command is for every node. */
const EVERY_NODE = -2;

/** A request over this size is not kept for its mirror op: its keys are copied. */
export const KEPT_REQUEST_BYTES = 1024 * 1024;

export class Mirror implements DerivationOutput {
  readonly lane: WriteLane;
  readonly copies: CopyEngine;
  readonly clock: MirrorClock;
  private readonly base: MirrorBase;
  private readonly d = new Derivation();
  private readonly given = new GivenScripts();
  private readonly pool = new MirrorOpPool(this);
  private readonly spans: number[] = [];
  private readonly failedArgs = new ArgReader();
  private readonly failedKeys = new KeyList();
  /** The effect being derived, and the slot of the mirror that its keys are in. */
  private current: Effect | null = null;
  private slot = ANY_NODE;
  /** The two sides write the same score in two forms. */
  private readonly scoresDiffer: boolean;

  constructor(readonly context: MirrorContext) {
    this.base = new MirrorBase(context.known, context.dirty, context.ledger);
    this.clock = new MirrorClock(context.authority, context.mirror);
    this.lane = new WriteLane(context.mirror, context.usedDbs, context, {
      onUp: () => {
        this.given.clear();
        for (const body of context.scripts.allBodies()) this.giveScript(body);
        context.onUp();
      },
      onDown: (reason) => context.onDown(reason),
      onEmpty: () => context.onEmpty(),
      onWrongDatabase: () => {
        // which keys of which database were hit, only a sweep of both sides can tell
        context.known.forget();
        context.dirty.markAll();
      },
    });
    this.copies = new CopyEngine(this, context.copy);
    this.d.output = this;
    this.d.fieldDeadlines = context.copy.hashFieldTtl;
    this.d.idleConsumers = isAtLeast(context.authority.version, 7, 2);
    this.scoresDiffer = writesShortScores(context.authority.version) !== writesShortScores(context.mirror.version);
  }

  /**
   * A write's reply arrived. Appends what the mirror must do; `e.settled()` follows once, maybe at once.
   * @throws ReplyError if it is no reply that the command can have: then its own part of `e` is not settled yet.
   */
  effect(e: Effect, buf: Buffer, start: number, end: number, probed: Reply[] | null = null): void {
    e.waits = 1; // so that it cannot settle before everything of it is appended
    this.derive(e, buf, start, end, probed, false);
    e.partSettled();
  }

  /** EXEC's reply: each element is an effect of its own; the transaction settles after the last of them. */
  transaction(
    e: Effect,
    elements: readonly ElementEffect[],
    buf: Buffer,
    start: number,
    end: number,
    probed: Reply[] | null,
  ): void {
    e.waits = 1;
    // an error (EXECABORT) or a nil (a watched key changed): nothing ran
    if (!isError(buf, start) && !isNull(buf, start)) {
      const spans = this.spans;
      const count = elementSpans(buf, start, end, spans);
      if (count !== elements.length) for (const element of elements) this.markDirty(element);
      else {
        for (let i = 0; i < count; i++) {
          const element = elements[i]!;
          if (element.command!.mirroring.class === 'none') continue;
          e.waits++;
          element.waits = 1;
          element.resp = e.resp;
          if (count === 1) {
            // alone it is what it would be without MULTI
            element.slot = e.slot;
            element.moreSlots = e.moreSlots;
          }
          try {
            this.derive(element, buf, spans[2 * i]!, spans[2 * i + 1]!, count === 1 ? probed : null, count > 1);
          } finally {
            element.partSettled();
          }
        }
      }
    }
    e.partSettled();
  }

  /** One part of a command that several nodes answer; `e` waits for it. */
  element(e: Effect, element: ElementEffect, buf: Buffer, start: number, end: number): void {
    e.waits++;
    element.waits = 1;
    element.resp = e.resp;
    try {
      this.derive(element, buf, start, end, null, false);
    } finally {
      element.partSettled();
    }
  }

  /** The authority's connection was lost after the write was sent: it may have happened, or may yet. */
  lost(e: Effect): void {
    this.markDirty(e);
  }

  /** Marks every written key of the effect dirty; a write without keys (FLUSHALL) marks everything. */
  markDirty(e: Effect): void {
    if (e.command === null || e.command.mirroring.class === 'none') return;
    const args = this.failedArgs;
    args.read(e.frame, e.frameStart, e.frameEnd);
    const { dirty, known } = this.context;
    if (e.command.kind === 'keyless-write') {
      if (isFlush(e.command)) {
        // a copy that is being read in chunks may hold what is gone
        this.copies.pending.markAllChanged();
        known.forget();
        dirty.markAll();
      } else this.given.clear();
      return;
    }
    if (isScript(e.command) && this.context.scripts.isReplayed(e.command.name, args.arg(1))) {
      // it may have written any key
      known.forget();
      dirty.markAll();
      this.context.onHazard('a replayed script did not reach the mirror, or may not have');
      return;
    }
    if (!findKeys(e.command, args.frame, args.argc, args.starts, args.ends, this.failedKeys)) return;
    if (this.context.ownWrites.isOn) this.noteOwn(args, this.failedKeys);
    for (let i = 0; i < this.failedKeys.count; i++) {
      if (this.failedKeys.written[i] === 0) continue;
      this.markKeyDirty(e.db, args.arg(this.failedKeys.index[i]!));
    }
    const db = otherDatabase(e.command, args);
    if (db >= 0) this.markKeyDirty(db, args.arg(e.command.name === 'move' ? 1 : 2));
  }

  /**
   * A key that was believed to be the same there is not. Unless its mark is older than that, somebody else changes the
   * mirror, or emptied it: nothing about it is sure any more (divergence 10).
   */
  mismatched(e: Effect): void {
    const { dirty } = this.context;
    const marksBefore = dirty.size;
    this.markDirty(e);
    if (dirty.size > marksBefore) this.context.onMismatch();
  }

  isPast(deadlineMs: number): boolean {
    return this.clock.nowMs() > deadlineMs - CLOCK_TOLERANCE_MS;
  }

  markKeyDirty(db: number, key: Buffer): void {
    this.context.known.remove(db, key, 0, key.length);
    this.context.dirty.mark(db, key, keySlot(key, 0, key.length));
  }

  /** Appends `args` for `ack`, under the name that the mirror's side has for the command. */
  private appendArgs(ack: MirrorOp | null, db: number, slot: number, args: Args): void {
    const frame = this.frameOf(args);
    if (slot === EVERY_NODE) this.lane.appendToAll(ack, db, frame, 0, frame.length);
    else this.lane.appendPatiently(ack, db, slot, frame, 0, frame.length);
  }

  private frameOf(args: Args): Buffer {
    const wire = this.context.mirror.wireName(String(args[0]));
    return encodeCommand(wire === args[0] ? args : [wire, ...args.slice(1)]);
  }

  close(): void {
    this.copies.close();
    this.lane.close();
  }

  // ── one derivation

  private derive(e: Effect, buf: Buffer, start: number, end: number, probed: Reply[] | null, inExec: boolean): void {
    const command = e.command!;
    const rule = command.mirroring;
    if (rule.class === 'none') return;
    const failed = isError(buf, start);
    // a script may end with any error after it has written
    if (failed && (rule.class !== 'copy' || (!isScript(command) && refusedBeforeRunning(buf, start)))) return;

    const d = this.d;
    this.current = e;
    d.args.read(e.frame, e.frameStart, e.frameEnd);
    d.db = e.db;
    d.reply = buf;
    d.replyStart = start;
    d.replyEnd = end;
    d.resp = e.resp;
    d.probed = probed ?? [];
    const place = this.authorityPlace(e, command);
    d.nowMs = this.clock.nowMs(place);
    d.shiftMs = this.clock.shiftMs(place);
    d.deadlineMs = rule.ttl === 'clears' ? 0 : TTL_UNCHANGED;
    d.outcome = 'nothing';
    this.base.deadlineMs = 0;

    if (command.kind === 'keyless-write') {
      if (isFlush(command)) this.context.ownWrites.flushedAtMs = turn.nowMs;
      this.deriveKeyless(e);
    } else if (findKeys(command, d.args.frame, d.argc, d.args.starts, d.args.ends, d.keys)) {
      if (this.context.ownWrites.isOn) this.noteOwn(d.args, d.keys);
      this.findPlace(e.db);
      const within = this.within(e.db, command);
      const isTaken = within === ALL && this.context.mirror.prefixes !== null && this.isTaken(e.db);
      if (within === NONE) this.leaveOut(command);
      else if (isTaken || !this.canTakeKeys(e.db, e.frameEnd - e.frameStart)) {
        this.context.counters.shed++;
        this.markDirty(e);
      } else if (within === ALL) this.deriveKeyed(e, command, inExec);
      else this.copyWithin(command);
    } else if (!failed) {
      // the authority did something although nobody could tell with which keys
      this.context.known.forget();
      this.context.dirty.markAll();
    }
    this.count(command, d.outcome);
    this.current = null;
  }

  /** So that the authority's report of the change is not taken for a stranger's (ledger/own-writes.ts). */
  private noteOwn({ frame, starts, ends }: ArgReader, keys: KeyList): void {
    for (let i = 0; i < keys.count; i++) {
      if (keys.written[i] === 0) continue;
      const at = keys.index[i]!;
      this.context.ownWrites.note(frame, starts[at]!, ends[at]!, turn.nowMs);
    }
  }

  /** The slot of the authority by which its clock is known. */
  private authorityPlace(e: Effect, command: Command): number {
    const { authority } = this.context;
    if (authority.prefixes?.has(e.db) !== true) return e.slot;
    const { args, keys } = this.d;
    if (!findKeys(command, args.frame, args.argc, args.starts, args.ends, keys) || keys.count === 0) return ANY_NODE;
    const at = keys.index[0]!;
    return authority.slotOf(e.db, args.frame, args.starts[at]!, args.ends[at]!);
  }

  /** Would a key be taken for another database's on the mirror? Clients are refused such keys. */
  private isTaken(db: number): boolean {
    const { keys, args } = this.d;
    for (let i = 0; i < keys.count; i++) {
      const at = keys.index[i]!;
      if (this.context.mirror.isTaken(db, args.frame, args.starts[at]!, args.ends[at]!)) return true;
    }
    return false;
  }

  /** In which slot of the mirror the keys of the present effect are: one, or several (EVERY_NODE). */
  private findPlace(db: number): void {
    const { keys } = this.d;
    this.slot = ANY_NODE;
    if (!this.context.mirror.hasSlots || keys.count === 0) return;
    this.slot = this.slotOfKey(db, 0);
    for (let i = 1; i < keys.count; i++) {
      if (this.slotOfKey(db, i) === this.slot) continue;
      this.slot = EVERY_NODE;
      return;
    }
  }

  /** How many of the present effect's keys are migrated, that in another database (MOVE, COPY … DB) included. */
  private within(db: number, command: Command): Within {
    const { scope } = this.context;
    if (scope === null) return ALL;
    const { keys, args } = this.d;
    const other = otherDatabase(command, args);
    const none = other >= 0 && scope.hasDb(other) ? SOME : NONE;
    if (!scope.hasDb(db)) return none;
    if (keys.count === 0) return ALL;
    let count = 0;
    for (let i = 0; i < keys.count; i++) {
      const at = keys.index[i]!;
      if (scope.hasName(args.frame, args.starts[at]!, args.ends[at]!)) count++;
    }
    if (count === 0) return none;
    return count === keys.count && (other < 0 || scope.hasDb(other)) ? ALL : SOME;
  }

  /** Nothing of it concerns the mirror, but what EVALSHA will need there after the cutover. */
  private leaveOut(command: Command): void {
    this.noteScript(command);
    if (this.isReplayedScript(command)) this.context.onHazard(LEFT_OUT_SCRIPT);
  }

  /** Of some keys only: what the others had to do with it, the mirror cannot repeat. */
  private copyWithin(command: Command): void {
    const { d } = this;
    this.leaveOut(command);
    if (command.blocking && !narrowToTaken(command.name, d)) return;
    d.copyKeys();
    const db = otherDatabase(command, d.args);
    if (db >= 0) this.copyKeyIn(db, d.arg(command.name === 'move' ? 1 : 2));
  }

  private slotOfKey(db: number, i: number): number {
    const { keys, args } = this.d;
    const at = keys.index[i]!;
    return this.context.mirror.slotOf(db, args.frame, args.starts[at]!, args.ends[at]!);
  }

  private canTakeKeys(db: number, bytes: number): boolean {
    if (this.slot !== EVERY_NODE) return this.lane.canTake(db, this.slot, bytes);
    for (let i = 0; i < this.d.keys.count; i++) if (!this.lane.canTake(db, this.slotOfKey(db, i), bytes)) return false;
    return true;
  }

  private deriveKeyless(e: Effect): void {
    const { known, authority, scope } = this.context;
    this.slot = EVERY_NODE;
    if (scope !== null && isFlush(e.command!)) {
      // there it would take what is left out as well; the repair finds what is to go
      if (e.command!.name === 'flushall' || scope.hasDb(e.db)) this.markDirty(e);
      return;
    }
    if (authority.hasSlots && e instanceof ElementEffect) {
      this.markDirty(e); // of a transaction: only the node that ran it did it
      return;
    }
    if (!this.lane.canTakeOnAll(e.db, e.frameEnd - e.frameStart)) {
      this.markDirty(e);
      return;
    }
    // the Cluster would flush every database: other ones than that of the command are behind prefixes
    const isPartOfAll = e.command!.name === 'flushdb' && this.context.mirror.prefixes !== null;
    if (!e.command!.onMirror || isPartOfAll) {
      if (/^flush/.test(e.command!.name)) this.markDirty(e); // taken away there: key by key, by the repair
      return;
    }
    if (e.command!.name === 'script|flush') {
      this.given.clear();
      this.context.scripts.forget();
    } else if (e.command!.name === 'script|load') this.context.scripts.sawBody(this.d.arg(2));
    if (/^flush/.test(e.command!.name)) {
      this.copies.pending.markAllChanged();
      if (!known.allKnown) known.forget();
    }
    // the library may be there already, from a copy of all functions
    if (e.command!.name === 'function|load') this.d.send(['FUNCTION', 'LOAD', 'REPLACE', this.d.arg(this.d.argc - 1)]);
    else this.d.verbatim();
  }

  private deriveKeyed(e: Effect, command: Command, inExec: boolean): void {
    const d = this.d;
    const rule = command.mirroring;
    this.noteScript(command);
    const isPrefixed = this.context.mirror.prefixes?.has(e.db) === true;
    if (this.isReplayedScript(command)) {
      if (isPrefixed) {
        // refused to clients, because nobody can tell which keys it touched
        this.markDirty(e);
        return;
      }
      if (this.slot !== EVERY_NODE) this.replayScript(e, command);
      else {
        d.copyKeys();
        this.context.onHazard('a script with keys in several slots could not be replayed');
      }
      return;
    }
    if (command.blocking && !narrowToTaken(command.name, d)) return;
    if (command.name === 'move') {
      deriverOf(command)!(d);
      return;
    }
    if (this.copyReason(e, command, inExec) !== NOT_COPIED) {
      d.copyKeys();
      this.copyOtherDb(command);
      return;
    }
    if (rule.class === 'replay') {
      if (replyMeansNothing(command.name, d)) return;
      if (command.name === 'copy' && d.argc > 3 && this.copyOtherDb(command)) return;
      d.verbatim();
    } else deriverOf(command)!(d);
    if (d.outcome === 'replay' || d.outcome === 'derived') this.base.note(e, command, d);
  }

  private copyReason(e: Effect, command: Command, inExec: boolean): CopyReason {
    if (command.mirroring.class === 'copy') return ALWAYS_COPIED;
    if (this.context.mirror.prefixes?.has(e.db) === true) return BEHIND_PREFIX;
    if (!command.onMirror) return NOT_ON_MIRROR;
    if (e.isPartial || e.frameEnd - e.frameStart > KEPT_REQUEST_BYTES) return TOO_BIG;
    if (this.isLate(e, command)) return LATE_REPLY;
    if (this.joinsCopy(e.db)) return JOINS_COPY;
    if (this.slot === EVERY_NODE && !isSplit(command)) return SEVERAL_SLOTS;
    return this.base.isSame(e, command, this.d, inExec) ? NOT_COPIED : NOT_SURE;
  }

  /** What `effect` would do with a write with keys if its reply came now. Nothing is done. */
  explain(e: Effect, command: Command): CopyReason {
    const { d } = this;
    d.args.read(e.frame, e.frameStart, e.frameEnd);
    d.db = e.db;
    d.nowMs = this.clock.nowMs(this.authorityPlace(e, command));
    if (!findKeys(command, d.args.frame, d.argc, d.args.starts, d.args.ends, d.keys)) return ALWAYS_COPIED;
    this.findPlace(e.db);
    const within = this.within(e.db, command);
    if (within === NONE) return LEFT_OUT;
    if (!this.canTakeKeys(e.db, e.frameEnd - e.frameStart)) return NO_ROOM;
    if (within !== ALL) return PARTLY_LEFT_OUT;
    return this.copyReason(e, command, false);
  }

  /** The reply was too long on its way to tell when the command ran (clock.ts). */
  private isLate(e: Effect, command: Command): boolean {
    return e.sentMs > 0 && isTimed(command, this.d.argc) && performance.now() - e.sentMs > PROMPT_REPLY_MS;
  }

  /** COPY … DB n: the destination is in another database. True when it was, and its copy was asked for. */
  private copyOtherDb(command: Command): boolean {
    const db = command.name === 'copy' ? otherDatabase(command, this.d.args) : -1;
    if (db < 0) return false;
    this.copyKeyIn(db, this.d.arg(2));
    this.d.outcome = 'copy';
    return true;
  }

  private joinsCopy(db: number): boolean {
    const { keys, args } = this.d;
    if (this.copies.pending.count === 0) return false;
    for (let i = 0; i < keys.count; i++) {
      if (keys.written[i] === 1 && this.copies.isPending(db, args.arg(keys.index[i]!))) return true;
    }
    return false;
  }

  private noteScript({ name }: Command): void {
    if (name === 'eval') this.giveScript(this.d.arg(1));
    else if (name === 'evalsha') this.context.scripts.sawSha(this.d.arg(1));
  }

  /** So that EVALSHA works there. */
  private giveScript(body: Buffer): void {
    const sha = this.context.scripts.sawBody(body);
    const [db] = this.context.usedDbs;
    if (db === undefined || !this.given.isNew(sha)) return;
    if (this.lane.canTakeOnAll(db, body.length)) {
      const frame = this.frameOf(['SCRIPT', 'LOAD', body]);
      this.lane.appendToAll(null, db, frame, 0, frame.length, false);
    } else this.given.clear(); // with the next connection
  }

  private isReplayedScript(command: Command): boolean {
    return isScript(command) && this.context.scripts.isReplayed(command.name, this.d.arg(1));
  }

  /**
   * The script runs there too, whatever it touches. The keys that it declares and that are not sure to be the same
   * there are copied behind it. Its reply is not compared: it may tell times. Before everything is known to be the same,
   * and while any key is being copied, it may find other values there than on the authority, so a verification must follow.
   */
  private replayScript(e: Effect, command: Command): void {
    const d = this.d;
    const isSame = !this.joinsCopy(e.db) && this.base.areSure(e, command, d);
    const { known, dirty } = this.context;
    // it may have read a key that is not the same there yet
    if (known.allKnown && (this.copies.active > 0 || !dirty.isClean)) {
      this.context.onHazard('a script was replayed while keys were being copied');
    }
    this.expectedError = isError(d.reply, d.replyStart) ? firstWord(d.reply, d.replyStart) : '';
    d.verbatim();
    this.expectedError = '';
    if (!isSame) d.copyKeys();
    d.outcome = 'replay';
  }

  /** The first word of the error that a replayed script ended with, and will end with there. */
  private expectedError = '';

  // ── DerivationOutput

  verbatim(): void {
    const e = this.current!;
    const d = this.d;
    if (this.slot === EVERY_NODE && e.command!.kind !== 'keyless-write') {
      this.sendSplit(e);
      return;
    }
    const op = this.take(e);
    op.expectedError = this.expectedError;
    if (e.command!.mirroring.selfCheck) {
      op.expect(d.reply, d.replyStart, d.replyEnd, d.resp, this.scoresDiffer && answersScores(e.command!));
    }
    const wire = this.context.mirror.hasRenames ? this.wireOf(e.command!) : null;
    if (wire === null) this.appendFrame(op, e.db, e.frame, e.frameStart, e.frameEnd);
    else {
      const args: Args = [wire];
      for (let i = 1; i < d.argc; i++) args.push(d.arg(i));
      const frame = encodeCommand(args);
      this.appendFrame(op, e.db, frame, 0, frame.length);
    }
  }

  /** The name that the mirror has for the present command, null when it is the one that was used. */
  private wireOf({ name }: Command): string | null {
    if (name.includes('|')) return null;
    const wire = this.context.mirror.wireName(name);
    return wire === name || wire.toLowerCase() === this.d.args.text(0).toLowerCase() ? null : wire;
  }

  /**
   * A FLUSH was executed everywhere. In a Cluster that is no single moment: a key that went from a node that was not
   * flushed yet to one that was is still there. So both sides are looked at again, which costs little while they are empty.
   */
  flushed(): void {
    const { authority, mirror, dirty } = this.context;
    if (authority.hasSlots || mirror.hasSlots) dirty.markAll();
  }

  private appendFrame(op: MirrorOp, db: number, frame: Buffer, start: number, end: number): void {
    if (this.slot === EVERY_NODE) this.lane.appendToAll(op, db, frame, start, end);
    else this.lane.appendPatiently(op, db, this.slot, frame, start, end);
  }

  /** DEL, UNLINK, MSET over several slots of the mirror: one command for each of them. */
  private sendSplit(e: Effect): void {
    const d = this.d;
    const step = e.command!.keyStep;
    const bySlot = new Map<number, Args>();
    for (let i = 0; i < d.keys.count; i++) {
      const slot = this.slotOfKey(e.db, i);
      const args = bySlot.get(slot) ?? [e.command!.name.toUpperCase()];
      const at = d.keys.index[i]!;
      for (let n = 0; n < step; n++) args.push(d.arg(at + n));
      bySlot.set(slot, args);
    }
    for (const [slot, args] of bySlot) this.appendArgs(this.take(e), e.db, slot, args);
  }

  private take(e: Effect): MirrorOp {
    const op = this.pool.take(e);
    op.deadlineMs = this.base.deadlineMs;
    return op;
  }

  send(args: Args, expected?: Buffer): void {
    const e = this.current!;
    const op = this.take(e);
    if (expected !== undefined) op.expectUnlessDead(expected);
    this.appendArgs(op, e.db, this.slot, args);
  }

  copyKeys(): void {
    const e = this.current!;
    const { keys, args } = this.d;
    for (let i = 0; i < keys.count; i++) {
      if (keys.written[i] === 1) this.copyKeyIn(e.db, args.arg(keys.index[i]!));
    }
  }

  copyKeyIn(db: number, key: Buffer): void {
    const e = this.current!;
    const { scope } = this.context;
    if (scope !== null && !scope.has(db, key)) return;
    if (this.copies.isCrowded && !this.copies.isPending(db, key)) {
      this.context.counters.shed++;
      this.markKeyDirty(db, key);
      return;
    }
    e.waits++;
    if (this.copies.request(db, key, e)) this.context.counters.joinedCopies++;
  }

  private count(command: Command, outcome: Derivation['outcome']): void {
    const mirrorClass: MirrorClass =
      outcome === 'nothing'
        ? 'none'
        : outcome === 'derived'
          ? command.mirroring.class === 'time' || this.d.deadlineMs > 0
            ? 'time'
            : 'outcome'
          : outcome;
    this.context.counters.ops[mirrorClass]++;
    this.context.onMirrored?.(command.name, mirrorClass);
  }
}

/** The database that MOVE or COPY … DB writes to beside the client's own; -1: none. */
function otherDatabase({ name }: Command, args: ArgReader): number {
  if (name === 'move') return args.int(2);
  if (name !== 'copy') return -1;
  for (let i = 3; i + 1 < args.argc; i++) if (args.text(i).toUpperCase() === 'DB') return args.int(i + 1);
  return -1;
}

/** What may be done slot by slot and is the same then. */
function isSplit({ name }: Command): boolean {
  return name === 'del' || name === 'unlink' || name === 'mset';
}

function isScript({ name }: Command): boolean {
  return name === 'eval' || name === 'evalsha' || name === 'fcall';
}

/** Of an error reply. */
function firstWord(buf: Buffer, start: number): string {
  return buf.toString('latin1', start + 1, Math.min(buf.length, start + 40)).split(/[ \r]/, 1)[0]!;
}

function answersScores({ name }: Command): boolean {
  return /^(zadd|zincrby|zpopmin|zpopmax|zmpop)$/.test(name);
}

function writesShortScores(version: string): boolean {
  return isAtLeast(version, 7, 2);
}

/** RENAMENX, COPY: 0 means that nothing happened. */
function replyMeansNothing(name: string, d: Derivation): boolean {
  return (name === 'renamenx' || name === 'copy') && d.replyInteger() === 0;
}

/** Errors that an unknown command gets before it can have changed anything. */
function refusedBeforeRunning(buf: Buffer, start: number): boolean {
  const text = buf.toString('latin1', start + 1, Math.min(buf.length, start + 13));
  return /^(NOPERM|NOAUTH|READONLY|LOADING|MASTERDOWN) /.test(text);
}
