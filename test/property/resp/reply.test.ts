import fc from 'fast-check';
import RedisParser from 'redis-parser';
import { describe, expect, it } from 'vitest';
import { ReplyError, ReplyScanner } from '../../../src/resp/reply.js';
import { decodeReply, elementSpans } from '../../../src/resp/values.js';
import { bytes, cut, inPiecesOf, plain, scanReplies } from '../../unit/resp/drive.js';
import { RESP2_REPLIES, RESP3_REPLIES } from '../../unit/resp/reply-fixtures.js';
import { cuts, places, resp2Reply, resp3Reply, rubbishReplies } from './generate.js';

describe('ReplyScanner', () => {
  it('finds the ends of replies however their bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            resp2Reply.map((r) => r.bytes),
            resp3Reply,
          ),
          { minLength: 1, maxLength: 6 },
        ),
        cuts,
        (replies, parts) => {
          const text = replies.join('');
          const lengths = replies.map((reply) => reply.length);
          const pieces = cut(text, places(text, parts)).filter((piece) => piece !== '');
          expect(scanReplies(pieces)).toEqual(lengths);
          if (text.length < 500) expect(scanReplies(inPiecesOf(text, 1))).toEqual(lengths);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('finds the same in every fixture however it is cut', () => {
    for (const { bytes: text } of [...RESP2_REPLIES, ...RESP3_REPLIES]) {
      fc.assert(
        fc.property(cuts, (parts) => {
          expect(scanReplies(cut(text, places(text, parts)).filter((piece) => piece !== ''))).toEqual([text.length]);
        }),
        { numRuns: 30 },
      );
    }
  });

  it('ends RESP2 replies at the byte at which redis-parser does', () => {
    fc.assert(
      fc.property(fc.array(resp2Reply, { minLength: 1, maxLength: 4 }), (replies) => {
        let parsed = 0;
        const count = (): void => {
          parsed++;
        };
        const parser = new RedisParser({ returnReply: count, returnError: count, returnBuffers: true });
        const scanner = new ReplyScanner();
        let scanned = 0;
        // Byte by byte costs redis-parser time by the square of the length.
        const text = replies
          .map((reply) => reply.bytes)
          .join('')
          .slice(0, 600);
        for (const byte of bytes(text)) {
          const one = Buffer.from([byte]);
          parser.execute(one);
          scanner.scan(one, 0, 1);
          if (scanner.complete) scanned++;
          if (scanned !== parsed) expect.fail(`${scanned} replies found, redis-parser: ${parsed}`);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('says the same of rubbish, whole, cut or byte by byte', () => {
    let refused = 0;
    let found = 0;
    const judge = (pieces: readonly string[]): string => {
      const scanner = new ReplyScanner();
      const ends: number[] = [];
      let before = 0;
      for (const piece of pieces) {
        const buf = bytes(piece);
        for (let p = 0; p < buf.length; ) {
          try {
            p = scanner.scan(buf, p, buf.length);
          } catch (error) {
            expect(error).toBeInstanceOf(ReplyError);
            return `${ends} then ${(error as Error).message}`;
          }
          if (scanner.complete) ends.push(before + p);
        }
        before += buf.length;
      }
      return `${ends} of ${before}`;
    };
    fc.assert(
      fc.property(rubbishReplies, cuts, (text, parts) => {
        const whole = judge([text]);
        if (whole.includes('then')) refused++;
        else if (!whole.startsWith(' ')) found++;
        expect(judge(cut(text, places(text, parts)))).toBe(whole);
        expect(judge(inPiecesOf(text, 1))).toBe(whole);
      }),
      { numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(300);
    expect(found).toBeGreaterThan(100);
  });
});

describe('reading values', () => {
  it('decodes what was encoded', () => {
    fc.assert(
      fc.property(resp2Reply, ({ bytes: text, value }) => {
        const buf = bytes(`+x\r\n${text}:1\r\n`);
        expect(plain(decodeReply(buf, 4, 4 + text.length))).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it('splits an array into its elements', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            resp2Reply.map((r) => r.bytes),
            resp3Reply,
          ),
          { maxLength: 12 },
        ),
        (elements) => {
          const buf = bytes(`*${elements.length}\r\n${elements.join('')}`);
          const out: number[] = [];
          expect(elementSpans(buf, 0, buf.length, out)).toBe(elements.length);
          expect(elements.map((_, i) => buf.toString('latin1', out[2 * i], out[2 * i + 1]))).toEqual(elements);
        },
      ),
      { numRuns: 300 },
    );
  });
});
