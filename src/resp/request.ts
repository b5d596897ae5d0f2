/**
 * Client bytes → commands, as integer offsets into the bytes themselves.
 *
 *   scanner.push(chunk);
 *   for (;;) {
 *     const result = scanner.next();
 *     COMMAND         frame, frameStart, frameEnd, argc, starts, ends are set
 *     NEED_MORE       nothing complete is left; push() more. The fields of earlier commands are void
 *     PROTOCOL_ERROR  error has Redis' own text: reply it, then close; every later next() says the same
 *     HEAD, BODY      only with `streamThreshold` set, see below
 *   }
 *
 * Accepts and refuses what Redis 7.0 does: multibulk and inline commands, its limits (limits.ts), `*0` and `*-1` and
 * empty lines skipped, the two bytes behind a length or a bulk skipped whatever they are, a NUL in a line hiding its end.
 * Only where Redis' answer depends on how the network cut the bytes (a line over 64 KB whose end is already there) it
 * does not: the line is refused.
 *
 * Who owns what: a chunk belongs to the scanner from push() on and is never written to, by either side. A frame is a
 * span of a pushed chunk or, if the command was inline or came in several chunks, of a buffer made for it; so whoever
 * wants the bytes later keeps (frame, frameStart, frameEnd) and need not copy. Frames are valid multibulk bytes.
 *
 * A command in several chunks is copied into one buffer, but only when the bytes that are known to be missing are
 * there, and no further than needed: linear in its size, and the chunk's next commands are scanned in place.
 *
 * Streaming: when a bulk of at least `streamThreshold` bytes is not wholly there, next() returns HEAD: the frame is
 * the command up to the bytes at hand, `argc` its announced number of arguments, and the first `argsRead` of them
 * can be read. Either call gather() to have it as an ordinary COMMAND after all, or go on: next() returns BODY with a
 * further piece of the raw command in the frame fields, `bodyLast` on its last one. A PROTOCOL_ERROR may still come.
 */
import { CommandSpans, NO_BYTES } from './command-spans.js';
import { decimalDigits, encodeCommand } from './encode.js';
import { splitInline } from './inline.js';
import {
  BULK_MAX_BYTES,
  bulkLengthError,
  COMMAND_MAX_BYTES,
  countError,
  INLINE_MAX_BYTES,
  strictInteger,
  TOO_BIG_BULK_LENGTH,
  TOO_BIG_COUNT,
  TOO_BIG_INLINE,
  tooBigCommand,
  UNBALANCED_QUOTES,
} from './limits.js';
import { RequestBody } from './request-body.js';
import { RequestInput } from './request-input.js';

export { ArgReader } from './arg-reader.js';

export const NEED_MORE = 0;
export const COMMAND = 1;
export const PROTOCOL_ERROR = 2;
export const HEAD = 3;
export const BODY = 4;
export type ScanResult = 0 | 1 | 2 | 3 | 4;

/** What parse() says where next() goes on by itself: an empty command was skipped. */
const SKIPPED = 5;
type ParseResult = ScanResult | typeof SKIPPED;

// Where the scanner is. The order is that of a command's life.
/** At the first byte of a command. */
const FRESH = 0;
/** Inside a command of which the bytes at hand have been read. */
const MIDWAY = 1;
/** HEAD was returned and not yet consumed. */
const HEAD_SHOWN = 2;
/** Inside a command that is passed on piece by piece. */
const STREAMING = 3;
/** After a protocol error. */
const FAILED = 4;

const CR = 13;
const LF = 10;
const NUL = 0;
const DOLLAR = 36;
const STAR = 42;
const ZERO = 48;
const NINE = 57;

/** lengthLine() found no complete line yet. */
const NO_LINE = -1;
/** lengthLine() has set `error`. */
const BAD_LINE = -2;
/** lengthLine() read a count of 0 or less: no command. */
const NO_COMMAND = -3;

