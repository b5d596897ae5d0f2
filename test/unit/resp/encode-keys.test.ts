import { expect, test } from 'vitest';
import { commandHead, encodeCommand, encodeRestore, encodeWithKey } from '../../../src/resp/encode.js';

const KEYS = ['', 'k', 'a key', 'x'.repeat(47), 'x'.repeat(48), 'x'.repeat(100_000)].map((key) => Buffer.from(key));

test('a head and a key make the command', () => {
  const [dump, usage] = [commandHead(2, 'DUMP'), commandHead(3, 'MEMORY', 'USAGE')];
  for (const key of KEYS) {
    expect(encodeWithKey(dump, key)).toEqual(encodeCommand(['DUMP', key]));
    expect(encodeWithKey(usage, key)).toEqual(encodeCommand(['MEMORY', 'USAGE', key]));
  }
});

test('RESTORE with a part of a buffer as payload', () => {
  const [head, tail] = [commandHead(6, 'RESTORE'), commandHead(0, 'REPLACE', 'ABSTTL').subarray(4)];
  const around = Buffer.from('before\x00payload\r\nafter', 'latin1');
  for (const key of KEYS) {
    for (const deadlineMs of [0, 1, 9, 10, 1_796_000_000_123]) {
      const frame = encodeRestore(head, key, deadlineMs, around, 6, 14, tail);
      expect(frame).toEqual(encodeCommand(['RESTORE', key, deadlineMs, around.subarray(6, 14), 'REPLACE', 'ABSTTL']));
    }
  }
});
