/**
 * What is noticed of commands as they pass: the hot keys, by one in 64 of them, and those that took long.
 *
 * On a command's way there are a decrement (`sampler.tick()`) and a comparison; everything else happens for the picked and
 * the slow ones. `FERRY HOTKEYS` and `FERRY SLOWLOG` show it.
 */
import type { Command } from '../commands/table.js';
import { Sampler } from '../observe/sampler.js';
import { SlowLog } from '../observe/slow-log.js';
import { TopKeys } from '../observe/top-keys.js';
import { firstKeyOf, type Spans } from './placement.js';

const HOT_KEYS = 128;
/** A longer key is not worth its memory here. */
const KEY_MAX_BYTES = 1024;

export class Noticed {
  readonly sampler = new Sampler(process.pid);
  readonly slow = new SlowLog();
  /** `db:key`, one character per byte (hotKeyOf). */
  readonly hotKeys = new TopKeys(HOT_KEYS);

  /** A command that the sampler picked. */
  sample(command: Command, db: number, spans: Spans): void {
    const at = firstKeyOf(command, spans);
    if (at < 0) return;
    const { frame, starts, ends } = spans;
    if (ends[at]! - starts[at]! > KEY_MAX_BYTES) return;
    this.hotKeys.count(`${db}:${frame.toString('latin1', starts[at], ends[at])}`);
  }
}

/** What `hotKeys` counts → the database and the key's bytes. */
export function hotKeyOf(counted: string): { db: number; key: Buffer } {
  const colon = counted.indexOf(':');
  return { db: Number(counted.slice(0, colon)), key: Buffer.from(counted.slice(colon + 1), 'latin1') };
}
