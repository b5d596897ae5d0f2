import { describe, expect, it } from 'vitest';
import { PieceSize, splitCommand } from '../../../../src/mirror/logical/pieces.js';

describe('PieceSize', () => {
  it('grows eightfold up to the limit while elements are small', () => {
    const piece = new PieceSize(1000, 1 << 20);
    const counts = [piece.count];
    for (let i = 0; i < 3; i++) {
      piece.observe(piece.count, piece.count * 10);
      counts.push(piece.count);
    }
    expect(counts).toEqual([16, 128, 1000, 1000]);
  });

  it('falls to what fits when elements are big, and never below one', () => {
    const piece = new PieceSize(1000, 1000);
    piece.observe(16, 4000);
    expect(piece.count).toBe(4);
    piece.observe(4, 1 << 30);
    expect(piece.count).toBe(1);
  });

  it('grows over empty pages of a scan', () => {
    const piece = new PieceSize(1000, 1000);
    piece.observe(0, 0);
    expect(piece.count).toBe(128);
  });

  it('starts no higher than its limit', () => {
    expect(new PieceSize(3, 1000).count).toBe(3);
    expect(new PieceSize(500, 1000, 500).count).toBe(500);
  });
});

describe('splitCommand', () => {
  it('makes one command of a few values and none of none', () => {
    expect(splitCommand(['RPUSH', 'k'], ['a', 'b'])).toEqual([['RPUSH', 'k', 'a', 'b']]);
    expect(splitCommand(['RPUSH', 'k'], [])).toEqual([]);
  });

  it('splits by number, pairs together', () => {
    const values = Array.from({ length: 2600 }, (_, i) => String(i));
    const commands = splitCommand(['HSET', 'k'], values, 2);
    expect(commands.map((command) => (command.length - 2) / 2)).toEqual([512, 512, 276]);
    expect(commands.flatMap((command) => command.slice(2))).toEqual(values);
  });

  it('splits by bytes; a longer value goes alone', () => {
    const big = Buffer.alloc(700_000);
    const commands = splitCommand(['SADD', 'k'], [big, big, Buffer.alloc(3_000_000), 'x']);
    expect(commands.map((command) => command.length - 2)).toEqual([1, 1, 1, 1]);
  });
});
