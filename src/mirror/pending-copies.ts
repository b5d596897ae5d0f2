/**
 * The copies that are not taken yet: whoever writes to one of their keys joins it (architecture 3.6).
 *
 * Found by (db, key) on the path of every mirrored write, so it hashes bytes and makes no string.
 */
import type { CopyTask } from './copy-task.js';

export class PendingCopies {
  /** How many keys have a copy that is not taken yet. */
  count = 0;
  private readonly byHash = new Map<number, CopyTask>();

  add(task: CopyTask): void {
    const other = this.byHash.get(task.hash);
    if (other !== undefined) task.sameHash = other;
    this.byHash.set(task.hash, task);
    this.count++;
  }

  /** From here on a write on the key comes after the copy, and needs no joining. */
  remove(task: CopyTask): void {
    const first = this.byHash.get(task.hash);
    if (first === undefined) return;
    if (first === task) {
      if (task.sameHash === null) this.byHash.delete(task.hash);
      else this.byHash.set(task.hash, task.sameHash);
      this.count--;
      task.sameHash = null;
      return;
    }
    for (let t = first; t.sameHash !== null; t = t.sameHash) {
      if (t.sameHash !== task) continue;
      t.sameHash = task.sameHash;
      task.sameHash = null;
      this.count--;
      return;
    }
  }

  /** Everything under way was overtaken by a FLUSHALL. */
  markAllChanged(): void {
    for (let task of this.byHash.values()) {
      for (;;) {
        task.changed = true;
        if (task.sameHash === null) break;
        task = task.sameHash;
      }
    }
  }

  find(db: number, key: Buffer): CopyTask | null {
    if (this.count === 0) return null;
    let task: CopyTask | null | undefined = this.byHash.get(hashOfKey(db, key));
    while (task !== null && task !== undefined) {
      if (task.db === db && task.key.equals(key)) return task;
      task = task.sameHash;
    }
    return null;
  }
}

/** A 32-bit number is enough: tasks with the same one are told apart by their keys. */
export function hashOfKey(db: number, key: Buffer): number {
  let h = (0x811c9dc5 ^ db) | 0;
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key[i]!, 0x01000193);
  return h;
}