export class RequestScanner extends CommandSpans {
  error = '';
  /** With BODY: this piece ends the command. */
  bodyLast = false;

  /** Bulks of at least so many bytes are streamed (HEAD, BODY). */
  streamThreshold = Number.POSITIVE_INFINITY;
  /** False while a password is required and none was given: Redis' smaller limits apply. */
  authenticated = true;
  maxBulkBytes = BULK_MAX_BYTES;
  maxCommandBytes = COMMAND_MAX_BYTES;

  private state = FRESH;

  private readonly input = new RequestInput();

  // Progress within the current command while MIDWAY, HEAD_SHOWN; as initialised here while FRESH (see startAfresh).
  /** Offset in buf of the next length line, or of the current bulk's first byte. */
  private cursor = 0;
  /** Arguments announced by the `*` line; 0 before it was read. */
  private announced = 0;
  /** Length of the current bulk, -1 before its line was read. */
  private bulkBytes = -1;
  /** Bytes of the line at the cursor in which no line end was found. */
  private lineSeen = 0;
  /** A line or bulk ended in something else than CR LF: the frame must be rewritten. */
  private irregular = false;
  /** Bytes the command must have from `pos` before anything new can be read. */
  private wantedBytes = 0;

  /** gather() was called for the current command. */
  private gathering = false;
  private readonly body = new RequestBody();

  /** Bytes held and not yet returned as a command or piece. */
  get bufferedBytes(): number {
    return this.input.bytes;
  }

  /** The scanner keeps `chunk`, which must never be written to again. */
  push(chunk: Buffer): void {
    if (this.state !== FAILED) this.input.push(chunk);
  }

  next(): ScanResult {
    if (this.state > MIDWAY) {
      if (this.state === FAILED) return PROTOCOL_ERROR;
      return this.nextPiece();
    }
    for (;;) {
      if (this.state === FRESH) {
        if (this.input.pos === this.input.end && !this.input.advance()) return this.starve();
      } else if (!this.join()) {
        return NEED_MORE;
      }
      const result = this.parse();
      if (result !== NEED_MORE && result !== SKIPPED) return result;
    }
  }

  /** After HEAD: have this command whole, as COMMAND, instead of streamed. */
  gather(): void {
    if (this.state !== HEAD_SHOWN) return;
    this.gathering = true;
    this.state = MIDWAY;
    if (this.wantedBytes > this.maxCommandBytes) this.fail(tooBigCommand(this.maxCommandBytes));
  }

  /** Reads on from the progress fields. After NEED_MORE the state is MIDWAY. */
  private parse(): ParseResult {
    const { buf, pos, end } = this.input;
    let p = pos;
    let announced = this.announced;
    let read = 0;
    let bulk = -1;
    if (announced === 0) {
      if (buf[p] !== STAR) return this.parseInline();
      // `*1\r\n` to `*9\r\n` are read here, everything else (and every error) by lengthLine.
      announced = p + 4 <= end && buf[p + 2] === CR && buf[p + 3] === LF ? buf[p + 1] - ZERO : 0;
      if (announced > 0 && announced <= 9) {
        p += 4;
      } else {
        announced = this.lengthLine(p, STAR);
        if (announced === NO_LINE) return this.suspend(p, 0, 0, -1);
        if (announced === BAD_LINE) return PROTOCOL_ERROR;
        if (announced === NO_COMMAND) return this.skipTo(this.cursor);
        p = this.cursor;
      }
    } else {
      p = this.cursor;
      read = this.argsRead;
      bulk = this.bulkBytes;
    }

    let starts = this.starts;
    let ends = this.ends;
    while (read < announced) {
      if (bulk < 0) {
        bulk = shortLength(buf, p, end);
        if (bulk >= 0) {
          p += bulk < 10 ? 4 : bulk < 100 ? 5 : 6;
        } else {
          bulk = this.lengthLine(p, DOLLAR);
          if (bulk === NO_LINE) return this.suspend(p, announced, read, -1);
          if (bulk === BAD_LINE) return PROTOCOL_ERROR;
          p = this.cursor;
        }
      }
      const after = p + bulk;
      if (after + 2 > end) return this.suspend(p, announced, read, bulk);
      if (buf[after] !== CR || buf[after + 1] !== LF) this.irregular = true;
      if (read === starts.length) {
        this.growSpans();
        starts = this.starts;
        ends = this.ends;
      }
      starts[read] = p;
      ends[read] = after;
      read++;
      p = after + 2;
      bulk = -1;
    }

    this.frame = buf;
    this.frameStart = pos;
    this.frameEnd = p;
    this.argc = announced;
    this.argsRead = announced;
    this.input.pos = p;
    if (this.state !== FRESH || this.irregular) {
      if (this.irregular) this.setFrame(this.readArguments());
      this.startAfresh();
    }
    return COMMAND;
  }

