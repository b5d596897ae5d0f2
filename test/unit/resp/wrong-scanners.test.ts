/**
 * The checks are checked: reply scanners with one plausible mistake each. The fixtures, driven as in the other tests,
 * must tell every one of them from a right one, and must pass the right one.
 */
import { describe, expect, it } from 'vitest';
import { ReplyScanner } from '../../../src/resp/reply.js';
import { type Boundaries, inPiecesOf, scanReplies } from './drive.js';
import { RESP2_REPLIES, RESP3_REPLIES } from './reply-fixtures.js';

const FIXTURES = [...RESP2_REPLIES, ...RESP3_REPLIES];

/** Names of the fixtures that show a scanner to be wrong. */
function mistakes(make: () => Boundaries, sizes: (length: number) => number[]): string[] {
  return FIXTURES.filter(({ bytes: text }) =>
    sizes(text.length).some((size) => {
      const scanner = make();
      try {
        // A second reply behind the first shows where the scanner believes to be.
        return String(scanReplies(inPiecesOf(`${text}:7\r\n`, size), scanner)) !== String([text.length, 4]);
      } catch {
        return true;
      }
    }),
  ).map((fixture) => fixture.name);
}

const whole = (length: number): number[] => [length + 4];
const pieces = (): number[] => [1, 2, 3, 5];

/** Scans with a right scanner, after the bytes or the result went through something wrong. */
class Wrong implements Boundaries {
  complete = false;
  protected readonly right = new ReplyScanner();

  scan(buf: Buffer, from: number, end: number): number {
    const to = this.right.scan(buf, from, end);
    this.complete = this.right.complete;
    return to;
  }
}

/** Forgets at the end of a chunk what it was in. */
class Forgetful extends Wrong {
  override scan(buf: Buffer, from: number, end: number): number {
    this.right.reset();
    return super.scan(buf, from, end);
  }
}

/** Keeps the unfinished bytes of the last call instead of numbers, in the buffer that is reused. */
class Hoarder extends Wrong {
  private before: Buffer = Buffer.alloc(0);

  override scan(buf: Buffer, from: number, end: number): number {
    const all = Buffer.concat([this.before, buf.subarray(from, end)]);
    this.right.reset();
    const to = this.right.scan(all, 0, all.length);
    this.complete = this.right.complete;
    const consumed = to - this.before.length;
    this.before = this.complete ? Buffer.alloc(0) : buf.subarray(from, end);
    return from + consumed;
  }
}

/** Ends every reply at the first line end. */
class OneLine extends Wrong {
  private sawCr = false;

  override scan(buf: Buffer, from: number, end: number): number {
    this.complete = false;
    for (let p = from; p < end; p++) {
      if (buf[p] === 10 && this.sawCr) {
        this.complete = true;
        this.sawCr = false;
        return p + 1;
      }
      this.sawCr = buf[p] === 13;
    }
    return end;
  }
}

/** Reads one type byte as another. */
class Confused extends Wrong {
  constructor(
    private readonly type: string,
    private readonly taken: string,
  ) {
    super();
  }

  override scan(buf: Buffer, from: number, end: number): number {
    const copy = Buffer.from(buf);
    for (let p = from; p < end; p++) if (buf[p] === this.type.charCodeAt(0)) copy[p] = this.taken.charCodeAt(0);
    return super.scan(copy, from, end);
  }
}

/** Says it one byte too early or too late when the reply's end is the chunk's. */
class OffByOne extends Wrong {
  override scan(buf: Buffer, from: number, end: number): number {
    const to = super.scan(buf, from, end);
    if (this.complete && to === end && to - from > 1) {
      this.complete = false;
      return end;
    }
    return to;
  }
}

describe('the fixtures tell', () => {
  it('that the right scanner is right', () => {
    expect(mistakes(() => new ReplyScanner(), whole)).toEqual([]);
    expect(mistakes(() => new ReplyScanner(), pieces)).toEqual([]);
    expect(mistakes(() => new Wrong(), pieces)).toEqual([]);
  });

  const wrong: [string, () => Boundaries, (length: number) => number[]][] = [
    ['forgets at a chunk end', () => new Forgetful(), pieces],
    ['keeps bytes of a buffer that is reused', () => new Hoarder(), pieces],
    ['ends at the first line end', () => new OneLine(), whole],
    ['takes a map for an array', () => new Confused('%', '*'), whole],
    ['takes an array for a map', () => new Confused('*', '%'), whole],
    ['takes an attribute for a map', () => new Confused('|', '%'), whole],
    ['takes a bulk for a status', () => new Confused('$', '+'), whole],
    ['takes an array for a status', () => new Confused('*', '+'), whole],
    ['takes a verbatim string for a status', () => new Confused('=', '+'), whole],
    ['takes a long error for a status', () => new Confused('!', '+'), whole],
    ['misses an end that is the chunk end', () => new OffByOne(), pieces],
  ];
  for (const [name, make, sizes] of wrong) {
    it(`that a scanner is wrong which ${name}`, () => {
      expect(mistakes(make, sizes)).not.toEqual([]);
    });
  }
});
