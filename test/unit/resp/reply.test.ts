import RedisParser from 'redis-parser';
import { describe, expect, it } from 'vitest';
import { ReplyError, ReplyScanner } from '../../../src/resp/reply.js';
import { bytes, bytesBeforeError, inPiecesOf, scanReplies } from './drive.js';
import { BROKEN_REPLIES, RESP2_REPLIES, RESP3_REPLIES } from './reply-fixtures.js';

const ALL = [...RESP2_REPLIES, ...RESP3_REPLIES];

describe('ReplyScanner finds the end of every fixture', () => {
  for (const { name, bytes: text } of ALL) {
    it(`${name}: whole, byte by byte, in pieces`, () => {
      for (const size of [text.length, 1, 2, 3, 5, 4096])
        expect(scanReplies(inPiecesOf(text, size))).toEqual([text.length]);
    });

    it(`${name}: cut anywhere, and with another reply behind it`, () => {
      const step = Math.ceil(text.length / 500);
      for (let at = 1; at < text.length; at += step) {
        expect(scanReplies([text.slice(0, at), `${text.slice(at)}+OK\r\n`])).toEqual([text.length, 5]);
      }
    });
  }

  it('one behind the other', () => {
    const text = ALL.map((fixture) => fixture.bytes).join('');
    const lengths = ALL.map((fixture) => fixture.bytes.length);
    for (const size of [text.length, 1, 2, 3, 7, 100, 5000])
      expect(scanReplies(inPiecesOf(text, size))).toEqual(lengths);
  });

  it('no end before the last byte', () => {
    for (const { name, bytes: text } of ALL) {
      if (text.length > 5000) continue;
      for (let at = 1; at < text.length; at++) expect(scanReplies([text.slice(0, at)]), name).toEqual([-at]);
    }
  });
});

describe('ReplyScanner agrees with redis-parser on RESP2', () => {
  for (const { name, bytes: text } of RESP2_REPLIES) {
    it(name, () => {
      // redis-parser calls back when it has the last byte of a reply: so at the same byte as the scanner.
      let replies = 0;
      const count = (): void => {
        replies++;
      };
      const parser = new RedisParser({ returnReply: count, returnError: count, returnBuffers: true });
      const scanner = new ReplyScanner();
      for (const [i, byte] of [...bytes(text)].entries()) {
        const one = Buffer.from([byte]);
        parser.execute(one);
        scanner.scan(one, 0, 1);
        if (scanner.complete !== (replies === 1))
          expect.fail(`byte ${i} of ${text.length}: ${scanner.complete}, ${replies}`);
      }
      expect([scanner.complete, replies]).toEqual([true, 1]);
    });
  }
});

describe('ReplyScanner refuses what is no reply', () => {
  for (const { name, bytes: text } of BROKEN_REPLIES) {
    it(`${name}, at the byte that shows it`, () => {
      expect(() => scanReplies([`${text}\r\n\r\n+OK\r\n`])).toThrow(ReplyError);
      expect(bytesBeforeError(text, 1)).toBe(text.length - 1);
      expect(bytesBeforeError(text, 2)).toBeGreaterThanOrEqual(0);
    });
  }

  it('a changed byte of a line end, anywhere in any reply', () => {
    for (const { name, bytes: text } of ALL) {
      if (text.length > 2000 || name === 'all bytes' || name === 'line ends in a bulk' || name === 'a verbatim string')
        continue;
      for (let i = 0; i < text.length; i++) {
        if (text[i] !== '\r' && text[i] !== '\n') continue;
        if (text[i] === '\n' && text[i - 1] !== '\r') continue; // part of a status
        const broken = `${text.slice(0, i)}!${text.slice(i + 1)}+OK\r\n+OK\r\n`;
        for (const size of [broken.length, 1]) {
          let lengths: number[] = [];
          try {
            lengths = scanReplies(inPiecesOf(broken, size));
          } catch (error) {
            expect(error).toBeInstanceOf(ReplyError);
            continue;
          }
          // A text without its CR goes on to the next one: that is still a text.
          const lineBefore = text.lastIndexOf('\r\n', i - 1);
          const line = lineBefore < 0 ? text : text.slice(lineBefore + 2);
          expect(text[i] === '\r' && '+-,('.includes(line[0] as string), `${name}: byte ${i} of ${broken}`).toBe(true);
          expect(lengths[0]).not.toBe(text.length);
        }
      }
    }
  });

  it('says what it saw', () => {
    const scanner = new ReplyScanner();
    expect(() => scanner.scan(bytes('HTTP/1.1'), 0, 8)).toThrow("not a RESP reply: 'H' as the first byte of a reply");
    expect(() => scanner.scan(bytes('\0'), 0, 1)).toThrow('not a RESP reply: 0x00 as the first byte of a reply');
  });
});

describe('ReplyScanner', () => {
  it('tells the first byte of the reply', () => {
    const scanner = new ReplyScanner();
    const buf = bytes('*2\r\n:1\r\n$1\r\na\r\n>1\r\n+x\r\n-ERR\r\n|0\r\n:1\r\n');
    const types: string[] = [];
    for (let p = 0; p < buf.length; ) {
      p = scanner.scan(buf, p, buf.length);
      types.push(String.fromCharCode(scanner.type));
    }
    expect(types.join('')).toBe('*>-|');
  });

  it('does nothing with no bytes', () => {
    const scanner = new ReplyScanner();
    expect(scanner.scan(bytes('+OK\r\n'), 3, 3)).toBe(3);
    expect(scanner.complete).toBe(false);
  });

  it('can begin anew after reset()', () => {
    const scanner = new ReplyScanner();
    for (const text of ['*3\r\n:1\r\n', '$5\r\nab', '+O', ':1\r', ' ']) {
      try {
        scanner.scan(bytes(text), 0, text.length);
      } catch {
        // the last one
      }
      scanner.reset();
      expect(scanReplies(['+OK\r\n'], scanner)).toEqual([5]);
    }
  });

  it('follows nesting as deep as Redis goes, and no deeper than memory should', () => {
    const deep = `${'*1\r\n'.repeat(8000)}:1\r\n`;
    for (const size of [deep.length, 1, 1000]) expect(scanReplies(inPiecesOf(deep, size))).toEqual([deep.length]);
    expect(() => scanReplies(['*1\r\n'.repeat(65_537)])).toThrow('nested deeper than 65536');
  });

  it('counts more elements and bytes than 32 bits hold', () => {
    const scanner = new ReplyScanner();
    const chunk = bytes(`*${2 ** 33}\r\n${':1\r\n'.repeat(100)}$${2 ** 40}\r\nabc`);
    expect(scanner.scan(chunk, 0, chunk.length)).toBe(chunk.length);
    expect(scanner.complete).toBe(false);
  });
});
