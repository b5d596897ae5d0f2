import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NameIndex } from '../../../src/commands/names.js';

function find<T>(index: NameIndex<T>, name: string): T | null {
  const padded = Buffer.from(`..${name}..`, 'latin1');
  return index.find(padded, 2, 2 + name.length);
}

describe('NameIndex', () => {
  it('finds every name in any letter case, and nothing else', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,20}$/);
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 300 }), fc.string({ unit: 'binary-ascii' }), (names, other) => {
        const index = new NameIndex(new Map(names.map((text, i) => [text, i])));
        names.forEach((text, i) => {
          expect(find(index, text)).toBe(i);
          expect(find(index, text.toUpperCase())).toBe(i);
          expect(find(index, (text[0] ?? '').toUpperCase() + text.slice(1))).toBe(i);
        });
        const expected = names.indexOf(other.toLowerCase());
        expect(find(index, other)).toBe(expected < 0 ? null : expected);
      }),
    );
  });

  it('folds letters only: bytes that differ in the case bit but are no letters differ', () => {
    const index = new NameIndex(
      new Map([
        ['a-b', 1],
        ['a`b', 2],
      ]),
    );
    expect(find(index, 'A-B')).toBe(1);
    expect(find(index, 'a\rb')).toBeNull();
    expect(find(index, 'a`b')).toBe(2);
    expect(find(index, 'a@b')).toBeNull();
  });

  it('knows that an empty name is none', () => {
    expect(find(new NameIndex(new Map([['get', 1]])), '')).toBeNull();
  });
});
