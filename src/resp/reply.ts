/**
 * Server bytes → where a reply ends. RESP2 and RESP3, any nesting, resumable at any byte.
 *
 *   from = scanner.scan(buf, from, end);
 *   complete    buf[…, from) holds the end of the reply; the next scan() begins the next one
 *   otherwise   from === end; the reply goes on in the bytes to come
 *
 * Only integers are kept between calls, so `buf` may be a read buffer that is overwritten. Nothing is decoded.
 *
 * What counts as one reply: an attribute (`|`) together with the reply it belongs to; a push (`>`) by itself, which
 * the caller recognises by `type`. Streamed strings and aggregates (`$?`, `;`, `.`), which no Redis sends, are refused.
 *
 * @throws ReplyError at bytes that are no RESP reply. The connection's stream cannot be trusted any more: close it.
 * reset() makes the scanner usable for a new connection.
 */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

/** Redis itself nests to about 8,000 (a script that returns tables in tables); this only bounds the memory. */
const DEPTH_MAX = 65_536;
const INITIAL_DEPTH = 16;
/** More elements or bytes than any server holds; far below where doubles lose integers. */
const LENGTH_MAX = 2 ** 45;

const LF = 10;
const CR = 13;
const EXCLAMATION = 33; // RESP3 error with a length
const HASH = 35; // RESP3 boolean
const DOLLAR = 36;
const PERCENT = 37; // RESP3 map
const LEFT_PAREN = 40; // RESP3 big number
const STAR = 42;
const PLUS = 43;
const COMMA = 44; // RESP3 double
const MINUS = 45;
const ZERO = 48;
const ONE = 49;
const NINE = 57;
const COLON = 58;
const EQUALS = 61; // RESP3 verbatim string
const GREATER = 62; // RESP3 push
const UNDERSCORE = 95; // RESP3 null
const F = 102;
const T = 116;
const BAR = 124; // RESP3 attribute
const TILDE = 126; // RESP3 set

// What the next byte belongs to.
/** The type byte of a reply or element. */
const AT_TYPE = 0;
/** A line of free text, up to its CR. */
const IN_TEXT = 1;
/** An integer, a length or a count: its sign or digits, up to its CR. */
const IN_NUMBER = 2;
/** The LF that ends a number's line. */
const AT_NUMBER_LF = 3;
/** The one byte of a boolean. */
const AT_FLAG = 4;
/** A bulk's bytes. */
const IN_BULK = 5;
/** The CR behind a bulk, a boolean or a null. */
const AT_CR = 6;
/** The LF behind that or behind a text. */
const AT_LF = 7;

// What lengthAt() returns besides a length.
/** `$-1\r\n` or `*-1\r\n`. */
const NULL_LENGTH = -1;
/** Not wholly there, over 9 digits, or anything unusual: to be read byte by byte. */
const NO_LENGTH = -2;

export class ReplyScanner {
  /** Set by scan(): the reply that was being scanned ended. */
  complete = false;
  /** First byte of the reply that is being scanned or was completed last; `|` if it has an attribute. */
  type = 0;

  private state = AT_TYPE;
  /** Type byte of the element that is being read. */
  private element = 0;
  /** The number read so far, without its sign, and how many digits it has. */
  private value = 0;
  private digits = 0;
  private negative = false;
  /** Bytes of a bulk still to come. */
  private bulkLeft = 0;
  /** Open aggregates, and for each the elements still to come (the one being read included). */
  private depth = 0;
  private left: Float64Array = new Float64Array(INITIAL_DEPTH);

  /** Forgets the reply that was being scanned. */
  reset(): void {
    this.complete = false;
    this.type = 0;
    this.state = AT_TYPE;
    this.depth = 0;
    if (this.left.length > INITIAL_DEPTH) this.left = new Float64Array(INITIAL_DEPTH);
  }

