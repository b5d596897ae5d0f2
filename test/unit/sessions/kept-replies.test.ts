import { expect, test } from 'vitest';
import { type KeptBlock, keepReply } from '../../../src/sessions/kept-replies.js';

interface Kept {
  readonly block: KeptBlock;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

function keep(text: string): Kept {
  const bytes = Buffer.from(`..${text}..`, 'latin1');
  const block = keepReply(bytes, 2, 2 + text.length);
  bytes.fill(0); // as the next read does
  return { block, start: block.used - text.length, end: block.used, text };
}

function textOf({ block, start, end }: Kept): string {
  return block.bytes.toString('latin1', start, end);
}

test('replies of every length keep their bytes until they leave, in whatever order', () => {
  const waiting: Kept[] = [];
  for (let i = 0; i < 20_000; i++) {
    const length = [4, 47, 48, 70, 4095, 4096, 70_000][(i * 7 + (i >> 3)) % (i % 100 === 0 ? 7 : 4)]!;
    waiting.push(keep(String.fromCharCode(97 + (i % 26)).repeat(length)));
    while (waiting.length > 50) {
      const [leaving] = waiting.splice((i * 31) % waiting.length, 1);
      expect(textOf(leaving!)).toBe(leaving!.text);
      leaving!.block.release();
    }
  }
  for (const kept of waiting) {
    expect(textOf(kept)).toBe(kept.text);
    kept.block.release();
  }
});

test('a block is written from its start again when its last reply has left', () => {
  const first = keep('+one\r\n');
  const second = keep('+two\r\n');
  expect(second.block).toBe(first.block);
  first.block.release();
  const third = keep('+three\r\n');
  expect(third.start).toBe(second.end);
  second.block.release();
  third.block.release();
  const fourth = keep('+four\r\n');
  expect(fourth.block).toBe(first.block);
  expect(fourth.start).toBe(0);
  fourth.block.release();
});

test('a long reply has a block of its own', () => {
  const long = keep('x'.repeat(5000));
  expect(long.block.bytes.length).toBe(5000);
  const short = keep('+short\r\n');
  expect(short.block).not.toBe(long.block);
  short.block.release();
  long.block.release();
});

test('one that leaves twice is a bug that shows', () => {
  const { block } = keep('+once\r\n');
  block.release();
  expect(() => block.release()).toThrow('left twice');
});
