/** Known keys are (database, key): no two of them may be taken for each other. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KnownKeys } from '../../../src/ledger/known.js';

const keyIn = fc.record({ db: fc.integer({ min: 0, max: 15 }), key: fc.string({ minLength: 1, maxLength: 4 }) });

describe('known keys', () => {
  it('31: a key of one database is never taken for another of another database', () => {
    fc.assert(
      fc.property(keyIn, keyIn, fc.integer(), fc.integer(), (one, other, seedA, seedB) => {
        fc.pre(one.db !== other.db || one.key !== other.key);
        const known = new KnownKeys(64, 64, seedA, seedB);
        const [a, b] = [Buffer.from(one.key), Buffer.from(other.key)];
        known.add(one.db, a, 0, a.length, 0, 0);
        expect(known.isKnown(one.db, a, 0, a.length, 0)).toBe(true);
        expect(known.isKnown(other.db, b, 0, b.length, 0)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('31: nor where the databases and the first bytes differ by the same bits', () => {
    for (let db = 1; db < 16; db++) {
      for (let byte = 32; byte < 127; byte++) {
        const known = new KnownKeys(64, 64, 12345, 67890);
        const here = Buffer.from([byte, 58, 55]);
        known.add(db, here, 0, here.length, 0, 0);
        for (const first of [byte ^ db, byte + db, byte - db]) {
          const there = Buffer.from([first & 255, 58, 55]);
          expect(known.isKnown(0, there, 0, there.length, 0)).toBe(false);
        }
      }
    }
  });
});
