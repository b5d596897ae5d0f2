/**
 * Logical reading: one key's value by the commands of its type, and the commands that rebuild it under a staging
 * key. It is the road for keys that DUMP/RESTORE cannot carry: another RDB version, or too big for one reply.
 *
 * The caller drives it:
 *
 *     DEL staging                                   (mirror)
 *     while ((reads = reader.nextReads()))          (authority: one pipelined group, or inside one MULTI)
 *       send reader.take(replies)                   (mirror)
 *     PEXPIREAT staging; RENAME staging key         (mirror; DEL key if reader.missing)
 *
 * - `chunkElements: Infinity` reads every type in exactly ONE group, so that one MULTI makes it atomic.
 * - Otherwise pieces are bounded by `chunkElements` and, as far as the server lets one choose, `chunkBytes`. A value
 *   that changes meanwhile is then read torn: whoever reads in pieces must notice the change, or hold the key.
 * - What is carried: every value byte for byte; scores as the server's own text; streams with entries, last and
 *   max-deleted id, entries-added, groups, consumers and pending entries (see stream-rebuild.ts); hash-field TTLs.
 * - What is not: the key's own TTL (the caller's), access times, consumers' seen-time, the internal encoding.
 * - A server error in the replies (WRONGTYPE: the key was replaced) is thrown by `take`.
 */
import type { Reply } from '../../resp/values.js';
import { ListReader, SetReader, SortedSetReader } from './read-collections.js';
import { HashReader } from './read-hash.js';
import { StreamReader } from './read-stream.js';
import { StringReader } from './read-string.js';
import type { Args } from './replies.js';

export interface LogicalReader {
  /** The next reads to send to the authority as one group; null when everything was read. */
  nextReads(): Args[] | null;
  /**
   * Their replies, in order → the commands that rebuild this part under the staging key on the mirror. The commands
   * hold views of the replies' bytes, so they are to be encoded before those are overwritten; the reader keeps none.
   */
  take(replies: Reply[]): Args[];
  /** True once a read found no such key: nothing was built, and the mirror must have no key either. */
  readonly missing: boolean;
}

export interface LogicalFeatures {
  /**
   * The AUTHORITY has HPEXPIRETIME (Redis ≥ 7.4, Valkey ≥ 9), so fields may have TTLs. If the mirror cannot keep
   * them its error to HPEXPIREAT says so; they are never dropped in silence.
   */
  hashFieldTtl: boolean;
  /** The MIRROR knows XSETID … ENTRIESADDED MAXDELETEDID and XGROUP SETID … ENTRIESREAD (≥ 7.0). */
  xgroupEntriesRead: boolean;
  /** The MIRROR knows XGROUP CREATECONSUMER (≥ 6.2); taken as true when not given. */
  xgroupCreateConsumer?: boolean;
}

export interface LogicalOptions {
  /** Elements of one piece; Infinity: everything in one group. */
  chunkElements: number;
  /** Bytes of one piece; of no effect with chunkElements = Infinity. */
  chunkBytes: number;
  features: LogicalFeatures;
  /** The mirror's clock minus the authority's; added to hash fields' deadlines. 0 when not given. */
  clockShiftMs?: number;
}

/** A module's type, or one of a newer server: only DUMP/RESTORE can carry it. */
export class UnsupportedType extends Error {
  constructor(readonly type: string) {
    super(`a key of type "${type}" can be copied and compared only by DUMP and RESTORE`);
    this.name = 'UnsupportedType';
  }
}

/** `type` as TYPE says it. */
export function logicalReader(type: string, key: Buffer, staging: Buffer, options: LogicalOptions): LogicalReader {
  switch (type) {
    case 'string':
      return new StringReader(key, staging, options);
    case 'list':
      return new ListReader(key, staging, options);
    case 'set':
      return new SetReader(key, staging, options);
    case 'hash':
      return new HashReader(key, staging, options);
    case 'zset':
      return new SortedSetReader(key, staging, options);
    case 'stream':
      return new StreamReader(key, staging, options);
    case 'none':
      return { missing: true, nextReads: () => null, take: () => [] };
    default:
      throw new UnsupportedType(type);
  }
}
