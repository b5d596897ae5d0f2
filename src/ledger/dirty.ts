/**
 * Dirty keys and slots: what may differ between the two sides and must be copied again.
 *
 * Each mark has a generation. Whoever repairs notes the generation when the copy is *sent* to the authority and
 * clears the mark at the mirror's acknowledgement only if it is still the newest (divergence 15). Above
 * `capacity` keys a mark falls on the whole slot, which is repaired by a sweep of both sides. Rare path: strings.
 */
import type { Scope } from '../topology/scope.js';
import { SLOTS } from './slots.js';

export interface DirtyKey {
  readonly db: number;
  readonly key: Buffer;
  readonly slot: number;
  generation: number;
  /** A connection that may still write it cannot be fenced: one copy is not enough (jobs/settling.ts). */
  quarantined: boolean;
}

export class DirtyKeys {
  private readonly keys = new Map<string, DirtyKey>();
  /** The generation of a slot's mark, 0 = clean. */
  readonly slotGeneration = new Float64Array(SLOTS);
  dirtySlots = 0;
  private generation = 0;
  /** Called when a slot is marked: differences may hide until the next clean verification. */
  onSlotMarked: () => void = () => {};

  /** `scope`: a key that is left out of the migration is never dirty; null: all are migrated. */
  constructor(
    private readonly capacity: number,
    private readonly scope: Scope | null = null,
  ) {}

  get size(): number {
    return this.keys.size;
  }

  get isClean(): boolean {
    return this.keys.size === 0 && this.dirtySlots === 0;
  }

  mark(db: number, key: Buffer, slot: number): void {
    if (this.scope !== null && !this.scope.has(db, key)) return;
    const name = nameOf(db, key);
    const known = this.keys.get(name);
    if (known !== undefined) known.generation = ++this.generation;
    else if (this.keys.size < this.capacity)
      this.keys.set(name, { db, key: Buffer.from(key), slot, generation: ++this.generation, quarantined: false });
    else this.markSlot(slot);
  }

  /** `isKnown`: whoever marks it has said so, and why. */
  markSlot(slot: number, isKnown = false): void {
    if (this.slotGeneration[slot] === 0) this.dirtySlots++;
    this.slotGeneration[slot] = ++this.generation;
    if (!isKnown) this.onSlotMarked();
  }

  markAll(): void {
    for (let s = 0; s < SLOTS; s++) this.markSlot(s);
  }

  has(db: number, key: Buffer, slot: number): boolean {
    if (slot >= 0 && slot < SLOTS && this.slotGeneration[slot] !== 0) return true;
    return this.keys.size > 0 && this.keys.has(nameOf(db, key));
  }

  /** The generation of the key's own mark, 0 when it has none. */
  generationOf(db: number, key: Buffer): number {
    return this.keys.size === 0 ? 0 : (this.keys.get(nameOf(db, key))?.generation ?? 0);
  }

  /** Every key that is marked now may yet be written by a connection that cannot be fenced. */
  quarantineAll(): void {
    for (const mark of this.keys.values()) mark.quarantined = true;
  }

  isQuarantined(db: number, key: Buffer): boolean {
    return this.keys.size > 0 && this.keys.get(nameOf(db, key))?.quarantined === true;
  }

  /** Clears the key's mark if it is still of that generation. False: a newer mark remains. */
  clear(db: number, key: Buffer, generation: number): boolean {
    const name = nameOf(db, key);
    const mark = this.keys.get(name);
    if (mark === undefined) return true;
    if (mark.generation !== generation) return false;
    this.keys.delete(name);
    return true;
  }

  /** Clears the slot's mark if it is still of that generation. */
  clearSlot(slot: number, generation: number): boolean {
    if (this.slotGeneration[slot] !== generation) return false;
    if (generation !== 0) this.dirtySlots--;
    this.slotGeneration[slot] = 0;
    return true;
  }

  /** Sets `marks[s]` for each slot that is dirty, or has a dirty key. */
  markSlots(marks: Uint8Array): void {
    if (this.dirtySlots > 0) for (let s = 0; s < SLOTS; s++) if (this.slotGeneration[s] !== 0) marks[s] = 1;
    for (const { slot } of this.keys.values()) marks[slot] = 1;
  }

  clearAll(): void {
    this.keys.clear();
    this.slotGeneration.fill(0);
    this.dirtySlots = 0;
  }

  /** The keys marked now, in order of their first mark. */
  entries(): IterableIterator<DirtyKey> {
    return this.keys.values();
  }
}

function nameOf(db: number, key: Buffer): string {
  return `${db}:${key.toString('latin1', 0, key.length)}`;
}
