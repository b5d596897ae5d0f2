/**
 * What only few commands in flight have: transactions, commands that wait, replies that are changed, commands that several
 * nodes answer.
 *
 * It is one object beside the op that is made for them, so that the op of a plain command is small: hundreds of ops
 * are in flight at once, and each field that is written and reset for each command is memory that must be near.
 */
import type { MultiReply, QueuedReply } from '../lanes/multi.js';
import { Effect, type ElementEffect } from '../mirror/effect.js';
import type { Reply } from '../resp/values.js';
import type { Parts } from './fan-out/parts.js';
import type { NamesBack } from './prefixed/names-back.js';
import type { Watch } from './watch.js';

/** What the client is to get for a whole reply; null: ask again. `probed`: what was asked right behind it. */
export type Transform = (reply: Buffer, probed: readonly Reply[]) => Buffer | null;

/** A command that waits, of which the op is the present attempt. */
export interface Attempting {
  /** The attempt's reply: EXEC's, or an error. Called once per attempt. */
  answered(buf: Buffer, start: number, end: number): void;
}

class Extras {
  namesBack: NamesBack | null = null;
  transform: Transform | null = null;
  blocked: Attempting | null = null;
  watch: Watch | null = null;
  elements: ElementEffect[] | null = null;
  parts: Parts | null = null;
  probes: Buffer[] | null = null;
  queueError: Buffer | null = null;
  probed: Reply[] = [];
  multiReply: MultiReply | null = null;
  queuedReply: QueuedReply | null = null;
  ranSingly = false;
  lostParts = 0;
  lostSent = false;
}

export abstract class EffectWithExtras extends Effect {
  /** Null: there are none, as nearly always. */
  protected extras: Extras | null = null;

  protected get own(): Extras {
    this.extras ??= new Extras();
    return this.extras;
  }

  /** Gives the keys in the reply their own names, for the client and for the mirror (prefixed/names-back.ts). */
  get namesBack(): NamesBack | null {
    return this.extras === null ? null : this.extras.namesBack;
  }
  set namesBack(value: NamesBack | null) {
    if (value !== null || this.extras !== null) this.own.namesBack = value;
  }

  /** Where what the client is to get is not the reply itself (cursors, INFO). */
  get transform(): Transform | null {
    return this.extras === null ? null : this.extras.transform;
  }
  set transform(value: Transform | null) {
    if (value !== null || this.extras !== null) this.own.transform = value;
  }

  /** An attempt of a command that waits: who decides about its replies (blocking/). */
  get blocked(): Attempting | null {
    return this.extras === null ? null : this.extras.blocked;
  }
  set blocked(value: Attempting) {
    this.own.blocked = value;
  }

  /** EXEC of a WATCH: it must not run on a connection that was made anew since. */
  get watch(): Watch | null {
    return this.extras === null ? null : this.extras.watch;
  }
  set watch(value: Watch | null) {
    if (value !== null || this.extras !== null) this.own.watch = value;
  }

  /** A transaction: one element per queued command. */
  get elements(): ElementEffect[] | null {
    return this.extras === null ? null : this.extras.elements;
  }
  set elements(value: ElementEffect[]) {
    this.own.elements = value;
  }

  /** Several nodes answer it together. */
  get parts(): Parts | null {
    return this.extras === null ? null : this.extras.parts;
  }
  set parts(value: Parts) {
    this.own.parts = value;
  }

  /** Reads sent right behind it; the op goes on when the last was answered: it is derived, or its reply is changed. */
  get probes(): Buffer[] | null {
    return this.extras === null ? null : this.extras.probes;
  }
  set probes(value: Buffer[] | null) {
    if (value !== null || this.extras !== null) this.own.probes = value;
  }

  /** Why the server did not queue the attempt. */
  get queueError(): Buffer | null {
    return this.extras === null ? null : this.extras.queueError;
  }
}
