import { describe, expect, it } from 'vitest';
import { ReplyError } from '../../../src/resp/reply.js';
import { decodeReply, elementSpans, integerReply, isError, isNull, ReplyFault } from '../../../src/resp/values.js';
import { bytes, plain } from './drive.js';
import { BROKEN_REPLIES, RESP2_REPLIES, RESP3_REPLIES } from './reply-fixtures.js';

/** `text` between other bytes, as a reply lies in a buffer. */
function within(text: string): [Buffer, number, number] {
  return [bytes(`:9\r\n${text}+OK\r\n`), 4, 4 + text.length];
}

function spans(text: string): string[] | number {
  const [buf, start, end] = within(text);
  const out: number[] = [7, 7, 7, 7, 7];
  const count = elementSpans(buf, start, end, out);
  if (count < 0) return count;
  return Array.from({ length: count }, (_, i) => buf.toString('latin1', out[2 * i], out[2 * i + 1]));
}

describe('decodeReply', () => {
  for (const { name, bytes: text, value } of RESP2_REPLIES) {
    it(name, () => {
      expect(plain(decodeReply(...within(text)))).toEqual(value);
    });
  }

  it('keeps integers exact, beyond what a number can', () => {
    for (const n of [
      2n ** 53n - 1n,
      2n ** 53n,
      2n ** 53n + 1n,
      2n ** 63n - 1n,
      -(2n ** 63n),
      -(2n ** 53n) - 1n,
      10n ** 18n,
    ]) {
      const value = decodeReply(...within(`:${n}\r\n`));
      expect(BigInt(value as number | bigint)).toBe(n);
      expect(typeof value).toBe(n <= 2n ** 53n - 1n && n >= -(2n ** 53n) + 1n ? 'number' : 'bigint');
    }
  });

  it('gives views of the buffer', () => {
    const [buf, start, end] = within('*1\r\n$3\r\nfoo\r\n');
    const [foo] = decodeReply(buf, start, end) as Buffer[];
    buf.write('bar', buf.indexOf('foo'));
    expect(foo?.toString()).toBe('bar');
  });

  it('gives errors as values', () => {
    expect(decodeReply(...within('-WRONGTYPE x\r\n'))).toBeInstanceOf(ReplyFault);
    const [fault] = decodeReply(...within('*1\r\n-WRONGTYPE x\r\n')) as ReplyFault[];
    expect(fault).toBeInstanceOf(ReplyFault);
    expect(fault?.message).toBe('WRONGTYPE x');
  });

  it('refuses what is not one whole RESP2 reply, and works again afterwards', () => {
    const refused = [
      '',
      ...BROKEN_REPLIES.map((fixture) => `${fixture.bytes}\r\n`),
      ...RESP3_REPLIES.map((fixture) => fixture.bytes),
      '*1\r\n#t\r\n',
      '*2\r\n+a\r\n%0\r\n',
      '+OK\r\n+OK\r\n',
      '$5\r\nab',
      '*2\r\n:1\r\n',
      ':1\r',
      `${'*1\r\n'.repeat(50_000)}:1\r\n`,
    ];
    for (const text of refused) {
      expect(() => decodeReply(...within(text)), text.slice(0, 50)).toThrow(ReplyError);
      expect(decodeReply(...within(':5\r\n'))).toBe(5);
    }
  });
});

describe('questions about a reply', () => {
  const ask = (text: string) => {
    const [buf, start, end] = within(text);
    return { error: isError(buf, start), null: isNull(buf, start), integer: integerReply(buf, start, end) };
  };

  it('isError, isNull, integerReply', () => {
    expect(ask('-ERR x\r\n')).toEqual({ error: true, null: false, integer: Number.NaN });
    expect(ask('!3\r\nERR\r\n')).toEqual({ error: true, null: false, integer: Number.NaN });
    expect(ask('$-1\r\n')).toEqual({ error: false, null: true, integer: Number.NaN });
    expect(ask('*-1\r\n')).toEqual({ error: false, null: true, integer: Number.NaN });
    expect(ask('_\r\n')).toEqual({ error: false, null: true, integer: Number.NaN });
    expect(ask('$0\r\n\r\n')).toEqual({ error: false, null: false, integer: Number.NaN });
    expect(ask('*0\r\n')).toEqual({ error: false, null: false, integer: Number.NaN });
    expect(ask('+OK\r\n')).toEqual({ error: false, null: false, integer: Number.NaN });
    expect(ask(':-1\r\n')).toEqual({ error: false, null: false, integer: -1 });
    expect(ask(':0\r\n')).toEqual({ error: false, null: false, integer: 0 });
    expect(ask(':1234567890123\r\n')).toEqual({ error: false, null: false, integer: 1234567890123 });
    expect(ask('$1\r\n5\r\n').integer).toBeNaN();
  });
});

describe('elementSpans', () => {
  it('of arrays, sets, pushes and maps', () => {
    expect(spans('*0\r\n')).toEqual([]);
    expect(spans('*-1\r\n')).toBe(-1);
    expect(spans('*3\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n-ERR\r\n')).toEqual([
      '$1\r\na\r\n',
      '*2\r\n:1\r\n:2\r\n',
      '-ERR\r\n',
    ]);
    expect(spans('~1\r\n_\r\n')).toEqual(['_\r\n']);
    expect(spans('>2\r\n+a\r\n$-1\r\n')).toEqual(['+a\r\n', '$-1\r\n']);
    expect(spans('%2\r\n+a\r\n:1\r\n+b\r\n|1\r\n:1\r\n:2\r\n:3\r\n')).toEqual([
      '+a\r\n',
      ':1\r\n',
      '+b\r\n',
      '|1\r\n:1\r\n:2\r\n:3\r\n',
    ]);
  });

  it('refuses anything else, and works again afterwards', () => {
    for (const text of [
      '+OK\r\n',
      '$-1\r\n',
      '*2\r\n:1\r\n',
      '*1\r\n:1\r\n:2\r\n',
      '*-1\r\n:1\r\n',
      '*x\r\n',
      '*-2\r\n',
      '*1\r\n$5\r\nab\r\n',
      '*1\r\n ',
    ]) {
      expect(() => spans(text), text).toThrow(ReplyError);
      expect(spans('*1\r\n:1\r\n')).toEqual([':1\r\n']);
    }
  });
});
