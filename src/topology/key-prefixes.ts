/**
 * Several logical databases in a Cluster's only one, kept apart by what their keys begin with (`db-prefix`). Pure.
 *
 *   database 1, key `user:7`, prefix `db1:`   →   key `db1:user:7` there
 *
 * No prefix is the beginning of another, so a key's own beginning tells its database; a key that begins with none of them
 * is of the one database that has no prefix. A hash tag in the key goes on deciding its slot: prefixes have no braces.
 */
import { crc16, keySlotBehind } from './crc16.js';

interface Prefix {
  readonly db: number;
  readonly bytes: Buffer;
  readonly crc: number;
}

/** What has a meaning in the pattern of KEYS and MATCH. */
const SPECIAL = /[*?[\]\\]/g;

export class KeyPrefixes {
  /** In ascending order. */
  readonly dbs: readonly number[];
  private readonly all: readonly Prefix[];
  private readonly byDb: ReadonlyMap<number, Prefix>;

  constructor(prefixes: Readonly<Record<string, string>>) {
    this.all = Object.entries(prefixes)
      .map(([db, text]) => ({ db: Number(db), bytes: Buffer.from(text) }))
      .sort((a, b) => a.db - b.db)
      .map(({ db, bytes }) => ({ db, bytes, crc: crc16(bytes, 0, bytes.length) }));
    this.dbs = this.all.map(({ db }) => db);
    this.byDb = new Map(this.all.map((prefix) => [prefix.db, prefix]));
  }

  has(db: number): boolean {
    return this.byDb.has(db);
  }

  /** Null: the database has none. */
  of(db: number): Buffer | null {
    return this.byDb.get(db)?.bytes ?? null;
  }

  /** The slot of the key buf[start, end) of that database. */
  slot(db: number, buf: Uint8Array, start: number, end: number): number {
    return keySlotBehind(this.byDb.get(db)?.crc ?? 0, buf, start, end);
  }

  /** The database whose prefix buf[start, end) begins with, -1 when it begins with none. */
  dbOf(buf: Buffer, start = 0, end = buf.length): number {
    for (const { db, bytes } of this.all) {
      if (end - start >= bytes.length && bytes.compare(buf, start, start + bytes.length) === 0) return db;
    }
    return -1;
  }

  /** The key as it is there. */
  keyHere(db: number, key: Buffer): Buffer {
    const prefix = this.of(db);
    return prefix === null ? key : Buffer.concat([prefix, key]);
  }

  /** The key by its own name; null when it is another database's. */
  logicalKey(db: number, here: Buffer): Buffer | null {
    const of = this.dbOf(here);
    if (!this.has(db)) return of < 0 ? here : null;
    return of === db ? here.subarray(this.of(db)!.length) : null;
  }

  /** A pattern of KEYS or MATCH for the keys of that database, as they are there. */
  pattern(db: number, pattern: Buffer | string): Buffer {
    const prefix = this.of(db);
    const own = typeof pattern === 'string' ? Buffer.from(pattern) : pattern;
    if (prefix === null) return own;
    return Buffer.concat([Buffer.from(prefix.toString('latin1').replace(SPECIAL, '\\$&'), 'latin1'), own]);
  }
}
