import { describe, expect, it } from 'vitest';
import { encodeCommand } from '../../../src/resp/encode.js';
import { ArgReader } from '../../../src/resp/request.js';
import { bytes } from './drive.js';

describe('ArgReader', () => {
  it('reads a frame within other bytes', () => {
    const frame = bytes('+OK\r\n*3\r\n$3\r\nSET\r\n$1\r\n\xff\r\n$2\r\n-7\r\n*1\r\n$4\r\nPING\r\n');
    const reader = new ArgReader();
    reader.read(frame, 5);
    expect([reader.argc, reader.text(0), reader.text(1), reader.int(2)]).toEqual([3, 'SET', '\xff', -7]);
    expect(reader.arg(1)).toEqual(Buffer.from([255]));
    expect(reader.int(0)).toBeNaN();
    reader.read(frame, reader.frameEnd);
    expect([reader.argc, reader.text(0), reader.frameEnd]).toEqual([1, 'PING', frame.length]);
    expect(() => reader.arg(1)).toThrow(RangeError);
    expect(() => reader.arg(-1)).toThrow(RangeError);
  });

  it('reads integers as Redis does', () => {
    const texts = [
      '0',
      '-1',
      '10',
      '9223372036854775807',
      '-9223372036854775808',
      '',
      '-',
      '-0',
      '01',
      '+1',
      ' 1',
      '1 ',
      '1.0',
      '1e3',
      '0x1',
      '9223372036854775808',
      '-9223372036854775809',
      '99999999999999999999',
    ];
    const reader = new ArgReader();
    reader.read(encodeCommand(texts), 0);
    expect(texts.map((_, i) => reader.int(i))).toEqual([
      0,
      -1,
      10,
      2 ** 63,
      -(2 ** 63),
      ...Array<number>(13).fill(Number.NaN),
    ]);
  });

  it('grows for long commands and lets go', () => {
    const reader = new ArgReader();
    const args = Array.from({ length: 5000 }, (_, i) => `argument ${i}`);
    reader.read(encodeCommand(args), 0);
    expect(args.map((_, i) => reader.text(i))).toEqual(args);
    reader.clear();
    expect([reader.argc, reader.frame.length]).toEqual([0, 0]);
    expect(reader.starts.length).toBeLessThan(100);
    expect(() => reader.arg(0)).toThrow(RangeError);
  });

  it('throws where the bytes are no whole frame', () => {
    const reader = new ArgReader();
    const whole = '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n';
    for (let end = 0; end < whole.length; end++) {
      expect(() => reader.read(bytes(whole), 0, end), `cut at ${end}`).toThrow(RangeError);
      expect(reader.argc).toBe(0);
    }
    for (const text of [
      'GET k\r\n\r\n',
      '*1\r\n+PING\r\n',
      '*1\r\n$4\r\nPINGxx',
      '*1\r\n$4\r\nPING\rx',
      '*1\r\n$4\r\nPINGx\n',
      '*1\r\n$4x\r\nPING\r\n',
      '*1\rx$4\r\nPING\r\n',
      '*1\r\n$-1\r\n',
    ]) {
      expect(() => reader.read(bytes(text), 0), text).toThrow(RangeError);
    }
    reader.read(bytes(whole), 0);
    expect(reader.argc).toBe(2);
  });
});
