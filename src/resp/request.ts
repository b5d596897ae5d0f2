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
import { decimalDigits, encodeCommand } from './encode.js';
import { splitInline } from './inline.js';
import { InputQueue } from './input-queue.js';
import {
  ARGUMENTS_MAX,
  BAD_BULK_LENGTH,
  BAD_COUNT,
  BULK_MAX_BYTES,
  COMMAND_MAX_BYTES,
  expectedDollar,
  INLINE_MAX_BYTES,
  strictInteger,
  TOO_BIG_BULK_LENGTH,
  TOO_BIG_COUNT,
  TOO_BIG_INLINE,
  tooBigCommand,
  UNAUTHENTICATED_ARGUMENTS_MAX,
  UNAUTHENTICATED_BULK_LENGTH,
  UNAUTHENTICATED_BULK_MAX_BYTES,
  UNAUTHENTICATED_COUNT,
  UNBALANCED_QUOTES,
} from './limits.js';
import { RequestBody } from './request-body.js';

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

const EMPTY = Buffer.alloc(0);
const INITIAL_ARGUMENTS = 8;
/** Span arrays that one long command made larger than this are given back when the client falls silent. */
const KEPT_ARGUMENTS = 1024;
/** At least so many bytes are taken at once when a command is put together from several chunks. */
const JOIN_STEP_BYTES = 512;

/** lengthLine() found no complete line yet. */
const NO_LINE = -1;
/** lengthLine() has set `error`. */
const BAD_LINE = -2;
/** lengthLine() read a count of 0 or less: no command. */
const NO_COMMAND = -3;

export class RequestScanner {
  /** The buffer that all spans index. */
  frame: Buffer = EMPTY;
  frameStart = 0;
  frameEnd = 0;
  /** Number of arguments, the name included. */
  argc = 0;
  /** Number of arguments whose spans are set: argc for COMMAND, fewer for HEAD. */
  argsRead = 0;
  /** Argument i is frame[starts[i], ends[i]). The arrays are replaced when they grow: re-read the fields. */
  starts: Int32Array = new Int32Array(INITIAL_ARGUMENTS);
  ends: Int32Array = new Int32Array(INITIAL_ARGUMENTS);
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

  // What is being read: buf[pos, end), `pos` being the first byte of the current command (or, streaming, of the next
  // piece). It is a chunk as pushed or, when `joined`, a buffer of our own; what came later waits in the queue.
  private buf: Buffer = EMPTY;
  private pos = 0;
  private end = 0;
  private joined = false;
  private readonly queue = new InputQueue();

