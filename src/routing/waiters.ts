/**
 * Clients that wait for a key to get something (BLPOP, XREAD BLOCK …), parked in Ferry and woken by writes.
 *
 *   signal(db, key)   a write of that key was answered: who waits longest for it tries that key
 *   signalGone, signalFlushed   of these a consumer group hears, in which nobody may wait for what is not there
 *
 * A queue holds the waiters of one key and one kind, in the order in which they came. In a queue of takers (lists,
 * sorted sets, one consumer group) only the first one tries, because one element serves one waiter; when it was served
 * the next one tries, when it got nothing it stays in front and the queue is quiet until the next signal. Readers of a
 * stream take nothing, so all of them try. A signal that comes while the first one tries makes it try once more.
 *
 * Nothing here sends: `Waiter.attempt` does. It costs one comparison per write while nobody waits.
 */

/** The queue of plain XREADs: everybody in it is served by one entry. */
export const READERS = 'readers';

/** The queue of those who wait in a stream's consumer group: they hear too that the stream, or the group, is gone. */
export function groupQueue(group: string): string {
  return `group ${group}`;
}

export function isGroup(kind: string): boolean {
  return kind.startsWith('group ');
}

export interface Waiter {
  readonly db: number;
  /** One character per byte. */
  readonly keys: readonly string[];
  /** Which queue of a key: those in it compete for its elements. */
  readonly kind: string;
  /** An attempt is on its way. */
  isTrying: boolean;
  /** Keys that got something while it was trying, in that order. */
  readonly signalled: string[];
  /** Tries that key now, unless it cannot (the gate is closed): then it is signalled again when it can. */
  attempt(key: string): void;
}

export class Waiters {
  /** Waiters parked now. */
  count = 0;
  private readonly byKey = new Map<string, Map<string, Set<Waiter>>>();
  /** Clients that may not overtake: they go on when a queue became quiet. */
  private quietListeners = new Set<() => void>();

  add(waiter: Waiter): void {
    this.count++;
    for (const key of waiter.keys) {
      const name = nameOf(waiter.db, key);
      let kinds = this.byKey.get(name);
      if (kinds === undefined) this.byKey.set(name, (kinds = new Map()));
      const queue = kinds.get(waiter.kind);
      if (queue === undefined) kinds.set(waiter.kind, new Set([waiter]));
      else queue.add(waiter);
    }
  }

  /** It was served, timed out or went away; those behind it may have something to take. */
  remove(waiter: Waiter): void {
    this.count--;
    for (const key of waiter.keys) {
      const name = nameOf(waiter.db, key);
      const kinds = this.byKey.get(name);
      const queue = kinds?.get(waiter.kind);
      if (queue === undefined || !queue.delete(waiter)) continue;
      if (queue.size === 0) {
        kinds!.delete(waiter.kind);
        if (kinds!.size === 0) this.byKey.delete(name);
      } else this.wake(waiter.kind, queue, key);
    }
    this.quiet();
  }

  /** The attempt of `waiter` got nothing: it keeps its place. */
  stays(waiter: Waiter): void {
    const next = waiter.signalled.shift();
    if (next !== undefined) waiter.attempt(next);
    else this.quiet();
  }

  signal(db: number, key: string): void {
    const kinds = this.byKey.get(nameOf(db, key));
    if (kinds === undefined) return;
    for (const [kind, queue] of kinds) this.wake(kind, queue, key);
  }

  /** That key does not exist any more, or may not. */
  signalGone(db: number, key: string): void {
    const kinds = this.byKey.get(nameOf(db, key));
    if (kinds === undefined) return;
    for (const [kind, queue] of [...kinds]) if (isGroup(kind)) this.wake(kind, queue, key);
  }

  /** Nothing is left in that database; null: in any. */
  signalFlushed(db: number | null): void {
    for (const name of [...this.byKey.keys()]) {
      const waited = placeOf(name);
      if (db === null || waited.db === db) this.signalGone(waited.db, waited.key);
    }
  }

  /** Another server has the authority, or the gate was closed for a while: every queue tries. */
  signalAll(): void {
    for (const [name, kinds] of [...this.byKey]) {
      for (const [kind, queue] of [...kinds]) this.wake(kind, queue, placeOf(name).key);
    }
  }

  /** Does anybody wait for one of these keys in that queue? */
  hasAny(db: number, keys: readonly string[], kind: string): boolean {
    return keys.some((key) => this.byKey.get(nameOf(db, key))?.has(kind) === true);
  }

  /** Is somebody in front of one of these queues trying right now? */
  isTrying(db: number, keys: readonly string[], kind: string): boolean {
    return keys.some((key) => {
      const [first] = this.byKey.get(nameOf(db, key))?.get(kind) ?? [];
      return first?.isTrying === true;
    });
  }

  /** Calls `listener` once, when an attempt has ended. */
  whenQuiet(listener: () => void): void {
    this.quietListeners.add(listener);
  }

  /** Up to `max` waited keys from the `from`th on, for a look at the server. */
  *keysFrom(from: number, max: number): Generator<{ db: number; key: string }> {
    let i = 0;
    for (const name of this.byKey.keys()) {
      if (i++ < from) continue;
      if (i > from + max) return;
      yield placeOf(name);
    }
  }

  get waitedKeys(): number {
    return this.byKey.size;
  }

  private wake(kind: string, queue: Set<Waiter>, key: string): void {
    for (const waiter of kind === READERS ? [...queue] : queue) {
      if (!waiter.isTrying) waiter.attempt(key);
      else if (!waiter.signalled.includes(key)) waiter.signalled.push(key);
      if (kind !== READERS) return;
    }
  }

  private quiet(): void {
    if (this.quietListeners.size === 0) return;
    const listeners = this.quietListeners;
    this.quietListeners = new Set();
    for (const listener of listeners) listener();
  }
}

function nameOf(db: number, key: string): string {
  return `${db}|${key}`;
}

function placeOf(name: string): { db: number; key: string } {
  const bar = name.indexOf('|');
  return { db: Number(name.slice(0, bar)), key: name.slice(bar + 1) };
}
