/**
 * Inline commands: a line typed by hand, split as Redis' sdssplitargs does it.
 *
 * - blanks (space, tab, CR, LF, vertical tab, form feed) separate arguments; inside an unquoted argument only
 *   space, tab, CR and LF end it;
 * - `"…"` knows `\xHH`, `\n \r \t \b \a`, and a backslash before any other byte stands for that byte;
 * - `'…'` knows only `\'`;
 * - quotes may begin inside an argument, but behind a closing quote there must be a blank or the end of the line.
 *
 * This allocates; it serves people and health checks, not the hot path.
 */
const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;
const BACKSLASH = 92;

function isBlank(byte: number): boolean {
  return byte === SPACE || (byte >= TAB && byte <= CR);
}

function endsPlainArgument(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === LF || byte === CR;
}

/** 0–15, or -1 if the byte is no hexadecimal digit. */
function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function unescaped(byte: number): number {
  switch (byte) {
    case 110: // n
      return LF;
    case 114: // r
      return CR;
    case 116: // t
      return TAB;
    case 98: // b
      return 8;
    case 97: // a
      return 7;
    default:
      return byte;
  }
}

/** The arguments of the line `buf[start, end)`, which contains no NUL; null where Redis says "unbalanced quotes". */
export function splitInline(buf: Buffer, start: number, end: number): Buffer[] | null {
  const args: Buffer[] = [];
  // No argument is longer than its line, so one scratch buffer holds them all, one behind the other.
  const scratch = Buffer.allocUnsafe(end - start);
  let used = 0;
  let p = start;
  for (;;) {
    while (p < end && isBlank(buf[p])) p++;
    if (p >= end) return args;
    const first = used;
    let quote = 0;
    for (;;) {
      if (p >= end) {
        if (quote !== 0) return null;
        break;
      }
      const byte = buf[p];
      if (quote === 0) {
        if (endsPlainArgument(byte)) break;
        if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) quote = byte;
        else scratch[used++] = byte;
        p++;
      } else if (byte === quote) {
        p++;
        if (p < end && !isBlank(buf[p])) return null;
        break;
      } else if (quote === DOUBLE_QUOTE && byte === BACKSLASH && p + 1 < end) {
        const high = p + 3 < end && buf[p + 1] === 120 ? hexValue(buf[p + 2]) : -1;
        const low = high >= 0 ? hexValue(buf[p + 3]) : -1;
        if (low >= 0) {
          scratch[used++] = high * 16 + low;
          p += 4;
        } else {
          scratch[used++] = unescaped(buf[p + 1]);
          p += 2;
        }
      } else if (quote === SINGLE_QUOTE && byte === BACKSLASH && p + 1 < end && buf[p + 1] === SINGLE_QUOTE) {
        scratch[used++] = SINGLE_QUOTE;
        p += 2;
      } else {
        scratch[used++] = byte;
        p++;
      }
    }
    args.push(scratch.subarray(first, used));
  }
}
