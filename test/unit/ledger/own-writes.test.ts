import { describe, expect, test } from 'vitest';
import { OwnWrites, WINDOW_MS } from '../../../src/ledger/own-writes.js';

function turnedOn(entries?: number): OwnWrites {
  const writes = new OwnWrites(entries);
  writes.turnOn();
  return writes;
}

const bytes = (key: string): [Buffer, number, number] => [Buffer.from(key), 0, key.length];

describe('what Ferry wrote a moment ago', () => {
  test('explains as many reports as there were writes', () => {
    const writes = turnedOn();
    writes.note(...bytes('key'), 1000);
    writes.note(...bytes('key'), 1001);
    expect(writes.explains(...bytes('key'), 1002)).toBe('own');
    expect(writes.explains(...bytes('key'), 1003)).toBe('own');
    expect(writes.explains(...bytes('key'), 1004)).toBe('more');
    // the report that was more is asked again behind the reply that explains it
    writes.note(...bytes('key'), 1005);
    expect(writes.explains(...bytes('key'), 1006)).toBe('own');
  });

  test('says nothing about other keys, later times, or parts of a key', () => {
    const writes = turnedOn();
    writes.note(...bytes('key'), 1000);
    expect(writes.explains(...bytes('other'), 1000)).toBe('unknown');
    expect(writes.explains(...bytes('ke'), 1000)).toBe('unknown');
    expect(writes.explains(...bytes('key'), 1000 + WINDOW_MS)).toBe('unknown');
    expect(writes.explains(Buffer.from('xkeyx'), 1, 4, 1000)).toBe('own');
  });

  test('begins to count anew after a while', () => {
    const writes = turnedOn();
    for (let i = 0; i < 5; i++) writes.note(...bytes('key'), 1000);
    writes.note(...bytes('key'), 1000 + WINDOW_MS);
    expect(writes.explains(...bytes('key'), 1001 + WINDOW_MS)).toBe('own');
    expect(writes.explains(...bytes('key'), 1001 + WINDOW_MS)).toBe('more');
  });

  test('says when it had to forget something too early', () => {
    const writes = turnedOn(8);
    for (let i = 0; i < 8; i++) writes.note(...bytes(`key:${i}`), 1000);
    expect(writes.forgotAtMs).toBe(Number.NEGATIVE_INFINITY);
    writes.note(...bytes('one too many'), 1010);
    expect(writes.forgotAtMs).toBe(1010);
    // what is old may go
    const later = turnedOn(8);
    for (let i = 0; i < 9; i++) later.note(...bytes(`key:${i}`), 1000 + i * WINDOW_MS);
    expect(later.forgotAtMs).toBe(Number.NEGATIVE_INFINITY);
  });

  test('keeps nothing while it is off', () => {
    const writes = turnedOn();
    writes.note(...bytes('key'), 1000);
    writes.turnOff();
    writes.turnOn();
    expect(writes.explains(...bytes('key'), 1001)).toBe('unknown');
  });
});