  private parseInline(): ParseResult {
    const { buf, pos, end } = this.input;
    let i = pos + this.lineSeen;
    while (i < end && buf[i] !== LF && buf[i] !== NUL) i++;
    const found = i < end && buf[i] === LF;
    if ((found ? i : end) - pos > INLINE_MAX_BYTES) return this.fail(TOO_BIG_INLINE);
    if (!found) {
      this.lineSeen = i - pos;
      return this.suspend(pos, 0, 0, -1);
    }
    const args = splitInline(buf, pos, i > pos && buf[i - 1] === CR ? i - 1 : i);
    if (args === null) return this.fail(UNBALANCED_QUOTES);
    if (args.length === 0) return this.skipTo(i + 1);
    this.setFrame(args);
    this.input.pos = i + 1;
    this.startAfresh();
    return COMMAND;
  }

  /**
   * The number in the line `*3` or `$12` at `p`, with the cursor behind the line; or one of the constants above.
   * A line ends at its first CR, and whatever byte follows that belongs to the end, as in Redis.
   */
  private lengthLine(p: number, type: number): number {
    const { buf, end } = this.input;
    // The line that suspended us may have been read elsewhere since, when it was short.
    let i = p === this.cursor ? p + this.lineSeen : p;
    while (i < end && buf[i] !== CR && buf[i] !== NUL) i++;
    const found = i < end && buf[i] === CR;
    if ((found ? i : end) - p > INLINE_MAX_BYTES) {
      this.fail(type === STAR ? TOO_BIG_COUNT : TOO_BIG_BULK_LENGTH);
      return BAD_LINE;
    }
    if (!found || i + 1 === end) {
      this.lineSeen = i - p;
      return NO_LINE;
    }
    this.lineSeen = 0;
    this.cursor = i + 2;
    if (buf[i + 1] !== LF) this.irregular = true;

    const value = strictInteger(buf, p + 1, i);
    const error =
      type === STAR
        ? countError(value, this.authenticated)
        : bulkLengthError(buf[p], value, this.maxBulkBytes, this.authenticated);
    if (error === '') return type === STAR && value <= 0 ? NO_COMMAND : value;
    this.fail(error);
    return BAD_LINE;
  }

  /** The bytes at hand end within the command: notes how far it was read, and what must come before going on. */
  private suspend(p: number, announced: number, read: number, bulk: number): ParseResult {
    this.cursor = p;
    this.announced = announced;
    this.argsRead = read;
    this.bulkBytes = bulk;
    const { pos, end } = this.input;
    this.wantedBytes = bulk < 0 ? end - pos + 1 : p - pos + bulk + 2;
    this.state = MIDWAY;
    if (bulk >= this.streamThreshold && !this.gathering && !this.irregular) return this.showHead();
    if (this.wantedBytes > this.maxCommandBytes) return this.fail(tooBigCommand(this.maxCommandBytes));
    return NEED_MORE;
  }