  /** Scans `buf[from, end)`. Returns the offset behind the reply if it is complete, else `end`. */
  scan(buf: Buffer, from: number, end: number): number {
    this.complete = false;
    let p = from;
    while (p < end) {
      switch (this.state) {
        case AT_TYPE: {
          const type = buf[p];
          if (this.depth === 0) this.type = type;
          // The commonest elements, when they are wholly there: `:1\r\n`, `+OK\r\n`, `$3\r\nfoo\r\n`, `*2\r\n`.
          if (type === DOLLAR || type === STAR) {
            const length = lengthAt(buf, p, end);
            if (length >= 0) {
              const body = p + lengthLineBytes(length);
              if (type === STAR) {
                p = body;
                if (this.open(length)) return p;
                continue;
              }
              const after = body + length;
              if (after + 2 <= end && buf[after] === CR && buf[after + 1] === LF) {
                p = after + 2;
                if (this.endElement()) return p;
                continue;
              }
            } else if (length === NULL_LENGTH) {
              p += 5;
              if (this.endElement()) return p;
              continue;
            }
          } else if (type === COLON) {
            const after = integerEnd(buf, p, end);
            if (after > 0) {
              p = after;
              if (this.endElement()) return p;
              continue;
            }
          } else if (type === PLUS) {
            if (p + 5 <= end && buf[p + 3] === CR && buf[p + 4] === LF && buf[p + 2] !== CR && buf[p + 1] !== CR) {
              p += 5;
              if (this.endElement()) return p;
              continue;
            }
          }
          this.begin(type);
          p++;
          continue;
        }
        case IN_TEXT:
          while (p < end && buf[p] !== CR) p++;
          if (p < end) {
            p++;
            this.state = AT_LF;
          }
          continue;
        case IN_NUMBER:
          this.numberByte(buf[p++]);
          continue;
        case AT_NUMBER_LF:
          if (buf[p++] !== LF) throw this.refuse(buf[p - 1], 'where a line feed must be');
          if (this.endNumber()) return p;
          continue;
        case AT_FLAG:
          if (buf[p] !== T && buf[p] !== F) throw this.refuse(buf[p], 'in a boolean');
          p++;
          this.state = AT_CR;
          continue;
        case IN_BULK: {
          const step = Math.min(this.bulkLeft, end - p);
          p += step;
          this.bulkLeft -= step;
          if (this.bulkLeft === 0) this.state = AT_CR;
          continue;
        }
        case AT_CR:
          if (buf[p++] !== CR) throw this.refuse(buf[p - 1], 'where a carriage return must be');
          this.state = AT_LF;
          continue;
        case AT_LF:
          if (buf[p++] !== LF) throw this.refuse(buf[p - 1], 'where a line feed must be');
          if (this.endElement()) return p;
          continue;
      }
    }
    return p;
  }

  /** An element begins, byte by byte. */
  private begin(type: number): void {
    this.element = type;
    switch (type) {
      case PLUS:
      case MINUS:
      case COMMA:
      case LEFT_PAREN:
        this.state = IN_TEXT;
        return;
      case COLON:
      case DOLLAR:
      case STAR:
      case EXCLAMATION:
      case EQUALS:
      case PERCENT:
      case TILDE:
      case GREATER:
      case BAR:
        this.value = 0;
        this.digits = 0;
        this.negative = false;
        this.state = IN_NUMBER;
        return;
      case HASH:
        this.state = AT_FLAG;
        return;
      case UNDERSCORE:
        this.state = AT_CR;
        return;
      default:
        throw this.refuse(type, 'as the first byte of a reply');
    }
  }

  private numberByte(byte: number): void {
    if (isDigit(byte)) {
      // No leading zero, no -0, and nothing that 64 bits could not hold.
      if (
        this.digits === 19 ||
        (this.digits > 0 && this.value === 0) ||
        (this.negative && byte === ZERO && this.digits === 0)
      ) {
        throw this.refuse(byte, 'in a number');
      }
      this.value = this.value * 10 + (byte - ZERO);
      this.digits++;
    } else if (byte === CR && this.digits > 0) {
      this.state = AT_NUMBER_LF;
    } else if (byte === MINUS && this.digits === 0 && !this.negative) {
      this.negative = true;
    } else {
      throw this.refuse(byte, 'in a number');
    }
  }

