import { describe, expect, it } from 'vitest';
import {
  arrayReply,
  bulkReply,
  decimalDigits,
  EMPTY_ARRAY,
  encodeCommand,
  errorReply,
  integerReplyBytes,
  NULL_ARRAY,
  NULL_BULK,
  OK,
  ONE,
  PONG,
  QUEUED,
  ZERO,
} from '../../../src/resp/encode.js';
import { decodeReply } from '../../../src/resp/values.js';
import { plain, scanRequests } from './drive.js';

describe('encodeCommand', () => {
  it('writes what the scanner reads', () => {
    const args = [
      'SET',
      'é',
      Buffer.from([0, 255, 13, 10]),
      0,
      -5,
      1.5,
      2 ** 53,
      '',
      Buffer.alloc(0),
      'x'.repeat(1000),
    ];
    const expected = args.map((arg) => (Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg))).toString('latin1'));
    expect(scanRequests([encodeCommand(args).toString('latin1')])).toEqual({
      commands: [expected],
      error: null,
      pending: 0,
    });
    const many = Array.from({ length: 1234 }, (_, i) => `k${i}`);
    expect(scanRequests([encodeCommand(many).toString('latin1')]).commands).toEqual([many]);
  });

  it('has the bytes of the protocol', () => {
    expect(encodeCommand(['GET', 'k']).toString()).toBe('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n');
    expect(encodeCommand(['ECHO', 'x'.repeat(10)]).toString()).toBe('*2\r\n$4\r\nECHO\r\n$10\r\nxxxxxxxxxx\r\n');
    for (const n of [0, 9, 10, 99, 100, 65_536, 10_000_000])
      expect(encodeCommand([Buffer.alloc(n)]).length).toBe(9 + String(n).length + n);
  });
});

describe('replies', () => {
  it('constants', () => {
    const all = [OK, PONG, QUEUED, NULL_BULK, NULL_ARRAY, EMPTY_ARRAY, ONE, ZERO];
    expect(all.map((reply) => plain(decodeReply(reply, 0, reply.length)))).toEqual([
      'OK',
      'PONG',
      'QUEUED',
      null,
      null,
      [],
      1,
      0,
    ]);
  });

  it('errors keep bytes and lose line ends', () => {
    expect(errorReply('ERR a\r\nb\nc\xff').toString('latin1')).toBe('-ERR a  b c\xff\r\n');
  });

  it('bulks, integers, arrays', () => {
    expect(bulkReply('é').toString('latin1')).toBe('$2\r\n\xc3\xa9\r\n');
    expect(bulkReply(Buffer.from([0, 255])).toString('latin1')).toBe('$2\r\n\x00\xff\r\n');
    expect(bulkReply('').toString()).toBe('$0\r\n\r\n');
    expect(bulkReply('x'.repeat(12)).toString()).toBe(`$12\r\n${'x'.repeat(12)}\r\n`);
    expect([0, 1, -1, 12, 9223372036854775807n].map((n) => integerReplyBytes(n).toString())).toEqual([
      ':0\r\n',
      ':1\r\n',
      ':-1\r\n',
      ':12\r\n',
      ':9223372036854775807\r\n',
    ]);
    expect(arrayReply([]).toString()).toBe('*0\r\n');
    expect(arrayReply([ONE, arrayReply([bulkReply('a')]), NULL_BULK]).toString()).toBe(
      '*3\r\n:1\r\n*1\r\n$1\r\na\r\n$-1\r\n',
    );
    expect(arrayReply(Array<Buffer>(11).fill(ONE)).toString()).toBe(`*11\r\n${':1\r\n'.repeat(11)}`);
  });

  it('decimalDigits', () => {
    for (const n of [0, 1, 9, 10, 11, 99, 100, 999_999, 1_000_000, 2 ** 31, 2 ** 52])
      expect(decimalDigits(n)).toBe(String(n).length);
  });
});