  /** False while what the current command is known to lack has not come; else puts it together with what it had. */
  private join(): boolean {
    const shift = this.input.pos;
    if (!this.input.join(this.wantedBytes)) return false;
    if (shift > 0) {
      this.cursor -= shift;
      for (let i = 0; i < this.argsRead; i++) {
        this.starts[i] -= shift;
        this.ends[i] -= shift;
      }
    }
    return true;
  }

  private showHead(): ParseResult {
    this.state = HEAD_SHOWN;
    this.frame = this.input.buf;
    this.frameStart = this.input.pos;
    this.frameEnd = this.input.end;
    this.argc = this.announced;
    return HEAD;
  }

  /** HEAD_SHOWN and STREAMING: the next BODY. */
  private nextPiece(): ScanResult {
    const { input, body } = this;
    if (this.state === HEAD_SHOWN) {
      const shownOfBulk = input.end - this.cursor;
      body.begin(this.bulkBytes + 2 - shownOfBulk, this.announced - this.argsRead - 1, this.maxBulkBytes);
      this.state = STREAMING;
      input.pos = input.end;
      input.settle();
    }
    if (input.pos === input.end && !input.advance()) return this.starve();
    const pieceEnd = body.walk(input.buf, input.pos, input.end);
    if (body.error !== '') return this.fail(body.error);
    this.frame = input.buf;
    this.frameStart = input.pos;
    this.frameEnd = pieceEnd;
    this.bodyLast = body.done;
    input.pos = pieceEnd;
    if (body.done) this.startAfresh();
    return BODY;
  }

  /** Nothing is left: lets go of the last command, so that an idle client holds no memory of it. */
  private starve(): typeof NEED_MORE {
    this.frame = NO_BYTES;
    this.shrinkSpans();
    return NEED_MORE;
  }

  private skipTo(p: number): ParseResult {
    this.input.pos = p;
    this.startAfresh();
    return SKIPPED;
  }

  /** The next command begins at the input's position. */
  private startAfresh(): void {
    this.state = FRESH;
    this.announced = 0;
    this.bulkBytes = -1;
    this.lineSeen = 0;
    this.irregular = false;
    this.gathering = false;
    this.input.settle();
  }

  private fail(text: string): typeof PROTOCOL_ERROR {
    this.error = text;
    this.state = FAILED;
    this.input.clear();
    this.starve();
    return PROTOCOL_ERROR;
  }

  private readArguments(): Buffer[] {
    const args: Buffer[] = [];
    for (let i = 0; i < this.argc; i++) args.push(this.frame.subarray(this.starts[i], this.ends[i]));
    return args;
  }

  /** Writes the command afresh as multibulk bytes. */
  private setFrame(args: readonly Buffer[]): void {
    this.frame = encodeCommand(args);
    this.frameStart = 0;
    this.frameEnd = this.frame.length;
    this.argc = args.length;
    this.argsRead = args.length;
    let p = 3 + decimalDigits(args.length);
    for (const [i, arg] of args.entries()) {
      if (i === this.starts.length) this.growSpans();
      p += 3 + decimalDigits(arg.length);
      this.starts[i] = p;
      p += arg.length;
      this.ends[i] = p;
      p += 2;
    }
  }
}

/** The length in `$0\r\n` to `$999\r\n` at `p`; -1 for every other line, complete or not, right or wrong. */
function shortLength(buf: Buffer, p: number, end: number): number {
  if (p + 6 > end || buf[p] !== DOLLAR) return -1;
  let value = buf[p + 1] - ZERO;
  if (value < 0 || value > 9) return -1;
  let byte = buf[p + 2];
  if (byte === CR) return buf[p + 3] === LF ? value : -1;
  if (value === 0 || byte < ZERO || byte > NINE) return -1;
  value = value * 10 + (byte - ZERO);
  byte = buf[p + 3];
  if (byte === CR) return buf[p + 4] === LF ? value : -1;
  if (byte < ZERO || byte > NINE) return -1;
  return buf[p + 4] === CR && buf[p + 5] === LF ? value * 10 + (byte - ZERO) : -1;
}