  /** The line of an integer, a length or a count ended. True if the whole reply did. */
  private endNumber(): boolean {
    const { element, value } = this;
    if (element === COLON) return this.endElement();
    if (this.negative) {
      if (value === 1 && (element === DOLLAR || element === STAR)) return this.endElement();
      throw new ReplyError(`not a RESP reply: a length of -${value}`);
    }
    if (value > LENGTH_MAX) throw new ReplyError(`not a RESP reply: a length of ${value}`);
    switch (element) {
      case DOLLAR:
      case EXCLAMATION:
      case EQUALS:
        this.bulkLeft = value;
        this.state = value === 0 ? AT_CR : IN_BULK;
        return false;
      case PERCENT:
        return this.open(2 * value);
      case BAR:
        // The attribute's pairs and the reply that they describe make one element together.
        return this.open(2 * value + 1);
      default:
        return this.open(value);
    }
  }

  /** An aggregate of `count` elements begins. True if that was the whole reply. */
  private open(count: number): boolean {
    if (count === 0) return this.endElement();
    if (this.depth === this.left.length) {
      if (this.depth >= DEPTH_MAX) throw new ReplyError(`not a RESP reply: nested deeper than ${DEPTH_MAX}`);
      const left = new Float64Array(this.left.length * 2);
      left.set(this.left);
      this.left = left;
    }
    this.left[this.depth++] = count;
    this.state = AT_TYPE;
    return false;
  }

  /** An element ended, and with it the aggregates it was the last one of. True if the whole reply ended. */
  private endElement(): boolean {
    this.state = AT_TYPE;
    while (this.depth > 0) {
      if (--this.left[this.depth - 1] > 0) return false;
      this.depth--;
    }
    this.complete = true;
    return true;
  }

  private refuse(byte: number, where: string): ReplyError {
    const shown =
      byte > 32 && byte < 127 ? `'${String.fromCharCode(byte)}'` : `0x${byte.toString(16).padStart(2, '0')}`;
    return new ReplyError(`not a RESP reply: ${shown} ${where}`);
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

/** The offset behind the line `:123\r\n` at `p`; 0 if it is not wholly there, very long or anything unusual. */
function integerEnd(buf: Buffer, p: number, end: number): number {
  const last = Math.min(end - 2, p + 16);
  let i = p + 1;
  while (i <= last && isDigit(buf[i])) i++;
  if (i > last || i === p + 1 || buf[i] !== CR || buf[i + 1] !== LF) return 0;
  return buf[p + 1] === ZERO && i > p + 2 ? 0 : i + 2;
}

/** The number in the line `$12\r\n` at `p`, or one of the constants above. */
function lengthAt(buf: Buffer, p: number, end: number): number {
  if (p + 4 > end) return NO_LENGTH;
  let i = p + 2;
  let value = buf[p + 1] - ZERO;
  if (value < 0 || value > 9) {
    const isNull = p + 5 <= end && buf[p + 1] === MINUS && buf[i] === ONE && buf[p + 3] === CR && buf[p + 4] === LF;
    return isNull ? NULL_LENGTH : NO_LENGTH;
  }
  if (value > 0) {
    const lastDigit = Math.min(end - 1, p + 10);
    while (i < lastDigit && isDigit(buf[i])) value = value * 10 + (buf[i++] - ZERO);
  }
  return i + 1 < end && buf[i] === CR && buf[i + 1] === LF ? value : NO_LENGTH;
}

/** Bytes of that line. */
function lengthLineBytes(length: number): number {
  if (length < 1000) return length < 10 ? 4 : length < 100 ? 5 : 6;
  let bytes = 7;
  for (let power = 10_000; length >= power; power *= 10) bytes++;
  return bytes;
}