  // Progress within the current command while MIDWAY; at a command's start always 0, 0, -1, 0, false, 0.
  /** Offset in buf of the next length line, or of the current bulk's first byte. */
  private cursor = 0;
  /** Arguments announced by the `*` line; 0 before it was read. */
  private announced = 0;
  /** Length of the current bulk, -1 before its line was read. */
  private bulkBytes = -1;
  /** Bytes at the cursor in which no line end was found. */
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
    return this.end - this.pos + this.queue.bytes;
  }

  /** The scanner keeps `chunk`, which must never be written to again. */
  push(chunk: Buffer): void {
    if (this.state === FAILED) return;
    if (this.pos === this.end && this.queue.bytes === 0) {
      this.buf = chunk;
      this.pos = 0;
      this.end = chunk.length;
    } else {
      this.queue.push(chunk);
    }
  }

  next(): ScanResult {
    if (this.state > MIDWAY) {
      if (this.state === FAILED) return PROTOCOL_ERROR;
      return this.nextPiece();
    }
    for (;;) {
      if (this.state === FRESH) {
        if (this.pos === this.end && !this.nextChunk()) return this.starve();
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
    const buf = this.buf;
    const end = this.end;
    let p = this.pos;
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
          p += bulk < 10 ? 4 : bulk < 100 ? 5 : bulk < 1000 ? 6 : 7;
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
    this.frameStart = this.pos;
    this.frameEnd = p;
    this.argc = announced;
    this.argsRead = announced;
    this.pos = p;
    if (this.irregular) this.setFrame(this.readArguments());
    if (this.state !== FRESH) this.startAfresh();
    return COMMAND;
  }

  private parseInline(): ParseResult {
    const { buf, pos, end } = this;
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
    this.pos = i + 1;
    this.startAfresh();
    return COMMAND;
  }

  /**
   * The number in the line `*3` or `$12` at `p`, with the cursor behind the line; or one of the constants above.
   * A line ends at its first CR, and whatever byte follows that belongs to the end, as in Redis.
   */
  private lengthLine(p: number, type: number): number {
    const { buf, end } = this;
    let i = p + this.lineSeen;
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
    let error = '';
    if (type === STAR) {
      if (!(value <= ARGUMENTS_MAX)) error = BAD_COUNT;
      else if (value > UNAUTHENTICATED_ARGUMENTS_MAX && !this.authenticated) error = UNAUTHENTICATED_COUNT;
      else if (value <= 0) return NO_COMMAND;
    } else {
      if (buf[p] !== DOLLAR) error = expectedDollar(buf[p]);
      else if (!(value >= 0 && value <= this.maxBulkBytes)) error = BAD_BULK_LENGTH;
      else if (value > UNAUTHENTICATED_BULK_MAX_BYTES && !this.authenticated) error = UNAUTHENTICATED_BULK_LENGTH;
    }
    if (error === '') return value;
    this.fail(error);
    return BAD_LINE;
  }

  /** The bytes at hand end within the command: notes how far it was read, and what must come before going on. */
  private suspend(p: number, announced: number, read: number, bulk: number): ParseResult {
    this.cursor = p;
    this.announced = announced;
    this.argsRead = read;
    this.bulkBytes = bulk;
    this.wantedBytes = bulk < 0 ? this.end - this.pos + 1 : p - this.pos + bulk + 2;
    this.state = MIDWAY;
    if (bulk >= this.streamThreshold && !this.gathering && !this.irregular) return this.showHead();
    if (this.wantedBytes > this.maxCommandBytes) return this.fail(tooBigCommand(this.maxCommandBytes));
    return NEED_MORE;
  }

  /** False while what the current command is known to lack has not come; else puts it together with what it had. */
  private join(): boolean {
    const have = this.end - this.pos;
    const lacking = this.wantedBytes - have;
    if (this.queue.bytes < lacking) return false;
    const take = this.queue.reach(lacking, Math.max(have, JOIN_STEP_BYTES));
    if (!this.joined) {
      this.moveTo(Buffer.allocUnsafe(have + take));
      this.joined = true;
    } else if (this.end + take > this.buf.length) {
      // Doubling keeps a command of many small arguments linear, too.
      this.moveTo(Buffer.allocUnsafe(Math.max(have + take, 2 * this.buf.length)));
    }
    this.queue.copyTo(this.buf, this.end, take);
    this.end += take;
    return true;
  }

  private moveTo(buf: Buffer): void {
    this.buf.copy(buf, 0, this.pos, this.end);
    const shift = this.pos;
    for (let i = 0; i < this.argsRead; i++) {
      this.starts[i] -= shift;
      this.ends[i] -= shift;
    }
    this.buf = buf;
    this.cursor -= shift;
    this.end -= shift;
    this.pos = 0;
  }

  private showHead(): ParseResult {
    this.state = HEAD_SHOWN;
    this.frame = this.buf;
    this.frameStart = this.pos;
    this.frameEnd = this.end;
    this.argc = this.announced;
    return HEAD;
  }

  /** HEAD_SHOWN and STREAMING: the next BODY. */
  private nextPiece(): ScanResult {
    if (this.state === HEAD_SHOWN) {
      const shownOfBulk = this.end - this.cursor;
      this.body.begin(this.bulkBytes + 2 - shownOfBulk, this.announced - this.argsRead - 1, this.maxBulkBytes);
      this.state = STREAMING;
      this.joined = false;
      this.pos = this.end;
    }
    if (this.pos === this.end && !this.nextChunk()) return this.starve();
    const pieceEnd = this.body.walk(this.buf, this.pos, this.end);
    if (this.body.error !== '') return this.fail(this.body.error);
    this.frame = this.buf;
    this.frameStart = this.pos;
    this.frameEnd = pieceEnd;
    this.bodyLast = this.body.done;
    this.pos = pieceEnd;
    if (this.body.done) this.startAfresh();
    return BODY;
  }

  private nextChunk(): boolean {
    if (!this.queue.shift()) return false;
    this.buf = this.queue.chunk;
    this.pos = this.queue.chunkPos;
    this.end = this.buf.length;
    return true;
  }

  /** Nothing is left: lets go of the chunk, so that an idle client holds none. */
  private starve(): ScanResult {
    this.frame = EMPTY;
    this.buf = EMPTY;
    this.pos = 0;
    this.end = 0;
    if (this.starts.length > KEPT_ARGUMENTS) {
      this.starts = new Int32Array(INITIAL_ARGUMENTS);
      this.ends = new Int32Array(INITIAL_ARGUMENTS);
    }
    return NEED_MORE;
  }

  private skipTo(p: number): ParseResult {
    this.pos = p;
    this.startAfresh();
    return SKIPPED;
  }

  /** The next command begins at `pos`. What was joined beyond it goes back to its chunk. */
  private startAfresh(): void {
    this.state = FRESH;
    this.announced = 0;
    this.bulkBytes = -1;
    this.lineSeen = 0;
    this.irregular = false;
    this.gathering = false;
    if (this.joined) {
      this.queue.giveBack(this.end - this.pos);
      this.joined = false;
      this.buf = EMPTY;
      this.pos = 0;
      this.end = 0;
    }
  }

  private fail(text: string): typeof PROTOCOL_ERROR {
    this.error = text;
    this.state = FAILED;
    this.queue.clear();
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

  private growSpans(): void {
    const starts = new Int32Array(this.starts.length * 2);
    const ends = new Int32Array(this.ends.length * 2);
    starts.set(this.starts);
    ends.set(this.ends);
    this.starts = starts;
    this.ends = ends;
  }
}

/** The length in `$0\r\n` to `$9999\r\n` at `p`; -1 for every other line, complete or not, right or wrong. */
function shortLength(buf: Buffer, p: number, end: number): number {
  if (p + 4 > end || buf[p] !== DOLLAR) return -1;
  let value = buf[p + 1] - ZERO;
  if (value < 0 || value > 9) return -1;
  let i = p + 2;
  if (value > 0) {
    const lastDigit = p + 6 <= end ? p + 5 : end - 1;
    for (; i < lastDigit; i++) {
      const digit = buf[i] - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
  }
  return i + 1 < end && buf[i] === CR && buf[i + 1] === LF ? value : -1;
}
