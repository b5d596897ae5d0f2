/**
 * The workbench of one derivation: the authority's command and reply in, the mirror's commands out.
 *
 * One instance is reused for all derivations, so a deriver must not keep it. A deriver calls, in order, `send` for
 * each command of the mirror, or `verbatim`, or `copyKeys`, or nothing at all when nothing happened.
 */

import { KeyList } from '../commands/keys.js';
import { decodeAnyReply } from '../resp/any-reply.js';
import { ArgReader } from '../resp/request.js';
import { decodeReply, integerReply, isNull, type Reply, type Resp } from '../resp/values.js';
import type { Args } from './logical/replies.js';

export type { Args } from './logical/replies.js';

/** What derivers may ask for; the mirror implements it. */
export interface DerivationOutput {
  /** `expected`: the reply (RESP2) that the mirror gives unless something it builds on has died there meanwhile. */
  send(args: Args, expected?: Buffer): void;
  verbatim(): void;
  copyKeys(): void;
  /** Copies a key of another database (MOVE, COPY … DB). */
  copyKeyIn(db: number, key: Buffer): void;
}

/** A deadline that leaves the key's TTL as it is. */
export const TTL_UNCHANGED = -1;

export class Derivation {
  readonly args = new ArgReader();
  readonly keys = new KeyList();
  reply: Buffer = Buffer.alloc(0);
  replyStart = 0;
  replyEnd = 0;
  resp: Resp = 2;
  /** Replies of the trailing probes (see `probes`), decoded; empty when the command had none. */
  probed: Reply[] = [];
  db = 0;
  /** The authority's clock now, ms since 1970. */
  nowMs = 0;
  /** Added to every absolute deadline on its way to the mirror, ms. */
  shiftMs = 0;
  /** The mirror keeps the value's TTL as it is / clears it / has this new deadline (authority's clock). */
  deadlineMs = TTL_UNCHANGED;
  /** The authority (≥ 7.2) makes a consumer known even when it got nothing. */
  idleConsumers = false;
  /** The authority (≥ 7.4) knows deadlines of a hash's fields. */
  fieldDeadlines = false;
  /** What the deriver did. */
  outcome: 'nothing' | 'replay' | 'derived' | 'copy' = 'nothing';
  output: DerivationOutput | null = null;

  /** Argument i as bytes. They belong to the request and stay unchanged while the effect lives. */
  arg(i: number): Buffer {
    return this.args.arg(i);
  }

  /** Argument i in upper case, for options. */
  option(i: number): string {
    return this.args.text(i).toUpperCase();
  }

  get argc(): number {
    return this.args.argc;
  }

  replyIsNull(): boolean {
    return isNull(this.reply, this.replyStart);
  }

  replyInteger(): number {
    return integerReply(this.reply, this.replyStart, this.replyEnd);
  }

  replyValue(): Reply {
    return this.resp === 3
      ? decodeAnyReply(this.reply, this.replyStart, this.replyEnd)
      : decodeReply(this.reply, this.replyStart, this.replyEnd);
  }

  send(args: Args, expected?: Buffer): void {
    this.outcome = 'derived';
    this.output!.send(args, expected);
  }

  verbatim(): void {
    this.outcome = 'replay';
    this.output!.verbatim();
  }

  copyKeys(): void {
    this.outcome = 'copy';
    this.output!.copyKeys();
  }

  /** The absolute deadline, on the mirror's clock, as an argument. */
  onMirrorClock(deadlineMs: number): number {
    return Math.round(deadlineMs + this.shiftMs);
  }
}

export type Deriver = (d: Derivation) => void;
