/**
 * Finds a value by a name that lies somewhere in a buffer, in any letter case, without making a string.
 *
 * An open hash table of byte strings: the hash folds the case of every byte (`| 0x20`), the comparison
 * after it is exact. It is built once and at most half full, so a miss ends at the first empty place.
 */

const MULTIPLIER = 31;

function hashText(name: string): number {
  let hash = name.length;
  for (let i = 0; i < name.length; i++) {
    hash = (Math.imul(hash, MULTIPLIER) + (name.charCodeAt(i) | 0x20)) | 0;
  }
  return spread(hash);
}

/** The table's index is the low bits, and the low bits of a product are its weak ones. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15);
}

export class NameIndex<T> {
  readonly #mask: number;
  readonly #names: (Uint8Array | null)[];
  readonly #values: (T | null)[];

  /** Names in lower case. */
  constructor(entries: ReadonlyMap<string, T>) {
    let capacity = 8;
    while (capacity < entries.size * 2) capacity *= 2;
    this.#mask = capacity - 1;
    this.#names = new Array<Uint8Array | null>(capacity).fill(null);
    this.#values = new Array<T | null>(capacity).fill(null);
    for (const [name, value] of entries) {
      let place = hashText(name) & this.#mask;
      while (this.#names[place] !== null) place = (place + 1) & this.#mask;
      this.#names[place] = Buffer.from(name, 'latin1');
      this.#values[place] = value;
    }
  }

  find(frame: Buffer, start: number, end: number): T | null {
    let hash = end - start;
    for (let i = start; i < end; i++) {
      hash = (Math.imul(hash, MULTIPLIER) + ((frame[i] as number) | 0x20)) | 0;
    }
    for (let place = spread(hash) & this.#mask; ; place = (place + 1) & this.#mask) {
      const name = this.#names[place] as Uint8Array | null;
      if (name === null) return null;
      if (equalsName(frame, start, end, name)) return this.#values[place] as T;
    }
  }
}

/** Does the argument frame[start, end) spell `name` (lower case bytes), in any letter case? */
export function equalsName(frame: Buffer, start: number, end: number, name: Uint8Array): boolean {
  if (end - start !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    const expected = name[i] as number;
    const byte = frame[start + i] as number;
    if (byte === expected) continue;
    // 'A'–'Z' differ from 'a'–'z' in one bit; for other bytes that bit makes another character.
    if (expected < 0x61 || expected > 0x7a || (byte | 0x20) !== expected) return false;
  }
  return true;
}
